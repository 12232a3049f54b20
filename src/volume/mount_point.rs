//! Which paths are good enough to be printed: callers hand them to containers unseen.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow, bail};
use nix::errno::Errno;

use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::probe::Probe;

/// The longest that a directory may take to answer; never more than half of the time left, so that the rest is enough to
/// unmount again.
const LONGEST: Duration = Duration::from_secs(10);

/// Returns the mount table, read while the directory was asked.
///
/// # Errors
///
/// A path that is empty, relative, no text, has a line end or NUL or blanks that a caller would trim, is no directory on this
/// host, or does not answer in time.
pub fn check(invocation: &Invocation, path: &Path) -> Result<MountTable> {
    let shown = path.to_string_lossy();
    let shown = shown.escape_debug();
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        bail!("the mount point is empty");
    }
    if !path.is_absolute() {
        bail!("mount point '{shown}' is no absolute path");
    }
    let text = path
        .to_str()
        .ok_or_else(|| anyhow!("mount point '{shown}' is not UTF-8"))?;
    if text.contains(['\n', '\0']) || text.trim() != text {
        bail!("mount point '{shown}' has a line end or blanks that callers cut off");
    }
    let asked = ask(invocation, path);
    let table = MountTable::read()?;
    asked
        .and_then(|answer| answer())
        .with_context(|| format!("mount point {shown}"))?;
    Ok(table)
}

/// Whether a path is a directory that answers in time.
pub fn answers(invocation: &Invocation, path: &Path) -> io::Result<()> {
    ask(invocation, path)?()
}

/// Asks, and returns what waits for the answer.
fn ask(invocation: &Invocation, path: &Path) -> io::Result<impl FnOnce() -> io::Result<()>> {
    let limit = LONGEST.min(invocation.budget.left() / 2);
    let probe = Probe::start(path)?;
    Ok(move || {
        probe.finish(limit).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => {
                let limit = humantime::format_duration(Duration::from_millis(
                    limit.as_millis() as u64 / 100 * 100,
                ));
                io::Error::new(ErrorKind::TimedOut, format!("no answer within {limit}"))
            }
            _ => error,
        })
    })
}

/// Whether [`check`] found the mount gone or dead, so that there is nothing to lose by mounting anew. One that is slow is not.
pub fn is_dead(error: &Error) -> bool {
    let errno = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error)
        .map(Errno::from_raw);
    matches!(
        errno,
        Some(
            Errno::ENOENT
                | Errno::ENOTDIR
                | Errno::ENOTCONN
                | Errno::ESTALE
                | Errno::ENODEV
                | Errno::ENXIO
                | Errno::EIO
        )
    )
}

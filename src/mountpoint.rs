//! Which paths are good enough to be printed: callers hand them to containers unseen.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::invocation::Invocation;
use crate::log::plain;
use crate::sys::mountinfo::MountTable;
use crate::sys::probe::Probe;

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
    let limit = LONGEST.min(invocation.budget.left() / 2);
    let probe = Probe::start(path);
    let table = MountTable::read()?;
    probe
        .and_then(|probe| probe.finish(limit))
        .map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                let limit =
                    humantime::format_duration(Duration::from_millis(limit.as_millis() as u64));
                anyhow!("mount point {shown} does not answer within {limit}")
            }
            _ => anyhow!("mount point {shown}: {}", plain(&error)),
        })?;
    Ok(table)
}

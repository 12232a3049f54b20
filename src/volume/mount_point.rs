//! Checks a mount point before it is printed: callers hand it to containers without another look.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;

use crate::base::text::shorten_to_words;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::interruption;
use crate::sys::process::probe::Probe;

/// How long a directory may take to answer. It never gets more than half of the time left, so that the rest is enough to unmount
/// again.
const LONGEST: Duration = Duration::from_secs(10);

/// The most of a path that an error shows, in bytes; no longer one can be used.
const LONGEST_SHOWN: usize = 4 << 10;

/// Checks that the path can be printed and used. Returns the mount table, which is read while the directory is asked.
///
/// # Errors
///
/// The path is empty, relative or not UTF-8, has a line end, a NUL or blanks that a caller would trim, is not a directory on this
/// host, or does not answer in time.
pub fn check(invocation: &Invocation, path: &Path) -> Result<MountTable> {
    let shown = path.to_string_lossy();
    let shown: String = shown.escape_debug().take(LONGEST_SHOWN + 1).collect();
    let shown = shorten_to_words(&shown, LONGEST_SHOWN);
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() {
        bail!("the mount point is empty");
    }
    if !path.is_absolute() {
        bail!("mount point '{shown}' is no absolute path");
    }
    if let Some(flaw) = flaw(path) {
        bail!("mount point '{shown}' {flaw}");
    }
    let asked = ask(invocation, path);
    let table = MountTable::read()?;
    asked
        .and_then(|answer| answer())
        .with_context(|| format!("mount point {shown}"))?;
    Ok(table)
}

/// Why a path cannot be printed on a line that callers trim, if it cannot.
pub fn flaw(path: &Path) -> Option<&'static str> {
    match path.to_str() {
        None => Some("is not UTF-8"),
        Some(text) if text.contains(['\n', '\0']) || text.trim() != text => {
            Some("has a line end or blanks that callers cut off")
        }
        Some(_) => None,
    }
}

/// Whether a path is a directory that answers in time.
pub fn answers(invocation: &Invocation, path: &Path) -> io::Result<()> {
    ask(invocation, path)?()
}

/// Asks, and returns a function that waits for the answer.
fn ask(invocation: &Invocation, path: &Path) -> io::Result<impl FnOnce() -> io::Result<()>> {
    let limit = LONGEST.min(invocation.budget.left() / 2);
    let probe = Probe::start(path)?;
    Ok(move || {
        probe.finish(limit).map_err(|error| match error.kind() {
            ErrorKind::TimedOut => {
                let words = interruption::reason_or(&no_answer_within(limit));
                io::Error::new(ErrorKind::TimedOut, words)
            }
            _ => error,
        })
    })
}

/// The message for a directory that does not answer. What is left of the time is shown in tenths of a second.
fn no_answer_within(limit: Duration) -> String {
    match limit.as_millis() as u64 / 100 * 100 {
        0 => "no time is left to wait for its answer".to_owned(),
        millis => {
            let limit = humantime::format_duration(Duration::from_millis(millis));
            format!("no answer within {limit}")
        }
    }
}

/// Whether [`check`] found the mount gone or dead, so that nothing is lost by mounting anew. A slow mount is not dead.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_time_if_there_was_any() {
        let message = |millis| no_answer_within(Duration::from_millis(millis));
        assert_eq!(message(1_250), "no answer within 1s 200ms");
        assert_eq!(message(99), "no time is left to wait for its answer");
        assert_eq!(message(0), "no time is left to wait for its answer");
    }
}

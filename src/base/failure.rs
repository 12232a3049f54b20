//! The few kinds of failure that decide the exit code, and errors that keep theirs.

use std::fmt;

use anyhow::{Error, Result};

use crate::base::text::chain;
use crate::sys::process::interruption;

/// Why a command failed, as far as its exit code tells (man page: EXIT STATUS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Anything else went wrong.
    Other,
    /// A plugin has refused, in words that mean none of the other kinds.
    Refused,
    /// A call got no answer: it may have been carried out or not.
    Unsure,
    /// Wrong usage; nothing was done.
    Usage,
    /// No such volume, known to be absent.
    Absent,
    /// Held, mounted or busy.
    InUse,
    /// A plugin has the volume mounted under our own ID already.
    AlreadyMounted,
    /// A plugin that is dvdcli itself: the volumes of a driver under another name.
    Served,
}

impl ErrorKind {
    /// The kind of an error: that of the outermost [`Failure`] among its contexts and its leaf.
    pub fn of(error: &Error) -> ErrorKind {
        error
            .downcast_ref::<Failure>()
            .map_or(ErrorKind::Other, |failure| failure.kind)
    }

    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Other | ErrorKind::Refused | ErrorKind::Unsure => 1,
            ErrorKind::Usage | ErrorKind::Served => 2,
            ErrorKind::Absent => 3,
            ErrorKind::InUse | ErrorKind::AlreadyMounted => 4,
        }
    }
}

/// The exit code of a command that has ended with this error.
pub fn exit_code(error: &Error) -> u8 {
    match interruption::pending() {
        Some(signal) => code_of_signal(signal),
        None => ErrorKind::of(error).exit_code(),
    }
}

/// The exit code for a signal, as shells have it.
pub fn code_of_signal(signal: i32) -> u8 {
    128 + signal as u8
}

/// A leaf or a context of an error, with the error's [`ErrorKind`].
#[derive(Debug)]
pub struct Failure {
    kind: ErrorKind,
    message: String,
}

impl Failure {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(ErrorKind::Usage, message)
    }

    pub fn absent(message: impl Into<String>) -> Failure {
        Failure::new(ErrorKind::Absent, message)
    }

    pub fn in_use(message: impl Into<String>) -> Failure {
        Failure::new(ErrorKind::InUse, message)
    }

    /// A mount that cannot be unmounted because it is busy. `used_by` is empty, or begins with a comma.
    pub fn busy(mount: impl fmt::Display, used_by: &str) -> Failure {
        Failure::in_use(format!(
            "{mount} is busy{used_by}; unmount --lazy (umount -l) takes it away all the same"
        ))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// An error whose undo failed as well: `ERROR; unmounting it again: WHY`, of the first error's kind, so that the exit code
/// stays the same. Where undoing succeeded, the error as it is.
pub fn with_undo_error(error: Error, undone: Result<()>) -> Error {
    match undone {
        Ok(()) => error,
        Err(second) => with_more(error, &format!("unmounting it again: {}", chain(&second))),
    }
}

/// An error and what else is to be said: `ERROR; MORE`, of the error's kind.
pub fn with_more(error: Error, more: &str) -> Error {
    Failure::new(ErrorKind::of(&error), format!("{}; {more}", chain(&error))).into()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn the_outermost_failure_decides_the_kind() {
        let error = Error::from(Failure::absent("no such volume")).context("driver loop");
        assert_eq!(ErrorKind::of(&error), ErrorKind::Absent);
        assert_eq!(
            ErrorKind::of(&error.context(Failure::usage("DVDI_VOLUME_NAME"))),
            ErrorKind::Usage
        );
        assert_eq!(ErrorKind::of(&anyhow!("boom")), ErrorKind::Other);
    }

    #[test]
    fn an_error_is_itself_where_undoing_succeeds() {
        let error = Error::from(Failure::in_use("busy")).context("mounting it");
        let error = with_undo_error(error, Ok(()));
        assert_eq!(chain(&error), "mounting it: busy");
        assert_eq!(error.chain().count(), 2);
    }

    #[test]
    fn an_error_keeps_its_kind_where_undoing_fails() {
        for kind in [
            ErrorKind::Other,
            ErrorKind::Unsure,
            ErrorKind::Usage,
            ErrorKind::Absent,
            ErrorKind::InUse,
        ] {
            let error = Error::from(Failure::new(kind, "first")).context("mounting it");
            let second = Error::from(Failure::in_use("second")).context("driver loop");
            let error = with_undo_error(error, Err(second)).context("mounting volume db");
            assert_eq!(ErrorKind::of(&error), kind);
            assert_eq!(
                chain(&error),
                "mounting volume db: mounting it: first; unmounting it again: driver loop: second"
            );
        }
    }
}

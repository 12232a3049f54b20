//! The few kinds of failure that have an exit code of their own.

use std::fmt;

use anyhow::Error;

use crate::base::text::chain;

/// Why a command failed, as far as its exit code tells (man page: EXIT STATUS).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Anything else went wrong.
    Other,
    /// A plugin has said no, in words that tell neither of the other kinds.
    Refused,
    /// A call got no answer: it may have been carried out or not.
    Unsure,
    /// Wrong usage; nothing was done.
    Usage,
    /// No such volume, known to be absent.
    Absent,
    /// Held, mounted or busy.
    InUse,
}

impl Kind {
    /// The kind of an error: that of the outermost [`Failure`] among its contexts and its leaf.
    pub fn of(error: &Error) -> Kind {
        error
            .downcast_ref::<Failure>()
            .map_or(Kind::Other, |failure| failure.kind)
    }

    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Other | Kind::Refused | Kind::Unsure => 1,
            Kind::Usage => 2,
            Kind::Absent => 3,
            Kind::InUse => 4,
        }
    }
}

/// A leaf or context of an error that knows its [`Kind`].
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
        }
    }

    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Usage, message)
    }

    pub fn absent(message: impl Into<String>) -> Failure {
        Failure::new(Kind::Absent, message)
    }

    pub fn in_use(message: impl Into<String>) -> Failure {
        Failure::new(Kind::InUse, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The error, and what became of undoing what had been begun. The kind stays the first error's.
pub fn with_undo_error(error: Error, undone: anyhow::Result<()>) -> Error {
    match undone {
        Ok(()) => error,
        Err(second) => {
            let words = format!("{}; unmounting it again: {}", chain(&error), chain(&second));
            Failure::new(Kind::of(&error), words).into()
        }
    }
}

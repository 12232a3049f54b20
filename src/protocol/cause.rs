//! Why a call got no answer.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::base::text::plain;

/// The longest head of an answer that is read, in bytes.
pub const HEAD_LIMIT: usize = 16 << 10;

/// The longest body of an answer that is read, in bytes.
pub const BODY_LIMIT: u64 = 10 << 20;

#[derive(Debug)]
pub enum Cause {
    /// Nobody listens, or the host cannot be reached: that may be otherwise in a moment, as during the boot.
    NotThere(String),
    /// No time was left to send the request.
    NoTime,
    /// The limit of the call has passed.
    TimedOut,
    /// The connection broke, or was closed before the answer was complete.
    Closed,
    /// The answer is longer than [`HEAD_LIMIT`] before its body begins.
    HeadTooLong,
    /// The answer is longer than [`BODY_LIMIT`].
    TooLong,
    /// Anything else, in words: no HTTP, TLS refused.
    Other(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Cause::NotThere(text) | Cause::Other(text) => f.write_str(text),
            Cause::NoTime => f.write_str("no time is left"),
            Cause::TimedOut => f.write_str("no answer in time"),
            Cause::Closed => {
                f.write_str("the plugin closed the connection before it answered; look at its log")
            }
            Cause::HeadTooLong => {
                let limit = HEAD_LIMIT >> 10;
                write!(f, "the head of the answer is longer than {limit} KiB")
            }
            Cause::TooLong => write!(f, "the answer is longer than {} MiB", BODY_LIMIT >> 20),
        }
    }
}

/// The error of a host's name that cannot be looked up (yet).
#[derive(Debug)]
pub struct Unresolved(String);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "its name does not resolve{}", self.0)
    }
}

impl std::error::Error for Unresolved {}

impl Unresolved {
    /// The error of a resolver, in the library's words where there are any.
    pub fn of(error: ureq::Error) -> ureq::Error {
        let words = match error {
            ureq::Error::Io(error) => plain(&error),
            ureq::Error::HostNotFound => String::new(),
            other => return other,
        };
        let words = words.trim_start_matches("failed to lookup address information: ");
        let words = match words {
            "" => String::new(),
            words => format!(": {}", words.to_lowercase()),
        };
        ureq::Error::Other(Box::new(Unresolved(words)))
    }
}

impl From<ureq::Error> for Cause {
    fn from(error: ureq::Error) -> Cause {
        match error {
            ureq::Error::Io(error) => Cause::from(error),
            ureq::Error::Timeout(_) => Cause::TimedOut,
            ureq::Error::Other(error) if error.is::<Unresolved>() => {
                Cause::NotThere(error.to_string())
            }
            ureq::Error::LargeResponseHeader(..) => Cause::HeadTooLong,
            ureq::Error::Protocol(error) => Cause::Other(format!("the answer is no HTTP: {error}")),
            other => Cause::Other(other.to_string()),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        match error.kind() {
            ErrorKind::NotFound
            | ErrorKind::ConnectionRefused
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable => Cause::NotThere(plain(&error)),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Cause::TimedOut,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Cause::Closed,
            _ => Cause::Other(plain(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kept_an_answer_away() {
        let words = |kind: ErrorKind| Cause::from(ureq::Error::Io(kind.into())).to_string();
        let closed = "the plugin closed the connection before it answered; look at its log";
        assert_eq!(words(ErrorKind::UnexpectedEof), closed);
        assert_eq!(words(ErrorKind::BrokenPipe), closed);
        assert_eq!(words(ErrorKind::WouldBlock), "no answer in time");
    }

    #[test]
    fn what_may_be_there_in_a_moment() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::ConnectionRefused,
            ErrorKind::NetworkUnreachable,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkDown,
            ErrorKind::AddrNotAvailable,
        ] {
            let cause = Cause::from(ureq::Error::Io(kind.into()));
            assert!(matches!(cause, Cause::NotThere(_)), "{cause:?}");
        }
        let error = io::Error::other("failed to lookup address information: Try again");
        let cause = Cause::from(Unresolved::of(ureq::Error::Io(error)));
        assert_eq!(cause.to_string(), "its name does not resolve: try again");
        let cause = Cause::from(Unresolved::of(ureq::Error::HostNotFound));
        assert!(
            matches!(&cause, Cause::NotThere(text) if text == "its name does not resolve"),
            "{cause:?}"
        );
    }
}

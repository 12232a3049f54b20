//! What goes to stderr: warnings, the one line of a failure, and the steps that `--verbose` shows.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Error;
use rustix::io::Errno;

use crate::secrets::Secrets;

#[derive(Debug, Default, Clone)]
pub struct Log {
    pub verbose: bool,
    pub secrets: Secrets,
    /// What is said once only.
    pub said: Arc<Mutex<BTreeSet<String>>>,
}

impl Log {
    pub fn warn(&self, message: &str) {
        self.line("warning: ", message);
    }

    /// What several calls may each come upon, such as a plugin that is not there.
    pub fn warn_once(&self, message: &str) {
        let is_new = |mut said: MutexGuard<BTreeSet<String>>| said.insert(message.to_owned());
        if self.said.lock().map_or(true, is_new) {
            self.warn(message);
        }
    }

    /// A step, a request or an answer, shown with `--verbose` only.
    pub fn step(&self, message: impl FnOnce() -> String) {
        if self.verbose {
            self.line("", &message());
        }
    }

    /// The whole chain of an error in one line, outermost first.
    pub fn error(&self, error: &Error) {
        self.line("", &chain(error));
    }

    /// One write, so that lines of processes that share stderr do not mix. Where it is closed, there is nobody to tell.
    fn line(&self, prefix: &str, message: &str) {
        let line = format!(
            "dvdcli: {prefix}{}\n",
            one_line(&self.secrets.mask(message))
        );
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// An error and its causes, outermost first, as `a: b: c`.
pub fn chain(error: &Error) -> String {
    let text = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(error) => plain(error),
        None => match cause.downcast_ref::<Errno>() {
            Some(errno) => plain(&(*errno).into()),
            None => cause.to_string(),
        },
    };
    error.chain().map(text).collect::<Vec<_>>().join(": ")
}

/// The words of an operating system's error in lower case, without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(_) => text
            .split(" (os error")
            .next()
            .unwrap_or(&text)
            .to_lowercase(),
        None => text,
    }
}

/// The text without line ends and other control characters, which would forge lines or move the cursor.
pub fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line(" a\nb\u{1b}[31mc\r\n"), "a b [31mc");
    }
}

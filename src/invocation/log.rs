//! What goes to stderr: warnings, the one line of a failure, and the steps that `--verbose` shows.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Error;

use crate::base::secrets::Secrets;
use crate::base::text::{chain, one_line};

/// Writes lines to stderr, each beginning with `dvdcli: `, on which secrets are masked and control characters replaced.
#[derive(Debug, Default, Clone)]
pub struct Log {
    pub verbose: bool,
    pub secrets: Secrets,
    /// The warnings of [`Log::warn_once`] so far; clones share them.
    said: Arc<Mutex<BTreeSet<String>>>,
}

impl Log {
    /// A warning, on a line of its own.
    pub fn warn(&self, message: &str) {
        self.line("warning: ", message);
    }

    /// A warning that several calls may give, such as that a plugin is not there; it is shown once.
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

    /// One write, so that lines of processes that share stderr do not mix. Where stderr is closed, nobody can be told.
    fn line(&self, prefix: &str, message: &str) {
        let line = format!(
            "dvdcli: {prefix}{}\n",
            one_line(&self.secrets.mask(message))
        );
        #[cfg(test)]
        if crate::sys::tests::fake_host::write_stderr(&line).is_some() {
            return;
        }
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

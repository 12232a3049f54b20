//! What goes to stderr: warnings, the one line of a failure, and the steps that `--verbose` shows.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Error;

use crate::base::secrets::Secrets;
use crate::base::text::{chain, one_line};

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

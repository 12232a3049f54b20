//! What goes to stderr: warnings, the one line of a failure, and the steps that `--verbose` shows.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Error;

use crate::base::secrets::values::Secrets;
use crate::base::text::{chain, one_line, shorten};
use crate::sys::process::output::STDERR;
use crate::sys::process::progress;

/// How much of an error or a warning is shown, in characters. They repeat names and paths, which plugins and tasks make as long as
/// they like.
const LONGEST: usize = 16 << 10;

/// Writes lines to stderr, each beginning with `dvdcli: `, on which secrets are masked and control characters replaced.
#[derive(Debug, Default, Clone)]
pub struct Log {
    pub verbose: bool,
    pub secrets: Secrets,
    shared: Arc<Mutex<Shared>>,
}

/// What all clones share.
#[derive(Debug, Default)]
struct Shared {
    /// The warnings of [`Log::warn_once`] so far.
    said: BTreeSet<String>,
    /// What a full pipe has not taken yet. It is not waited for as long as there is work to do, since a volume may be locked.
    waiting: Vec<u8>,
    /// Until when it is waited for at the end.
    ends: Option<Instant>,
}

impl Log {
    /// A warning, on a line of its own.
    pub fn warn(&self, message: &str) {
        self.line("warning: ", message, LONGEST);
    }

    /// A warning that several calls may give, such as that a plugin is not there; it is shown once.
    pub fn warn_once(&self, message: &str) {
        let is_new = self.shared().said.insert(message.to_owned());
        if is_new {
            self.warn(message);
        }
    }

    /// A step, a request or an answer, shown with `--verbose` only.
    pub fn step(&self, message: impl FnOnce() -> String) {
        if self.verbose {
            self.line("", &message(), usize::MAX);
        }
    }

    /// The whole chain of an error in one line, outermost first.
    pub fn error(&self, error: &Error) {
        self.line("", &chain(error), LONGEST);
    }

    /// The same as text for somebody else.
    pub fn shown(&self, error: &Error) -> String {
        let said = one_line(&self.secrets.mask(&chain(error)));
        shorten(&said, LONGEST)
    }

    /// A question to whoever sits at the terminal, below what it is about. Neither holds anything that has to be masked or escaped.
    pub fn ask(&self, about: &str, question: &str) {
        self.shared().write(&format!("{about}{question}"));
    }

    /// One write, so that lines of processes that share stderr do not mix.
    fn line(&self, prefix: &str, message: &str, longest: usize) {
        let said = one_line(&self.secrets.mask(message));
        let line = format!("dvdcli: {prefix}{}\n", shorten(&said, longest));
        #[cfg(test)]
        if crate::sys::tests::fake_host::write_stderr(&line).is_some() {
            return;
        }
        self.shared().write(&line);
    }

    /// Lets the end of the program wait so long for whoever reads stderr.
    pub fn set_end(&self, ends: Instant) {
        self.shared().ends = Some(ends);
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn write(&mut self, line: &str) {
        progress::hide();
        self.waiting.extend(line.as_bytes());
        while !self.waiting.is_empty() {
            match STDERR.write_now(&self.waiting) {
                Ok(written) => drop(self.waiting.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // Nobody can be told.
                Err(_) => self.waiting.clear(),
            }
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let ends = self.ends.unwrap_or_else(Instant::now);
        let _ = STDERR.write_all(&self.waiting, ends);
    }
}

//! What a service has for all its calls.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::driver;
use crate::driver::interface::Driver;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits, TIMEOUT};
use crate::volume::engine::{self, Doubtful};
use crate::volume::holders::process::HolderProcess;

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// A name, or an alias from the configuration.
    pub driver: String,
    pub config: Option<PathBuf>,
    pub timeout: Option<Duration>,
    pub wait: Option<Duration>,
    pub verbose: bool,
}

/// One `serve`.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    /// This process, which owes engines their answers.
    pub process: HolderProcess,
    is_stopping: AtomicBool,
}

impl Service {
    pub fn new(settings: Settings) -> Result<Service> {
        Ok(Service {
            settings,
            process: HolderProcess::current()?,
            is_stopping: AtomicBool::new(false),
        })
    }

    /// The driver's name as it was given.
    pub fn driver(&self) -> &str {
        &self.settings.driver
    }

    pub fn log(&self) -> Log {
        let mut log = Log::default();
        log.verbose = self.settings.verbose;
        log
    }

    /// What one call has to work with. It may take `most`, or less where `--timeout` says so. The configuration is read anew, as by a
    /// command.
    pub fn invocation(&self, most: Duration, log: Log) -> Result<Invocation> {
        let timeout = self.settings.timeout.unwrap_or(most).min(most);
        let limits = Limits {
            timeout: Some(timeout),
            default_timeout: timeout,
            wait: self.settings.wait,
        };
        Invocation::new(self.settings.config.as_deref(), limits, log)
    }

    pub fn open<'a>(&self, invocation: &'a Invocation) -> Result<Box<dyn Driver + 'a>> {
        driver::open(invocation, self.driver())
    }

    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// An engine repeats a Mount without its body where it got no answer: then a mount of a `serve` that was killed may be held for
    /// nobody. Which one is not said.
    pub fn take_back(&self) {
        self.go_over(Doubtful::TakeBack);
    }

    /// Finishes what calls that were killed have begun.
    pub fn recover(&self) {
        self.go_over(Doubtful::Keep);
    }

    /// Takes for answered what no engine has asked for again.
    pub fn settle(&self) {
        self.go_over(Doubtful::Settle);
    }

    fn go_over(&self, doubtful: Doubtful) {
        let log = self.log();
        let done = self
            .invocation(TIMEOUT, log.clone())
            .and_then(|invocation| {
                let driver = self.open(&invocation)?;
                engine::recover(&invocation, driver.as_ref(), doubtful)
            });
        if let Err(error) = done {
            log.error(&error);
        }
    }
}

//! What a service has for all its calls.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::driver;
use crate::driver::interface::Driver;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits, TIMEOUT};
use crate::volume::engine;
use crate::volume::holders::process::HolderProcess;

/// What the command line says.
#[derive(Debug)]
pub struct Settings {
    /// Its own name, not an alias: what that means may change.
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
        driver::open_exactly(invocation, &self.settings.driver)
    }

    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Finishes what calls that were killed have begun.
    pub fn recover(&self) {
        let log = self.log();
        let done = self
            .invocation(TIMEOUT, log.clone())
            .and_then(|invocation| {
                let driver = self.open(&invocation)?;
                engine::recover(&invocation, driver.as_ref())
            });
        if let Err(error) = done {
            log.error(&error);
        }
    }
}

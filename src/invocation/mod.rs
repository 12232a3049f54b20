//! What one run of the program works with: directories, configuration, time left, log.

pub mod budget;
pub mod config;
pub mod log;
pub mod paths;
pub mod trust;

use std::env;
use std::path::{self, Path};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::invocation::budget::Budget;
use crate::invocation::config::Config;
use crate::invocation::log::Log;
use crate::invocation::paths::Paths;

/// How long a verb may take unless told otherwise, `unmount` excepted. Both are under the limits at which Mesos kills, 120 s and
/// 10 minutes, so that our words reach its log.
pub const TIMEOUT: Duration = Duration::from_secs(110);
pub const UNMOUNT_TIMEOUT: Duration = Duration::from_secs(590);

/// How long to wait for a plugin that is not there yet, unless told otherwise.
const WAIT: Duration = Duration::from_secs(15);

/// What every driver and every volume is given by reference, also on several threads.
#[derive(Debug)]
pub struct Invocation {
    pub paths: Paths,
    pub config: Config,
    pub budget: Budget,
    /// How long to wait for a plugin that is not there yet.
    pub wait: Duration,
    pub log: Log,
}

/// The times that a command line asks for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `--timeout`; without it the configuration's counts, and without that, `default_timeout`.
    pub timeout: Option<Duration>,
    /// The verb's own.
    pub default_timeout: Duration,
    /// `--wait`; without it the configuration's counts, and without that, 15 s.
    pub wait: Option<Duration>,
}

impl Invocation {
    /// Reads the configuration (`config` is `--config`) and the environment, and starts the budget's time.
    ///
    /// # Errors
    ///
    /// Those of [`Config::load`].
    pub fn new(config: Option<&Path>, limits: Limits, log: Log) -> Result<Invocation> {
        let root = env::var_os("DVDCLI_ROOT").filter(|root| !root.is_empty());
        let root = path::absolute(root.unwrap_or_else(|| "/".into())).context("DVDCLI_ROOT")?;
        let paths = Paths::below(&root);
        let config = Config::load(&log, config, &paths.configs, env::vars_os())?;
        let timeout = limits.timeout.or(config.timeout);
        let budget = Budget::new(timeout.unwrap_or(limits.default_timeout));
        log.set_end(budget.ends());
        Ok(Invocation {
            budget,
            wait: limits.wait.or(config.wait).unwrap_or(WAIT),
            paths,
            config,
            log,
        })
    }
}

//! What one run of the program has to work with: directories, configuration, time, stderr.

pub mod budget;
pub mod config;
pub mod log;
pub mod paths;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::invocation::budget::Budget;
use crate::invocation::config::Config;
use crate::invocation::log::Log;
use crate::invocation::paths::Paths;

/// How long to wait for a plugin that is not there yet, unless told otherwise.
const WAIT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Invocation {
    pub paths: Paths,
    pub config: Config,
    pub budget: Budget,
    /// How long to wait for a plugin that is not there yet.
    pub wait: Duration,
    pub log: Log,
}

impl Invocation {
    /// `timeout` and `wait` are what the command line says, and go before the configuration's; `default` is the verb's own.
    pub fn new(
        config: Option<&Path>,
        timeout: Option<Duration>,
        default: Duration,
        wait: Option<Duration>,
        log: Log,
    ) -> Result<Invocation> {
        let root = env::var_os("DVDCLI_ROOT").filter(|root| !root.is_empty());
        let paths = Paths::below(&PathBuf::from(root.unwrap_or_else(|| "/".into())));
        let config = Config::load(config, &paths.configs, env::vars_os())?;
        Ok(Invocation {
            budget: Budget::new(timeout.or(config.timeout).unwrap_or(default)),
            wait: wait.or(config.wait).unwrap_or(WAIT),
            paths,
            config,
            log,
        })
    }

    /// The same with other time.
    pub fn with_budget(&self, budget: Budget) -> Invocation {
        Invocation {
            paths: self.paths.clone(),
            config: self.config.clone(),
            log: self.log.clone(),
            wait: self.wait,
            budget,
        }
    }
}

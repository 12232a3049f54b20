//! What one run of the program has to work with: directories, configuration, time, stderr.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::budget::Budget;
use crate::cli::Common;
use crate::config::Config;
use crate::log::Log;
use crate::paths::Paths;

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
    /// The command line goes before the configuration, and that before `timeout`, the verb's own.
    pub fn new(common: &Common, timeout: Duration, log: Log) -> Result<Invocation> {
        let root = env::var_os("DVDCLI_ROOT").filter(|root| !root.is_empty());
        let paths = Paths::below(&PathBuf::from(root.unwrap_or_else(|| "/".into())));
        let config = Config::load(common.config.as_deref(), &paths.configs, env::vars_os())?;
        Ok(Invocation {
            budget: Budget::new(common.timeout.or(config.timeout).unwrap_or(timeout)),
            wait: common.wait.or(config.wait).unwrap_or(WAIT),
            paths,
            config,
            log,
        })
    }
}

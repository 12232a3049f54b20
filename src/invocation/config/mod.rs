//! The configuration: dvdcli's own settings, and those of REX-Ray in all its generations of names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::invocation::config::allow::Allow;

pub mod allow;
mod load;
mod misspelt;
mod nesting;
mod settings;
mod yaml;

/// What the configuration file and the environment say (man page: CONFIGURATION).
#[derive(Debug)]
pub struct Config {
    /// The driver where `--volumedriver` is left out.
    pub driver: Option<String>,
    /// Where built-in drivers keep their volumes.
    pub root: Option<PathBuf>,
    /// Where `--timeout` is left out.
    pub timeout: Option<Duration>,
    /// Where `--wait` is left out.
    pub wait: Option<Duration>,
    /// Alias to driver: plain names for drivers whose own name a caller cannot pass (`rexray/ebs:latest`).
    pub aliases: BTreeMap<String, String>,
    /// Mount a volume that another host claims, and take the claim over.
    pub preempt: bool,
    /// `unmount` releases every holder, as with `--force`.
    pub ignore_used_count: bool,
    /// Built-in drivers remove no volumes.
    pub remove_disable: bool,
    /// Built-in drivers create no volumes.
    pub create_disable: bool,
    /// Whether `mount` creates what is absent.
    pub create_implicit: bool,
    /// Where built-in volumes are mounted, as `PATH/NAME`; absolute. Without it, inside the directory of each volume.
    pub mount_path: Option<PathBuf>,
    /// The directory inside a volume that callers get as its path, `/data`; below its mount point.
    pub root_path: String,
    /// Options that `create` takes where the caller gives none, by lower-case name. Their values are not checked yet.
    pub create_defaults: BTreeMap<&'static str, CreateDefault>,
    /// What is allowed to those who are not root.
    pub allow: Allow,
    /// Settings of built-in drivers, each by its newest name, that have a value which they cannot have, and why not.
    wrong_for_built_ins: BTreeMap<&'static str, String>,
}

/// The default of an option, as the configuration gives it.
#[derive(Debug)]
pub struct CreateDefault {
    pub value: String,
    /// Where it stands, as the context of an error: `reading FILE: line N: NAME`, or `reading environment variable NAME`.
    pub origin: String,
}

impl Config {
    /// Whether a mount creates a volume that is absent. `explicit` says that the caller wants that to be done by `create` only.
    pub fn creates(&self, explicit: bool) -> bool {
        !explicit && self.create_implicit
    }

    /// Refuses settings of built-in drivers that have a value which they cannot have. With a plugin they do not matter: REX-Ray's
    /// own file may say more than a built-in driver understands.
    ///
    /// # Errors
    ///
    /// Wrong usage, with file and line, or with the variable.
    pub fn check_for_built_ins(&self) -> Result<()> {
        match self.wrong_for_built_ins.values().next() {
            Some(wrong) => bail!(Failure::usage(wrong)),
            None => Ok(()),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config {
            driver: None,
            root: None,
            timeout: None,
            wait: None,
            aliases: BTreeMap::new(),
            preempt: false,
            ignore_used_count: false,
            remove_disable: false,
            create_disable: false,
            create_implicit: true,
            mount_path: None,
            root_path: "/data".into(),
            create_defaults: BTreeMap::new(),
            allow: Allow::default(),
            wrong_for_built_ins: BTreeMap::new(),
        }
    }
}

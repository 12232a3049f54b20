//! What the verbs begin with: an invocation, and the volume that the command line names.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::secrets::values::Secrets;
use crate::cli::arguments::{Common, VolumeOptions};
use crate::cli::progress;
use crate::driver;
use crate::driver::interface::Volume;
use crate::invocation::budget::Budget;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits, TIMEOUT, UNMOUNT_TIMEOUT};
use crate::sys::process::{inherited, interruption};

/// The volume's options that the command line gives. `log` learns which secrets to mask.
pub fn options(args: &VolumeOptions, common: &Common, log: &mut Log) -> Result<Options> {
    args.parse(log, Instant::now() + common.timeout.unwrap_or(TIMEOUT))
}

/// What a verb has to work with, where the command line says `common` and names a volume with `options`.
pub fn begin(
    common: &Common,
    options: &Options,
    default_timeout: Duration,
    log: &mut Log,
) -> Result<Invocation> {
    let known = std::mem::take(&mut log.secrets);
    log.secrets = known.and(Secrets::of(options, shown_name(common)));
    start(common, default_timeout, log)
}

/// The time limit of each driver for verbs that ask all drivers; absent plugins are not waited for.
const OVERVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// For a verb that asks every driver: `--timeout` counts, but not the configuration's times.
pub fn begin_overview(common: &Common, log: &Log) -> Result<Invocation> {
    begin_overview_with(common.config.as_deref(), common, log)
}

/// The same with another configuration file.
pub fn begin_overview_with(
    config: Option<&Path>,
    common: &Common,
    log: &Log,
) -> Result<Invocation> {
    let limits = Limits {
        timeout: common.timeout.or(Some(OVERVIEW_TIMEOUT)),
        default_timeout: OVERVIEW_TIMEOUT,
        wait: Some(Duration::ZERO),
    };
    Invocation::new(config, limits, log.clone())
}

/// The time of a person who reads an overview, which is not that of the drivers.
pub fn reading(common: &Common) -> Budget {
    Budget::new(common.timeout.unwrap_or(TIMEOUT))
}

/// As [`begin`], where `log` knows the secrets.
pub fn start(common: &Common, default_timeout: Duration, log: &Log) -> Result<Invocation> {
    progress::show();
    let config = common.config.as_deref();
    Invocation::new(config, common.limits(default_timeout), log.clone())
}

/// The same for unmounting at the end of long work, with a time of its own from now on. Our working directory keeps nothing busy.
pub fn begin_unmounting(common: &Common, invocation: Invocation) -> Invocation {
    let timeout = common.timeout.or(invocation.config.timeout);
    let budget = Budget::new(timeout.unwrap_or(UNMOUNT_TIMEOUT));
    invocation.log.set_end(budget.ends());
    inherited::leave_directory();
    Invocation {
        budget,
        ..invocation
    }
}

/// The volume that a verb needs. Nothing is asked yet.
pub fn open_volume<'a>(
    invocation: &'a Invocation,
    common: &Common,
    options: &Options,
) -> Result<Box<dyn Volume + 'a>> {
    let name = common.volumename.as_deref();
    let name =
        name.ok_or_else(|| Failure::usage("--volumename is missing; it names the volume"))?;
    driver::open_volume(invocation, common.volumedriver.as_deref(), name, options)
}

/// The volume's name as the caller wrote it, for messages.
pub fn shown_name(common: &Common) -> &str {
    common.volumename.as_deref().unwrap_or_default()
}

/// For a verb that changes something, first of all: from now on a signal that ends the program lets it undo what it has begun.
pub fn catch_signals() -> Result<()> {
    interruption::catch().context("taking over the signals")?;
    Ok(())
}

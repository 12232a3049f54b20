//! `mount --from-env` and `unmount --from-env`: the volumes of a task.

use std::env;

use anyhow::{Context, Result};

use crate::base::failure::exit_code;
use crate::base::secrets::values::Secrets;
use crate::callers::task::described::{self, Described};
use crate::callers::task::{environment, mount as task_mount, unmount as task_unmount};
use crate::cli::arguments::{MountArgs, UnmountArgs};
use crate::cli::stdout::{self, deliver};
use crate::commands::mount::how_to_release;
use crate::commands::opening::{catch_signals, start};
use crate::invocation::log::Log;
use crate::invocation::{TIMEOUT, UNMOUNT_TIMEOUT};
use crate::sys::process::inherited;

pub fn mount(args: &MountArgs, ignored: &[String], log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let described = describe(ignored, log)?;
    if described.volumes.is_empty() {
        return Ok(0);
    }
    stdout::check().context("mounting the volumes of a task")?;
    let invocation = start(&args.common, TIMEOUT, log)?;
    let id = args.holder.id.as_deref();
    let mounted = task_mount::mount(&invocation, &described.volumes, id, args.chown)?;
    match deliver(&mounted.lines(), &invocation.budget) {
        Ok(()) => Ok(0),
        Err(error) => Err(mounted.undone(error)),
    }
}

pub fn unmount(args: &UnmountArgs, ignored: &[String], log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let described = describe(ignored, log)?;
    if described.volumes.is_empty() {
        return Ok(0);
    }
    let invocation = start(&args.common, UNMOUNT_TIMEOUT, log)?;
    let how = how_to_release(args, &invocation);
    inherited::leave_directory();
    let id = args.holder.id.as_deref();
    let failed = task_unmount::unmount(&invocation, &described.volumes, id, how)?;
    failed.iter().for_each(|error| log.error(error));
    Ok(failed.first().map_or(0, exit_code))
}

/// What the environment describes. `log` learns which secrets to mask.
fn describe(ignored: &[String], log: &mut Log) -> Result<Described> {
    // An error may repeat what it cannot read.
    let values = env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DVDI_"));
    log.secrets = Secrets::of_words(values.map(|(_, value)| value));
    let described = described::parse(env::vars_os())?;
    log.secrets = described.secrets();
    for warning in &described.warnings {
        log.warn(warning);
    }
    // A task without volumes is left alone.
    if !described.volumes.is_empty()
        && let Some(warning) = environment::warning(ignored)
    {
        log.warn(&warning);
    }
    Ok(described)
}

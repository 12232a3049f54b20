//! `mount.dvdcli` and `umount.dvdcli`: the helpers that mount(8) and umount(8) call, for fstab(5) and systemd too.

mod line;
mod lost_words;
mod mount;
mod release;
mod remount;
mod unit;

use std::env;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::failure::ErrorKind;
use crate::base::secrets::values::Secrets;
use crate::callers::fstab::mount::mount;
use crate::callers::fstab::release::umount;
use crate::cli::mount_helper::{HelperCommon, MountHelper, UmountHelper, parse};
use crate::cli::stdout;
use crate::cli::usage::Unparsed;
use crate::invocation::TIMEOUT;
use crate::invocation::budget::Budget;
use crate::invocation::log::Log;
use crate::sys::process::interruption;

/// mount(8), EXIT STATUS: incorrect invocation or permissions.
const USAGE: u8 = 1;
/// A volume, option or directory that the user named is wrong: the same code as everywhere in dvdcli.
const BAD_INPUT: u8 = 2;
/// mount(8), EXIT STATUS: mount failure.
const FAILURE: u8 = 32;

/// Runs as a helper if the program was called by the name of one, else returns `None`.
pub fn run(log: &mut Log) -> Option<ExitCode> {
    let name = env::args_os().next()?;
    match name.to_str()?.rsplit('/').next()? {
        "mount.dvdcli" => Some(run_helper(
            log,
            parse(),
            |it: &MountHelper| &it.common,
            mount,
        )),
        "umount.dvdcli" => Some(run_helper(
            log,
            parse(),
            |it: &UmountHelper| &it.common,
            umount,
        )),
        _ => None,
    }
}

fn run_helper<A>(
    log: &mut Log,
    parsed: Result<A, Unparsed>,
    common: impl FnOnce(&A) -> &HelperCommon,
    act: impl FnOnce(&A, &mut Log) -> Result<()>,
) -> ExitCode {
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(Unparsed::Answer(text)) => return answer(&text, log),
        Err(Unparsed::Wrong(why)) => {
            log.secrets = Secrets::of_words(env::args_os());
            log.error(&anyhow!(why));
            return ExitCode::from(USAGE);
        }
    };
    let common = common(&arguments);
    if let Err(error) = check_invocation(common) {
        log.error(&error);
        return ExitCode::from(USAGE);
    }
    log.verbose = common.verbose;
    let caught = interruption::catch().context("taking over the signals");
    match caught.and_then(|_| act(&arguments, log)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(&error);
            ExitCode::from(match ErrorKind::of(&error) {
                ErrorKind::Usage => BAD_INPUT,
                _ => FAILURE,
            })
        }
    }
}

/// Prints what `--help` or `--version` asks for.
fn answer(text: &str, log: &Log) -> ExitCode {
    match stdout::print(text, &Budget::new(TIMEOUT)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(&error);
            ExitCode::from(FAILURE)
        }
    }
}

fn check_invocation(common: &HelperCommon) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("only root can mount and unmount volumes");
    }
    if common.namespace.is_some() {
        bail!(
            "-N: mounting in another mount namespace is not possible; run mount in it, by nsenter"
        );
    }
    Ok(())
}

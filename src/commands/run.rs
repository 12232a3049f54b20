//! `run`: a command that has a volume mounted for as long as it runs.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use anyhow::{Context, Error, Result, anyhow};
use nix::errno::Errno;

use crate::base::failure::{ErrorKind, code_of_signal, with_undo_error};
use crate::base::labels;
use crate::cli::arguments::RunArgs;
use crate::commands::opening::{begin, begin_unmounting, open_volume, options, shown_name};
use crate::driver;
use crate::driver::interface::{Chooser, Volume};
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::sys::errno::errno_of;
use crate::sys::process::foreground::Foreground;
use crate::sys::process::interruption;
use crate::volume::bind::view::View;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::record::Holder;
use crate::volume::mount;
use crate::volume::release;
use crate::volume::request::{MountRequest, Release};
use crate::volume::throw_away;

/// The variable in which the command finds the volume's path.
const VARIABLE: &str = "DVDCLI_MOUNTPOINT";

/// Runs the command and returns the exit code: the command's, or what env(1) and shells make of its end, where it failed in a
/// way of its own.
///
/// # Errors
///
/// What went wrong before the command was started; where the command was successful, also what went wrong afterwards.
pub fn run(args: &RunArgs, log: &mut Log) -> Result<u8> {
    let options = options(&args.options, &args.common, log)?;
    // First of all: from now on, a signal lets us undo what we have begun.
    let foreground = Foreground::prepare().context("taking over the signals")?;
    let invocation = begin(&args.common, &options, TIMEOUT, log)?;
    let mut volume = open_volume(&invocation, &args.common, &options)?;
    volume.set_labels(labels::parse(&args.labels.label)?)?;
    let (name, words) = (shown_name(&args.common), args.command.as_slice());
    let doing = || format!("running {} with volume {name}", words[0].display());
    if args.clone {
        volume = throw_away::make(&invocation, volume.as_ref()).with_context(doing)?;
    }
    let request = request(args, &invocation).with_context(doing)?;
    let mut holder = request.holder.clone();
    let mounted = mount::mount(&invocation, volume.as_ref(), request)
        .context("mounting it")
        .map_err(|error| without_copy(args, &invocation, volume.as_ref(), error))
        .with_context(doing)?;
    // Nothing of ours is open while the command runs, so the driver is opened once more to unmount.
    let (driver, mounted_name) = (volume.driver().name().to_owned(), volume.name().to_owned());
    drop(volume);

    let code = match command(&invocation, words, &mounted.path, &foreground) {
        Ok(status) => code_of(status),
        Err(End::Lost(error)) => return Err(error).with_context(doing),
        Err(End::NotStarted(code, why)) => {
            invocation.log.error(&why.context(doing()));
            code
        }
    };

    // The target by the name that it is recorded under: what the caller's path leads to may have changed.
    holder.target = holder.target.map(|_| mounted.path);
    let name = if args.clone { &mounted_name } else { name };
    let unmount = || unmount(args, invocation, &driver, name, holder).with_context(doing);
    let unmounted = match interruption::pending() {
        // It has kept the command from being started.
        Some(_) => interruption::undoing(unmount),
        None => unmount(),
    };
    match unmounted {
        Err(error) if code != 0 => log.error(&error),
        other => other?,
    }
    Ok(code)
}

/// Unmounting has a time of its own, from the command's end.
fn unmount(
    args: &RunArgs,
    invocation: Invocation,
    driver: &str,
    name: &str,
    holder: Holder,
) -> Result<()> {
    let invocation = begin_unmounting(&args.common, invocation);
    let volume = driver::open_exactly(&invocation, driver)
        .and_then(|driver| driver.volume(name, &Vec::new()))
        .context("unmounting it")?;
    let unmounted = release::unmount(&invocation, volume.as_ref(), holder, Release::ONE)
        .context("unmounting it");
    match args.clone {
        // What has not reached the disk is thrown away as well; one that is still mounted is not removed.
        true => throw_away::remove(&invocation, volume.as_ref())
            .map_err(|error| unmounted.err().unwrap_or(error)),
        false => unmounted.map(drop),
    }
}

/// Removes the copy where it could not be mounted.
fn without_copy(
    args: &RunArgs,
    invocation: &Invocation,
    volume: &dyn Volume,
    error: Error,
) -> Error {
    match args.clone {
        true => {
            let removed = interruption::undoing(|| throw_away::remove(invocation, volume));
            with_undo_error(error, removed)
        }
        false => error,
    }
}

/// Each run is a holder of its own, which lives as long as this process.
fn request(args: &RunArgs, invocation: &Invocation) -> Result<MountRequest<'static>> {
    let creates = invocation.config.creates(args.creation.explicitcreate);
    Ok(MountRequest {
        create: creates.then_some(Chooser::Caller),
        holder: Holder {
            id: args.id.clone(),
            target: args.target.clone(),
            process: Some(HolderProcess::current()?),
            ..Holder::default()
        },
        view: View::of(args.read_only),
    })
}

/// Why there is no exit status.
enum End {
    /// The exit code for it.
    NotStarted(u8, Error),
    /// Waiting failed; the command may still run.
    Lost(Error),
}

/// Runs the command to its end.
fn command(
    invocation: &Invocation,
    words: &[OsString],
    path: &Path,
    foreground: &Foreground,
) -> Result<ExitStatus, End> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(VARIABLE, path);
    let log = &invocation.log;
    log.step(|| format!("running it with {VARIABLE}={}", path.display()));
    if let Some(signal) = interruption::pending() {
        let why = anyhow!("not started: signal {signal} came before");
        return Err(End::NotStarted(code_of_signal(signal), why));
    }
    let pid = foreground
        .start(&mut command)
        .map_err(|error| End::NotStarted(code_of_failure(&error), error.into()))?;
    let ended = foreground.wait(pid).context("waiting for its end");
    let status = ended.map_err(End::Lost)?;
    log.step(|| format!("it has ended: {status}"));
    Ok(status)
}

/// The codes of env(1) and shells; 1 if this host had no resources to start anything.
fn code_of_failure(error: &io::Error) -> u8 {
    match errno_of(error) {
        Some(Errno::EAGAIN | Errno::ENOMEM | Errno::EMFILE | Errno::ENFILE) => {
            ErrorKind::Other.exit_code()
        }
        Some(Errno::ENOENT) => 127,
        _ => 126,
    }
}

fn code_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, signal) => code_of_signal(signal.unwrap_or_default()),
    }
}

//! `run`: a command that has a volume mounted for as long as it runs.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Error, Result, anyhow};
use rustix::io::Errno;

use crate::base::failure::Kind;
use crate::driver::{self, Driver};
use crate::invocation::Invocation;
use crate::invocation::budget::Budget;
use crate::sys::process::foreground::Foreground;
use crate::volume::holders::process::Process;
use crate::volume::holders::record::Holder;
use crate::volume::mount::Request;
use crate::volume::release::Release;
use crate::volume::{mount as mounting, release as releasing};

/// The variable in which the command finds the volume's path.
const VARIABLE: &str = "DVDCLI_MOUNTPOINT";

/// What is run.
pub struct Job<'a> {
    /// The command and its arguments; not empty.
    pub words: &'a [OsString],
    pub foreground: &'a Foreground,
    /// How long unmounting may take, from the command's end.
    pub unmount_timeout: Duration,
}

/// Runs the command and returns the exit code: the command's, or what env(1) and shells make of its end, where it failed in a
/// way of its own.
///
/// # Errors
///
/// What went wrong before the command was started; where the command was successful, also what went wrong afterwards.
pub fn run(
    invocation: &Invocation,
    driver: Box<dyn Driver + '_>,
    request: Request,
    job: Job,
) -> Result<u8> {
    let volume = request.volume;
    let doing = || format!("running {} with volume {volume}", job.words[0].display());
    let holder = Holder {
        process: Some(Process::current().with_context(doing)?),
        ..request.holder
    };
    let mounted = mounting::mount(invocation, driver.as_ref(), Request { holder, ..request })
        .context("mounting it")
        .with_context(doing)?;
    // Nothing of ours is open while the command runs.
    let name = driver.name().to_owned();
    drop(driver);

    let mut command = Command::new(&job.words[0]);
    command.args(&job.words[1..]).env(VARIABLE, &mounted.path);
    invocation
        .log
        .step(|| format!("running it with {VARIABLE}={}", mounted.path.display()));
    let code = match started(&mut command, job.foreground) {
        Ok(status) => {
            invocation.log.step(|| format!("it has ended: {status}"));
            code_of(status)
        }
        Err(End::Lost(error)) => return Err(error).with_context(doing),
        Err(End::NotStarted(code, why)) => {
            invocation.log.error(&why.context(doing()));
            code
        }
    };

    let invocation = invocation.with_budget(Budget::new(job.unmount_timeout));
    // The target by the name that it is recorded under: what the caller's leads to may have changed.
    let target = holder.target.map(|_| mounted.path.as_path());
    let release = Release {
        volume,
        holder: Holder { target, ..holder },
        all: false,
        lazy: false,
    };
    let unmounted = driver::open_exactly(&invocation, &name)
        .and_then(|driver| releasing::unmount(&invocation, driver.as_ref(), release))
        .context("unmounting it")
        .with_context(doing);
    match unmounted {
        Err(error) if code != 0 => invocation.log.error(&error),
        other => other?,
    }
    Ok(code)
}

/// Why there is no exit status.
enum End {
    /// The exit code for it.
    NotStarted(u8, Error),
    /// It may be running.
    Lost(Error),
}

fn started(command: &mut Command, foreground: &Foreground) -> Result<ExitStatus, End> {
    if let Some(signal) = foreground.interruption() {
        let why = anyhow!("not started: signal {signal} came before");
        return Err(End::NotStarted(code_of_signal(signal), why));
    }
    let pid = foreground
        .start(command)
        .map_err(|error| End::NotStarted(code_of_failure(&error), error.into()))?;
    let ended = foreground.wait(pid).context("waiting for its end");
    ended.map_err(End::Lost)
}

/// As env(1) and shells have it, but where we had no means to start anything.
fn code_of_failure(error: &io::Error) -> u8 {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => Kind::Other.exit_code(),
        Some(Errno::NOENT) => 127,
        _ => 126,
    }
}

fn code_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, signal) => code_of_signal(signal.unwrap_or_default()),
    }
}

/// As shells do.
fn code_of_signal(signal: i32) -> u8 {
    128 + signal as u8
}

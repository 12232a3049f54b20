//! The verbs that mount and unmount.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};

use crate::base::failure::Kind;
use crate::callers::task::described::Described;
use crate::callers::task::mount as several;
use crate::cli::arguments::{Common, HolderArgs};
use crate::cli::stdout;
use crate::commands::run::Job;
use crate::commands::{UNMOUNT_TIMEOUT, asked, run as running};
use crate::driver::Options;
use crate::invocation::Invocation;
use crate::sys::process::foreground::Foreground;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::mount::Request;
use crate::volume::release::Release;
use crate::volume::{mount as mounting, release as releasing};

/// What `mount` and `run` are asked for.
pub struct Wanted<'a> {
    pub common: &'a Common,
    pub options: &'a Options,
    pub create: bool,
    pub id: Option<&'a str>,
    pub target: Option<&'a Path>,
    pub read_only: bool,
}

impl<'a> Wanted<'a> {
    fn request(&self, invocation: &Invocation, volume: &'a str) -> Request<'a> {
        Request {
            volume,
            options: self.options,
            create: self.create && invocation.config.create_implicit,
            holder: Holder {
                id: self.id,
                target: self.target,
                process: None,
            },
            read_only: self.read_only,
            view: View::of(self.read_only),
        }
    }
}

pub fn mount(invocation: &Invocation, wanted: Wanted) -> Result<()> {
    let (volume, driver) = asked(invocation, wanted.common)?;
    let request = wanted.request(invocation, volume);
    let doing = || format!("mounting volume {volume}");
    let mounted = mounting::mount(invocation, driver.as_ref(), request).with_context(doing)?;
    // A path that reaches nobody is held by nobody.
    if let Err(error) = stdout::deliver(&format!("{}\n", mounted.path.display())) {
        if mounted.is_new_holder {
            let undo = Release {
                volume,
                holder: request.holder,
                all: false,
                lazy: false,
            };
            releasing::unmount(invocation, driver.as_ref(), undo).with_context(doing)?;
        }
        return Err(error).with_context(doing);
    }
    Ok(())
}

pub fn run(
    invocation: impl FnOnce() -> Result<Invocation>,
    wanted: Wanted,
    command: &[OsString],
) -> Result<u8> {
    // First of all: a signal must not end us with the volume mounted.
    let foreground = Foreground::prepare().context("taking over the signals")?;
    let invocation = invocation()?;
    let (volume, driver) = asked(&invocation, wanted.common)?;
    let request = wanted.request(&invocation, volume);
    let timeout = wanted.common.timeout.or(invocation.config.timeout);
    let job = Job {
        words: command,
        foreground: &foreground,
        unmount_timeout: timeout.unwrap_or(UNMOUNT_TIMEOUT),
    };
    running::run(&invocation, driver, request, job)
}

pub fn unmount(
    invocation: &Invocation,
    common: &Common,
    holder: &HolderArgs,
    force: bool,
    lazy: bool,
) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    let request = Release {
        volume,
        holder: Holder {
            id: holder.id.as_deref(),
            target: holder.target.as_deref(),
            process: None,
        },
        all: force || invocation.config.ignore_used_count,
        lazy,
    };
    releasing::unmount(invocation, driver.as_ref(), request)
        .with_context(|| format!("unmounting volume {volume}"))
}

pub fn mount_all(
    invocation: impl FnOnce() -> Result<Invocation>,
    described: &Described,
    holder: &HolderArgs,
) -> Result<u8> {
    // First of all: a signal must not end us with some of them mounted.
    let foreground = Foreground::prepare().context("taking over the signals")?;
    let invocation = invocation()?;
    let (log, id) = (invocation.log.clone(), holder.id.as_deref());
    let interruption = || foreground.interruption();
    let mounted = several::mount(invocation, &described.volumes, id, interruption);
    let failed = match mounted.map(|mounted| (stdout::deliver(&mounted.lines()), mounted)) {
        Ok((Ok(()), _)) => return Ok(0),
        Ok((Err(error), mounted)) => mounted.undone(error),
        Err(error) => error,
    };
    match foreground.interruption() {
        Some(signal) => {
            log.error(&failed);
            Ok(128 + signal as u8)
        }
        None => Err(failed),
    }
}

pub fn unmount_all(
    invocation: &Invocation,
    described: &Described,
    holder: &HolderArgs,
    force: bool,
    lazy: bool,
) -> Result<u8> {
    let all = force || invocation.config.ignore_used_count;
    let id = holder.id.as_deref();
    let failed = several::unmount(invocation, &described.volumes, id, all, lazy)?;
    for error in &failed {
        invocation.log.error(error);
    }
    Ok(failed
        .first()
        .map_or(0, |error| Kind::of(error).exit_code()))
}

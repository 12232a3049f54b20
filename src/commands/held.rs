//! A volume that is mounted for as long as a verb works on what is in it.

use std::path::Path;

use anyhow::{Context, Error, Result};

use crate::base::failure::{ErrorKind, with_undo_error};
use crate::base::options::Options;
use crate::cli::arguments::Common;
use crate::commands::opening::{begin, begin_unmounting, open_volume, shown_name};
use crate::driver;
use crate::driver::interface::Volume;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::sys::process::interruption;
use crate::volume::bind::view::View;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::record::Holder;
use crate::volume::request::{MountRequest, Release};
use crate::volume::{mount, release};

/// What a verb does with the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads it: one that cannot be mounted otherwise is mounted read-only.
    Read,
    Write,
}

/// Mounts the volume, lets `work` have the path, and unmounts it, unless others hold it. Like a `run` it is a holder of its own, which
/// lives as long as this process. The time limit is for mounting, and again for unmounting.
pub fn with_volume(
    common: &Common,
    access: Access,
    log: &mut Log,
    work: impl FnOnce(&Invocation, &dyn Volume, &Path) -> Result<()>,
) -> Result<()> {
    let invocation = begin(common, &Options::new(), TIMEOUT, log)?;
    let mut volume = open_volume(&invocation, common, &Options::new())?;
    let holder = Holder {
        process: Some(HolderProcess::current()?),
        ..Holder::default()
    };
    let mounted = mounted(&invocation, volume.as_ref(), &holder, access).context("mounting it")?;
    // A plugin may serve one connection at a time.
    volume.disconnect();
    let worked = work(&invocation, volume.as_ref(), &mounted.path);
    let driver = volume.driver().name().to_owned();
    drop(volume);
    let unmount = || unmount(common, invocation, &driver, holder);
    let unmounted = match interruption::pending() {
        Some(_) => interruption::undoing(unmount),
        None => unmount(),
    };
    match worked {
        Ok(()) => unmounted,
        Err(error) => Err(with_undo_error(error, unmounted)),
    }
}

fn mounted(
    invocation: &Invocation,
    volume: &dyn Volume,
    holder: &Holder,
    access: Access,
) -> Result<mount::Outcome> {
    let mount = |is_read_only| {
        let request = MountRequest {
            create: None,
            holder: holder.clone(),
            view: View::of(is_read_only),
        };
        mount::mount(invocation, volume, request)
    };
    // Writable first, although nothing will be written: a task that starts meanwhile could not have it otherwise.
    let first = match mount(false) {
        Err(error) if may_be_read_only(&error, volume, access) => error,
        done => return done,
    };
    mount(true).map_err(|_| first)
}

fn may_be_read_only(error: &Error, volume: &dyn Volume, access: Access) -> bool {
    access == Access::Read
        && volume.driver().can_mount_read_only()
        && ErrorKind::of(error) != ErrorKind::Absent
        && interruption::pending().is_none()
}

/// Unmounting has a time of its own, from the end of the work.
fn unmount(common: &Common, invocation: Invocation, driver: &str, holder: Holder) -> Result<()> {
    let invocation = begin_unmounting(common, invocation);
    driver::open_exactly(&invocation, driver)
        .and_then(|driver| driver.volume(shown_name(common), &Vec::new()))
        .and_then(|volume| release::unmount(&invocation, volume.as_ref(), holder, Release::ONE))
        .context("unmounting it")
}

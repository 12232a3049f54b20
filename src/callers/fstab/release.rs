//! umount(8) releases a volume at a directory.

use std::path::Path;

use anyhow::{Context, Result};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::secrets::values::Secrets;
use crate::callers::fstab::unit::start;
use crate::cli::mount_helper::UmountHelper;
use crate::driver;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, UNMOUNT_TIMEOUT};
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::take_away::{How, Stuck, take_away};
use crate::sys::mount::utab;
use crate::sys::process::inherited;
use crate::volume::bind::targets::{self, Seen};
use crate::volume::holders::ledger;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::release;
use crate::volume::request::Release;

pub fn umount(arguments: &UmountHelper, log: &mut Log) -> Result<()> {
    let doing = || format!("releasing {}", arguments.dir.display());
    let invocation = start(&arguments.common, UNMOUNT_TIMEOUT, log).with_context(doing)?;
    let target = targets::name(&invocation, &arguments.dir);
    let record = recorded_at(&invocation, &arguments.dir, &target).with_context(doing)?;
    inherited::leave_directory();
    let Some(record) = record else {
        return unmount_foreign(&invocation, &target, arguments.lazy).with_context(doing);
    };
    log.secrets = Secrets::of(&Options::new(), &record.volume);
    let invocation = Invocation {
        log: log.clone(),
        ..invocation
    };
    release_recorded(&invocation, &record, &target, arguments.lazy).with_context(doing)
}

/// The record of the volume that is seen at the target, else of one that is held there but no longer seen.
fn recorded_at(
    invocation: &Invocation,
    asked: &Path,
    target: &Path,
) -> Result<Option<HolderRecord>> {
    let table = MountTable::read()?;
    let mut held = ledger::all(invocation)?;
    held.retain(|record| record.target_of(asked, target, &table).is_some());
    let is_seen = |record: &HolderRecord| {
        targets::look(target, record.mount.as_ref(), &table) == Seen::Volume
    };
    let at = held.iter().position(is_seen).unwrap_or(0);
    Ok(held.into_iter().nth(at))
}

fn release_recorded(
    invocation: &Invocation,
    record: &HolderRecord,
    target: &Path,
    lazy: bool,
) -> Result<()> {
    let mount = record.mount.as_ref();
    if mount.is_some_and(MountRecord::is_used_elsewhere) {
        // The view here is a copy of the holder's view in the other mount namespace.
        invocation.log.warn(&format!(
            "volume {} is held in another mount namespace, and stays mounted there",
            record.volume
        ));
        return unmount_foreign(invocation, target, lazy);
    }
    let volume = driver::open_exactly(invocation, &record.driver)?
        .volume(&record.volume, &Options::new())?;
    let holder = Holder {
        target: Some(target.to_owned()),
        ..Holder::default()
    };
    let how = Release { all: false, lazy };
    let released = release::unmount(invocation, volume.as_ref(), holder, how);
    if released.is_err() && MountTable::read()?.seen_at(target).is_none() {
        // Nothing is mounted there any more, so umount(8) will not call us again.
        let (driver, volume, target) = (&record.driver, &record.volume, target.display());
        let repair = format!("dvdcli unmount -d {driver} -n {volume} --target {target}");
        return released.with_context(|| format!("it is gone from there, {repair} does the rest"));
    }
    released
}

/// Unmounts something that is not a volume held at the target. No holder is released.
fn unmount_foreign(invocation: &Invocation, target: &Path, lazy: bool) -> Result<()> {
    let table = MountTable::read()?;
    let Some(mount) = table.seen_at(target) else {
        invocation.log.warn(&format!(
            "releasing {}: nothing is mounted there; nothing was left to do",
            target.display()
        ));
        return Ok(());
    };
    if utab::lists(target) {
        invocation.log.warn(&format!(
            "nobody is known to hold a volume at {}; it is only unmounted",
            target.display()
        ));
    }
    let how = if lazy { How::Detach } else { How::Unmount };
    match take_away(mount, how) {
        Ok(()) => {}
        Err(Stuck::Covered(words)) => return Err(Failure::in_use(words).into()),
        Err(Stuck::Failed(error)) => return Err(error.into()),
    }
    utab::forget(&[target], &mount.root);
    Ok(())
}

//! A volume is mounted once per host, for all its holders, and unmounted when the last one goes.

use std::path::PathBuf;

use anyhow::{Error, Result, anyhow, bail};

use crate::driver::{Driver, MountRequest, Options};
use crate::failure::{Failure, Kind};
use crate::holders::{Holder, Ledger, Mounted, Record};
use crate::invocation::Invocation;
use crate::log::chain;
use crate::mountpoint;
use crate::releasing::{Release, release};
use crate::sys::mount::bind;
use crate::sys::mountinfo::MountTable;
use crate::targets;
use crate::volumes;

/// What `mount` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub volume: &'a str,
    pub options: &'a Options,
    /// Whether to create the volume where it is known to be absent.
    pub create: bool,
    pub holder: Holder<'a>,
    pub read_only: bool,
}

/// Mounts the volume, or joins those who hold it. Returns the path to print: the target, else the mount point.
pub fn mount(invocation: &Invocation, driver: &dyn Driver, request: Request) -> Result<PathBuf> {
    if request.mounts_read_only() && !driver.mounts_read_only() {
        bail!(Failure::usage(
            "--read-only needs --target: a plugin mounts for all its callers alike"
        ));
    }
    let name = driver.plain_name(request.volume)?;
    let target = request.holder.target.map(targets::resolve).transpose()?;
    let holder = Holder {
        target: target.as_deref(),
        ..request.holder
    };
    let mut ledger = Ledger::lock(invocation, driver.name(), &name)?;
    let mut is_bound = true;
    let mut live = None;
    // Without a record or a target there is nothing to ask the mount table.
    if ledger.record().is_some() || target.is_some() {
        let table = MountTable::read()?;
        let record = ledger.record();
        if let Some(target) = &target {
            let ours = record.is_some_and(|record| record.has_target(holder));
            is_bound = targets::check(target, ours, &table)?;
        }
        live = record.and_then(|record| record.live(&table).cloned());
    }
    let mounted = match live.map(|mounted| (mountpoint::check(invocation, &mounted.path), mounted))
    {
        Some((Ok(_), mounted)) => {
            check_mode(&mounted, request, ledger.record())?;
            mounted
        }
        Some((Err(error), _)) => {
            let why = chain(&error);
            invocation
                .log
                .warn(&format!("volume {name} is mounted anew: {why}"));
            mount_anew(invocation, driver, request, &mut ledger)?
        }
        None => mount_anew(invocation, driver, request, &mut ledger)?,
    };
    // The target is recorded before it is bound, so that whoever comes after a kill knows of it.
    let mut record = ledger.record().cloned().unwrap_or_else(|| ledger.fresh());
    record.mounted = Some(mounted.clone());
    record.hold(holder);
    let shown = ledger.save(record).and_then(|()| match &target {
        Some(target) if !is_bound => bind(&mounted.path, target, request.read_only),
        _ => Ok(()),
    });
    if let Err(error) = shown {
        let undo = Release {
            volume: request.volume,
            holder,
            all: false,
            lazy: false,
        };
        return Err(undone_too(
            error,
            release(invocation, driver, &mut ledger, undo),
        ));
    }
    Ok(target.unwrap_or(mounted.path))
}

impl Request<'_> {
    /// With a target, it is that view alone that is read-only.
    fn mounts_read_only(&self) -> bool {
        self.read_only && self.holder.target.is_none()
    }
}

/// Who asks for a writable path must not get a read-only one, nor the other way round.
fn check_mode(mounted: &Mounted, request: Request, record: Option<&Record>) -> Result<()> {
    let wants_writable = !request.read_only;
    if mounted.read_only && wants_writable || !mounted.read_only && request.mounts_read_only() {
        let mode = if mounted.read_only {
            "read-only"
        } else {
            "writable"
        };
        let names = record.map(Record::names).unwrap_or_default();
        bail!(Failure::in_use(format!(
            "it is mounted {mode} already, and held by {names}"
        )));
    }
    Ok(())
}

/// Has the driver mount the volume, having cleaned up after a call that was cut off.
fn mount_anew(
    invocation: &Invocation,
    driver: &dyn Driver,
    request: Request,
    ledger: &mut Ledger,
) -> Result<Mounted> {
    let (volume, read_only) = (request.volume, request.mounts_read_only());
    if request.create {
        volumes::ensure_exists(driver, volume, request.options)?;
    }
    let id = ledger.id();
    let table = MountTable::read;
    let mut pending = ledger.fresh();
    if let Some(record) = ledger.record() {
        invocation.log.step(|| {
            format!("volume {volume}: an earlier call was cut off, or its mount has gone")
        });
        let cut_off = record.mounted.is_none();
        if let Some(path) = settle(driver, ledger, volume, &id, cut_off)? {
            return Ok(Mounted::at(path, ledger.volume(), read_only, &table()?));
        }
        // Those who held a mount that died hold the new one, too.
        if record.live(&table()?).is_some() {
            pending.holders = record.holders.clone();
        }
    }
    ledger.save(pending)?;
    let path = match driver.mount(volume, MountRequest { id: &id, read_only }) {
        Ok(path) => path,
        Err(error) => {
            if Kind::of(&error) != Kind::Unsure {
                ledger.clear()?;
            }
            return Err(error);
        }
    };
    match mountpoint::check(invocation, &path) {
        Ok(table) => Ok(Mounted::at(path, ledger.volume(), read_only, &table)),
        Err(error) => {
            let undone = driver
                .unmount(volume, &id, false)
                .and_then(|_| ledger.clear());
            Err(undone_too(error.context(driver.label()), undone))
        }
    }
}

/// An earlier call left the driver in a state that we do not know. Where the volume turns out to be mounted, that will do;
/// otherwise the driver is told to unmount, so that one that counts starts from nothing. What it answers does not matter.
fn settle(
    driver: &dyn Driver,
    ledger: &Ledger,
    volume: &str,
    id: &str,
    cut_off: bool,
) -> Result<Option<PathBuf>> {
    if cut_off
        && let Ok(Some(path)) = driver.path(volume)
        && MountTable::read()?
            .of_volume(&path, ledger.volume())
            .is_some()
    {
        return Ok(Some(path));
    }
    let _ = driver.unmount(volume, id, false);
    Ok(None)
}

/// The error, and what came of undoing what had been begun.
fn undone_too(error: Error, undone: Result<()>) -> Error {
    match undone {
        Ok(()) => error,
        Err(second) => anyhow!("{}; unmounting it again: {}", chain(&error), chain(&second)),
    }
}

//! A volume is mounted once per host, for all its holders, and unmounted when the last one goes.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::driver::{Created, Driver, Lookup, Options, Unmounted, Volume};
use crate::failure::{Failure, Kind};
use crate::holders::{self, Holder, Ledger, Mounted, Record};
use crate::invocation::Invocation;
use crate::log::chain;
use crate::mountpoint;
use crate::sys::mount::bind;
use crate::sys::mountinfo::MountTable;
use crate::targets;

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
    if request.read_only && request.holder.target.is_none() && !driver.mounts_read_only() {
        bail!(Failure::usage(
            "--read-only needs --target: a plugin mounts for all its callers alike"
        ));
    }
    let target = request.holder.target.map(targets::resolve).transpose()?;
    let holder = Holder {
        target: target.as_deref(),
        ..request.holder
    };
    let mut ledger = Ledger::lock(invocation, driver.name(), request.volume)?;
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
        Some((Ok(_), mounted)) => mounted,
        Some((Err(error), _)) => {
            invocation.log.warn(&format!(
                "volume {} is mounted anew: {}",
                request.volume,
                chain(&error)
            ));
            mount_anew(invocation, driver, request, &mut ledger)?
        }
        None => mount_anew(invocation, driver, request, &mut ledger)?,
    };
    // The target is recorded before it is bound, so that whoever comes after a kill knows of it.
    let mut record = ledger
        .record()
        .cloned()
        .unwrap_or_else(|| Ledger::fresh(driver.name(), request.volume));
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

/// Has the driver mount the volume, having cleaned up after a call that was cut off.
fn mount_anew(
    invocation: &Invocation,
    driver: &dyn Driver,
    request: Request,
    ledger: &mut Ledger,
) -> Result<Mounted> {
    let volume = request.volume;
    if request.create {
        ensure_exists(driver, volume, request.options)?;
    }
    let id = holders::id(driver.name(), volume);
    if let Some(record) = ledger.record() {
        invocation.log.step(|| {
            format!("volume {volume}: an earlier call was cut off, or its mount has gone")
        });
        let cut_off = record.mounted.is_none();
        if let Some(mounted) = settle(driver, volume, &id, cut_off)? {
            return Ok(mounted);
        }
    }
    ledger.save(Ledger::fresh(driver.name(), volume))?;
    let path = match driver.mount(volume, &id) {
        Ok(path) => path,
        Err(error) => {
            if Kind::of(&error) != Kind::Unsure {
                ledger.clear()?;
            }
            return Err(error);
        }
    };
    match mountpoint::check(invocation, &path) {
        Ok(table) => Ok(Mounted::at(path, volume, &table)),
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
fn settle(driver: &dyn Driver, volume: &str, id: &str, cut_off: bool) -> Result<Option<Mounted>> {
    if cut_off && let Ok(Some(path)) = driver.path(volume) {
        let table = MountTable::read()?;
        if table.of_volume(&path, volume).is_some() {
            return Ok(Some(Mounted::at(path, volume, &table)));
        }
    }
    let _ = driver.unmount(volume, id, false);
    Ok(None)
}

fn ensure_exists(driver: &dyn Driver, volume: &str, options: &Options) -> Result<()> {
    match driver.get(volume)? {
        Lookup::Found(_) => Ok(()),
        Lookup::Absent | Lookup::CannotSay => driver.create(volume, options).map(drop),
    }
}

/// Creates the volume, unless it is there: then says in what its options differ from those given, if so.
pub fn create(driver: &dyn Driver, volume: &str, options: &Options) -> Result<Option<String>> {
    let existing = match driver.get(volume) {
        Ok(Lookup::Found(existing)) => Some(existing),
        // Where the plugin cannot tell, or does so in words that we do not know, `Create` will.
        Ok(Lookup::Absent | Lookup::CannotSay) | Err(_) => match driver.create(volume, options)? {
            Created::New => return Ok(None),
            Created::Existed => None,
        },
    };
    if options.is_empty() {
        return Ok(None);
    }
    let Some(known) = existing.and_then(|existing| existing.options) else {
        return Ok(Some(format!(
            "it exists already, and {} does not tell its options to compare",
            driver.label()
        )));
    };
    let differs = |(key, value): &&(String, String)| {
        !known.iter().any(|(name, has)| name == key && has == value)
    };
    let others: Vec<&str> = options
        .iter()
        .filter(differs)
        .map(|(key, _)| key.as_str())
        .collect();
    Ok((!others.is_empty())
        .then(|| format!("it exists already with another {}", others.join(", "))))
}

pub const CANNOT_SAY: &str =
    "it has neither VolumeDriver.Get nor VolumeDriver.List, and cannot say";

fn no_such_volume(driver: &dyn Driver) -> Error {
    Error::from(Failure::absent("no such volume")).context(driver.label())
}

/// The volume, where it exists.
pub fn find(driver: &dyn Driver, volume: &str) -> Result<Volume> {
    match driver.get(volume)? {
        Lookup::Found(volume) => Ok(*volume),
        Lookup::Absent => Err(no_such_volume(driver)),
        Lookup::CannotSay => Err(anyhow!(CANNOT_SAY)).context(driver.label()),
    }
}

/// The error, and what came of undoing what had been begun.
fn undone_too(error: Error, undone: Result<()>) -> Error {
    match undone {
        Ok(()) => error,
        Err(second) => anyhow!("{}; unmounting it again: {}", chain(&error), chain(&second)),
    }
}

/// What `unmount` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    pub volume: &'a str,
    pub holder: Holder<'a>,
    /// Release every holder.
    pub all: bool,
    pub lazy: bool,
}

/// Releases the holder, and unmounts when no holder is left.
pub fn unmount(invocation: &Invocation, driver: &dyn Driver, request: Release) -> Result<()> {
    let target = request.holder.target.map(targets::name);
    let holder = Holder {
        target: target.as_deref(),
        ..request.holder
    };
    let mut ledger = Ledger::lock(invocation, driver.name(), request.volume)?;
    release(
        invocation,
        driver,
        &mut ledger,
        Release { holder, ..request },
    )
}

fn release(
    invocation: &Invocation,
    driver: &dyn Driver,
    ledger: &mut Ledger,
    request: Release,
) -> Result<()> {
    let table = MountTable::read()?;
    let before = ledger.record().cloned();
    if let Some(record) = &before {
        let mut after = record.clone();
        for target in after.release(request.holder, request.all) {
            targets::unbind(&target, &table, request.lazy)?;
        }
        if record.live(&table).is_some() && !after.holders.is_empty() {
            let names = after.names();
            if after.holders.len() == record.holders.len() {
                invocation.log.warn(&format!(
                    "volume {} was not held by this caller; it is held by {names}",
                    request.volume
                ));
            } else {
                invocation.log.warn(&format!(
                    "volume {} stays mounted, it is held by {names}",
                    request.volume
                ));
            }
            return ledger.save(after);
        }
        // Whoever finds it so knows that this call was cut off.
        ledger.save(Record {
            mounted: None,
            ..after
        })?;
    }
    match driver.unmount(
        request.volume,
        &holders::id(driver.name(), request.volume),
        request.lazy,
    ) {
        Ok(outcome) => {
            let still = before
                .and_then(|record| record.mounted)
                .filter(|mounted| mounted.is_mount);
            let still = still
                .filter(|mounted| MountTable::read().is_ok_and(|table| mounted.is_live(&table)));
            ledger.clear()?;
            report(invocation, request.volume, outcome, still)
        }
        Err(error) => {
            match before.filter(|_| Kind::of(&error) != Kind::Unsure) {
                Some(record) => ledger.save(record)?,
                None if ledger.record().is_none() => ledger.clear()?,
                None => {}
            }
            Err(error)
        }
    }
}

/// What the driver says, against what the mount table says of the mount that we knew.
fn report(
    invocation: &Invocation,
    volume: &str,
    outcome: Unmounted,
    still: Option<Mounted>,
) -> Result<()> {
    match (outcome, still) {
        (Unmounted::Done, None) => {}
        (Unmounted::Done, Some(mounted)) => invocation.log.warn(&format!(
            "volume {volume}: the driver has released it, but {} is still mounted; another caller may hold it",
            mounted.path.display()
        )),
        (Unmounted::WasNot(why), None) => {
            invocation.log.warn(&format!("unmounting volume {volume}: {why}; nothing was left to do"));
        }
        (Unmounted::WasNot(why), Some(mounted)) => {
            bail!(Failure::in_use(format!("{why}, but {} is still mounted", mounted.path.display())));
        }
    }
    Ok(())
}

/// Removes the volume, unless it is held or mounted.
pub fn remove(invocation: &Invocation, driver: &dyn Driver, volume: &str) -> Result<()> {
    let mut ledger = Ledger::lock(invocation, driver.name(), volume)?;
    let table = MountTable::read()?;
    if let Some(record) = ledger.record()
        && let Some(mounted) = record.live(&table)
    {
        let names = record.names();
        bail!(Failure::in_use(format!(
            "it is mounted at {} and held by {names}; unmount it first",
            mounted.path.display()
        )));
    }
    match driver.get(volume)? {
        Lookup::Absent => return Err(no_such_volume(driver)),
        Lookup::Found(found) => {
            let mount = found
                .mountpoint
                .and_then(|path| table.of_volume(&path, volume));
            if let Some(mount) = mount {
                bail!(Failure::in_use(format!(
                    "it is mounted at {}; unmount it first",
                    mount.mount_point.display()
                )));
            }
        }
        Lookup::CannotSay => {}
    }
    driver.remove(volume)?;
    ledger.clear()
}

/// Where the volume is mounted, as its driver says; where that does not say, as we remember and the mount table confirms.
pub fn path(invocation: &Invocation, driver: &dyn Driver, volume: &str) -> Result<Option<PathBuf>> {
    if let Some(path) = driver.path(volume)? {
        return Ok(Some(path));
    }
    let record = holders::peek(invocation, driver.name(), volume)?;
    let table = MountTable::read()?;
    Ok(record.and_then(|record| record.live(&table).map(|mounted| mounted.path.clone())))
}

//! A volume is mounted once per host, for all its holders, and unmounted when the last one goes.

use std::path::PathBuf;

use anyhow::{Error, Result, anyhow, bail};

use crate::base::failure::{Failure, Kind};
use crate::base::text::chain;
use crate::driver::{Driver, MountRequest, Options};
use crate::invocation::Invocation;
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::targets;
use crate::volume::bind::view::{View, show};
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::mounted::Mounted;
use crate::volume::holders::record::{Holder, Record};
use crate::volume::release::{Release, release, release_dead};
use crate::volume::{create as volumes, mountpoint};

/// What `mount` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub volume: &'a str,
    pub options: &'a Options,
    /// Whether to create the volume where it is known to be absent.
    pub create: bool,
    pub holder: Holder<'a>,
    pub read_only: bool,
    pub view: View<'a>,
}

/// What `mount` has come to.
#[derive(Debug)]
pub struct Outcome {
    /// The path to print: the target, else the mount point.
    pub path: PathBuf,
    /// False where this holder held it already.
    pub is_new_holder: bool,
    /// What the volume's owner and mode were before it took over those of a container path.
    pub ownership_before: Option<Ownership>,
}

/// Mounts the volume, or joins those who hold it.
pub fn mount(invocation: &Invocation, driver: &dyn Driver, request: Request) -> Result<Outcome> {
    if request.mounts_read_only() && !driver.mounts_read_only() {
        bail!(Failure::usage(
            "--read-only needs --target: a plugin mounts for all its callers alike"
        ));
    }
    let name = driver.plain_name(request.volume)?;
    // Options that are none are a mistake, whether the volume exists or not.
    driver.original(request.volume, request.options)?;
    let target = request
        .holder
        .target
        .map(|target| match request.view {
            View::ContainerPath => Ok(target.to_owned()),
            View::Plain(_) | View::Listed(_) => targets::resolve(invocation, target),
        })
        .transpose()?;
    let holder = Holder {
        target: target.as_deref(),
        ..request.holder
    };
    let mut ledger = Ledger::lock(invocation, driver.name(), &name)?;
    if let Err(error) = release_dead(invocation, &mut ledger, false) {
        // It is told to those who unmount.
        invocation.log.step(|| chain(&error));
    }
    let mut live = None;
    // Without a record or a target there is nothing to ask the mount table.
    if ledger.record().is_some() || target.is_some() {
        let table = MountTable::read()?;
        let record = ledger.record();
        if let Some(target) = &target {
            targets::refuse_other(
                target,
                record.and_then(|record| record.mounted.as_ref()),
                &table,
            )?;
        }
        if let Some(mounted) = record.and_then(|record| record.held_elsewhere(&table)) {
            let (place, names) = (
                mounted.path.display(),
                record.map(Record::names).unwrap_or_default(),
            );
            bail!(Failure::in_use(format!(
                "it is mounted at {place} in another mount namespace, and held by {names}"
            )));
        }
        live = record.and_then(|record| record.live(&table).cloned());
    }
    let is_held = ledger
        .record()
        .is_some_and(|record| !record.holders.is_empty());
    if let Some(mounted) = &live
        && !is_held
        && check_mode(mounted, request, None).is_err()
    {
        // Those who wanted it so have died.
        let undo = Release {
            volume: request.volume,
            holder,
            all: true,
            lazy: false,
        };
        release(invocation, driver, &mut ledger, undo)?;
        live = None;
    }
    let mut joined = None;
    let mounted = match live.map(|mounted| (mountpoint::check(invocation, &mounted.path), mounted))
    {
        Some((Ok(_), mounted)) => {
            check_mode(&mounted, request, ledger.record())?;
            joined = ledger.record().filter(|_| is_held).cloned();
            mounted
        }
        Some((Err(error), _)) if !mountpoint::is_dead(&error) => return Err(error),
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
    let old = record.mounted.replace(mounted.clone());
    record.settled = true;
    let is_new_holder = record.hold(holder);
    let others = record.others(holder);
    let shown = ledger.save(record).and_then(|()| match &target {
        Some(target) => show(invocation, &mounted, old.as_ref(), target, request, &others),
        None => Ok(None),
    });
    let ownership_before = match shown {
        Ok(before) => before,
        Err(error) => {
            let undone = match joined {
                Some(before) => ledger.save(before),
                None => {
                    let undo = Release {
                        volume: request.volume,
                        holder,
                        all: false,
                        lazy: false,
                    };
                    release(invocation, driver, &mut ledger, undo)
                }
            };
            return Err(undone_too(error, undone));
        }
    };
    Ok(Outcome {
        path: target.unwrap_or(mounted.path),
        is_new_holder,
        ownership_before,
    })
}

impl Request<'_> {
    /// With a target, it is that view alone that is read-only.
    fn mounts_read_only(&self) -> bool {
        self.read_only && self.holder.target.is_none()
    }
}

/// Who asks for a writable path must not get a read-only one, nor the other way round.
fn check_mode(mounted: &Mounted, request: Request, record: Option<&Record>) -> Result<()> {
    let is_writable = !mounted.read_only && !mounted.is_read_only;
    if mounted.read_only && !request.read_only || is_writable && request.mounts_read_only() {
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

/// Has the driver mount the volume, having cleaned up after a call that was cut off. The record is left as not settled.
fn mount_anew(
    invocation: &Invocation,
    driver: &dyn Driver,
    request: Request,
    ledger: &mut Ledger,
) -> Result<Mounted> {
    let (volume, read_only) = (request.volume, request.mounts_read_only());
    if request.create {
        volumes::ensure_exists(&invocation.log, driver, volume, request.options)?;
    }
    let id = ledger.mount_id()?;
    let adopted = match ledger.record() {
        Some(record) => {
            invocation.log.step(|| {
                format!("volume {volume}: an earlier call was cut off, or its mount has gone")
            });
            settle(driver, ledger, volume, !record.settled)?
        }
        None => None,
    };
    // Who held a mount that has gone holds the new one.
    let was_known = ledger.record().is_some();
    let known = ledger.record().cloned().unwrap_or_else(|| ledger.fresh());
    ledger.save(Record {
        settled: false,
        ..known
    })?;
    let path = match adopted {
        Some(path) => path,
        None => match driver.mount(volume, MountRequest { id: &id, read_only }) {
            Ok(path) => path,
            Err(error) => {
                if Kind::of(&error) != Kind::Unsure && !was_known {
                    let _ = ledger.clear();
                }
                return Err(error);
            }
        },
    };
    let checked = mountpoint::check(invocation, &path)
        .and_then(|table| Mounted::at(path, ledger.volume(), read_only, &table));
    checked.map_err(|error| {
        let undone = driver
            .unmount(volume, &id, false)
            .and_then(|_| ledger.clear());
        undone_too(error.context(driver.label()), undone)
    })
}

/// An earlier call left the driver in a state that we do not know. Where the volume turns out to be mounted, that will do;
/// otherwise the driver is told to unmount, so that one that counts starts from nothing. What it answers does not matter, but that it does.
fn settle(
    driver: &dyn Driver,
    ledger: &Ledger,
    volume: &str,
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
    match driver.unmount(volume, &ledger.mount_id()?, false) {
        Err(error) if Kind::of(&error) == Kind::Unsure => Err(error),
        _ => Ok(None),
    }
}

/// The error, and what came of undoing what had been begun.
fn undone_too(error: Error, undone: Result<()>) -> Error {
    match undone {
        Ok(()) => error,
        Err(second) => anyhow!("{}; unmounting it again: {}", chain(&error), chain(&second)),
    }
}

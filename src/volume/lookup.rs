//! Looking a volume up, without its lock: whether it exists, and where it is mounted.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};

use crate::base::failure::Failure;
use crate::base::text::escape_unprintable;
use crate::driver::interface::{Driver, Lookup, Volume, VolumeInfo, Whereabouts};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;
use crate::volume::holders::mount_record::mount_of;
use crate::volume::{mount_point, system_place};

/// The volume as its driver describes it, under the name that was asked for. Where the driver names another one, a warning says so:
/// it may call this volume otherwise, or speak of another.
///
/// # Errors
///
/// Absent: it does not exist. Any other error: nobody can tell.
pub fn find(invocation: &Invocation, volume: &dyn Volume) -> Result<VolumeInfo> {
    match volume.get()? {
        Lookup::Found(found) => {
            let (asked, label) = (volume.name(), volume.driver().label());
            if found.name != asked {
                let answered = escape_unprintable(&found.name);
                invocation.log.warn(&format!(
                    "{label}: asked for volume {asked}, it answers with volume {answered}"
                ));
            }
            Ok(VolumeInfo {
                name: asked.to_owned(),
                ..*found
            })
        }
        Lookup::Absent => Err(absent(volume.driver())),
        Lookup::CannotSay => Err(cannot_say(volume)),
    }
}

/// Whether the volume exists.
///
/// # Errors
///
/// Nobody can tell.
pub fn exists(volume: &dyn Volume) -> Result<bool> {
    match volume.get()? {
        Lookup::Found(_) => Ok(true),
        Lookup::Absent => Ok(false),
        Lookup::CannotSay => Err(cannot_say(volume)),
    }
}

fn cannot_say(volume: &dyn Volume) -> Error {
    anyhow!("it has neither VolumeDriver.Get nor VolumeDriver.List, and cannot say")
        .context(volume.driver().label())
}

/// The error that the driver has no such volume.
pub fn absent(driver: &dyn Driver) -> Error {
    Error::from(Failure::absent("no such volume")).context(driver.label())
}

/// Where the volume is mounted: where we hold it, as we remember and the mount table confirms; else as its driver says. `None`
/// where it is not mounted.
///
/// # Errors
///
/// It is absent; the driver names a path that is not good.
pub fn path(invocation: &Invocation, volume: &dyn Volume) -> Result<Option<PathBuf>> {
    let record = ledger::peek(invocation, volume)?;
    let table = MountTable::read()?;
    if let Some(mount) = record.as_ref().and_then(|record| record.live(&table)) {
        let checked = mount_point::check(invocation, &mount.path);
        // Unless it has been unmounted since.
        if checked.is_ok() || mount.is_live(&MountTable::read()?) {
            checked.with_context(|| volume.driver().label())?;
            return Ok(Some(mount.path.clone()));
        }
    }
    match volume.path()? {
        Whereabouts::At(path) => named(invocation, volume, path),
        Whereabouts::Nowhere if volume.driver().is_shared() => match volume.get()? {
            Lookup::Absent => Err(absent(volume.driver())),
            _ => Ok(None),
        },
        Whereabouts::Nowhere | Whereabouts::CannotSay => Ok(None),
    }
}

/// Where a volume is that has been found: as its driver says, else where we hold it.
pub fn place(
    invocation: &Invocation,
    volume: &dyn Volume,
    found: &VolumeInfo,
) -> Result<Option<PathBuf>> {
    if found.mountpoint.is_some() {
        return Ok(found.mountpoint.clone());
    }
    let record = ledger::peek(invocation, volume)?;
    let table = MountTable::read()?;
    let live = record.as_ref().and_then(|record| record.live(&table));
    Ok(live.map(|mount| mount.path.clone()))
}

fn is_missing(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// The path that the driver names. Some plugins name one for a volume that is not mounted: a directory that is missing, or one at
/// which nothing is mounted, where the volume was mounted before.
fn named(invocation: &Invocation, volume: &dyn Volume, path: PathBuf) -> Result<Option<PathBuf>> {
    let looked = mount_point::check(invocation, &path).and_then(|_| {
        if volume.driver().is_shared() {
            let real = fs::canonicalize(&path);
            let real = real.with_context(|| format!("resolving {}", path.display()))?;
            system_place::refuse(invocation, &path, &real)?;
        }
        let table = MountTable::read()?;
        Ok(mount_of(&path, volume.name(), &table)?.is_none())
    });
    let is_bare = match looked {
        // It may have been unmounted between two looks.
        Err(error) if is_missing(&error) => {
            return match volume.get()? {
                Lookup::Absent => Err(absent(volume.driver())),
                _ => Ok(None),
            };
        }
        other => other.with_context(|| volume.driver().label())?,
    };
    let is_unmounted = is_bare && ledger::memory(invocation, volume)?.was_mount;
    Ok(Some(path).filter(|_| !is_unmounted))
}

//! Looking a volume up, without its lock: whether it exists, and where it is mounted.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};

use crate::base::failure::Failure;
use crate::driver::interface::{Lookup, Volume, VolumeInfo};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;

/// The volume as its driver describes it.
///
/// # Errors
///
/// Absent: it does not exist. Any other error: nobody can tell.
pub fn find(volume: &dyn Volume) -> Result<VolumeInfo> {
    match volume.get()? {
        Lookup::Found(found) => Ok(*found),
        Lookup::Absent => Err(Error::from(Failure::absent("no such volume")))
            .with_context(|| volume.driver().label()),
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

/// Where the volume is mounted, as its driver says; where the driver does not say, as we remember and the mount table confirms.
pub fn path(invocation: &Invocation, volume: &dyn Volume) -> Result<Option<PathBuf>> {
    if let Some(path) = volume.path()? {
        return Ok(Some(path));
    }
    let record = ledger::peek(invocation, volume)?;
    let table = MountTable::read()?;
    Ok(record.and_then(|record| record.live(&table).map(|mount| mount.path.clone())))
}

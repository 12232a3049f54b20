//! Looking a volume up, without its lock: whether it exists, and where it is mounted.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow};

use crate::base::failure::Failure;
use crate::base::text::escape_unprintable;
use crate::driver::interface::{Lookup, Volume, VolumeInfo};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;

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

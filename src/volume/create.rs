//! What can be done to a volume that is not mounted: creating, finding and removing it; and where one is mounted.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow, bail};

use crate::base::failure::{Failure, Kind};
use crate::driver::{Created, Driver, Lookup, Options, Volume};
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger as holders;
use crate::volume::holders::ledger::Ledger;
use crate::volume::release::release_dead;

/// Creates the volume where it is known to be absent, or nobody can tell. Of one that exists with other options, a warning tells.
pub fn ensure_exists(
    log: &Log,
    driver: &dyn Driver,
    volume: &str,
    options: &Options,
) -> Result<()> {
    let created = match driver.get(volume)? {
        Lookup::Found(existing) if options.is_empty() || existing.options.is_none() => {
            return Ok(());
        }
        Lookup::Found(_) | Lookup::Absent | Lookup::CannotSay => driver.create(volume, options)?,
    };
    if let Created::Otherwise(options) = created {
        let options = options.join(", ");
        log.warn(&format!(
            "mounting volume {volume}: it exists already with another {options}"
        ));
    }
    Ok(())
}

/// Creates the volume. Where it exists with other options, or nobody can tell, says so.
pub fn create(
    invocation: &Invocation,
    driver: &dyn Driver,
    volume: &str,
    options: &Options,
) -> Result<Option<String>> {
    let _ledger = Ledger::lock(invocation, driver.name(), &driver.plain_name(volume)?)?;
    // A plugin might make an existing volume anew, so it is asked first, as Docker does. Where it cannot tell, or does so in
    // words that we do not know, `Create` will.
    let created = match driver.get(volume) {
        Ok(Lookup::Found(existing)) if existing.options.is_none() => Created::Existed,
        Err(error) if Kind::of(&error) != Kind::Refused => return Err(error),
        _ => driver.create(volume, options)?,
    };
    Ok(match created {
        Created::New | Created::Same => None,
        Created::Existed if options.is_empty() => None,
        Created::Existed => Some(format!(
            "it exists already, and {} does not tell its options to compare",
            driver.label()
        )),
        Created::Otherwise(options) => Some(format!(
            "it exists already with another {}",
            options.join(", ")
        )),
    })
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

/// Removes the volume, unless it is held or mounted.
pub fn remove(invocation: &Invocation, driver: &dyn Driver, volume: &str) -> Result<()> {
    let name = driver.plain_name(volume)?;
    let mut ledger = Ledger::lock(invocation, driver.name(), &name)?;
    release_dead(invocation, &mut ledger, false)?;
    let table = MountTable::read()?;
    if let Some(record) = ledger.record()
        && let Some(mounted) = record.live(&table).or(record.held_elsewhere(&table))
    {
        let (place, names) = (mounted.path.display(), record.names());
        bail!(Failure::in_use(format!(
            "it is mounted at {place} and held by {names}; unmount it first"
        )));
    }
    driver.remove(volume)?;
    ledger.clear()
}

/// Where the volume is mounted, as its driver says; where that does not say, as we remember and the mount table confirms.
pub fn path(invocation: &Invocation, driver: &dyn Driver, volume: &str) -> Result<Option<PathBuf>> {
    if let Some(path) = driver.path(volume)? {
        return Ok(Some(path));
    }
    let record = holders::peek(invocation, driver.name(), &driver.plain_name(volume)?)?;
    let table = MountTable::read()?;
    Ok(record.and_then(|record| record.live(&table).map(|mounted| mounted.path.clone())))
}

//! A holder releases a volume; the last one unmounts it.

use anyhow::{Result, bail};

use crate::driver::{Driver, Unmounted};
use crate::failure::{Failure, Kind};
use crate::holders::{Holder, Ledger, Mounted, Record};
use crate::invocation::Invocation;
use crate::sys::mountinfo::MountTable;
use crate::targets;

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
    let name = driver.plain_name(request.volume)?;
    let mut ledger = Ledger::lock(invocation, driver.name(), &name)?;
    release(
        invocation,
        driver,
        &mut ledger,
        Release { holder, ..request },
    )
}

/// As [`unmount`], with the lock held already and the target's name resolved.
pub fn release(
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
    match driver.unmount(request.volume, &ledger.id(), request.lazy) {
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

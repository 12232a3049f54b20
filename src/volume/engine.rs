//! What engines hold by way of `serve`, which may be killed while it mounts, and before its answer has gone out.

use anyhow::Result;

use crate::base::options::Options;
use crate::driver::interface::Driver;
use crate::driver::open_exactly;
use crate::invocation::Invocation;
use crate::volume::Locked;
use crate::volume::holders::ledger;
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::request::Release;

impl Locked<'_> {
    /// The engine is about to get the answer to its mount.
    pub fn answered(&mut self) -> Result<()> {
        let Some(mut record) = self.record().cloned() else {
            return Ok(());
        };
        if let (Some(mounts), Some(server)) = (record.mounts_of(&self.holder), self.holder.server) {
            mounts.answer(server);
        }
        self.ledger.save(record)
    }
}

/// Finishes what calls that were killed have begun with a driver's volumes: mounts that nobody holds, and those that were never answered.
///
/// # Errors
///
/// The records cannot be read. What fails for one volume is a warning.
pub fn recover(invocation: &Invocation, driver: &dyn Driver) -> Result<()> {
    for record in records(invocation, driver)? {
        let is_cut_off = !record.settled && !record.is_held();
        if (is_cut_off || record.has_unanswered())
            && let Err(error) = recover_one(invocation, &record)
        {
            let doing = format!("recovering volume {} after a kill", record.volume);
            invocation.log.error(&error.context(doing));
        }
    }
    Ok(())
}

fn recover_one(invocation: &Invocation, record: &HolderRecord) -> Result<()> {
    let driver = open_exactly(invocation, &record.driver)?;
    let volume = driver.volume(&record.volume, &Options::new())?;
    let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    let Some(mut record) = locked.record().cloned() else {
        return Ok(());
    };
    record.drop_unanswered();
    let is_held = record.is_held();
    locked.ledger.save(record)?;
    match is_held {
        true => Ok(()),
        false => locked.release(Release::ONE),
    }
}

fn records(invocation: &Invocation, driver: &dyn Driver) -> Result<Vec<HolderRecord>> {
    let mut records = ledger::all(invocation)?;
    let untagged = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    records.retain(|record| untagged(&record.driver) == driver.key());
    Ok(records)
}

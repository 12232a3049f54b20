//! What engines hold by way of `serve`, which may be killed while it mounts, and before its answer has gone out.

use anyhow::Result;

use crate::base::options::Options;
use crate::driver::interface::Driver;
use crate::driver::open_exactly;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;
use crate::volume::holders::mounts::Mounts;
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::request::Release;
use crate::volume::{Locked, still_bound};

impl Locked<'_> {
    /// The engine has got the answer to its mount.
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

/// What becomes of mounts that a `serve` which has died may not have answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubtful {
    /// The engine may still ask again.
    Keep,
    /// It has asked again, for one of them: that is taken back if it is the only one, and nobody uses its volume.
    TakeBack,
    /// It would have asked by now.
    Settle,
}

/// Finishes what calls that were killed have begun with a driver's volumes, where nobody holds them.
///
/// # Errors
///
/// The records cannot be read. What fails for one volume is a warning.
pub fn recover(invocation: &Invocation, driver: &dyn Driver, doubtful: Doubtful) -> Result<()> {
    let records = records(invocation, driver)?;
    let doubts: usize = records.iter().map(HolderRecord::doubtful).sum();
    for record in records {
        let is_cut_off = !record.settled && !record.is_held();
        let is_decided = record.doubtful() > 0
            && match doubtful {
                Doubtful::Keep => false,
                Doubtful::TakeBack => doubts == 1,
                Doubtful::Settle => true,
            };
        if (is_cut_off || is_decided)
            && let Err(error) = recover_one(invocation, &record, doubtful)
        {
            let doing = format!("recovering volume {} after a kill", record.volume);
            invocation.log.error(&error.context(doing));
        }
    }
    Ok(())
}

fn recover_one(invocation: &Invocation, record: &HolderRecord, doubtful: Doubtful) -> Result<()> {
    let driver = open_exactly(invocation, &record.driver)?;
    let volume = driver.volume(&record.volume, &Options::new())?;
    let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    if let Some(mut record) = locked.record().cloned() {
        match doubtful {
            Doubtful::Settle => record.mounts().for_each(Mounts::settle_doubtful),
            Doubtful::TakeBack if is_unused(invocation, &record)? => record.drop_doubtful(),
            Doubtful::TakeBack | Doubtful::Keep => {}
        }
        locked.ledger.save(record)?;
    }
    match locked.record() {
        Some(record) if !record.is_held() => locked.release(Release::ONE),
        _ => Ok(()),
    }
}

fn is_unused(invocation: &Invocation, record: &HolderRecord) -> Result<bool> {
    let table = MountTable::read()?;
    match record.live(&table) {
        Some(mount) => Ok(!still_bound::is_used(invocation, mount)?),
        None => Ok(false),
    }
}

fn records(invocation: &Invocation, driver: &dyn Driver) -> Result<Vec<HolderRecord>> {
    let mut records = ledger::all(invocation)?;
    let untagged = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    records.retain(|record| untagged(&record.driver) == driver.key());
    Ok(records)
}

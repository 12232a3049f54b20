//! One volume on this host: created, mounted, released, removed, under its lock.

pub mod bind;
mod conclude;
pub mod create;
mod cut_off_import;
mod due;
pub mod engine;
pub mod examine;
pub mod holders;
pub mod lookup;
pub mod mount;
mod mount_anew;
pub mod mount_point;
mod names;
pub mod release;
mod release_dead;
mod remove;
pub mod request;
mod restore;
mod sighting;
mod still_bound;
mod system_place;
mod taken_over;
pub mod throw_away;
mod undo;
pub mod usage;
mod without_driver;

use std::path::PathBuf;

use anyhow::Result;

use crate::base::hash::hash;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::host;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::{Holder, HolderRecord};

/// One volume under its lock, and the holder for whom we act. Meanwhile no other call on this host mounts, unmounts, creates or
/// removes the volume.
pub struct Locked<'v> {
    invocation: &'v Invocation,
    volume: &'v dyn Volume,
    ledger: Ledger,
    holder: Holder,
    /// The holder's target as the caller named it.
    asked: Option<PathBuf>,
}

impl<'v> Locked<'v> {
    /// Waits for the lock. The holder's target is in the form that the mount table uses.
    ///
    /// # Errors
    ///
    /// The time is over while another dvdcli is at work on the volume; its record cannot be read.
    pub fn lock(
        invocation: &'v Invocation,
        volume: &'v dyn Volume,
        holder: Holder,
    ) -> Result<Locked<'v>> {
        Ok(Locked {
            invocation,
            volume,
            ledger: Ledger::lock(invocation, volume)?,
            holder,
            asked: None,
        })
    }

    /// What is remembered about the volume.
    pub fn record(&self) -> Option<&HolderRecord> {
        self.ledger.record()
    }

    /// Whether the holder holds the volume, with its target if it has one.
    pub fn is_held(&self) -> bool {
        self.record().is_some_and(|record| record.has(&self.holder))
    }

    /// Our mount of it, if the mount table shows that it is still there.
    pub fn live(&self, table: &MountTable) -> Option<&MountRecord> {
        self.record().and_then(|record| record.live(table))
    }

    /// The ID under which the volume is mounted and unmounted: the one that it was mounted under, else one per volume and host, the
    /// same after a reboot, and hexadecimal as Docker's own, since some plugins use it as a file's name.
    fn mount_id(&self) -> Result<String> {
        if let Some(id) = self.record().and_then(|record| record.id.clone()) {
            return Ok(id);
        }
        let machine = host::machine_id()?;
        Ok(hash(&[
            &machine,
            self.volume.driver().key(),
            self.volume.name(),
        ]))
    }

    fn warn(&self, message: &str) {
        self.invocation.log.warn(message);
    }
}

#[cfg(test)]
mod tests;

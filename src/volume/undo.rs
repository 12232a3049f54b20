//! Undoes a mount, where another volume of the same task fails.

use anyhow::{Context, Result};

use crate::base::failure::with_undo_error;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;
use crate::volume::bind::ownership::set_ownership;
use crate::volume::mount::Outcome;
use crate::volume::request::Release;

impl Locked<'_> {
    /// Undoes a mount that this holder has just made, and the owner and mode that it gave to the volume.
    pub fn undo(&mut self, mounted: &Outcome) -> Result<()> {
        let table = MountTable::read()?;
        // Another holder found the volume with the new owner and mode, and keeps them.
        let alone = self
            .record()
            .filter(|record| record.others(&self.holder).is_empty());
        let mount = alone.and_then(|record| record.live(&table));
        let given_back = match (mounted.taken_over, mount) {
            (Some(before), Some(mount)) => {
                self.remember_taken_over(before.remembered);
                set_ownership(mount.real(), before.ownership)
            }
            _ => Ok(()),
        };
        let released = self.release(Release::ONE);
        match given_back.context("giving it its owner and mode back") {
            Ok(()) => released,
            Err(error) => Err(with_undo_error(error, released)),
        }
    }
}

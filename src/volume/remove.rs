//! Removing a volume, unless it is held or mounted.

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;

impl Locked<'_> {
    /// # Errors
    ///
    /// In use: it is held or mounted. Absent: it does not exist.
    pub fn remove(&mut self) -> Result<()> {
        self.release_dead(false)?;
        let table = MountTable::read()?;
        if let Some(record) = self.record()
            && let Some(mount) = record.live(&table).or(record.held_elsewhere(&table))
        {
            let (place, names) = (mount.path.display(), record.names());
            bail!(Failure::in_use(format!(
                "it is mounted at {place} and held by {names}; unmount it first"
            )));
        }
        self.volume.remove()?;
        self.ledger.clear()
    }
}

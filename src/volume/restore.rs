//! Letting a volume hold again what it held when a snapshot was taken.

use anyhow::Result;

use crate::volume::Locked;

impl Locked<'_> {
    /// # Errors
    ///
    /// In use: it is held or mounted. Absent: there is no volume, or no snapshot of this name. Wrong usage: it can have none.
    pub fn restore(&mut self, snapshot: &str) -> Result<()> {
        let image = self.volume.image()?;
        self.release_dead(false)?;
        self.refuse_recorded()?;
        image.restore(snapshot)
    }
}

//! Takes care of what an import that was cut off has left in a volume, when that is mounted.

use std::time::Instant;

use anyhow::Result;

use crate::base::text::chain;
use crate::sys::archive::leftover;
use crate::volume::Locked;
use crate::volume::holders::lock::ImportLock;
use crate::volume::holders::mount_record::MountRecord;

impl Locked<'_> {
    /// Of a built-in driver only: whether an import of another host lives cannot be seen in a plugin's volume, so that only the next
    /// import judges. A volume whose leftovers cannot be taken care of can be used all the same.
    pub(super) fn sweep_import(&self, mount: &MountRecord) {
        let is_writable = !mount.read_only && !mount.is_read_only;
        if self.volume.driver().is_shared() || !is_writable || !leftover::may_be_in(&mount.path) {
            return;
        }
        let name = self.volume.name();
        let swept = self.sweep_import_at(mount);
        match swept {
            Ok(true) => self.warn(&format!(
                "volume {name}: an import that was cut off before is complete now"
            )),
            Ok(false) => {}
            Err(error) => self.warn(&format!(
                "volume {name}: an import that was cut off before stays as it is, and the next mount tries again: {}",
                chain(&error)
            )),
        }
    }

    fn sweep_import_at(&self, mount: &MountRecord) -> Result<bool> {
        let (driver, name) = (self.volume.driver().key(), self.volume.name());
        let Some(_lock) = ImportLock::try_acquire(self.invocation, driver, name)? else {
            return Ok(false);
        };
        // The mount itself needs time, too.
        let ends = Instant::now() + self.invocation.budget.left() / 2;
        leftover::sweep(&mount.path, ends)
    }
}

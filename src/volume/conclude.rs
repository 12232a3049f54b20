//! What is left of a mount after its driver was told to unmount it, and what is to be done about that.

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::base::failure::Failure;
use crate::driver::interface::Unmounted;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::HolderRecord;
use crate::volume::{Locked, mount_point};

/// What the mount table shows after the driver was told to unmount.
enum Left {
    Nothing,
    StillMounted(MountRecord),
    /// Still mounted, but the process that served the mount has ended.
    Abandoned(MountRecord),
}

impl Locked<'_> {
    /// Reports what is left of the mount, and forgets the volume if nothing is.
    pub(super) fn conclude(
        &mut self,
        before: Option<HolderRecord>,
        unmounted: Unmounted,
        was_directory: bool,
    ) -> Result<()> {
        let may_be_mounted_later = self.may_be_mounted_later(before.as_ref(), &unmounted);
        let mount = before.as_ref().and_then(|record| record.mount.as_ref());
        let left = self.what_is_left(mount, &unmounted)?;
        let name = self.volume.name();
        match (unmounted, left) {
            (Unmounted::Done, Left::Nothing) => {}
            (Unmounted::Done, Left::StillMounted(mount) | Left::Abandoned(mount)) => {
                let place = mount.path.display();
                self.warn(&format!(
                    "volume {name}: the driver has released it, but {place} is still mounted; another caller may hold it"
                ));
            }
            // A plain directory that was held has nothing to unmount.
            (Unmounted::WasNot(_), Left::Nothing) if was_directory => {}
            (Unmounted::WasNot(why), Left::Nothing) => {
                self.warn(&format!(
                    "unmounting volume {name}: {why}; nothing was left to do"
                ));
            }
            (Unmounted::WasNot(why), Left::Abandoned(mount)) => self.take_away(&mount, &why)?,
            (Unmounted::WasNot(why), Left::StillMounted(mount)) => {
                if let Some(record) = before {
                    self.ledger.save(record)?;
                }
                let place = mount.path.display();
                bail!(Failure::in_use(format!(
                    "{why}, but {place} is still mounted; where the driver has lost it, run umount --lazy {place}"
                )));
            }
        }
        match may_be_mounted_later {
            true => self.ledger.save(self.ledger.new_record()),
            false => self.ledger.clear(),
        }
    }

    /// Whether a mount that was cut off may be finished later, by a plugin that is still at work on it: the next mount unmounts
    /// first, so that the volume ends up mounted once.
    fn may_be_mounted_later(&self, before: Option<&HolderRecord>, unmounted: &Unmounted) -> bool {
        self.volume.driver().may_finish_later()
            && matches!(unmounted, Unmounted::WasNot(_))
            && before.is_some_and(|record| !record.settled && record.mount.is_none())
    }

    fn what_is_left(&self, mount: Option<&MountRecord>, unmounted: &Unmounted) -> Result<Left> {
        let table = MountTable::read()?;
        let still = mount.filter(|mount| mount.is_mount && mount.is_live(&table));
        Ok(match (still.cloned(), unmounted) {
            (None, _) => Left::Nothing,
            (Some(mount), Unmounted::WasNot(_)) if self.is_abandoned(&mount) => {
                Left::Abandoned(mount)
            }
            (Some(mount), _) => Left::StillMounted(mount),
        })
    }

    /// Whether the process that served the mount has ended: it never answers again, and no plugin that was started anew knows it.
    fn is_abandoned(&self, mount: &MountRecord) -> bool {
        let answer = mount_point::answers(self.invocation, &mount.path);
        answer.is_err_and(|error| error.raw_os_error() == Some(Errno::ENOTCONN as i32))
    }

    fn take_away(&self, mount: &MountRecord, why: &str) -> Result<()> {
        let place = mount.mount_point();
        let shown = place.display();
        calls::unmount(place, true).with_context(|| format!("unmounting {shown}"))?;
        let name = self.volume.name();
        self.warn(&format!(
            "unmounting volume {name}: {why}; nobody served {shown} any more, and it is unmounted"
        ));
        Ok(())
    }
}

//! What is left of a mount after its driver was told to unmount it, and what is to be done about that.

use std::collections::BTreeSet;

use anyhow::{Error, Result};

use crate::base::failure::{Failure, with_more};
use crate::base::text::chain;
use crate::driver::interface::Unmounted;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::due::{is_without_driver, may_come};
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::HolderRecord;
use crate::volume::request::Release;
use crate::volume::sighting::Sighting;
use crate::volume::without_driver::is_over;
use crate::volume::{Locked, still_bound};

/// What the mount table shows after the driver was told to unmount.
enum Left {
    Nothing,
    /// The mount that the driver made for us.
    Ours(MountRecord),
    /// A mount at the place that the driver names, of which nothing is recorded.
    Unrecorded(MountRecord),
}

impl Locked<'_> {
    /// Reports what is left of the mount, and forgets the volume if nothing is. `table` is from before.
    pub(super) fn conclude(
        &mut self,
        before: Option<HolderRecord>,
        told: Result<Unmounted>,
        release: Release,
        table: &MountTable,
    ) -> Result<()> {
        let mount = before.as_ref().and_then(|it| it.mount.as_ref());
        let left = self.what_is_left(mount)?;
        let told = self.with_keeper(told, &left, mount)?;
        // After a call that was cut off, our part may be released, and another caller hold what is there.
        let is_certain = release.all || before.as_ref().is_some_and(|it| it.settled);
        let concluded = match (told, left) {
            (Ok(Unmounted::Lost(why)), left) => return self.is_lost(why, &left),
            (Ok(Unmounted::InUse(why)), _) => return self.is_kept(&why, before.as_ref(), release),
            (Ok(Unmounted::Done), left) => {
                self.say_what_stays(&left);
                // What the driver leaves where it mounts nothing for anybody is the administrator's.
                match &left {
                    Left::Unrecorded(mount) => self.ledger.memory.remember(mount),
                    _ => Ok(()),
                }
            }
            (Ok(Unmounted::WasNot(why)), Left::Nothing) => {
                self.say_nothing_was_left(mount, &why, table);
                Ok(())
            }
            (Ok(Unmounted::WasNot(why)), Left::Ours(mount)) if is_certain => {
                self.take_away(&mount, &why, release)
            }
            (Ok(Unmounted::WasNot(why)), Left::Ours(left) | Left::Unrecorded(left)) => {
                Err(still_mounted(&left, &why, mount.is_some()))
            }
            (Err(error), left) => self.go_on_without_driver(error, before.as_ref(), left, release),
        };
        if is_over(&concluded) {
            return self.forget_names().and(concluded);
        }
        // The record is as it was.
        let _ = before.map(|record| self.ledger.save(record));
        concluded
    }

    /// What the driver has told, with what still uses a plugin's volume on this host. A built-in driver tells that itself.
    fn with_keeper(
        &self,
        told: Result<Unmounted>,
        left: &Left,
        mount: Option<&MountRecord>,
    ) -> Result<Result<Unmounted>> {
        let (Ok(Unmounted::Done), Left::Nothing, Some(mount)) = (&told, left, mount) else {
            return Ok(told);
        };
        let driver = self.volume.driver();
        let kept = match driver.is_shared() {
            true => still_bound::find(self.invocation, mount)?,
            false => None,
        };
        Ok(kept.map_or(told, |kept| {
            let label = driver.label();
            Ok(Unmounted::InUse(format!(
                "{label}: it is not mounted here any more, but still {kept}; end that before it is used elsewhere"
            )))
        }))
    }

    /// Nothing keeps it, by whatever name.
    fn forget_names(&mut self) -> Result<()> {
        self.ledger.memory.await_names(BTreeSet::new())?;
        self.ledger.clear()
    }

    fn is_lost(&mut self, why: String, left: &Left) -> Result<()> {
        self.say_what_stays(left);
        self.ledger.clear()?;
        Err(Error::msg(why))
    }

    /// Nothing is left to hold, but something keeps it. It is no error where that was to be expected: after a lazy unmount, and where
    /// an agent that has the volume by another name as well has still to end the containers there.
    fn is_kept(
        &mut self,
        why: &str,
        before: Option<&HolderRecord>,
        release: Release,
    ) -> Result<()> {
        let names = self.names_to_come(before, release);
        let is_expected = release.lazy || !names.is_empty();
        self.ledger.clear()?;
        self.ledger.memory.await_names(names)?;
        if is_expected {
            self.warn(&format!("volume {}: {why}", self.volume.name()));
            return Ok(());
        }
        Err(Failure::in_use(why).into())
    }

    /// The driver could not unmount it: where our mount has gone, that does not matter any more.
    fn go_on_without_driver(
        &self,
        error: Error,
        before: Option<&HolderRecord>,
        left: Left,
        release: Release,
    ) -> Result<()> {
        if !self.volume.driver().is_shared() {
            return Err(error);
        }
        let mount = before.and_then(|record| record.mount.as_ref());
        // A plugin that is not there, or does not know the mount, does not miss it.
        let may_go = is_without_driver(&error);
        match left {
            Left::Nothing if mount.is_some_and(MountRecord::is_used_elsewhere) => Err(error),
            Left::Nothing if mount.is_some_and(|mount| mount.is_mount) => {
                self.say_nothing_to_do(&chain(&error));
                Ok(())
            }
            // The mount table does not tell of a plain directory.
            Left::Nothing if may_go && before.is_some() && release.all => {
                self.say_forgotten(&chain(&error));
                Ok(())
            }
            Left::Nothing if may_go && before.is_some() => {
                let repair = "unmount --force forgets it";
                Err(with_more(error, repair))
            }
            Left::Ours(mount) if may_go && release.all => {
                self.take_away(&mount, &chain(&error), release)
            }
            Left::Ours(_) if may_go => {
                let repair = "unmount --force unmounts it without its driver";
                Err(with_more(error, repair))
            }
            _ => Err(error),
        }
    }

    /// Forgets a volume whose driver is not there. Nothing of it is known to be mounted.
    pub(super) fn forget(&mut self, why: &str) -> Result<()> {
        self.say_forgotten(why);
        self.ledger.clear()
    }

    /// Forgets a volume for which nothing is due. A mount that was cut off may be finished later, by a plugin that is still at
    /// work on it: that is remembered for a while, so that the next call looks again.
    pub(super) fn leave(
        &mut self,
        before: Option<&HolderRecord>,
        release: Release,
        why: &str,
    ) -> Result<()> {
        let name = self.volume.name();
        self.warn(&format!("unmounting volume {name}: {why}"));
        let is_awaited = |record: &&HolderRecord| {
            !record.settled && record.mount.is_none() && may_come(record) && !release.all
        };
        match before.filter(is_awaited) {
            Some(record) => {
                let mut unknown = self.ledger.new_record();
                unknown.id.clone_from(&record.id);
                unknown.begun = record.begun;
                self.ledger.save(unknown)
            }
            None => self.ledger.clear(),
        }
    }

    fn what_is_left(&self, mount: Option<&MountRecord>) -> Result<Left> {
        let table = MountTable::read()?;
        match mount {
            Some(mount) if mount.is_mount && mount.is_live(&table) => Ok(Left::Ours(mount.clone())),
            Some(_) => Ok(Left::Nothing),
            None if self.volume.driver().is_shared() => self.what_is_seen(),
            None => Ok(Left::Nothing),
        }
    }

    /// What is mounted where the driver says; a driver that cannot be asked has been told, which is all that can be done.
    fn what_is_seen(&self) -> Result<Left> {
        match self.look_for_mount() {
            Ok(Sighting::Mounted(seen)) => {
                let (name, table) = (self.volume.name(), MountTable::read()?);
                let mount = MountRecord::of(seen.path, name, false, &table, Some(&table))?;
                Ok(Left::Unrecorded(mount))
            }
            _ => Ok(Left::Nothing),
        }
    }

    fn say_what_stays(&self, left: &Left) {
        let name = self.volume.name();
        if let Left::Ours(mount) | Left::Unrecorded(mount) = left {
            let place = mount.path.display();
            self.warn(&format!(
                "volume {name}: the driver has released it, but {place} is still mounted; another caller may hold it"
            ));
        }
    }

    fn say_nothing_was_left(&self, mount: Option<&MountRecord>, why: &str, table: &MountTable) {
        // A plain directory that was held has nothing to unmount.
        if mount.is_some_and(|mount| !mount.is_mount && mount.is_live(table)) {
            return;
        }
        self.say_nothing_to_do(why);
    }

    fn say_forgotten(&self, why: &str) {
        let name = self.volume.name();
        self.warn(&format!("unmounting volume {name}: {why}; forgotten"));
    }

    fn say_nothing_to_do(&self, why: &str) {
        let name = self.volume.name();
        self.warn(&format!(
            "unmounting volume {name}: {why}; nothing was left to do"
        ));
    }
}

/// What is left may be another caller's.
fn still_mounted(left: &MountRecord, why: &str, is_recorded: bool) -> Error {
    let place = left.path.display();
    let repair = match is_recorded {
        true => "unmount --force".to_owned(),
        false => format!("umount {place}"),
    };
    Failure::in_use(format!(
        "{why}, but {place} is still mounted; where no other caller holds it, run {repair}"
    ))
    .into()
}

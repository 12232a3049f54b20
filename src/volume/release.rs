//! Releases a volume: a holder lets go; the last one has the driver unmount it.

use std::path::{Path, PathBuf, absolute};

use anyhow::Result;

use crate::base::failure::ErrorKind;
use crate::base::text::chain;
use crate::driver::interface::{Unmounted, Volume};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::interruption;
use crate::volume::Locked;
use crate::volume::bind::{targets, unbind};
use crate::volume::due::Due;
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::holders::views::Target;
use crate::volume::release_dead::patiently;
use crate::volume::request::Release;

/// Releases the volume for the holder, and unmounts when no holder is left.
///
/// # Errors
///
/// In use: it is busy, or still mounted after the driver was told to unmount. Where the driver's answer is missing, the record stays
/// unsettled, and the next call recovers.
pub fn unmount(
    invocation: &Invocation,
    volume: &dyn Volume,
    mut holder: Holder,
    release: Release,
) -> Result<()> {
    let asked = holder.target.take();
    let mut locked = Locked::lock(invocation, volume, holder)?;
    locked.find_target(asked)?;
    locked.adopt_holder_at_target();
    locked.refuse_other_at_target(release.lazy)?;
    if locked.holder.process.is_some() && !locked.is_held() {
        // What is mounted by now may belong to holders that we do not know.
        locked.warn(&format!(
            "volume {} is not held by this run any more, as after unmount --force, and left as it is",
            volume.name()
        ));
        return Ok(());
    }
    locked.unmount(release)
}

impl Locked<'_> {
    /// The target as it is recorded, whatever its path leads to by now.
    fn find_target(&mut self, asked: Option<PathBuf>) -> Result<()> {
        let Some(asked) = asked else {
            return Ok(());
        };
        let path = targets::name(self.invocation, &asked);
        let asked = absolute(&asked).unwrap_or(asked);
        let table = MountTable::read()?;
        let recorded = self
            .record()
            .and_then(|record| record.target_of(&asked, &path, &table));
        self.holder.target = Some(recorded.unwrap_or(path));
        Ok(())
    }

    /// `unmount --target P` without `--id` releases whoever holds P.
    fn adopt_holder_at_target(&mut self) {
        let Holder {
            id: None,
            target: Some(target),
            process: None,
            ..
        } = &self.holder
        else {
            return;
        };
        if !self.is_held()
            && let Some(found) = self.record().and_then(|record| record.holder_at(target))
        {
            self.holder = found;
        }
    }

    /// Something else at the holder's target is an error, if the volume is not beneath it; a warning where nothing of ours was ever
    /// there, as after a mount that was refused, and where it is to be released all the same.
    fn refuse_other_at_target(&self, lazy: bool) -> Result<()> {
        let Some(path) = &self.holder.target else {
            return Ok(());
        };
        self.refuse_other_at(&format!("target {}", path.display()), path, lazy)
    }

    /// The same; the error calls the target `shown`.
    pub fn refuse_other_at(&self, shown: &str, path: &Path, lazy: bool) -> Result<()> {
        let record = self.record();
        let target = record.map_or_else(|| Target::at(path), |record| record.target(path));
        let known = record.and_then(|record| record.mount.as_ref());
        match unbind::refuse_other(shown, &target, known) {
            Err(error) if lazy || !self.is_held() => {
                self.warn(&chain(&error));
                Ok(())
            }
            seen => seen,
        }
    }

    fn unmount(&mut self, release: Release) -> Result<()> {
        let has_dead = self
            .record()
            .is_some_and(|record| !record.dead().is_empty());
        if self.holder.process.is_none() && !has_dead {
            return self.release(release);
        }
        let invocation = self.invocation;
        let stuck = patiently(invocation, || self.release_dead(release.lazy));
        patiently(invocation, || self.release(release))?;
        match (stuck, self.record()) {
            (Err(error), Some(record)) if record.living().is_empty() => Err(error),
            _ => Ok(()),
        }
    }

    /// Takes the holder out, and has the driver unmount where no other is left. What else is mounted at the target stays.
    pub fn release(&mut self, release: Release) -> Result<()> {
        let before = self.record().cloned();
        let table = MountTable::read()?;
        if let Some(record) = &before
            && self.let_go(record, release, &table)?
        {
            return Ok(());
        }
        match self.what_is_due(before.as_ref(), release, &table)? {
            Due::Nothing(why) => self.leave(before.as_ref(), release, &why),
            Due::Forget(why) => self.forget(&why),
            Due::Unmount => {
                let is_shared = self.volume.driver().is_shared();
                let told = match self.tell_driver(release.lazy) {
                    Err(error) if is_shared && has_gone(before.as_ref(), &table) => Err(error),
                    told => told?,
                };
                self.conclude(before, told, release, &table)
            }
        }
    }

    /// Takes the holder and its targets out of the record; true where other holders remain, so that the volume stays mounted.
    fn let_go(
        &mut self,
        record: &HolderRecord,
        release: Release,
        table: &MountTable,
    ) -> Result<bool> {
        let is_mounted = record.live(table).is_some()
            || record.held_elsewhere(table).is_some()
            || record.is_seen(table);
        let mut after = record.clone();
        self.drop_name(&mut after, release);
        // Where the mount is gone, every holder is released.
        for target in after.release(&self.holder, release.all || !is_mounted) {
            self.unbind(&target, record, release.lazy)?;
        }
        if after.is_held() {
            self.say_who_remains(&after, after == *record);
            self.ledger.save(after)?;
            return Ok(true);
        }
        if record.settled {
            // An unsettled record tells the next call that this one was cut off. If it cannot be written, go on: unmounting matters
            // more.
            if let Err(error) = self.ledger.save(after.unsettled()) {
                self.warn(&chain(&error));
            }
        }
        Ok(false)
    }

    fn say_who_remains(&self, after: &HolderRecord, is_unchanged: bool) {
        let (name, holders) = (self.volume.name(), after.names());
        let stays = || format!("volume {name} stays mounted, it is held by {holders}");
        if is_unchanged {
            self.warn(&format!(
                "volume {name} was not held by this caller; it is held by {holders}"
            ));
        } else if self.holder.process.is_some() || self.holder.server.is_some() {
            self.invocation.log.step(stays);
        } else {
            self.warn(&stays());
        }
    }

    /// The inner error is that the driver could not unmount it. Where its answer is missing, the record stays unsettled.
    fn tell_driver(&mut self, lazy: bool) -> Result<Result<Unmounted>> {
        let id = self.mount_id()?;
        let driver = self.volume.driver();
        if lazy && self.holder.target.is_none() && driver.is_shared() {
            let label = driver.label();
            self.warn(&format!(
                "{label}: --lazy has no effect: a plugin has no lazy unmount"
            ));
        }
        // A signal leaves it a moment: what is half released is of no use to anybody.
        match interruption::finishing(|| self.volume.unmount(&id, lazy)) {
            Err(error) if ErrorKind::of(&error) == ErrorKind::Unsure => Err(error),
            told => Ok(told),
        }
    }
}

/// Whether our mount had gone before the driver was told to unmount it.
fn has_gone(before: Option<&HolderRecord>, table: &MountTable) -> bool {
    let mount = before.and_then(|record| record.mount.as_ref());
    mount.is_some_and(|mount| mount.is_mount && !mount.is_live(table))
}

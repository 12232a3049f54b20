//! Has the driver mount a volume. If the call is cut off at any point, the next call can recover.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};

use crate::base::failure::{ErrorKind, with_undo_error};
use crate::driver::interface::{MountMode, Unmounted, Whereabouts};
use crate::invocation::budget::Backoff;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::interruption;
use crate::volume::due::may_come;
use crate::volume::holders::hold::now;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::request::MountRequest;
use crate::volume::sighting::Sighting;
use crate::volume::{Locked, mount_point, system_place};

/// How long a mount may take to appear after the driver has answered: some plugins start a file system and do not wait for it.
const APPEARING: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 2000 });

/// How often a plugin is asked to mount that answers without mounting.
const MOUNTS: usize = 5;

impl Locked<'_> {
    /// Creates the volume if asked to, cleans up after a call that was cut off, and mounts. The record is left unsettled.
    pub(super) fn mount_anew(&mut self, request: &MountRequest) -> Result<MountRecord> {
        let is_unnamed = match request.create {
            Some(chooser) => self.create_if_absent(chooser, request.next())?,
            None => self.refuse_absent()?,
        };
        if is_unnamed && self.volume.driver().is_shared() {
            self.learn_silence()?;
        }
        let id = self.mount_id()?;
        let mode = MountMode {
            id: &id,
            read_only: request.wants_read_only()
                || request.view.is_read_only() && self.volume.must_be_read_only()?,
        };
        let adopted = self.recover_interrupted(mode)?;
        let was_known = self.record().is_some();
        // Holders of a vanished mount keep their place in the new one.
        let mut record = self.ledger.record_or_new().unsettled();
        record.id = Some(id.clone());
        record.begun = now();
        self.ledger.save(record)?;
        if let Some(path) = adopted {
            return self.verify(&path, mode, None, 1);
        }
        let before = MountTable::read()?;
        let path = self.ask_driver(mode, was_known)?;
        let mount = self.verify(&path, mode, Some(&before), 1)?;
        match self.wait_until_mounted(mount, mode, &before, 1)? {
            Some(mount) => Ok(mount),
            None => self.mount_again(mode, &before),
        }
    }

    /// Learns whether the driver names no directory for a volume that is not mounted. `Get` has named none; `Path` may all the same.
    fn learn_silence(&self) -> Result<()> {
        let memory = self.ledger.memory.read();
        if memory.is_silent || memory.was_mount {
            return Ok(());
        }
        match self.volume.path() {
            Ok(Whereabouts::Nowhere) => self.ledger.memory.learn_silence(),
            Err(error) if ErrorKind::of(&error) == ErrorKind::Unsure => Err(error),
            _ => Ok(()),
        }
    }

    /// An earlier call left the driver in a state that we do not know, or the mount has gone. A mount that is found is taken
    /// over, unless it has the other mode. Otherwise the driver is told to unmount, so that a plugin that counts starts from
    /// nothing; but not where nothing is mounted for all we know, since some plugins count below zero then. Only a missing answer
    /// is an error; a refusal is fine.
    fn recover_interrupted(&self, mode: MountMode) -> Result<Option<PathBuf>> {
        let Some(record) = self
            .record()
            .filter(|record| record.settled || may_come(record))
        else {
            return Ok(None);
        };
        let name = self.volume.name();
        self.invocation
            .log
            .step(|| format!("volume {name}: an earlier call was cut off, or its mount has gone"));
        if !record.settled {
            match self.look_for_mount()? {
                Sighting::Mounted(seen) if seen.mount.is_read_only() == mode.read_only => {
                    return Ok(Some(seen.path));
                }
                Sighting::Named(path) if self.ledger.memory.read().hands_out() => {
                    return Ok(Some(path));
                }
                Sighting::Mounted(_) => {}
                _ if self.volume.driver().is_shared() => return Ok(None),
                _ => {}
            }
        }
        match self.volume.unmount(mode.id, false) {
            Err(error) if ErrorKind::of(&error) == ErrorKind::Unsure => Err(error),
            Ok(Unmounted::Lost(why)) => {
                self.warn(&format!("volume {name}: {why}"));
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Asks the driver to mount. Where it has the volume mounted under our ID already, as after its restart, that mount is taken.
    fn ask_driver(&mut self, mode: MountMode, was_known: bool) -> Result<PathBuf> {
        let error = match self.volume.mount(mode) {
            Ok(path) => return Ok(path),
            Err(error) => error,
        };
        if ErrorKind::of(&error) == ErrorKind::AlreadyMounted
            && let Ok(Sighting::Mounted(seen)) = self.look_for_mount()
        {
            return Ok(seen.path);
        }
        // Where the answer is missing, the record stays, so that the next call recovers.
        if ErrorKind::of(&error) != ErrorKind::Unsure && !was_known {
            let _ = self.ledger.clear();
        }
        Err(error)
    }

    /// Checks the path that the driver returned; where it is not good, unmounts again, as often as the driver was asked to mount.
    fn verify(
        &mut self,
        path: &Path,
        mode: MountMode,
        before: Option<&MountTable>,
        asked: usize,
    ) -> Result<MountRecord> {
        // What is mounted in a built-in driver's own place is ours, whoever has mounted it.
        let before = before.filter(|_| self.volume.driver().is_shared());
        let checked = mount_point::check(self.invocation, path).and_then(|table| {
            let name = self.volume.name();
            let path = path.to_owned();
            let mut mount = MountRecord::of(path, name, mode.read_only, &table, before)?;
            if self.volume.driver().is_shared() {
                system_place::refuse(self.invocation, &mount.path, mount.real())?;
            }
            // It may lead elsewhere than when the driver looked.
            self.volume.refuse_outside(mount.real())?;
            mount.is_mount |= self.volume.mount_point(&table)?.is_some();
            Ok(mount)
        });
        checked.map_err(|error| {
            let error = error.context(self.volume.driver().label());
            self.undo_mount(error, mode, asked)
        })
    }

    fn undo_mount(&mut self, error: Error, mode: MountMode, asked: usize) -> Error {
        let mut undone = Ok(());
        for _ in 0..asked {
            undone = interruption::undoing(|| self.volume.unmount(mode.id, false)).map(drop);
        }
        with_undo_error(error, undone.and_then(|()| self.ledger.clear()))
    }

    /// Waits for a moment where a plugin that mounted this volume before has answered with a directory at which nothing is
    /// mounted: what is written there would land on this host's disk. `None` where nothing appears.
    fn wait_until_mounted(
        &mut self,
        mut mount: MountRecord,
        mode: MountMode,
        before: &MountTable,
        asked: usize,
    ) -> Result<Option<MountRecord>> {
        let was_mount = self.volume.driver().is_shared() && self.ledger.memory.read().was_mount;
        let ends = Instant::now() + APPEARING.min(self.invocation.budget.left() / 2);
        let mut backoff = Backoff::new();
        while was_mount && mount.is_bare() {
            if !backoff.sleep(ends.saturating_duration_since(Instant::now())) {
                return Ok(None);
            }
            mount = self.verify(&mount.path, mode, Some(before), asked)?;
        }
        Ok(Some(mount))
    }

    /// A plugin that has counted Unmounts too many, such as those that failed because the volume was busy, answers as many Mounts
    /// without mounting; the next one mounts. Where none does, all are undone.
    fn mount_again(&mut self, mode: MountMode, before: &MountTable) -> Result<MountRecord> {
        let mut path = PathBuf::new();
        for asked in 2..=MOUNTS {
            path = match self.volume.mount(mode) {
                Ok(path) => path,
                // The record stays unsettled, and the next call recovers.
                Err(error) if ErrorKind::of(&error) == ErrorKind::Unsure => return Err(error),
                Err(error) => return Err(self.undo_mount(error, mode, asked - 1)),
            };
            let mount = self.verify(&path, mode, Some(before), asked)?;
            if let Some(mount) = self.wait_until_mounted(mount, mode, before, asked)? {
                return Ok(mount);
            }
        }
        let label = self.volume.driver().label();
        let (path, memory) = (path.display(), self.ledger.memory.path().display());
        let error = anyhow!(
            "{label}: nothing is mounted at {path}, where the volume was mounted before; restart the plugin, or remove {memory} if \
             the volume is a plain directory now"
        );
        Err(self.undo_mount(error, mode, MOUNTS))
    }
}

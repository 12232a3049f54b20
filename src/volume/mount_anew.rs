//! Has the driver mount a volume. If the call is cut off at any point, the next call can recover.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::failure::{ErrorKind, with_undo_error};
use crate::driver::interface::MountMode;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::request::MountRequest;
use crate::volume::{Locked, mount_point};

impl Locked<'_> {
    /// Creates the volume if asked to, cleans up after a call that was cut off, and mounts. The record is left unsettled.
    pub(super) fn mount_anew(&mut self, request: &MountRequest) -> Result<MountRecord> {
        if request.create {
            self.create_if_absent()?;
        }
        let id = self.mount_id()?;
        let mode = MountMode {
            id: &id,
            read_only: request.wants_read_only(),
        };
        let adopted = self.recover_interrupted(mode)?;
        let was_known = self.record().is_some();
        // Holders of a vanished mount keep their place in the new one.
        self.ledger.save(self.ledger.record_or_new().unsettled())?;
        let path = match adopted {
            Some(path) => path,
            None => self.ask_driver(mode, was_known)?,
        };
        self.verify(&path, mode)
    }

    /// An earlier call left the driver in a state that we do not know, or the mount has gone. A mount that is found is taken
    /// over, unless it has the other mode; otherwise the driver is told to unmount, so that a plugin that counts starts from
    /// nothing. Only a missing answer is an error; a refusal is fine.
    fn recover_interrupted(&self, mode: MountMode) -> Result<Option<PathBuf>> {
        let Some(record) = self.record() else {
            return Ok(None);
        };
        let name = self.volume.name();
        self.invocation
            .log
            .step(|| format!("volume {name}: an earlier call was cut off, or its mount has gone"));
        if !record.settled
            && let Ok(Some(path)) = self.volume.path()
            && let Some(mount) = MountTable::read()?.of_volume(&path, name)
            && mount.is_read_only() == mode.read_only
        {
            return Ok(Some(path));
        }
        match self.volume.unmount(mode.id, false) {
            Err(error) if ErrorKind::of(&error) == ErrorKind::Unsure => Err(error),
            _ => Ok(None),
        }
    }

    fn ask_driver(&mut self, mode: MountMode, was_known: bool) -> Result<PathBuf> {
        self.volume.mount(mode).inspect_err(|error| {
            // Where the answer is missing, the record stays, so that the next call recovers.
            if ErrorKind::of(error) != ErrorKind::Unsure && !was_known {
                let _ = self.ledger.clear();
            }
        })
    }

    /// Checks the path that the driver returned; where it is not good, unmounts again.
    fn verify(&mut self, path: &Path, mode: MountMode) -> Result<MountRecord> {
        let checked = mount_point::check(self.invocation, path).and_then(|table| {
            MountRecord::of(path.to_owned(), self.volume.name(), mode.read_only, &table)
        });
        checked.map_err(|error| {
            let undone = self
                .volume
                .unmount(mode.id, false)
                .and_then(|_| self.ledger.clear());
            with_undo_error(error.context(self.volume.driver().label()), undone)
        })
    }
}

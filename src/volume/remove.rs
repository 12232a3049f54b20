//! Removing a volume, unless it is held or mounted.

use anyhow::{Result, bail};

use crate::base::failure::{ErrorKind, Failure};
use crate::driver::interface::{Lookup, Whereabouts};
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::volume::Locked;
use crate::volume::lookup::absent;
use crate::volume::request::Release;
use crate::volume::sighting::Sighting;

impl Locked<'_> {
    /// # Errors
    ///
    /// In use: it is held or mounted. Absent: it does not exist.
    pub fn remove(&mut self) -> Result<()> {
        self.release_dead(false)?;
        self.refuse_recorded()?;
        if self.volume.driver().is_shared() {
            self.refuse_if_mounted()?;
        }
        self.volume.remove()?;
        self.ledger.memory.forget()?;
        self.ledger.clear()
    }

    /// As [`Locked::remove`], but unmounts first what nobody holds any more, as where a run was killed.
    pub fn remove_if_unheld(&mut self) -> Result<()> {
        self.release_dead(false)?;
        if self
            .record()
            .is_some_and(|record| record.living().is_empty())
        {
            // What has not reached the disk goes with the rest; what is still mounted is not removed.
            let released = self.release(Release::ONE);
            return self
                .remove()
                .map_err(|error| released.err().unwrap_or(error));
        }
        self.remove()
    }

    /// Refuses while our own mount of it is there, also one that a call left behind when it was cut off.
    pub(super) fn refuse_recorded(&self) -> Result<()> {
        let table = MountTable::read()?;
        let Some(record) = self.record() else {
            return Ok(());
        };
        let cut_off = record
            .mount
            .as_ref()
            .filter(|it| it.is_mount && it.is_live(&table));
        let mount = record.live(&table).or(cut_off);
        if let Some(mount) = mount.or(record.held_elsewhere(&table)) {
            let (place, names) = (mount.path.display(), record.names());
            bail!(Failure::in_use(format!(
                "it is mounted at {place} and held by {names}; unmount it first"
            )));
        }
        Ok(())
    }

    /// Refuses while it is mounted where the plugin says, by Get or by Path: some plugins delete the data of a volume in use.
    fn refuse_if_mounted(&self) -> Result<()> {
        if let Some(path) = match self.volume.get()? {
            Lookup::Absent => return Err(absent(self.volume.driver())),
            Lookup::Found(found) => found.mountpoint,
            Lookup::CannotSay => None,
        } {
            self.refuse_sighted(self.look_at(path)?)?;
        }
        match self.volume.path() {
            Ok(Whereabouts::At(path)) => self.refuse_sighted(self.look_at(path)?),
            Ok(_) => Ok(()),
            // Some plugins refuse to name a path for what is not mounted, each in its own words.
            Err(error) if ErrorKind::of(&error) == ErrorKind::Refused => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn refuse_sighted(&self, sighting: Sighting) -> Result<()> {
        let memory = self.ledger.memory.read();
        let seen = match sighting {
            Sighting::Mounted(seen) => seen,
            Sighting::Named(path) if memory.hands_out() => bail!(Failure::in_use(format!(
                "it is mounted at {}; unmount it first",
                path.display()
            ))),
            _ => return Ok(()),
        };
        let used = match memory.is_foreign(&seen.mount) {
            true => used_elsewhere(&seen.mount)?,
            false => Some(String::new()),
        };
        match used {
            None => Ok(()),
            Some(by) => bail!(Failure::in_use(format!(
                "it is mounted at {}{by}; unmount it first",
                seen.mount.mount_point.display()
            ))),
        }
    }
}

/// Whether what was mounted before our own mount, and stayed after it, is used for this volume: by a process, or bound to another
/// place, here or in a container. Otherwise it is the administrator's own, and the volume can go.
fn used_elsewhere(mount: &Mount) -> Result<Option<String>> {
    let bind = |table: &MountTable| {
        let is_bind = |other: &&Mount| {
            (&other.device, &other.root) == (&mount.device, &mount.root)
                && other.mount_point != mount.mount_point
        };
        table.iter().find(is_bind).cloned()
    };
    if let Some(bind) = bind(&MountTable::read()?) {
        return Ok(Some(format!(
            " and bound to {}",
            bind.mount_point.display()
        )));
    }
    if let Some((process, _)) = busy::mounted_elsewhere(bind) {
        return Ok(Some(format!(" and used by {process}")));
    }
    let used_by = busy::used_by(&mount.mount_point);
    Ok(Some(used_by).filter(|users| !users.is_empty()))
}

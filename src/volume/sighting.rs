//! Finding out whether a volume is mounted now: its driver names a directory, and the mount table has the last word.

use std::io::{self, ErrorKind as IoErrorKind};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::base::failure::ErrorKind;
use crate::base::text::chain;
use crate::driver::interface::{Lookup, Whereabouts};
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::volume::holders::mount_record::mount_of;
use crate::volume::{Locked, mount_point, system_place};

/// What is known of a volume's mount, whoever made it.
#[derive(Debug)]
pub enum Sighting {
    Mounted(Seen),
    /// The driver names this directory, and nothing is mounted there. Some drivers hand out directories, others name one always.
    Named(PathBuf),
    /// With who says so: `plugin fake: it is not mounted`.
    NotMounted(String),
    CannotSay,
}

/// A mount of the volume.
#[derive(Debug)]
pub struct Seen {
    /// The directory that the driver names.
    pub path: PathBuf,
    pub mount: Mount,
}

impl Locked<'_> {
    /// Asks the driver where the volume is, and looks there.
    ///
    /// # Errors
    ///
    /// The driver cannot be asked, or the directory does not answer.
    pub(super) fn look_for_mount(&self) -> Result<Sighting> {
        let driver = self.volume.driver();
        let said = match self.volume.path() {
            Ok(Whereabouts::At(path)) => return self.look_at(path),
            Ok(Whereabouts::Nowhere) => {
                Sighting::NotMounted(format!("{}: it is not mounted", driver.label()))
            }
            Ok(Whereabouts::CannotSay) => Sighting::CannotSay,
            Err(error) => match ErrorKind::of(&error) {
                ErrorKind::Absent => return Ok(Sighting::NotMounted(chain(&error))),
                ErrorKind::Refused | ErrorKind::InUse => Sighting::CannotSay,
                _ => return Err(error),
            },
        };
        // Where Path is silent, Get may tell.
        match driver.is_shared() {
            true => self.look_where_get_says(said),
            false => Ok(said),
        }
    }

    fn look_where_get_says(&self, said: Sighting) -> Result<Sighting> {
        match self.volume.get() {
            Ok(Lookup::Found(info)) => match info.mountpoint {
                Some(path) => self.look_at(path),
                None => Ok(said),
            },
            Ok(Lookup::Absent) => {
                let label = self.volume.driver().label();
                Ok(Sighting::NotMounted(format!("{label}: no such volume")))
            }
            Ok(Lookup::CannotSay) => Ok(said),
            Err(error) if ErrorKind::of(&error) == ErrorKind::Refused => Ok(said),
            Err(error) => Err(error),
        }
    }

    /// Looks whether the volume is mounted where the driver says.
    pub(super) fn look_at(&self, path: PathBuf) -> Result<Sighting> {
        let sighting = self.look_at_path(path)?;
        let is_systems = |seen: &Seen| {
            system_place::is_named(&seen.path) || system_place::is_named(&seen.mount.mount_point)
        };
        // What a plugin names must not be unmounted as its volume.
        Ok(match sighting {
            Sighting::Mounted(seen) if self.volume.driver().is_shared() && is_systems(&seen) => {
                let (label, path) = (self.volume.driver().label(), seen.path.display());
                Sighting::NotMounted(format!(
                    "{label}: {path} is a directory of the operating system"
                ))
            }
            other => other,
        })
    }

    fn look_at_path(&self, path: PathBuf) -> Result<Sighting> {
        let table = MountTable::read()?;
        if let Some(mount) = table.of_volume(&path, self.volume.name()) {
            let mount = mount.clone();
            return Ok(Sighting::Mounted(Seen { path, mount }));
        }
        let shown = path.display();
        let label = self.volume.driver().label();
        if !path.is_absolute() {
            return Ok(Sighting::NotMounted(format!(
                "{label}: {shown} is no absolute path"
            )));
        }
        match mount_point::answers(self.invocation, &path) {
            Err(error) if is_missing(&error) => {
                return Ok(Sighting::NotMounted(format!(
                    "{label}: {shown} is not there"
                )));
            }
            other => other.with_context(|| format!("looking at {shown}"))?,
        }
        Ok(
            match mount_of(&path, self.volume.name(), &table)?.cloned() {
                Some(mount) => Sighting::Mounted(Seen { path, mount }),
                None => Sighting::Named(path),
            },
        )
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        IoErrorKind::NotFound | IoErrorKind::NotADirectory
    )
}

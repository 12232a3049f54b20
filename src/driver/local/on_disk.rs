//! A `local` volume on the disk: its directory, where its source is mounted, and what is told of it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Map;

use crate::driver::interface::VolumeInfo;
use crate::driver::local::DATA;
use crate::driver::local::source::Source;
use crate::driver::shared::BuiltIn;
use crate::driver::shared::store::VolumeFile;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::{Mount, MountTable};

pub struct OnDisk<'b, 'a> {
    pub driver: &'b BuiltIn<'a>,
    pub name: &'b str,
    /// What is mounted, where it is no plain directory.
    pub source: Option<&'b Source>,
}

impl OnDisk<'_, '_> {
    /// The directory itself, or our own mount point.
    pub fn data(&self) -> PathBuf {
        self.driver.store.directory(self.name).join(DATA)
    }

    /// Takes a mount away, and those inside it where the source was bound with them.
    pub fn unmount(&self, place: &Path, lazy: bool) -> Result<()> {
        if self.source.is_some_and(Source::is_recursive) {
            calls::make_private(place)
                .with_context(|| format!("unmounting {}", place.display()))?;
            let table = MountTable::read()?;
            let below: Vec<&Mount> = table
                .below(place)
                .filter(|mount| mount.mount_point != place)
                .collect();
            for mount in below.iter().rev() {
                self.driver.unmount_at(&mount.mount_point, lazy)?;
            }
        }
        self.driver.unmount_at(place, lazy)
    }

    /// Where the volume is mounted in this mount namespace. What is at our own mount point is ours.
    pub fn mounted<'t>(&self, table: &'t MountTable) -> Option<(PathBuf, &'t Mount)> {
        let place = self.driver.mount_point(self.name, DATA);
        let data = self.data();
        let elsewhere = || {
            let mount = table.at(&place).filter(|_| place != data)?;
            self.source?
                .is_mounted_as(mount)
                .then_some((place.clone(), mount))
        };
        table
            .at(&data)
            .map(|mount| (data.clone(), mount))
            .or_else(elsewhere)
    }

    /// The directory that users get, where there is one.
    pub fn handed_out(&self, table: &MountTable) -> Option<PathBuf> {
        let mounted = self.mounted(table).map(|(place, _)| place);
        if self.source.is_none() {
            Some(self.data())
        } else {
            mounted
        }
    }

    pub fn describe(&self, record: VolumeFile, table: &MountTable) -> VolumeInfo {
        let mut details = Map::new();
        if let Some(source) = self.source {
            let mounted = self.mounted(table).map(|(_, mount)| mount);
            let fs_type = mounted.map_or(source.fs_type(), |mount| &mount.fs_type);
            let device = mounted.map(|mount| mount.source.as_str());
            details.insert("FsType".into(), fs_type.into());
            details.insert("Device".into(), device.into());
        }
        VolumeInfo {
            name: self.name.to_owned(),
            mountpoint: self.handed_out(table),
            status: None,
            created_at: Some(record.created_at),
            options: Some(record.given),
            details,
        }
    }
}

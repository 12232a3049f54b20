//! A `loop` volume on the disk: where its image is, where it is mounted, and what is told of it.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::driver::interface::{Driver, VolumeInfo};
use crate::driver::loop_::{IMAGE, MOUNT_POINT, image};
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::{BuiltIn, data_directory, options};
use crate::sys::block::loop_device;
use crate::sys::files::id::FileId;
use crate::sys::mount::mountinfo::{Mount, MountTable};

pub struct OnDisk<'b, 'a> {
    pub driver: &'b BuiltIn<'a>,
    pub name: &'b str,
}

impl OnDisk<'_, '_> {
    pub fn image(&self) -> PathBuf {
        self.driver.store.directory(self.name).join(IMAGE)
    }

    /// Where the volume is mounted in this mount namespace, and its mount. Of an image that is gone, the mount may be left.
    pub fn mounted<'t>(&self, table: &'t MountTable) -> Result<Option<(PathBuf, &'t Mount)>> {
        let path = self.image();
        let image = match FileId::at(&path) {
            Ok(id) => Some(id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let own = self.driver.store.directory(self.name).join(MOUNT_POINT);
        let places = [self.driver.mount_point(self.name, MOUNT_POINT), own.clone()];
        Ok(places.into_iter().find_map(|place| {
            let mount = table.at(&place)?;
            let number = loop_device::number_of(&mount.source)?;
            let ours = image.map_or(place == own, |image| loop_device::is_bound(number, image));
            ours.then_some((place, mount))
        }))
    }

    /// The directory that is handed out, of a volume that is mounted at `place`.
    pub fn inside(&self, place: &Path) -> PathBuf {
        let names =
            data_directory::names(&self.driver.invocation.config.root_path).unwrap_or_default();
        names
            .into_iter()
            .fold(place.to_owned(), |path, name| path.join(name))
    }

    pub fn describe(&self, record: VolumeFile, table: &MountTable) -> Result<VolumeInfo> {
        let path = self.image();
        let (length, allocated) =
            image::lengths(&path).with_context(|| format!("reading {}", path.display()))?;
        let mounted = self.mounted(table)?;
        let device = mounted.as_ref().map(|(_, mount)| mount.source.as_str());
        let details = [
            ("Size", length.into()),
            ("Allocated", allocated.into()),
            ("FsType", options::get(&record.options, "newFsType").into()),
            ("Device", device.into()),
        ];
        Ok(VolumeInfo {
            name: self.name.to_owned(),
            mountpoint: mounted.map(|(place, _)| self.inside(&place)),
            status: Some(self.status(&record, length)),
            created_at: Some(record.created_at),
            options: Some(record.given),
            details: keys(details),
        })
    }

    /// What REX-Ray shows, whose users read it: the size in GiB.
    fn status(&self, record: &VolumeFile, length: u64) -> Map<String, Value> {
        const GIB: u64 = 1 << 30;
        let size = match length.is_multiple_of(GIB) {
            true => json!(length / GIB),
            false => json!(length as f64 / GIB as f64),
        };
        let or_empty = |key| options::get(&record.options, key).unwrap_or_default();
        let iops: u64 = options::number_in(&record.options, "iops").unwrap_or(0);
        keys([
            ("name", self.name.into()),
            ("size", size),
            ("iops", iops.into()),
            ("type", or_empty("volumeType").into()),
            ("availabilityZone", or_empty("availabilityZone").into()),
            ("fields", Value::Null),
            ("service", self.driver.name().into()),
            ("server", self.driver.name().into()),
        ])
    }
}

fn keys<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

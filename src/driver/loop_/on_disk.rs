//! A `loop` volume on the disk: where its image is, where it is mounted, and what is shown of it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::driver::interface::VolumeInfo;
use crate::driver::loop_::open;
use crate::driver::shared::data_directory;
use crate::driver::shared::home::Place;
use crate::driver::shared::mounted_as;
use crate::driver::shared::store::VolumeFile;
use crate::sys::block::loop_device;
use crate::sys::files::id::FileId;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// In the volume's directory: the image, and the directory where it is mounted unless the configuration names another one.
pub const IMAGE: &str = "image";
pub const MOUNT_POINT: &str = "mnt";

/// A volume's place and its record.
pub struct OnDisk<'h> {
    pub place: Place<'h>,
    pub file: &'h VolumeFile,
}

impl OnDisk<'_> {
    pub fn image(&self) -> PathBuf {
        self.place.directory().join(IMAGE)
    }

    /// Where the volume is mounted in this mount namespace, and its mount. The mount may have outlived the image file.
    pub fn mounted<'t>(&self, table: &'t MountTable) -> Result<Option<(PathBuf, &'t Mount)>> {
        let path = self.image();
        let image = match FileId::at_itself(&path) {
            Ok(id) => Some(id),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let own = self.place.directory().join(MOUNT_POINT);
        // Where a directory above was renamed, it has gone along.
        let moved = mounted_as::remembered(self.place);
        let moved = moved.and_then(|it| it.find(table, |_| true));
        let mount_points = [
            Some(self.place.mount_point(MOUNT_POINT)),
            Some(own.clone()),
            moved.map(|mount| mount.mount_point.clone()),
        ];
        Ok(mount_points.into_iter().flatten().find_map(|mount_point| {
            let mount = table.at(&mount_point)?;
            let number = device_of(mount)?;
            let is_ours = match image {
                Some(image) => loop_device::is_bound(number, image),
                // Nothing else is mounted in the volume's own directory.
                None => mount_point == own,
            };
            is_ours.then_some((mount_point, mount))
        }))
    }

    /// The directory that users get, of a volume that is mounted at `mount_point`.
    pub fn data(&self, mount_point: &Path) -> PathBuf {
        let root_path = &self.place.home.invocation.config.root_path;
        let names = data_directory::names(root_path).unwrap_or_default();
        names
            .into_iter()
            .fold(mount_point.to_owned(), |path, name| path.join(name))
    }

    pub fn describe(&self, table: &MountTable) -> Result<VolumeInfo> {
        let path = self.image();
        let (length, allocated) = open::lengths(&path)?;
        let mounted = self.mounted(table)?;
        let device = mounted.as_ref().map(|(_, mount)| mount.source.as_str());
        let details = [
            ("Size", length.into()),
            ("Allocated", allocated.into()),
            ("FsType", self.file.options.text("newFsType").into()),
            ("Device", device.into()),
        ];
        let mut details = object(details);
        let full = || {
            let problem = self.full_disk()?;
            Some(format!("{problem}; {}", self.repair_of_full_disk()))
        };
        if let Some(problem) = self.problem(table)?.or_else(full) {
            details.insert("Problem".into(), problem.into());
        }
        Ok(VolumeInfo {
            mountpoint: mounted.map(|(mount_point, _)| self.data(&mount_point)),
            status: Some(self.status(length)),
            details,
            ..VolumeInfo::default()
        })
    }

    /// The fields that REX-Ray shows, for programs that read them; the size is in GiB.
    fn status(&self, length: u64) -> Map<String, Value> {
        const GIB: u64 = 1 << 30;
        let size = match length.is_multiple_of(GIB) {
            true => json!(length / GIB),
            false => json!(length as f64 / GIB as f64),
        };
        let options = &self.file.options;
        let text = |name| options.text(name).unwrap_or_default();
        let driver = self.place.home.driver;
        object([
            ("name", self.place.name.into()),
            ("size", size),
            ("iops", options.number("iops").unwrap_or(0).into()),
            ("type", text("volumeType").into()),
            ("availabilityZone", text("availabilityZone").into()),
            ("fields", Value::Null),
            ("service", driver.into()),
            ("server", driver.into()),
        ])
    }
}

/// The loop device of a mount, by number. The source that the mount table shows is any text where a file system has no device.
pub fn device_of(mount: &Mount) -> Option<u32> {
    let has_device = mount.device.starts_with("7:") || mount.fs_type == "btrfs";
    let named = || loop_device::number_of(&mount.source);
    let link = fs::read_link(Path::new("/sys/dev/block").join(&mount.device)).ok();
    let name = link.as_deref().and_then(Path::file_name);
    let number = name.and_then(|name| name.to_str()?.strip_prefix("loop")?.parse().ok());
    number.or_else(named).filter(|_| has_device)
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}

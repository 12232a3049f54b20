//! A `loop` volume on the disk: where its image is, and where it is mounted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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
        let may_be_moved = table.iter().any(has_device);
        let remembered = may_be_moved.then(|| mounted_as::remembered(self.place));
        let moved = remembered.flatten().and_then(|it| it.find(table, |_| true));
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
}

/// The loop device of a mount, by number. The source that the mount table shows is any text where a file system has no device.
pub fn device_of(mount: &Mount) -> Option<u32> {
    let named = || loop_device::number_of(&mount.source);
    let link = fs::read_link(Path::new("/sys/dev/block").join(&mount.device)).ok();
    let name = link.as_deref().and_then(Path::file_name);
    let number = name.and_then(|name| name.to_str()?.strip_prefix("loop")?.parse().ok());
    number.or_else(named).filter(|_| has_device(mount))
}

/// Whether what is mounted may be on a loop device.
fn has_device(mount: &Mount) -> bool {
    mount.device.starts_with("7:") || mount.fs_type == "btrfs"
}

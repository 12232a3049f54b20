//! Mounting a `loop` volume read-only: nothing is written to its image, which the kernel gets from a loop device that is read-only.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use crate::driver::loop_::open;
use crate::driver::loop_::volume::LoopVolume;
use crate::driver::shared::host_claim::{self, Claim};
use crate::driver::shared::{data_directory, read_only_store};
use crate::sys::block::{btrfs, mkfs};
use crate::sys::errno::is_read_only;
use crate::sys::mount::mountinfo::MountTable;

impl LoopVolume<'_> {
    /// Mounts it and returns the directory that users get, which was made in it before.
    pub fn mount_read_only(&self) -> Result<PathBuf> {
        let mount_point = self.mount_unchanged()?;
        let found = self.on_disk.refuse_broken(true);
        let found = found.and_then(|()| self.users_directory(&mount_point));
        self.or_unmount(&mount_point, found)
    }

    /// The directory that users get.
    fn users_directory(&self, mount_point: &Path) -> Result<PathBuf> {
        let on_disk = &self.on_disk;
        let root_path = &on_disk.place.home.invocation.config.root_path;
        let path = on_disk.data(mount_point);
        if data_directory::is_there(mount_point, root_path)? {
            return Ok(path);
        }
        let image = on_disk.image();
        let is_broken = on_disk.problem(&MountTable::read()?)?.is_some();
        let repair = match self.mount_options().read_only() {
            _ if is_broken => format!(
                "repair its file system in {} first (ext4: e2fsck -f)",
                image.display()
            ),
            true => format!(
                "its options make the volume read-only: make it in {} (mount -o loop)",
                image.display()
            ),
            false => "mount it once without --read-only".to_owned(),
        };
        bail!(
            "{} is missing, and a read-only mount makes no directory; {repair}",
            path.display()
        )
    }

    /// Mounts the image and returns the mount point.
    fn mount_unchanged(&self) -> Result<PathBuf> {
        let file = self.on_disk.file;
        let mut options = self.mount_options();
        options.set_read_only(true);
        let image = open::to_read(&self.on_disk.image())?;
        match self.mount_image(&image, &options) {
            Err(error) if needs_replay(&error, &image) => {}
            mounted => return mounted,
        }
        if self.can_be_replayed()? {
            bail!(
                "its journal has to be replayed, which a read-only mount does not do; mount it once without --read-only"
            );
        }
        let fs = file.options.text("newFsType").and_then(mkfs::named);
        options.add(fs.context("choosing mount options")?.unreplayed);
        let mount_point = self.mount_image(&image, &options)?;
        let (name, path) = (self.on_disk.place.name, self.on_disk.image());
        let path = path.display();
        self.on_disk.place.home.invocation.log.warn(&format!(
            "volume {name}: its journal is not replayed, as nothing is written to {path}: what was written last may be missing or damaged"
        ));
        Ok(mount_point)
    }

    /// Whether the volume can be mounted writable, which replays its journal.
    fn can_be_replayed(&self) -> Result<bool> {
        let on_disk = &self.on_disk;
        let is_writable = !self.mount_options().read_only()
            && read_only_store::problem(on_disk.place.home)?.is_none()
            && open::to_write(&on_disk.image()).is_ok();
        Ok(is_writable && on_disk.problem(&MountTable::read()?)?.is_none())
    }

    /// On a read-only store, a claim cannot be written. What is mounted read-only does no harm to another host, but what that host
    /// writes is seen here in parts.
    pub fn go_without_claim(&self) -> Result<Claim> {
        let place = self.on_disk.place;
        let (name, home) = (place.name, place.home);
        let directory = place.directory();
        if let Some(other) = host_claim::foreign(&directory, &home.host)? {
            home.invocation.log.warn(&format!(
                "volume {name} is mounted on host {}, and cannot be taken from it, as its store is read-only here: what is read here may be wrong",
                other.name
            ));
        } else if !host_claim::is_of(&directory, &home.host)? && home.may_be_shared()? {
            home.invocation.log.warn(&format!(
                "volume {name} is not claimed, as its store is read-only here: if another host mounts it meanwhile, what is read here may be wrong"
            ));
        }
        Ok(Claim::Impossible)
    }
}

/// Whether the kernel could not mount a read-only device because it has to write to it before.
fn needs_replay(error: &Error, image: &File) -> bool {
    is_read_only(error) || btrfs::has_log(image).unwrap_or(false)
}

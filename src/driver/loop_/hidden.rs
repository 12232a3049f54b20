//! Mounting the image of a volume where nobody sees it: to try its mount options, and to make the directory that users get.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use nix::unistd::syncfs;

use crate::base::failure::Failure;
use crate::base::text::chain;
use crate::driver::loop_::on_disk::device_of;
use crate::driver::loop_::{binding, health, open, thick};
use crate::driver::shared::data_directory;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::told;
use crate::sys::block::loop_device::{self, LoopDevice};
use crate::sys::files::directory::readable;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::mount::trial;

/// Refuses mount options with which the image cannot be mounted: wrong usage. Nothing is known where
/// loop devices cannot be used.
pub fn try_mount_options(image: &Path, options: &NormalOptions, ends: Instant) -> Result<()> {
    let fs_type = options.text("newFsType").unwrap_or_default();
    let mount_options = thick::mount_options("", options);
    if mount_options.is_bind() {
        let words =
            "option mountOpts: bind and rbind are for directories, which the driver local binds";
        return Err(Failure::usage(words).into());
    }
    let image = open::to_write(image)?;
    let Ok(device) = loop_device::attach(&image, mount_options.read_only(), ends) else {
        return Ok(());
    };
    let mount_options = health::sparing_the_host(&image, &mount_options)?;
    match trial::mount(&device.path(), fs_type, &mount_options) {
        Ok(_) => Ok(()),
        Err(error) => {
            let words = format!("option mountOpts: {}", chain(&error));
            Err(Failure::usage(words).into())
        }
    }
}

/// Makes the directory that users get, in a new volume. `volume` is its own directory, with the image. Where it cannot be mounted, that
/// is left to its first writable mount, which says why.
pub fn prepare(
    image: &Path,
    options: &NormalOptions,
    root_path: &str,
    volume: &Path,
    ends: Instant,
) -> Result<()> {
    data_directory::names(root_path)?;
    let image = open::to_write(image)?;
    if let Ok(device) = loop_device::attach(&image, false, ends)
        && let Ok(root) = root(&image, &device, options)
    {
        let opened = readable(&root).context("opening its root")?;
        let ownership = data_directory::ownership(options);
        data_directory::prepare_in(root, root_path, ownership, volume)?;
        syncfs(opened).context("syncing it")?;
        image.sync_all().context("syncing the image")?;
    }
    // Whoever copies the volume takes a device that is not free yet for a mount.
    binding::kept_by(&image, ends).map(drop)
}

/// Writes the file system out by a root that is out of sight. Where users have it mounted, `told` keeps for them what the kernel says.
pub fn sync(root: &File, device: &LoopDevice, told: Option<&Path>, ends: Instant) -> Result<()> {
    let sync = || syncfs(root).context("syncing it");
    let table = MountTable::read()?;
    let is_seen = |mount: &Mount| device_of(mount) == Some(device.number());
    match told.filter(|_| table.iter().any(is_seen)) {
        Some(told) => told::keeping(told, ends, sync),
        None => sync(),
    }
}

/// The root of the file system in an image, which is mounted out of sight for as long as the root is open. Where it is mounted for
/// users as well, it is the same file system.
pub fn root(image: &File, device: &LoopDevice, options: &NormalOptions) -> Result<OwnedFd> {
    let mut mount_options = MountOptions::parse("");
    if thick::is_asked(options) {
        mount_options.add("nodiscard");
    }
    let mount_options = health::sparing_the_host(image, &mount_options)?;
    let fs_type = options.text("newFsType").unwrap_or_default();
    trial::mount(&device.path(), fs_type, &mount_options)?
        .context("mounting it out of sight takes Linux 5.2 or later")
}

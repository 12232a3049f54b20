//! Replaying the journal of a file system, by mounting it where nobody sees it.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

/// Mounts the file system on `device` at no path and unmounts it again, so that the kernel replays its journal.
///
/// Nothing is left if this process is killed meanwhile: the mount belongs to an open file (fsmount(2), Linux 5.2).
/// `flags` are words for the file system.
pub fn replay(device: &Path, fs_type: &str, flags: &[&str]) -> Result<()> {
    mount_detached(device, fs_type, flags)
        .with_context(|| format!("replaying the journal on {}", device.display()))
}

fn mount_detached(device: &Path, fs_type: &str, flags: &[&str]) -> io::Result<()> {
    let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", device)?;
    for flag in flags {
        fsconfig_set_flag(&context, *flag)?;
    }
    fsconfig_create(&context)?;
    fsmount(
        &context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    Ok(())
}

//! Mounting and unmounting by system call.

use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};

/// Lets `source` appear at `target` as well.
///
/// A read-only view takes a second call, since the kernel ignores `ro` while binding; where that fails, the bind is undone.
pub fn bind(source: &Path, target: &Path, read_only: bool) -> Result<()> {
    let doing = || format!("binding {} to {}", source.display(), target.display());
    mount_bind(source, target).with_context(doing)?;
    if read_only
        && let Err(error) = mount_remount(target, MountFlags::BIND | MountFlags::RDONLY, c"")
    {
        let _ = unmount(target, UnmountFlags::NOFOLLOW);
        return Err(error).with_context(doing);
    }
    Ok(())
}

/// Takes away the mount at `path`, without following a symbolic link.
pub fn unmount_at(path: &Path, lazy: bool) -> io::Result<()> {
    let lazy = if lazy {
        UnmountFlags::DETACH
    } else {
        UnmountFlags::empty()
    };
    Ok(unmount(path, UnmountFlags::NOFOLLOW | lazy)?)
}

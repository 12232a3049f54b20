//! Mounting and unmounting by system call.

use std::path::Path;

use anyhow::{Context, Result};
use sys_mount::{Mount, MountFlags, UnmountFlags, unmount};

/// Lets `source` appear at `target` as well.
///
/// A read-only view takes a second call, since the kernel ignores `ro` while binding; where that fails, the bind is undone.
pub fn bind(source: &Path, target: &Path, read_only: bool) -> Result<()> {
    let doing = || format!("binding {} to {}", source.display(), target.display());
    let mount = |flags| {
        Mount::builder()
            .fstype("none")
            .flags(flags)
            .mount(source, target)
    };
    mount(MountFlags::BIND).with_context(doing)?;
    if read_only {
        let read_only = mount(MountFlags::BIND | MountFlags::REMOUNT | MountFlags::RDONLY);
        if let Err(error) = read_only {
            let _ = unmount(target, UnmountFlags::empty());
            return Err(error).with_context(doing);
        }
    }
    Ok(())
}

/// Takes away the mount at `path`, without following a symbolic link.
pub fn unmount_at(path: &Path, lazy: bool) -> std::io::Result<()> {
    let lazy = if lazy {
        UnmountFlags::DETACH
    } else {
        UnmountFlags::empty()
    };
    unmount(path, UnmountFlags::NOFOLLOW | lazy)
}

//! Having a file system write a file in place.

use std::fs::File;

use nix::sys::statfs::{BTRFS_SUPER_MAGIC, fstatfs};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

/// Has btrfs write a new, empty file in place, and without checksums (chattr(1), `C`). Other file systems always do so.
pub fn write(file: &File) {
    let flags = ioctl_getflags(file);
    let _ = flags.and_then(|flags| ioctl_setflags(file, flags | IFlags::NOCOW));
}

/// Has a new, empty file written as `other` is: they cannot share blocks otherwise.
pub fn write_like(file: &File, other: &File) {
    if is_written(other) {
        write(file);
    }
}

/// Whether a file is written in place, and not to new space with checksums, as btrfs does.
pub fn is_written(file: &File) -> bool {
    let is_btrfs = fstatfs(file).is_ok_and(|found| found.filesystem_type() == BTRFS_SUPER_MAGIC);
    !is_btrfs || ioctl_getflags(file).is_ok_and(|flags| flags.contains(IFlags::NOCOW))
}

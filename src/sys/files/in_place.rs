//! Having a file system write a file in place.

use std::fs::File;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};

/// Has btrfs write a new, empty file in place, and not to new space (chattr(1), `C`). Other file systems always do so.
pub fn write(file: &File) {
    let flags = ioctl_getflags(file);
    let _ = flags.and_then(|flags| ioctl_setflags(file, flags | IFlags::NOCOW));
}

//! Disks without space: what writes to an image there fails, in words that do not say why.

use std::path::Path;

use anyhow::Error;
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

use crate::base::failure::with_more;
use crate::base::size;
use crate::driver::loop_::space;
use crate::sys::errno::number_of;
use crate::sys::mount::mountinfo::MountTable;

/// Whether the disk that an image is on has no space left.
pub fn is_full(image: &Path) -> bool {
    free_if_full(image).is_some()
}

/// Adds to an error of what wrote to an image that its disk is full, where it is so, and the repair.
pub fn explain(error: Error, image: &Path) -> Error {
    let Some(free) = free_if_full(image) else {
        return error;
    };
    let free = size::show(free);
    let table = MountTable::read().ok();
    let disk = table.as_ref().and_then(|table| table.covering(image));
    let place = disk.map_or(String::new(), |disk| {
        format!(" at {}", disk.mount_point.display())
    });
    with_more(
        error,
        &format!(
            "the disk with its image is full, {free} are free: make space{place}, or remove a volume"
        ),
    )
}

/// The same for an error of a mount, where it is one that the kernel gives for what it could not write.
pub fn explain_mount(error: Error, image: &Path) -> Error {
    match number_of(&error) {
        Some(Errno::EIO | Errno::ENOSPC | Errno::EDQUOT | Errno::EUCLEAN) => explain(error, image),
        _ => error,
    }
}

fn free_if_full(image: &Path) -> Option<u64> {
    let space = statvfs(image).ok()?;
    let free = space::free(&space);
    (space.blocks() > 0 && free < space::LITTLE).then_some(free)
}

//! The space that a volume takes: what its driver knows, and what the file system of a mounted one says.

use crate::driver::interface::{Driver, Usage, VolumeInfo};
use crate::invocation::Invocation;
use crate::sys::block::fill;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::mount_point;

/// What cannot be known, or does not answer in time, is left open.
pub fn usage(
    invocation: &Invocation,
    driver: &dyn Driver,
    info: &VolumeInfo,
    table: &MountTable,
) -> Usage {
    let usage = driver.usage(&info.name).unwrap_or_default();
    let Some(directory) = info
        .mountpoint
        .as_deref()
        .filter(|_| info.is_mounted(table))
    else {
        return usage;
    };
    if mount_point::answers(invocation, directory).is_err() {
        return usage;
    }
    match fill::mounted(directory) {
        Ok(Some(fill)) => Usage {
            used: Some(fill.used),
            free: Some(fill.free),
            ..usage
        },
        _ => usage,
    }
}

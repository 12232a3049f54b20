//! Taking away the mounts of a volume, and finding out whether all that was written has reached the disk.

use std::time::Instant;

use anyhow::{Result, anyhow};

use crate::base::failure::with_more;
use crate::base::text::chain;
use crate::driver::interface::Unmounted;
use crate::driver::shared::existing::Existing;
use crate::driver::shared::home::Home;
use crate::sys::mount::health;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::interruption;

/// Takes away all mounts of a volume; `None` where there was none.
pub fn unmount_all(home: &Home, volume: &dyn Existing, lazy: bool) -> Result<Option<Unmounted>> {
    let mut unmounted = None;
    while let Some((mount_point, mount)) = volume.mounted(&MountTable::read()?)? {
        let written = write_out(home, mount, lazy);
        let lost = match written {
            // It hangs, and so would the unmount.
            Err(error) if interruption::is_over(home.ends()) => return Err(error),
            written => written.err().map(|error| chain(&error)),
        };
        volume
            .unmount_at(&mount_point, lazy)
            .map_err(|error| match &lost {
                Some(why) => with_more(error, &format!("data is lost: {why}{}", volume.why_lost())),
                None => error,
            })?;
        home.forget_mount_point(&mount_point);
        let so_far = unmounted.take();
        unmounted = match (lost, so_far) {
            (Some(why), _) => Some(Unmounted::Lost(format!(
                "it is unmounted, but what was written last is lost: {why}{}",
                volume.why_lost()
            ))),
            (None, Some(so_far)) => Some(so_far),
            (None, None) => Some(Unmounted::Done),
        };
    }
    Ok(unmounted)
}

/// Writes out what the page cache has of a device's file system: the kernel does so at an unmount as well, but tells nobody where
/// that fails. A lazy unmount, which may be meant for a disk that hangs, waits for half of the time.
fn write_out(home: &Home, mount: &Mount, lazy: bool) -> Result<()> {
    if !health::is_of_device(mount) || mount.is_read_only() {
        return Ok(());
    }
    let ends = match lazy {
        true => Instant::now() + home.invocation.budget.left() / 2,
        false => home.ends(),
    };
    let written = health::write_out(&mount.mount_point, ends);
    match health::problem(mount) {
        Some(problem) => Err(anyhow!(problem)),
        None => written,
    }
}

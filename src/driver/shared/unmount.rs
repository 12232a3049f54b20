//! Taking away the mounts of a volume, and finding out whether all that was written has reached the disk.

use std::fmt;
use std::time::Instant;

use anyhow::{Error, Result};
use nix::errno::Errno;

use crate::base::failure::with_more;
use crate::base::text::chain;
use crate::driver::interface::Unmounted;
use crate::driver::shared::existing::Existing;
use crate::driver::shared::gone::Gone;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::told::Loss;
use crate::sys::errno::errno_of;
use crate::sys::mount::health;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::interruption;

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Loss::Told(why) => write!(f, "is lost: {why}"),
            Loss::Likely(why) => write!(f, "may be lost: {why}"),
        }
    }
}

/// Takes away all mounts of a volume, and adds them to `gone`; `None` where there was none.
pub fn unmount_all(
    home: &Home,
    volume: &dyn Existing,
    lazy: bool,
    gone: &mut Vec<Gone>,
) -> Result<Option<Unmounted>> {
    let mut unmounted = None;
    while let Some((mount_point, mount)) = volume.mounted(&MountTable::read()?)? {
        let written = write_out(home, mount, lazy);
        let lost = match written {
            // It hangs, and so would the unmount.
            Err(error) if interruption::is_over(home.ends()) => return Err(error),
            Err(error) => Some(Loss::Told(format!(
                "{}{}",
                chain(&error),
                volume.why_lost()
            ))),
            Ok(()) => volume.doubt(mount),
        };
        let going = Gone::of(mount);
        volume.unmount(mount, lazy).map_err(|error| match &lost {
            Some(lost) => with_more(error, &format!("data {lost}")),
            None => error,
        })?;
        home.forget_mount_point(&mount_point);
        gone.push(going);
        let so_far = unmounted.take();
        unmounted = match (lost, so_far) {
            (Some(lost), _) => Some(Unmounted::Lost(format!(
                "it is unmounted, but what was written last {lost}"
            ))),
            (None, Some(so_far)) => Some(so_far),
            (None, None) => Some(Unmounted::Done),
        };
    }
    Ok(unmounted)
}

/// Takes away all mounts of a volume that is to be mounted in another way.
///
/// # Errors
///
/// Not all that was written there has reached the disk. It is unmounted all the same.
pub fn unmount_to_mount_anew(home: &Home, volume: &dyn Existing) -> Result<()> {
    match unmount_all(home, volume, false, &mut Vec::new())? {
        Some(Unmounted::Lost(why)) => Err(Error::msg(why)),
        _ => Ok(()),
    }
}

/// Unmounts a volume whose record cannot be read because its store has failed: what is mounted in its own directory is its own.
///
/// # Errors
///
/// The store has not failed, or something is mounted at the configured mount point, and nobody knows whether it is this volume.
pub fn unmount_unread(place: Place, error: Error, lazy: bool) -> Result<Unmounted> {
    let table = MountTable::read()?;
    let (home, directory) = (place.home, place.directory());
    let configured = place.mount_point("");
    let is_unknown = !configured.starts_with(&directory) && table.at(&configured).is_some();
    if !has_failed(&error) || is_unknown {
        return Err(error);
    }
    let mounts: Vec<&Mount> = table.below(&directory).collect();
    let mut lost = String::new();
    for mount in mounts.iter().rev() {
        if let Err(error) = write_out(home, mount, lazy) {
            lost = format!("what was written last is lost: {}; and ", chain(&error));
        }
        home.unmount(mount, lazy)?;
    }
    let (label, why) = (home.label(), chain(&error));
    let unread = format!("what is known of it cannot be read: {why}");
    Ok(match mounts.is_empty() {
        true => Unmounted::WasNot(format!("{label}: it is not mounted, and {unread}")),
        false => Unmounted::Lost(format!("{label}: it is unmounted, but {lost}{unread}")),
    })
}

/// Whether an error is that of a disk, or of a server, that has failed.
fn has_failed(error: &Error) -> bool {
    let errno = error.downcast_ref().and_then(errno_of);
    matches!(errno, Some(Errno::EIO | Errno::ESTALE | Errno::EUCLEAN))
}

/// Writes out what the page cache has of it. A lazy unmount, which may be meant for a disk that hangs, waits for half of the time.
fn write_out(home: &Home, mount: &Mount, lazy: bool) -> Result<()> {
    let ends = match lazy {
        true => Instant::now() + home.invocation.budget.left() / 2,
        false => home.ends(),
    };
    health::write_out(mount, ends)
}

//! The loop device of an image, and the image's lock: an image is bound once and no more, and not while it is copied or removed.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;

use crate::base::failure::Failure;
use crate::base::text::chain;
use crate::driver::shared::existing::Keeper;
use crate::sys::block::loop_device::{self, LoopDevice};
use crate::sys::errno::errno_of;
use crate::sys::files::id::FileId;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::interruption;

/// How long to wait for a loop device that is about to be freed, where it is still mounted somewhere.
const FREED: Duration = Duration::from_secs(1);

/// And where it is only open: whoever looks at all devices, as udev and other calls of dvdcli do, opens each for a moment, which may be
/// long on a busy machine.
const CLOSED: Duration = Duration::from_secs(10);

/// The pause between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(2);

/// The loop device of an image, which is bound to one if it is not bound yet. On two loop devices, two mounted file systems
/// would overwrite each other's data. An image is bound already if it is mounted in another mount namespace, such as a
/// container's.
///
/// A device that is read-only is no use for writing. Through one that is not, the kernel would write to the image even for a mount that
/// is read-only.
///
/// The lock is taken before binding, and lasts as long as the loop device is bound. On storage that several hosts share, it
/// also keeps the other hosts from mounting the image, if locks work across hosts.
pub fn bind(image: &File, read_only: bool, ends: Instant) -> Result<LoopDevice> {
    let id = FileId::of(image).context("reading the image")?;
    loop {
        match bound(id)? {
            Some(device) if device.is_read_only() == read_only => return Ok(device),
            Some(device) => {
                // It may be about to be freed.
                drop(device);
                if let Some(user) = kept_by(image, ends)? {
                    let mode = if read_only { "writable" } else { "read-only" };
                    let words = format!("{} already, {mode}", user.words);
                    return Err(Failure::in_use(words).into());
                }
                continue;
            }
            None => {}
        }
        let is_locked = match read_only {
            true => try_lock(|| image.try_lock_shared())?,
            false => try_lock(|| image.try_lock())?,
        };
        if is_locked {
            return loop_device::attach(image, read_only, ends);
        }
        wait(ends)?;
    }
}

/// The loop device that an image is bound to.
fn bound(id: FileId) -> Result<Option<LoopDevice>> {
    for number in loop_device::bound_to(id)? {
        let device = loop_device::open_bound(number, id);
        if let Some(device) = device.map_err(|error| Failure::in_use(chain(&error)))? {
            return Ok(Some(device));
        }
    }
    Ok(None)
}

/// Locks an image that is to be deleted.
///
/// # Errors
///
/// It is bound to a loop device and so in use, in whichever mount namespace.
pub fn lock_unused(image: &File, ends: Instant) -> Result<()> {
    let id = FileId::of(image).context("reading the image")?;
    loop {
        if let Some(user) = kept_by(image, ends)? {
            return Err(Failure::in_use(user.words).into());
        }
        // If it is locked without being bound, it is being copied: wait.
        if try_lock(|| image.try_lock())? && loop_device::bound_to(id)?.is_empty() {
            return Ok(());
        }
        wait(ends)?;
    }
}

/// The loop device that an image stays bound to, and what keeps it so, in whichever mount namespace: `bound to /dev/loop0, which is
/// open in PID 7 (sleep)`. `None` where it is bound to none.
///
/// A device that is about to be freed is waited for: programs that look at a device, such as udev, keep it open for a moment after it
/// was unmounted, and a mount namespace that is being made for a container has a copy of every mount for a moment.
pub fn kept_by(image: &File, ends: Instant) -> Result<Option<Keeper>> {
    let id = FileId::of(image).context("reading the image")?;
    let began = Instant::now();
    loop {
        let Some(number) = loop_device::bound_to(id)?.first().copied() else {
            return Ok(None);
        };
        if began.elapsed() >= FREED {
            let mounted = mounted_by(number);
            let opened = opened_by(number).filter(|_| mounted.is_none());
            let is_closed_soon =
                opened.is_some() && began.elapsed() < CLOSED && !interruption::is_over(ends);
            thread::sleep(PAUSE * 50);
            // Whoever had it open may have closed it between two looks.
            if !is_closed_soon && loop_device::bound_to(id)?.contains(&number) {
                let user = mounted.or(opened).unwrap_or_default();
                let words = format!("bound to /dev/loop{number}{user}");
                return Ok(Some(Keeper { words }));
            }
        }
        thread::sleep(PAUSE);
    }
}

/// What uses a loop device, to be appended to a message; `None` where nothing is seen to.
pub fn used_by(number: u32) -> Option<String> {
    mounted_by(number).or_else(|| opened_by(number))
}

/// Where a loop device is mounted, to be appended to a message.
fn mounted_by(number: u32) -> Option<String> {
    let source = format!("/dev/loop{number}");
    let find = |table: &MountTable| table.iter().find(|mount| mount.source == source).cloned();
    if let Some(mount) = bound_here(number) {
        let place = mount.mount_point.display();
        return Some(format!(", which is mounted at {place}"));
    }
    let (process, mount) = busy::mounted_elsewhere(find)?;
    Some(format!(
        ", which is mounted at {} in the mount namespace of {process}",
        mount.mount_point.display()
    ))
}

/// The mount of a loop device in this mount namespace.
fn bound_here(number: u32) -> Option<Mount> {
    let source = format!("/dev/loop{number}");
    let table = MountTable::read().ok()?;
    table.iter().find(|mount| mount.source == source).cloned()
}

/// Who has a loop device open, to be appended to a message.
fn opened_by(number: u32) -> Option<String> {
    let process = busy::opened_by(Path::new(&format!("/dev/loop{number}")))?;
    Some(format!(", which is open in {process}"))
}

/// Takes a lock; false where it is held. True as well if the file system has no locks: callers also look at the loop devices of
/// this host.
pub fn try_lock(lock: impl FnOnce() -> Result<(), TryLockError>) -> Result<bool> {
    match lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => match errno_of(&error) {
            Some(Errno::EOPNOTSUPP | Errno::ENOLCK | Errno::ENOSYS) => Ok(true),
            _ => Err(error).context("locking the image"),
        },
    }
}

/// Pauses before the next attempt to lock an image.
pub fn wait(ends: Instant) -> Result<()> {
    if interruption::is_over(ends) {
        let otherwise = "its image is locked, by a copy or another host, and was so until the time was over (--timeout)";
        return Err(Failure::in_use(interruption::reason_or(otherwise)).into());
    }
    thread::sleep(PAUSE);
    Ok(())
}

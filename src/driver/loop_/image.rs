//! The image file of a `loop` volume: how it is made, copied, and bound to a loop device once and no more.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{sync, syncfs};

use crate::base::failure::Failure;
use crate::driver::shared::size;
use crate::sys::block::loop_device::{self, LoopDevice};
use crate::sys::block::mkfs::{self, FileSystem};
use crate::sys::block::signature;
use crate::sys::files::copy;
use crate::sys::files::id::FileId;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::MountTable;

/// How long a loop device is waited for that is about to be freed.
const FREED: Duration = Duration::from_secs(1);

/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(2);

/// Refuses a length that the file system cannot do with.
pub fn check_length(fs: &FileSystem, length: u64) -> Result<()> {
    if length < fs.least {
        let least = size::show(fs.least.next_multiple_of(1 << 20));
        return Err(Failure::usage(format!(
            "option size: {} is too small, {} needs {least}",
            size::show(length),
            fs.name
        ))
        .into());
    }
    Ok(())
}

/// Makes an image with an empty file system in it, of `length` bytes.
pub fn make(path: &Path, fs: &FileSystem, length: u64, thick: bool, ends: Instant) -> Result<()> {
    let doing = || format!("making an image of {}", size::show(length));
    let image = create(path)?;
    if thick {
        allocate(&image, length)
    } else {
        set_length(&image, length)
    }
    .with_context(doing)?;
    mkfs::make(fs, &image, ends).with_context(doing)?;
    image.sync_all().with_context(doing)
}

/// Makes an image that is a copy of another, with a UUID of its own.
pub fn copy(source: &Path, path: &Path, fs: &FileSystem, ends: Instant) -> Result<()> {
    let doing = || format!("copying {}", source.display());
    let original = open(source)?;
    let image = create(path)?;
    copy_content(&original, &image, ends).with_context(doing)?;
    mkfs::renew_uuid(fs, &image, ends).with_context(doing)?;
    image.sync_all().with_context(doing)
}

fn create(path: &Path) -> Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.with_context(|| format!("making {}", path.display()))
}

pub fn open(path: &Path) -> Result<File> {
    File::options()
        .read(true)
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

fn set_length(image: &File, length: u64) -> Result<()> {
    match image.set_len(length) {
        Err(error) if error.raw_os_error() == Some(Errno::EFBIG as i32) => {
            bail!("{} is more than a file can have here", size::show(length))
        }
        set => Ok(set?),
    }
}

/// Asks first: an allocation that fails half-way has filled the disk for everybody.
fn allocate(image: &File, length: u64) -> Result<()> {
    let space = fstatvfs(image)?;
    let free = space
        .blocks_available()
        .saturating_mul(space.fragment_size());
    if free < length {
        bail!(
            "{} is more than the {} that are free; volumeType=thin takes space as it is written",
            size::show(length),
            size::show(free)
        );
    }
    let length = i64::try_from(length).context("a length that no file has")?;
    fallocate(image, FallocateFlags::empty(), 0, length)?;
    Ok(())
}

/// What a file system image holds that `make` could have made.
pub fn file_system(path: &Path) -> Result<&'static FileSystem> {
    let found =
        signature::of(&open(path)?).with_context(|| format!("reading {}", path.display()))?;
    match found.map(|found| (found, mkfs::named(found))) {
        Some((_, Some(fs))) => Ok(fs),
        Some((found, None)) => bail!("{} holds {found}, which cannot be copied", path.display()),
        None => bail!("{} holds no file system", path.display()),
    }
}

/// An image that is not in use is locked while it is copied, so that nobody binds it. One that is mounted is copied by one
/// atomic step only.
fn copy_content(original: &File, image: &File, ends: Instant) -> Result<()> {
    let id = FileId::of(original).context("reading the image")?;
    loop {
        let devices = loop_device::bound_to(id)?;
        if !devices.is_empty() {
            write_out(&devices)?;
            if copy::reflink(original, image)? {
                return Ok(());
            }
            return Err(Failure::in_use(
                "it is mounted, and the file system that it is on cannot copy it in one moment (reflink); unmount it first",
            ).into());
        }
        if try_lock(|| original.try_lock_shared())? {
            return if copy::reflink(original, image)? {
                Ok(())
            } else {
                copy::sparse(original, image, ends)
            };
        }
        wait(ends)?;
    }
}

/// Brings what was written to the mounted volume into its image.
fn write_out(devices: &[u32]) -> Result<()> {
    let table = MountTable::read()?;
    let of_device = |source: &str| {
        loop_device::number_of(source).is_some_and(|number| devices.contains(&number))
    };
    match table.iter().find(|mount| of_device(&mount.source)) {
        Some(mount) => {
            let opened = File::open(&mount.mount_point);
            let synced = opened.and_then(|directory| syncfs(directory).map_err(io::Error::from));
            synced.with_context(|| format!("syncing {}", mount.mount_point.display()))
        }
        // Mounted in another mount namespace, out of reach.
        None => {
            sync();
            Ok(())
        }
    }
}

/// Binds an image to a loop device, or gives the one that it is bound to already: two would each have a file system mounted
/// that knows nothing of the other's writes. It is bound already where its mount is gone from here, but alive in another
/// mount namespace, such as a container's.
///
/// The lock is taken before, and lasts as long as the loop device is bound. On storage that other hosts share, it also keeps
/// them out, where locks work across them.
pub fn bind(image: &File, ends: Instant) -> Result<LoopDevice> {
    let id = FileId::of(image).context("reading the image")?;
    loop {
        for number in loop_device::bound_to(id)? {
            if let Some(device) = loop_device::open_bound(number, id)
                .map_err(|error| Failure::in_use(format!("{error:#}")))?
            {
                return Ok(device);
            }
        }
        if try_lock(|| image.try_lock())? {
            return loop_device::attach(image, ends);
        }
        wait(ends)?;
    }
}

/// Locks an image that is to be deleted; in use is one that is bound to a loop device, in whichever mount namespace.
pub fn lock_unused(image: &File, ends: Instant) -> Result<()> {
    let id = FileId::of(image).context("reading the image")?;
    loop {
        if let Some(number) = kept_by(image)? {
            return Err(Failure::in_use(format!(
                "bound to /dev/loop{number}{}",
                mounted_by(number).unwrap_or_default()
            ))
            .into());
        }
        // Locked without being bound: it is being copied.
        if try_lock(|| image.try_lock())? && loop_device::bound_to(id)?.is_empty() {
            return Ok(());
        }
        wait(ends)?;
    }
}

/// The loop device that an image stays bound to, in whichever mount namespace it is mounted.
///
/// One that is mounted nowhere is about to be freed, and waited for a little: whoever looks at a device that has just been
/// unmounted, as udev does, delays that.
pub fn kept_by(image: &File) -> Result<Option<u32>> {
    let id = FileId::of(image).context("reading the image")?;
    let began = Instant::now();
    loop {
        let Some(number) = loop_device::bound_to(id)?.first().copied() else {
            return Ok(None);
        };
        if began.elapsed() >= FREED || mounted_by(number).is_some() {
            return Ok(Some(number));
        }
        thread::sleep(PAUSE);
    }
}

/// Where a loop device is mounted in another mount namespace, for a message.
fn mounted_by(number: u32) -> Option<String> {
    let source = format!("/dev/loop{number}");
    let find = |table: &MountTable| table.iter().find(|mount| mount.source == source).cloned();
    let (process, mount) = busy::mounted_elsewhere(find)?;
    Some(format!(
        ", which is mounted at {} in the mount namespace of {process}",
        mount.mount_point.display()
    ))
}

/// True as well where the file system knows no locks: the loop devices of this host are asked besides.
fn try_lock(lock: impl FnOnce() -> Result<(), TryLockError>) -> Result<bool> {
    match lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EOPNOTSUPP | Errno::ENOLCK | Errno::ENOSYS) => Ok(true),
            _ => Err(error).context("locking the image"),
        },
    }
}

fn wait(ends: Instant) -> Result<()> {
    if Instant::now() >= ends {
        return Err(Failure::in_use(
            "its image is locked, by a copy or another host, and was so until the time was over (--timeout)",
        ).into());
    }
    thread::sleep(PAUSE);
    Ok(())
}

/// Length, and space that is taken, in bytes.
pub fn lengths(path: &Path) -> io::Result<(u64, u64)> {
    path.metadata()
        .map(|data| (data.len(), data.blocks() * 512))
}

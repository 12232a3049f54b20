//! The image file of a `loop` volume: making and copying it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::unistd::sync;

use crate::base::failure::Failure;
use crate::base::size;
use crate::driver::loop_::binding::{try_lock, wait};
use crate::driver::loop_::on_disk::device_of;
use crate::driver::loop_::{full_disk, open, space, thick};
use crate::driver::shared::told;
use crate::invocation::config::allow::Reserve;
use crate::sys::block::mkfs::{self, FileSystem};
use crate::sys::block::{loop_device, signature};
use crate::sys::files::id::FileId;
use crate::sys::files::{copy, in_place};
use crate::sys::mount::health;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// Refuses a length, in bytes, that is too small for the file system: wrong usage.
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

/// Refuses to let a file system of `now` bytes grow to a length that it cannot have: wrong usage of `option`.
pub fn check_growth(fs: &FileSystem, option: &str, now: u64, length: u64) -> Result<()> {
    if length > now && length < fs.least_grown {
        return Err(Failure::usage(format!(
            "{option}: {} cannot grow to {}, and the smallest that would do is {}",
            fs.name,
            size::show(length),
            size::show(fs.least_grown)
        ))
        .into());
    }
    Ok(())
}

/// Makes an image of `length` bytes with an empty file system. If it is `thick`, its space is allocated now. `kept` stays free of the
/// disk.
///
/// It is written in place, as btrfs knows no direct I/O else ([`loop_device::is_direct`]).
pub fn make(
    path: &Path,
    fs: &FileSystem,
    length: u64,
    thick: bool,
    kept: Reserve,
    ends: Instant,
) -> Result<()> {
    let doing = || format!("making an image of {}", size::show(length));
    let image = create(path)?;
    in_place::write(&image);
    reserve(&image, fs, length, thick, kept).with_context(doing)?;
    mkfs::make(fs, &image, thick, ends)
        .map_err(|error| full_disk::explain(error, path))
        .with_context(doing)?;
    if thick {
        // Where zeros cannot be written without space, mkfs leaves holes.
        thick::allocate(&image).with_context(doing)?;
    }
    image.sync_all().with_context(doing)
}

/// Keeps what an image holds at this moment, with its UUID: nothing is done to the copy until another one is made of it.
pub fn keep(
    source: &Path,
    told: &Path,
    path: &Path,
    space: CopySpace,
    kept: Reserve,
    ends: Instant,
) -> Result<()> {
    let doing = || format!("copying {}", source.display());
    let (original, image) = begin_copy(source, path, space)?;
    copy_content(&original, told, &image, space, kept, ends).with_context(doing)?;
    image.sync_all().with_context(doing)
}

/// Opens an image that is to be copied, and makes an empty one for its copy.
fn begin_copy(source: &Path, path: &Path, space: CopySpace) -> Result<(File, File)> {
    let original = open::to_write(source)?;
    let image = create(path)?;
    match space.is_shared {
        true => in_place::write_like(&image, &original),
        false => in_place::write(&image),
    }
    Ok((original, image))
}

/// What is to become of the space of a copy.
#[derive(Debug, Clone, Copy)]
pub struct CopySpace {
    /// All of it is allocated.
    pub is_thick: bool,
    /// It may be the original's, until one of them is written to. Writing takes space then, so neither may be thick.
    pub is_shared: bool,
}

impl CopySpace {
    /// Of a copy of a volume that is thick, or not.
    pub fn like(is_thick: bool) -> CopySpace {
        CopySpace {
            is_thick,
            is_shared: !is_thick,
        }
    }
}

/// Makes a copy of another image. It gets a new UUID, because xfs and btrfs cannot be mounted beside one of the same UUID.
///
/// What it is told of one that is mounted is kept in the file `told`.
pub fn copy(
    source: &Path,
    told: &Path,
    path: &Path,
    fs: &FileSystem,
    space: CopySpace,
    kept: Reserve,
    ends: Instant,
) -> Result<()> {
    let doing = || format!("copying {}", source.display());
    let (original, image) = begin_copy(source, path, space)?;
    // What replaying a journal may write where blocks are shared.
    let length = original.metadata().with_context(doing)?.len();
    space::ask(&image, fs.overhead(length), kept, "").with_context(doing)?;
    copy_content(&original, told, &image, space, kept, ends).with_context(doing)?;
    mkfs::renew_uuid(fs, &image, ends)
        .map_err(|error| full_disk::explain(error, path))
        .with_context(doing)?;
    if space.is_thick {
        thick::allocate(&image).with_context(doing)?;
    }
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

/// Gives a new image its length, and its space where it is `thick`.
fn reserve(image: &File, fs: &FileSystem, length: u64, thick: bool, kept: Reserve) -> Result<()> {
    if thick {
        let advice = "; volumeType=thin takes space as it is written";
        space::ask(image, length, kept, advice)?;
        set_length(image, length)?;
        return thick::allocate(image);
    }
    space::ask(image, fs.overhead(length), kept, "")?;
    set_length(image, length)
}

fn set_length(image: &File, length: u64) -> Result<()> {
    match image.set_len(length) {
        Err(error) if error.raw_os_error() == Some(Errno::EFBIG as i32) => {
            bail!("{} is more than a file can have here", size::show(length))
        }
        set => Ok(set?),
    }
}

/// The file system in an image.
///
/// # Errors
///
/// It holds none, or one that [`make`] cannot make.
pub fn file_system(path: &Path) -> Result<&'static FileSystem> {
    let found = signature::of(&open::to_read(path)?)
        .with_context(|| format!("reading {}", path.display()))?;
    match found.map(|found| (found, mkfs::named(found))) {
        Some((_, Some(fs))) => Ok(fs),
        Some((found, None)) => bail!("{} holds {found}, which cannot be copied", path.display()),
        None => bail!("{} holds no file system", path.display()),
    }
}

/// Copies the content of an image. One that is mounted is copied only if the file system below can do it in one moment
/// (reflink). Another one is locked meanwhile, so that it is not mounted and changed.
fn copy_content(
    original: &File,
    told: &Path,
    image: &File,
    space: CopySpace,
    kept: Reserve,
    ends: Instant,
) -> Result<()> {
    let id = FileId::of(original).context("reading the image")?;
    loop {
        let devices = loop_device::bound_to(id)?;
        if !devices.is_empty() {
            if !space.is_shared {
                bail!(Failure::in_use(
                    "it is mounted, and a copy in one moment would share its space, which volumeType=thick forbids; unmount it first"
                ));
            }
            write_out(&devices, told, ends)?;
            if copy::reflink(original, image)? {
                return Ok(());
            }
            bail!(Failure::in_use(
                "it is mounted, and the file system that it is on cannot copy it in one moment (reflink); unmount it first"
            ));
        }
        if try_lock(|| original.try_lock_shared())? {
            if space.is_shared && copy::reflink(original, image)? {
                return Ok(());
            }
            return copy_data(original, image, space, kept, ends);
        }
        wait(ends)?;
    }
}

/// Copies data and holes. The space is allocated before, so that others who take space meanwhile cannot make it fail half-way.
fn copy_data(
    original: &File,
    image: &File,
    space: CopySpace,
    kept: Reserve,
    ends: Instant,
) -> Result<()> {
    let parts = copy::data(original)?;
    let length = |part: &Range<i64>| (part.end - part.start).cast_unsigned();
    let whole = original.metadata()?.len();
    let wanted = match space.is_thick {
        true => whole,
        false => parts.iter().map(length).sum(),
    };
    space::ask(image, wanted, kept, "")?;
    image.set_len(whole)?;
    if space.is_thick {
        thick::allocate(image)?;
    } else {
        for part in &parts {
            space::allocate(image, part.start.cast_unsigned(), length(part))?;
        }
    }
    // Another copy may have been made at the same time.
    space::ask(image, 0, kept, "")?;
    copy::parts(original, image, &parts, space.is_shared, ends)
}

/// Writes what the page cache has of a mounted volume into its image.
fn write_out(devices: &[u32], told: &Path, ends: Instant) -> Result<()> {
    let table = MountTable::read()?;
    let is_of = |mount: &&Mount| device_of(mount).is_some_and(|number| devices.contains(&number));
    match table.iter().find(is_of) {
        Some(mount) => told::keeping(told, ends, || health::sync(mount, ends)),
        // It is mounted in another mount namespace, and cannot be reached.
        None => {
            sync();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;

    #[test]
    fn a_size_that_is_too_small_for_its_file_system_is_refused() {
        for (length, fs, refusal) in [
            (
                "1MiB",
                "ext4",
                "option size: 1 MiB is too small, ext4 needs 4 MiB",
            ),
            (
                "256MiB",
                "xfs",
                "option size: 256 MiB is too small, xfs needs 300 MiB",
            ),
            (
                "100MiB",
                "btrfs",
                "option size: 100 MiB is too small, btrfs needs 109 MiB",
            ),
        ] {
            let length = size::parse(length).expect("a size");
            let fs = mkfs::named(fs).expect("a file system");
            let error = check_length(fs, length).expect_err(refusal);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
            assert_eq!(chain(&error), refusal);
        }
    }
}

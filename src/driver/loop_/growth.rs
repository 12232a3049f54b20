//! Growing a volume: its image, its loop device and its file system, mounted or not.
//!
//! A file in the volume's directory holds the length that it is to have. It is there from before the image grows until the file system
//! has grown, so that the next call finishes what one that was killed has begun.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Error, Result};

use crate::base::failure::ErrorKind;
use crate::driver::loop_::image::{self, CopySpace};
use crate::driver::loop_::on_disk::IMAGE;
use crate::driver::loop_::{binding, hidden, open, space, thick};
use crate::driver::shared::home::Home;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::store;
use crate::driver::shared::told;
use crate::invocation::config::allow::Reserve;
use crate::sys::block::loop_device::LoopDevice;
use crate::sys::block::{fill, grow, mkfs};
use crate::sys::files::directory::readable;
use crate::sys::files::small;

/// The file, with the length in bytes.
const FILE: &str = "growing";

/// What a file system may leave unused at the end of its device, in bytes: too little for one more group of blocks.
const UNUSED: u64 = 8 << 20;

/// Notes the length that a volume is to have, in its directory.
pub fn begin(volume: &Path, length: u64) -> Result<()> {
    let path = volume.join(FILE);
    let writing = || format!("writing {}", path.display());
    let text = format!("{length}\n");
    small::replace(&path, &path.with_extension("new"), text.as_bytes()).with_context(writing)?;
    let synced = File::open(&path).and_then(|file| file.sync_all());
    synced.with_context(writing)?;
    store::sync(volume)
}

/// The length that a volume is to have, where growing it was begun and not finished. A damaged file counts as none.
pub fn begun(volume: &Path) -> Option<u64> {
    let text = small::read_own(&volume.join(FILE)).ok()?;
    String::from_utf8(text).ok()?.trim().parse().ok()
}

/// Lets a copy grow as its original was to.
pub fn hand_on(original: &Path, copy: &Path) -> Result<()> {
    match begun(original) {
        Some(length) => begin(copy, length),
        None => Ok(()),
    }
}

/// Whether the file system in an image of that length is a good deal shorter. Of a mounted one it may have grown since.
pub fn is_wanting(image: &Path, length: u64) -> Result<bool> {
    let fill = fill::of(&open::to_read(image)?).context("reading the superblock")?;
    Ok(fill.is_some_and(|fill| fill.length + UNUSED < length))
}

/// Forgets it: growing is finished, or was not possible.
pub fn forget(volume: &Path) -> Result<()> {
    let path = volume.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Does what was begun. The data in the volume is not touched, and may be written meanwhile. `name` is that of a volume that exists;
/// one that is being made has none yet.
///
/// # Errors
///
/// It was not finished; the next call goes on.
pub fn finish(
    volume: &Path,
    options: &NormalOptions,
    home: &Home,
    name: Option<&str>,
) -> Result<()> {
    let reserve = home.invocation.config.allow.loop_.reserve;
    let ends = home.ends();
    let Some(length) = begun(volume) else {
        return Ok(());
    };
    let image = open::to_write(&volume.join(IMAGE))?;
    let device = binding::bind(&image, false, ends);
    if let Err(error) = &device
        && ErrorKind::of(error) == ErrorKind::InUse
    {
        // Mounted read-only: nothing of it has changed.
        return device.map(drop);
    }
    lengthen(&image, length, options, reserve)?;
    let told = name.map(|name| told::path(home.place(name)));
    let Err(error) = by_kernel(&image, device, options, (told.as_deref(), ends)) else {
        image.sync_all().context("syncing the image")?;
        return forget(volume);
    };
    if !is_forbidden(&error) {
        return Err(error);
    }
    if binding::kept_by(&image, ends)?.is_some() {
        let why = "the kernel grows a mounted ext4 only for CAP_SYS_RESOURCE; unmount it first";
        return Err(error).context(why);
    }
    match name {
        Some(name) => {
            // Its lock goes with it.
            drop(image);
            aside(volume, options, home, name)?;
        }
        None => by_program(&image, options, ends)?,
    }
    forget(volume)
}

/// Grows the file system while it is mounted: for users, or out of sight.
fn by_kernel(
    image: &File,
    device: Result<LoopDevice>,
    options: &NormalOptions,
    (told, ends): (Option<&Path>, Instant),
) -> Result<()> {
    let device = device?;
    device
        .take_length()
        .with_context(|| format!("growing {}", device.path().display()))?;
    let root = hidden::root(image, &device, options).context("mounting it out of sight")?;
    let root = File::from(readable(&root).context("opening its root")?);
    let fs = options.text("newFsType").unwrap_or_default();
    grow::to(fs, &root, image.metadata()?.len())?;
    hidden::sync(&root, &device, told, ends)
}

/// As in a container that has not all of root's rights.
fn is_forbidden(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Grows a copy that takes the place of the image then: a program that is killed leaves half of a file system.
fn aside(volume: &Path, options: &NormalOptions, home: &Home, name: &str) -> Result<()> {
    let store = &home.store;
    store.aside.sweep(name, home.ends())?;
    let held = store.aside.make(name, 0o700)?;
    let (old, new) = (volume.join(IMAGE), held.path.join(IMAGE));
    let space = CopySpace::like(thick::is_asked(options));
    let reserve = home.invocation.config.allow.loop_.reserve;
    let grown = image::keep(
        &old,
        &told::path(home.place(name)),
        &new,
        space,
        reserve,
        home.ends(),
    )
    .and_then(|()| {
        by_program(&open::to_write(&new)?, options, home.ends())?;
        let replacing = || format!("putting it in the place of {}", old.display());
        fs::rename(&new, &old).with_context(replacing)
    });
    let deleted = store.aside.delete(held);
    grown.and_then(|()| store::sync(volume)).and(deleted)
}

/// Grows an ext4 that is not mounted.
fn by_program(image: &File, options: &NormalOptions, ends: Instant) -> Result<()> {
    let fs = options.text("newFsType").and_then(mkfs::named);
    let fs = fs.context("reading the record: it names no file system")?;
    mkfs::grow(fs, image, ends).context("growing its ext4")?;
    image.sync_all().context("syncing the image")
}

/// Lets the image be as long as that, unless it is.
fn lengthen(image: &File, length: u64, options: &NormalOptions, reserve: Reserve) -> Result<()> {
    let now = image.metadata().context("reading its length")?.len();
    if thick::is_asked(options) {
        let advice = "; volumeType=thick takes its space at once";
        space::ask(image, length.saturating_sub(now), reserve, advice)?;
    }
    if now < length {
        image.set_len(length).context("growing the image")?;
    }
    if thick::is_asked(options) {
        thick::allocate(image)?;
    }
    image.sync_all().context("syncing the image")
}

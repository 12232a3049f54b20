//! `volumeType=thick`: all space of the image is allocated when the volume is made, and stays so.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::size;
use crate::driver::loop_::space;
use crate::driver::shared::options::NormalOptions;
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::process::interruption;
use crate::sys::process::progress::Progress;

/// How many bytes are allocated at once.
const STEP: usize = 1 << 30;

/// Whether the options ask for it.
pub fn is_asked(options: &NormalOptions) -> bool {
    let kind = options.text("volumeType");
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("thick"))
}

/// The options that the volume is mounted with, which forbid the words of `guard` unless they take them back.
pub fn mount_options(guard: &str, options: &NormalOptions) -> MountOptions {
    let mut words = MountOptions::guarded(guard, options.text("mountOpts").unwrap_or_default());
    if is_asked(options) {
        words.add("nodiscard");
    }
    words
}

/// Refuses mount options that give space back: wrong usage.
pub fn check_mount_options(options: &NormalOptions) -> Result<()> {
    let words = options.text("mountOpts").unwrap_or_default().split(',');
    let mut discards = words
        .map(str::trim)
        .filter(|word| word.split('=').next() == Some("discard"));
    match discards.next() {
        Some(word) if is_asked(options) => bail!(Failure::usage(format!(
            "option mountOpts: {word} gives space back, which volumeType=thick keeps"
        ))),
        _ => Ok(()),
    }
}

/// Allocates what is not allocated of an image.
///
/// # Errors
///
/// The space is not free, or the file system below cannot keep it.
pub fn allocate(image: &File) -> Result<()> {
    let length = image.metadata().context("reading its length")?.len();
    let can = match in_steps(image, length) {
        // xfs wants the space to be free even of what is allocated already.
        Err(_) if is_allocated(image)? => true,
        can => can?,
    };
    let allocated = image.metadata().context("reading its length")?.blocks() * 512;
    if !can || allocated < length {
        bail!(
            "volumeType=thick: the file system that it is on keeps {} of {} allocated",
            size::show(allocated),
            size::show(length)
        );
    }
    Ok(())
}

/// False where the file system below cannot. A signal ends it between two steps.
fn in_steps(image: &File, length: u64) -> Result<bool> {
    let progress = Progress::begin("allocated", Some(length));
    for at in (0..length).step_by(STEP) {
        if let Some(reason) = interruption::reason().filter(|_| at > 0) {
            bail!(reason);
        }
        let step = (length - at).min(STEP as u64);
        if !space::allocate(image, at, step)? {
            return Ok(false);
        }
        progress.add(step);
    }
    Ok(true)
}

/// Whether all of an image is allocated, as far as its number of blocks tells.
pub fn is_allocated(image: &File) -> Result<bool> {
    let data = image.metadata().context("reading its length")?;
    Ok(data.blocks() * 512 >= data.len())
}

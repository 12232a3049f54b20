//! Whether the file system of a `loop` volume is sound: what is not is handed out to nobody who wants to write.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::size;
use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::loop_::open;
use crate::sys::block::fill::{self, Fill};
use crate::sys::block::{ext_errors, signature};
use crate::sys::mount::health;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::{self, MountOptions};

impl OnDisk<'_> {
    /// What is wrong with it: `its file system ...`; `None` where nothing is known.
    pub fn problem(&self, table: &MountTable) -> Result<Option<String>> {
        let mounted = self.mounted(table)?;
        problem_of(
            open::to_read(&self.image()),
            mounted.map(|(_, mount)| mount),
        )
    }

    /// Refuses to hand it out where something is wrong; a warning where nobody can write to it.
    pub fn refuse_broken(&self, read_only: bool) -> Result<()> {
        let Some(problem) = self.problem(&MountTable::read()?)? else {
            return Ok(());
        };
        let (name, image) = (self.place.name, self.image());
        let image = image.display();
        if read_only {
            let log = &self.place.home.invocation.log;
            log.warn(&format!("volume {name}: {problem}"));
            return Ok(());
        }
        bail!(
            "{problem}; unmount it and repair {image} (ext4: e2fsck -f), or mount it with --read-only"
        );
    }
}

/// The same of an image, which may be mounted, and which could be opened or not.
pub fn problem_of(image: Result<File>, mount: Option<&Mount>) -> Result<Option<String>> {
    let noted = image.and_then(|image| noted(&image));
    match mount {
        // The mount may have outlived the image file.
        Some(mount) => Ok(health::problem(mount).or(noted.ok().flatten())),
        None => noted,
    }
}

/// The options with which an image is mounted. What its superblock says may be another host's: no error of it stops this one.
pub fn sparing_the_host(image: &File, options: &MountOptions) -> Result<MountOptions> {
    let mut options = options.clone();
    let stops = ext_errors::stop_the_host(image).context("reading its superblock")?;
    if stops && mountopts::value_of(&options.data, "errors").is_none() {
        options.add("errors=remount-ro");
    }
    Ok(options)
}

/// Why an image cannot be mounted as the file system that its volume was made with, by its superblock; `None` where nothing is known.
pub fn unfit(path: &Path, fs: &str) -> Result<Option<String>> {
    let Some(image) = open::to_look_at(path)? else {
        return Ok(path
            .symlink_metadata()
            .is_err()
            .then(|| "its image is missing".to_owned()));
    };
    let reading = "reading its superblock";
    let Some(found) = signature::of(&image).context(reading)? else {
        return Ok(Some("its image holds no file system".into()));
    };
    let is_ext = |name: &str| name.starts_with("ext");
    if found != fs && !(is_ext(found) && is_ext(fs)) {
        let words = format!("its image holds {found}, and not {fs}, which it was made with");
        return Ok(Some(words));
    }
    let length = image.metadata().context(reading)?.len();
    let whole = fill::of(&image).context(reading)?;
    let is_cut = |whole: &Fill| whole.length > length;
    Ok(whole.filter(is_cut).map(|whole| {
        let (whole, length) = (size::show(whole.length), size::show(length));
        format!("its image has been cut off: it has {length}, and its file system {whole}")
    }))
}

fn noted(image: &File) -> Result<Option<String>> {
    let noted = ext_errors::noted(image).context("reading its superblock")?;
    Ok(noted.map(|count| match count {
        1 => "its file system has an error".into(),
        count => format!("its file system has {count} errors"),
    }))
}

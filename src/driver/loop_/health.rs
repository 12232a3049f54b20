//! Whether the file system of a `loop` volume is sound: what is not is handed out to nobody who wants to write.

use std::fs::File;

use anyhow::{Context, Result, bail};

use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::loop_::open;
use crate::sys::block::ext_errors;
use crate::sys::mount::health;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::mountopts::{self, MountOptions};

impl OnDisk<'_> {
    /// What is wrong with it: `its file system ...`; `None` where nothing is known.
    pub fn problem(&self, table: &MountTable) -> Result<Option<String>> {
        let noted = open::to_read(&self.image()).and_then(|image| noted(&image));
        match self.mounted(table)? {
            // The mount may have outlived the image file.
            Some((_, mount)) => Ok(health::problem(mount).or(noted.ok().flatten())),
            None => noted,
        }
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

/// The options with which an image is mounted. What its superblock says may be another host's: no error of it stops this one.
pub fn sparing_the_host(image: &File, options: &MountOptions) -> Result<MountOptions> {
    let mut options = options.clone();
    let stops = ext_errors::stop_the_host(image).context("reading its superblock")?;
    if stops && mountopts::value_of(&options.data, "errors").is_none() {
        options.add("errors=remount-ro");
    }
    Ok(options)
}

fn noted(image: &File) -> Result<Option<String>> {
    let noted = ext_errors::noted(image).context("reading its superblock")?;
    Ok(noted.map(|count| match count {
        1 => "its file system has an error".into(),
        count => format!("its file system has {count} errors"),
    }))
}

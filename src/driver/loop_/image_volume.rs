//! What a `loop` volume can do beyond the plugin protocol.

use std::fs::File;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::failure::Failure;
use crate::base::size;
use crate::driver::image::ImageVolume;
use crate::driver::interface::Chooser;
use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::loop_::promise::Promise;
use crate::driver::loop_::volume::LoopVolume;
use crate::driver::loop_::{binding, growth, hidden, image, open, promise, snapshots, thick};
use crate::driver::shared::home::Place;
use crate::driver::shared::read_only_store;
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::told;
use crate::sys::block::{grow, mkfs};
use crate::sys::files::directory::readable;
use crate::sys::mount::mountinfo::MountTable;

pub struct LoopImage<'h> {
    pub place: Place<'h>,
}

impl ImageVolume for LoopImage<'_> {
    fn resize(&self, length: u64) -> Result<()> {
        let file = self.existing()?;
        self.volume(&file).claimed_here(|volume| {
            let path = volume.on_disk.image();
            let (now, _) = open::lengths(&path)?;
            if length < now {
                let (wanted, now) = (size::show(length), size::show(now));
                bail!(Failure::usage(format!(
                    "--size: {wanted} is less than it has; a volume only grows, and the smallest that would do is {now}"
                )));
            }
            if let Some(fs) = file.options.text("newFsType").and_then(mkfs::named) {
                image::check_growth(fs, "--size", now, length)?;
            }
            let directory = self.place.directory();
            // A copy may have been made of a volume that was growing.
            if length > now || growth::is_wanting(&path, now)? {
                growth::begin(&directory, length)?;
            }
            let Place { home, name } = self.place;
            growth::finish(&directory, &file.options, home, Some(name)).inspect_err(|_| {
                // What has not begun to grow shall not do so at the next mount.
                if open::lengths(&path).is_ok_and(|(length, _)| length == now) {
                    let _ = growth::forget(&directory);
                }
            })?;
            let promise = Promise {
                place: self.place,
                directory: &directory,
                length,
                is_given: true,
                chooser: Chooser::Owner,
            };
            promise.refuse_or_warn()
        })
    }

    fn refuse_growth(&self, length: u64) -> Result<()> {
        promise::refuse_growth(self.place, length)
    }

    fn trim(&self) -> Result<u64> {
        let file = self.existing()?;
        if thick::is_asked(&file.options) {
            bail!(Failure::usage(
                "volumeType=thick keeps its space, and cannot be trimmed"
            ));
        }
        self.volume(&file).claimed_here(|volume| {
            let path = volume.on_disk.image();
            let (_, before) = open::lengths(&path)?;
            let image = open::to_write(&path)?;
            let ends = self.place.home.ends();
            let device = binding::bind(&image, false, ends)?;
            let root = hidden::root(&image, &device, &file.options)?;
            let root = File::from(readable(&root).context("opening its root")?);
            // What was deleted a moment ago is free on the disk then, too.
            hidden::sync(&root, &device, Some(&told::path(self.place)), ends)?;
            grow::trim(&root).context("trimming its file system")?;
            image.sync_all().context("syncing the image")?;
            let (_, after) = open::lengths(&path)?;
            Ok(before.saturating_sub(after))
        })
    }

    fn take_snapshot(&self, snapshot: &str) -> Result<()> {
        snapshots::take(self.place, snapshot)
    }

    fn remove_snapshot(&self, snapshot: &str) -> Result<()> {
        snapshots::remove(self.place, snapshot)
    }

    fn restore(&self, snapshot: &str) -> Result<()> {
        let file = self.existing()?;
        self.volume(&file).claimed_here(|volume| {
            let table = MountTable::read()?;
            self.place
                .refuse_if_mounted(volume.on_disk.mounted(&table)?)?;
            let path = volume.on_disk.image();
            // The lock lasts until another image is in its place.
            let image = open::to_remove(&path)?;
            let image = image.ok_or_else(|| anyhow!("{} is no image", path.display()))?;
            binding::lock_unused(&image, self.place.home.ends())?;
            snapshots::restore(self.place, snapshot, &file.options)
        })
    }
}

impl<'h> LoopImage<'h> {
    fn existing(&self) -> Result<VolumeFile> {
        let file = self.place.existing_file()?;
        read_only_store::refuse(self.place.home, "")?;
        Ok(file)
    }

    fn volume(&self, file: &'h VolumeFile) -> LoopVolume<'h> {
        LoopVolume {
            on_disk: OnDisk {
                place: self.place,
                file,
            },
        }
    }
}

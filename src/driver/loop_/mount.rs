//! Mounting a `loop` volume: its image is bound to a loop device, mounted, and its directory prepared.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::driver::interface::{Driver, Volume};
use crate::driver::loop_::{LoopVolume, MOUNT_POINT, image};
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::{data_directory, options};
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::mountopts::MountOptions;

impl LoopVolume<'_> {
    /// A mount that is there already is from a call that was killed, since the caller knows of none.
    pub(super) fn mount_ours(&self, record: &VolumeFile, read_only: bool) -> Result<PathBuf> {
        let image = image::open(&self.on_disk().image())?;
        let mut options =
            MountOptions::parse(options::get(&record.options, "mountOpts").unwrap_or_default());
        let read_only = read_only || options.read_only();
        options.set_read_only(false);
        let mut table = MountTable::read()?;
        if let Some((place, mount)) = self.on_disk().mounted(&table)?
            && mount.is_read_only()
        {
            self.driver.unmount_at(&place, false)?;
            table = MountTable::read()?;
        }
        let place = match self.on_disk().mounted(&table)? {
            Some((place, _)) => place,
            None => self.mount_anew(record, &image, &options, &table)?,
        };
        let prepared = self.prepare(record, &place, &options, read_only);
        if prepared.is_err() {
            let _ = calls::unmount(&place, false);
            self.driver.forget_mount_point(&place);
        }
        prepared
    }

    fn mount_anew(
        &self,
        record: &VolumeFile,
        image: &File,
        options: &MountOptions,
        table: &MountTable,
    ) -> Result<PathBuf> {
        let place = self.driver.mount_point(self.name(), MOUNT_POINT);
        self.driver.refuse_occupied(table, &place)?;
        let fs = options::get(&record.options, "newFsType")
            .context("reading the record: it names no file system")?;
        self.driver.make_mount_point(&place)?;
        let device = image::bind(image, self.driver.ends())?;
        let source = device.path();
        let (label, device_shown, place_shown) =
            (self.driver.label(), source.display(), place.display());
        let step = || format!("{label}: mounting {device_shown} at {place_shown} as {fs}");
        self.driver.invocation.log.step(step);
        let mounted = calls::mount(&source.to_string_lossy(), &place, fs, options);
        if mounted.is_err() {
            self.driver.forget_mount_point(&place);
        }
        mounted.map(|()| place)
    }

    /// The mount is writable until the directory is there, and nobody knows its path before.
    fn prepare(
        &self,
        record: &VolumeFile,
        place: &Path,
        options: &MountOptions,
        ro: bool,
    ) -> Result<PathBuf> {
        let ownership = data_directory::ownership(&record.options);
        let inside = &self.driver.invocation.config.root_path;
        let path = data_directory::prepare(
            place,
            inside,
            ownership,
            &self.driver.store.directory(self.name()),
        )?;
        if ro {
            let mut options = options.clone();
            options.set_read_only(true);
            let made = calls::remount_view(place, &options);
            made.with_context(|| format!("making {} read-only", place.display()))?;
        }
        Ok(path)
    }
}

//! Mounting a `local` volume: a directory as it is, or what its options name.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow, bail};

use crate::base::secrets::Secrets;
use crate::driver::interface::{Driver, Volume};
use crate::driver::local::source::Source;
use crate::driver::local::{DATA, LocalVolume};
use crate::driver::shared::data_directory;
use crate::driver::shared::store::VolumeFile;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::MountTable;

impl LocalVolume<'_> {
    /// Read-only, a directory is bound to itself.
    pub(super) fn mount_directory(&self, read_only: bool) -> Result<PathBuf> {
        let data = self.on_disk(None).data();
        if !data.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            bail!(
                "{} is missing; remove the volume, or make the directory",
                data.display()
            );
        }
        self.unmount("", false)?;
        if read_only {
            calls::bind(&data, &data, "ro")?;
        }
        Ok(data)
    }

    /// A mount that is there already is from a call that was killed, since the caller knows of none.
    pub(super) fn mount_source(
        &self,
        record: &VolumeFile,
        source: &Source,
        read_only: bool,
    ) -> Result<PathBuf> {
        let on_disk = self.on_disk(Some(source));
        let read_only = read_only || source.is_read_only();
        let mut table = MountTable::read()?;
        if let Some((place, mount)) = on_disk.mounted(&table) {
            if mount.is_read_only() == read_only {
                return self.prepare(record, source, &place);
            }
            on_disk.unmount(&place, false)?;
            table = MountTable::read()?;
        }
        let place = self.driver.mount_point(self.name(), DATA);
        self.driver.refuse_occupied(&table, &place)?;
        source.check()?;
        self.driver.make_mount_point(&place)?;
        let step = || {
            format!(
                "{}: mounting volume {} at {}",
                self.driver.label(),
                self.name(),
                place.display()
            )
        };
        self.driver.invocation.log.step(step);
        let mounted = source.mount(&place, read_only, self.driver.ends());
        if mounted.is_err() {
            self.driver.forget_mount_point(&place);
        }
        mounted.map_err(|error| masked(&error, record))?;
        let prepared = self.prepare(record, source, &place);
        if prepared.is_err() {
            let _ = calls::unmount(&place, false);
            self.driver.forget_mount_point(&place);
        }
        prepared
    }

    fn prepare(&self, record: &VolumeFile, source: &Source, place: &Path) -> Result<PathBuf> {
        let ownership = data_directory::ownership(&record.options);
        if source.sets_ownership() || !data_directory::is_given(ownership) {
            return Ok(place.to_owned());
        }
        data_directory::prepare(
            place,
            "",
            ownership,
            &self.driver.store.directory(self.name()),
        )
    }
}

/// The error of a mount repeats its options, and the volume's own passwords are among them: the caller does not know those.
fn masked(error: &Error, record: &VolumeFile) -> Error {
    anyhow!(Secrets::of(&record.given, "").mask(&format!("{error:#}")))
}

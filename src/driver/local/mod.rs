//! `local`: a directory, or anything that mount(2) or mount(8) can mount, as Docker's driver of this name.

mod mount;
mod on_disk;
mod source;

use std::path::PathBuf;

use anyhow::Result;

use crate::driver::interface::{Created, Driver, Lookup, MountMode, Unmounted, Volume, VolumeInfo};
use crate::driver::local::on_disk::OnDisk;
use crate::driver::local::source::Source;
use crate::driver::shared::given::Given;
use crate::driver::shared::options::{Known, LOCAL};
use crate::driver::shared::store::{self, VolumeFile};
use crate::driver::shared::{BuiltIn, BuiltInKind, data_directory, still_mounted};
use crate::sys::mount::mountinfo::MountTable;

/// What is handed out: the directory itself, or where the device is mounted.
const DATA: &str = "_data";

/// Of a plain directory, where the options say no other.
const DATA_MODE: u32 = 0o755;

pub struct Local;

impl BuiltInKind for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn options(&self) -> &'static [Known] {
        LOCAL
    }

    fn volume<'a>(&self, driver: BuiltIn<'a>, given: Given) -> Box<dyn Volume + 'a> {
        Box::new(LocalVolume { driver, given })
    }

    fn describe(
        &self,
        driver: &BuiltIn,
        name: &str,
        record: VolumeFile,
        table: &MountTable,
    ) -> Result<VolumeInfo> {
        let source = Source::of(&record.options)?;
        let on_disk = OnDisk {
            driver,
            name,
            source: source.as_ref(),
        };
        Ok(on_disk.describe(record, table))
    }
}

struct LocalVolume<'a> {
    driver: BuiltIn<'a>,
    given: Given,
}

impl Volume for LocalVolume<'_> {
    fn driver(&self) -> &dyn Driver {
        &self.driver
    }

    fn name(&self) -> &str {
        &self.given.name
    }

    fn has_options(&self) -> bool {
        self.given.has_options
    }

    fn copy_source(&self) -> Result<Option<String>> {
        let normal = self.given.options()?;
        if self.driver.store.record(self.name())?.is_none() {
            Source::of(normal)?;
        }
        Ok(None)
    }

    fn create(&self) -> Result<Created> {
        let (name, normal) = (self.name(), self.given.options()?);
        let source = Source::of(normal)?;
        if let Some(existed) = self.driver.existing(name, normal)? {
            return Ok(existed);
        }
        if let Some(source) = &source {
            source.check()?;
        }
        let mut ownership = data_directory::ownership(normal);
        ownership.mode = ownership.mode.or(Some(DATA_MODE));
        let record = self.given.new_record(normal.clone());
        self.driver.store.create(name, &record, |directory| {
            let data = directory.join(DATA);
            store::make_directory(&data)?;
            match source {
                None => data_directory::set_ownership(&data, ownership),
                // A mount point has owner and mode of what is mounted there.
                Some(_) => Ok(()),
            }
        })?;
        Ok(Created::New)
    }

    fn get(&self) -> Result<Lookup> {
        self.driver.lookup(self.name())
    }

    /// A plain directory can be used without being mounted, as with Docker.
    fn path(&self) -> Result<Option<PathBuf>> {
        let record = self.driver.record(self.name())?;
        let source = Source::of(&record.options)?;
        Ok(self
            .on_disk(source.as_ref())
            .handed_out(&MountTable::read()?))
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        let record = self.driver.record(self.name())?;
        match Source::of(&record.options)? {
            Some(source) => self.mount_source(&record, &source, mode.read_only),
            None => self.mount_directory(mode.read_only),
        }
    }

    fn unmount(&self, _id: &str, lazy: bool) -> Result<Unmounted> {
        let label = self.driver.label();
        let Some(record) = self.driver.store.record(self.name())? else {
            return Ok(Unmounted::WasNot(format!("{label}: no such volume")));
        };
        let source = Source::of(&record.options)?;
        let on_disk = self.on_disk(source.as_ref());
        let mut outcome = Unmounted::WasNot(format!("{label}: it is not mounted"));
        while let Some((place, _)) = on_disk.mounted(&MountTable::read()?) {
            on_disk.unmount(&place, lazy)?;
            self.driver.forget_mount_point(&place);
            outcome = Unmounted::Done;
        }
        Ok(outcome)
    }

    fn remove(&self) -> Result<()> {
        let (driver, name) = (&self.driver, self.name());
        if !driver.removable(name)? {
            return Ok(());
        }
        let record = driver.record(name)?;
        let source = Source::of(&record.options)?;
        driver.refuse_mounted(self.on_disk(source.as_ref()).mounted(&MountTable::read()?))?;
        still_mounted::refuse_if_mounted(&driver.store.directory(name))?;
        match source {
            Some(_) => driver.delete(name, DATA),
            None => driver.store.delete(name),
        }
    }
}

impl LocalVolume<'_> {
    fn on_disk<'b>(&'b self, source: Option<&'b Source>) -> OnDisk<'b, 'b> {
        OnDisk {
            driver: &self.driver,
            name: self.name(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_existing_volumes_are_the_normal_ones() {
        let normal = crate::driver::shared::options::read(
            LOCAL,
            &vec![
                ("Type".into(), "tmpfs".into()),
                ("DEVICE".into(), "x".into()),
            ],
        );
        assert!(
            Source::of(&normal.expect("good options"))
                .expect("good rules")
                .is_some()
        );
    }
}

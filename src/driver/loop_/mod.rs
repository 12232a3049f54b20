//! `loop`: a sized volume is a file system in an image file, mounted from a loop device.

mod image;
mod mount;
mod on_disk;
mod plan;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::base::failure::Failure;
use crate::driver::interface::{Created, Driver, Lookup, MountMode, Unmounted, Volume, VolumeInfo};
use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::shared::given::Given;
use crate::driver::shared::host_claim::{self, Claim};
use crate::driver::shared::options::{self, Known, LOOP};
use crate::driver::shared::store::{self, VolumeFile};
use crate::driver::shared::{BuiltIn, BuiltInKind, data_directory, names, still_mounted};
use crate::sys::mount::mountinfo::MountTable;

/// What a volume's directory holds beside its record.
const IMAGE: &str = "image";
const MOUNT_POINT: &str = "mnt";

pub struct Loop;

impl BuiltInKind for Loop {
    fn name(&self) -> &'static str {
        "loop"
    }

    fn options(&self) -> &'static [Known] {
        LOOP
    }

    fn volume<'a>(&self, driver: BuiltIn<'a>, given: Given) -> Box<dyn Volume + 'a> {
        Box::new(LoopVolume { driver, given })
    }

    fn describe(
        &self,
        driver: &BuiltIn,
        name: &str,
        record: VolumeFile,
        table: &MountTable,
    ) -> Result<VolumeInfo> {
        OnDisk { driver, name }.describe(record, table)
    }
}

struct LoopVolume<'a> {
    driver: BuiltIn<'a>,
    given: Given,
}

impl Volume for LoopVolume<'_> {
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
        let source = plan::copy_source(self.given.options()?)?;
        if self.driver.store.record(self.name())?.is_some() {
            return Ok(None);
        }
        let canonical = source.map(|source| names::parse(&source).map(|(name, _)| name));
        canonical.transpose()
    }

    fn create(&self) -> Result<Created> {
        let (name, mut normal) = (self.name(), self.given.options()?.clone());
        let source = plan::copy_source(&normal)?;
        if let Some(existed) = self.driver.existing(name, &normal)? {
            return Ok(existed);
        }
        let defaults = options::read(LOOP, &self.driver.defaults())
            .context("reading the configured defaults")?;
        let image = source
            .map(|source| self.image_to_copy(&source))
            .transpose()?;
        let plan = plan::decide(&mut normal, defaults, image)?;
        let log = &self.driver.invocation.log;
        if options::get(&normal, "iops").is_some() {
            log.warn(
                "option iops is recorded, but not enforced: a loop device cannot provision IOPS",
            );
        }
        log.step(|| format!("{}: making volume {name}", self.driver.label()));
        let record = self.given.new_record(normal);
        self.driver.store.create(name, &record, |directory| {
            plan.carry_out(&directory.join(IMAGE), self.driver.ends())?;
            store::make_directory(&directory.join(MOUNT_POINT))
        })?;
        Ok(Created::New)
    }

    fn get(&self) -> Result<Lookup> {
        self.driver.lookup(self.name())
    }

    fn path(&self) -> Result<Option<PathBuf>> {
        self.driver.record(self.name())?;
        let table = MountTable::read()?;
        let mounted = self.on_disk().mounted(&table)?;
        Ok(mounted.map(|(place, _)| self.on_disk().inside(&place)))
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        let record = self.driver.record(self.name())?;
        data_directory::names(&self.driver.invocation.config.root_path)?;
        self.claimed(|| self.mount_ours(&record, mode.read_only))
    }

    fn unmount(&self, _id: &str, lazy: bool) -> Result<Unmounted> {
        let (driver, name) = (&self.driver, self.name());
        let label = driver.label();
        if driver.store.record(name)?.is_none() {
            return Ok(Unmounted::WasNot(format!("{label}: no such volume")));
        }
        let mut outcome = Unmounted::WasNot(format!("{label}: it is not mounted"));
        while let Some((place, _)) = self.on_disk().mounted(&MountTable::read()?)? {
            driver.unmount_at(&place, lazy)?;
            driver.forget_mount_point(&place);
            outcome = Unmounted::Done;
        }
        // Where another mount namespace still has it mounted, another host must not mount it.
        let path = self.on_disk().image();
        if path.symlink_metadata().is_ok() && image::kept_by(&image::open(&path)?)?.is_some() {
            return Ok(outcome);
        }
        host_claim::release(&driver.store.directory(name), &driver.host)?;
        Ok(outcome)
    }

    fn remove(&self) -> Result<()> {
        let (driver, name) = (&self.driver, self.name());
        if !driver.removable(name)? {
            return Ok(());
        }
        self.claimed(|| {
            driver.refuse_mounted(self.on_disk().mounted(&MountTable::read()?)?)?;
            still_mounted::refuse_if_mounted(&driver.store.directory(name))?;
            // The lock lasts until the image is gone. An image that is gone already does not keep the rest from being removed.
            let path = self.on_disk().image();
            let there = path.symlink_metadata().is_ok();
            let image = there.then(|| image::open(&path)).transpose()?;
            if let Some(image) = &image {
                image::lock_unused(image, driver.ends())?;
            }
            driver.delete(name, MOUNT_POINT)
        })
    }
}

impl LoopVolume<'_> {
    fn on_disk(&self) -> OnDisk<'_, '_> {
        OnDisk {
            driver: &self.driver,
            name: self.name(),
        }
    }

    fn image_to_copy(&self, source: &str) -> Result<PathBuf> {
        let (name, _) = names::parse(source)?;
        let driver = &self.driver;
        match driver.store.record(&name)? {
            Some(_) => Ok(OnDisk {
                driver,
                name: &name,
            }
            .image()),
            None => Err(Failure::absent(format!("there is no volume {name} to copy")).into()),
        }
    }

    /// Does something with a volume that no other host has mounted. A claim that this call made is taken back where it fails.
    fn claimed<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let (driver, name) = (&self.driver, self.name());
        let directory = driver.store.directory(name);
        let claim = host_claim::claim(&directory, &driver.host, driver.invocation.config.preempt)?;
        if let Claim::Taken(other) = &claim {
            let host = &other.name;
            driver.invocation.log.warn(&format!(
                "volume {name} was mounted on host {host}, and is taken from it (setting mount.preempt)"
            ));
        }
        let done = act();
        if done.is_err() {
            let _ = host_claim::undo(&directory, &driver.host, claim);
        }
        done
    }
}

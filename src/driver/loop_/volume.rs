//! A `loop` volume that exists: mounting, unmounting and removing it.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::base::failure::with_undo_error;
use crate::base::finding::{Care, Finding};
use crate::base::text::chain;
use crate::driver::interface::{Usage, VolumeInfo};
use crate::driver::loop_::on_disk::{MOUNT_POINT, OnDisk, device_of};
use crate::driver::loop_::{binding, examine, full_disk, growth, health, open, thick};
use crate::driver::shared::data_directory;
use crate::driver::shared::existing::{Existing, Keeper};
use crate::driver::shared::gone::Gone;
use crate::driver::shared::home::Place;
use crate::driver::shared::host_claim::IfForeign;
use crate::driver::shared::mounted_as;
use crate::driver::shared::not_allowed::refuse_panic;
use crate::driver::shared::read_only_store;
use crate::driver::shared::told::{self, Loss};
use crate::driver::shared::unmount::unmount_to_mount_anew;
use crate::sys::block::{fill, loop_device};
use crate::sys::errno::is_read_only;
use crate::sys::files::in_place;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::mount::take_away::{How, take_away};

pub struct LoopVolume<'h> {
    pub on_disk: OnDisk<'h>,
}

impl Existing for LoopVolume<'_> {
    fn mounted<'t>(&self, table: &'t MountTable) -> Result<Option<(PathBuf, &'t Mount)>> {
        self.on_disk.mounted(table)
    }

    fn path(&self, table: &MountTable) -> Result<Option<PathBuf>> {
        let mounted = self.on_disk.mounted(table)?;
        Ok(mounted.map(|(mount_point, _)| self.on_disk.data(&mount_point)))
    }

    fn describe(&self, table: &MountTable) -> Result<VolumeInfo> {
        self.on_disk.describe(table)
    }

    fn usage(&self) -> Result<Usage> {
        let image = open::to_read(&self.on_disk.image())?;
        let (length, allocated) = open::lengths_of(&image.metadata().context("reading the image")?);
        let fill = fill::of(&image).context("reading the superblock")?;
        Ok(Usage {
            size: Some(length),
            allocated: Some(allocated),
            used: fill.map(|fill| fill.used),
            free: fill.map(|fill| fill.free),
        })
    }

    fn mount(&self, read_only: bool) -> Result<PathBuf> {
        let home = self.on_disk.place.home;
        data_directory::names(&home.invocation.config.root_path)?;
        let words = self.on_disk.file.options.text("mountOpts");
        refuse_panic("mountOpts", words.unwrap_or_default())?;
        let if_foreign = match home.invocation.config.preempt {
            true => IfForeign::Take,
            false => IfForeign::Refuse,
        };
        if read_only || self.mount_options().read_only() {
            let claim = match self.claim(if_foreign) {
                Err(error) if is_read_only(&error) => self.go_without_claim(),
                claim => claim,
            };
            return self.claimed(claim?, || self.mount_read_only());
        }
        read_only_store::refuse(home, read_only_store::READ_ONLY)?;
        let mounted = self.claimed(self.claim(if_foreign)?, || self.mount_writable());
        mounted.map_err(|error| full_disk::explain_mount(error, &self.on_disk.image()))
    }

    fn unmount(&self, mount: &Mount, lazy: bool) -> Result<()> {
        let home = self.on_disk.place.home;
        home.unmount(mount, lazy)?;
        if thick::is_asked(&self.on_disk.file.options)
            && let Some(number) = loop_device::number_of(&mount.source)
        {
            // Others may have it next.
            loop_device::renew(number);
        }
        Ok(())
    }

    fn join(&self) -> Result<()> {
        self.refuse_broken()?;
        self.finish_growing();
        Ok(())
    }

    fn examine(&self, table: &MountTable, care: Care) -> Result<Vec<Finding>> {
        examine::volume(&self.on_disk, table, care)
    }

    fn why_lost(&self) -> &'static str {
        match full_disk::is_full(&self.on_disk.image()) {
            true => "; the disk with its image is full",
            false => "",
        }
    }

    fn doubt(&self, mount: &Mount) -> Option<Loss> {
        let told = told::found(self.on_disk.place);
        told.or_else(|| self.may_be_untold(mount).map(Loss::Likely))
    }

    fn after_unmount(&self, _gone: &[Gone]) -> Result<Option<Keeper>> {
        mounted_as::forget(self.on_disk.place);
        told::forget(self.on_disk.place);
        self.release_claim()
    }

    fn remove(&self) -> Result<()> {
        let place = self.on_disk.place;
        // The other host may be alive, and what it has mounted would be lost.
        self.claimed(self.claim(IfForeign::AlwaysRefuse)?, || {
            place.refuse_if_mounted(self.on_disk.mounted(&MountTable::read()?)?)?;
            // A missing image does not keep the rest from being removed.
            let image = open::to_remove(&self.on_disk.image())?;
            if let Some(image) = &image {
                // The lock lasts as long as `image` is open: until the image file is gone.
                binding::lock_unused(image, place.home.ends())?;
            }
            place.delete_with_mount_point(MOUNT_POINT)
        })
    }
}

impl LoopVolume<'_> {
    /// The options that it is mounted with.
    pub fn mount_options(&self) -> MountOptions {
        let guard = &self.on_disk.place.home.invocation.config.allow.views;
        thick::mount_options(guard, &self.on_disk.file.options)
    }

    /// Why the kernel may have lost what was written, and have told nobody.
    fn may_be_untold(&self, mount: &Mount) -> Option<String> {
        let number = loop_device::number_of(&mount.source)?;
        let path = self.on_disk.image();
        let is_told = || {
            let image = open::to_look_at(&path).ok().flatten();
            loop_device::is_direct(number) && image.is_none_or(|image| in_place::is_written(&image))
        };
        let is_lossy = !mount.is_read_only() && full_disk::is_full(&path) && !is_told();
        is_lossy.then(|| {
            "the disk with its image is full, and Linux does not tell what it could not write there, as it does by direct I/O, \
             which that disk or an older volume with small blocks or checksums does not allow"
                .to_owned()
        })
    }

    fn refuse_broken(&self) -> Result<()> {
        self.on_disk.refuse_broken(false)?;
        self.on_disk.warn_of_little_space();
        Ok(())
    }

    /// Mounts it and returns the directory that users get.
    fn mount_writable(&self) -> Result<PathBuf> {
        let file = self.on_disk.file;
        // Before it is opened, since another image may take its place.
        self.finish_growing();
        let image = open::to_write(&self.on_disk.image())?;
        if thick::is_asked(&file.options) {
            self.fill_holes(&image)?;
        }
        let place = self.on_disk.place;
        let mount_point = self.mount_image(&image, &self.mount_options())?;
        let root_path = &place.home.invocation.config.root_path;
        let ownership = data_directory::ownership(&file.options);
        let directory = place.directory();
        let prepared = self
            .refuse_broken()
            .and_then(|()| data_directory::prepare(&mount_point, root_path, ownership, &directory));
        self.or_unmount(&mount_point, prepared)
    }

    /// Finishes what a call that was killed had begun. Where that fails, it can be used all the same.
    fn finish_growing(&self) {
        let Place { home, name } = self.on_disk.place;
        let directory = self.on_disk.place.directory();
        let grown = growth::finish(&directory, &self.on_disk.file.options, home, Some(name));
        if let Err(error) = grown {
            let why = chain(&error);
            home.invocation.log.warn(&format!(
                "volume {name} was to grow, and has not: {why}; dvdcli resize tries it again"
            ));
        }
    }

    /// Unmounts it again where something has failed.
    pub fn or_unmount<T>(&self, mount_point: &Path, done: Result<T>) -> Result<T> {
        let home = self.on_disk.place.home;
        done.map_err(|error| {
            let undone = self.unmount_alone();
            home.forget_mount_point(mount_point);
            with_undo_error(error, undone)
        })
    }

    /// Unmounts it where it was mounted by this call, and so has nothing that is still to be written.
    pub fn unmount_alone(&self) -> Result<()> {
        match self.on_disk.mounted(&MountTable::read()?)? {
            Some((_, mount)) => self.on_disk.place.home.unmount(mount, false),
            None => Ok(()),
        }
    }

    /// Mounts the image, unless it is, and returns the mount point. A mount of the other mode was left by a call that was killed.
    pub fn mount_image(&self, image: &File, options: &MountOptions) -> Result<PathBuf> {
        let is_wanted = |mount: &Mount| mount.is_read_only() == options.read_only();
        match self.on_disk.mounted(&MountTable::read()?)? {
            Some((mount_point, mount)) if is_wanted(mount) => return Ok(mount_point),
            Some(_) => unmount_to_mount_anew(self.on_disk.place.home, self)?,
            None => {}
        }
        self.mount_anew(image, options, &MountTable::read()?)
    }

    /// Allocates again what a program has given back, such as fstrim(8) where dvdcli could not forbid it.
    fn fill_holes(&self, image: &File) -> Result<()> {
        if !thick::is_allocated(image)?
            && let Err(error) = thick::allocate(image)
        {
            let (name, why) = (self.on_disk.place.name, chain(&error));
            let log = &self.on_disk.place.home.invocation.log;
            log.warn(&format!("volume {name} has holes: {why}"));
        }
        Ok(())
    }

    /// Mounts the image and returns the mount point.
    fn mount_anew(
        &self,
        image: &File,
        options: &MountOptions,
        table: &MountTable,
    ) -> Result<PathBuf> {
        let place = self.on_disk.place;
        let mount_point = place.mount_point(MOUNT_POINT);
        place.refuse_other_mount(table, &mount_point)?;
        let fs = self.on_disk.file.options.text("newFsType");
        let fs = fs.context("reading the record: it names no file system")?;
        let options = &health::sparing_the_host(image, options)?;
        place.make_mount_point(&mount_point)?;
        told::forget(place);
        // The handle keeps the kernel from freeing the device before it is mounted.
        let device = binding::bind(image, options.read_only(), place.home.ends())?;
        if thick::is_asked(&self.on_disk.file.options) {
            loop_device::forbid_discards(device.number());
        }
        let source = device.path();
        place.home.step(|| {
            let (source, mount_point) = (source.display(), mount_point.display());
            format!("mounting {source} at {mount_point} as {fs}")
        });
        let mounted =
            calls::mount(&source.to_string_lossy(), &mount_point, fs, options).and_then(|()| {
                self.verify(&mount_point)
                    .inspect_err(|_| take_away_new(device.number(), table))
            });
        if mounted.is_err() {
            place.home.forget_mount_point(&mount_point);
        }
        mounted.map(|()| mount_point)
    }

    /// Checks that it is mounted there. Others may rename directories above the configured path.
    fn verify(&self, mount_point: &Path) -> Result<()> {
        let place = self.on_disk.place;
        let table = MountTable::read()?;
        let mount = place.refuse_bare(&table, mount_point)?;
        if !mount_point.starts_with(place.directory()) {
            mounted_as::done(place, mount);
        }
        Ok(())
    }
}

/// Takes away what was mounted from a device since `before`, wherever it is by now.
fn take_away_new(device: u32, before: &MountTable) {
    let Ok(now) = MountTable::read() else { return };
    let is_new = |it: &&Mount| before.iter().all(|old| old.id != it.id);
    for mount in now.iter().filter(is_new) {
        if device_of(mount) == Some(device) {
            let _ = take_away(mount, How::Detach);
        }
    }
}

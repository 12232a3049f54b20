//! A `local` volume that exists: mounting, unmounting and removing it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::finding::{Care, Finding};
use crate::base::secrets::values::Secrets;
use crate::base::text::chain;
use crate::driver::interface::{Usage, VolumeInfo};
use crate::driver::local::on_disk::{DATA, OnDisk};
use crate::driver::local::source::Source;
use crate::driver::local::{examine, forbidden, inside, keepers};
use crate::driver::shared::existing::{Existing, Keeper};
use crate::driver::shared::files_in_use;
use crate::driver::shared::gone::Gone;
use crate::driver::shared::mounted_as;
use crate::driver::shared::read_only_store;
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::unmount::unmount_to_mount_anew;
use crate::sys::files::tree;
use crate::sys::mount::apart;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::MountOptions;

pub struct LocalVolume<'h> {
    pub on_disk: OnDisk<'h>,
    pub file: &'h VolumeFile,
}

impl Existing for LocalVolume<'_> {
    fn mounted<'t>(&self, table: &'t MountTable) -> Result<Option<(PathBuf, &'t Mount)>> {
        Ok(self.on_disk.mounted(table))
    }

    /// A plain directory can be used without being mounted, as with Docker.
    fn path(&self, table: &MountTable) -> Result<Option<PathBuf>> {
        Ok(self.on_disk.path(table))
    }

    fn describe(&self, table: &MountTable) -> Result<VolumeInfo> {
        Ok(self.on_disk.describe(table))
    }

    /// Of a plain directory; what is mounted elsewhere takes nothing here.
    fn usage(&self) -> Result<Usage> {
        if self.on_disk.source.is_some() {
            return Ok(Usage::default());
        }
        let taken = Some(tree::space(&self.on_disk.data()));
        Ok(Usage {
            allocated: taken,
            used: taken,
            ..Usage::default()
        })
    }

    fn mount(&self, read_only: bool) -> Result<PathBuf> {
        match &self.on_disk.source {
            Some(source) => self.mount_source(source, read_only),
            None => self.mount_directory(read_only),
        }
    }

    fn examine(&self, table: &MountTable, _care: Care) -> Result<Vec<Finding>> {
        examine::volume(&self.on_disk, table)
    }

    /// What somebody else has made keeps its owner.
    fn may_be_given_owner(&self) -> bool {
        let source = self.on_disk.source.as_ref();
        source.is_none_or(Source::sets_ownership)
    }

    fn unmount(&self, mount: &Mount, lazy: bool) -> Result<()> {
        self.on_disk.unmount(mount, lazy)
    }

    fn after_unmount(&self, gone: &[Gone]) -> Result<Option<Keeper>> {
        mounted_as::forget(self.on_disk.place);
        match &self.on_disk.source {
            Some(source) if !source.is_bind() => keepers::find(self.on_disk.place.home, gone),
            // What it shows is the host's own, and seen there all the same.
            _ => Ok(None),
        }
    }

    fn remove(&self) -> Result<()> {
        let place = self.on_disk.place;
        place.refuse_if_mounted(self.on_disk.mounted(&MountTable::read()?))?;
        files_in_use::refuse_if_used(&place.directory())?;
        match self.on_disk.source {
            Some(_) => place.delete_with_mount_point(DATA),
            None => place.home.store.delete(place.name),
        }
    }
}

impl LocalVolume<'_> {
    /// A plain directory is not mounted, unless it has to be read-only: then it is bound to itself.
    fn mount_directory(&self, read_only: bool) -> Result<PathBuf> {
        let data = self.on_disk.data();
        self.on_disk.refuse_missing()?;
        let home = self.on_disk.place.home;
        if !read_only {
            read_only_store::refuse(home, read_only_store::READ_ONLY)?;
        }
        unmount_to_mount_anew(home, self)?;
        let place = self.on_disk.place;
        place.refuse_other_mount(&MountTable::read()?, &data)?;
        if read_only {
            let itself = data.to_str().context("a path that is not UTF-8")?;
            let guard = &home.invocation.config.allow.views;
            apart::bind(itself, &data, &MountOptions::guarded(guard, "bind,ro"))?;
        }
        Ok(data)
    }

    fn mount_source(&self, source: &Source, read_only: bool) -> Result<PathBuf> {
        forbidden::refuse(source)?;
        let read_only = read_only || source.is_read_only();
        let table = MountTable::read()?;
        if let Some((mount_point, mount)) = self.on_disk.mounted(&table) {
            self.on_disk.refuse_covered(&table, mount)?;
            if mount.is_read_only() == read_only {
                // A call that was cut off may have made it.
                mounted_as::done(self.on_disk.place, mount);
                return Ok(mount_point);
            }
            unmount_to_mount_anew(self.on_disk.place.home, self)?;
        }
        self.mount_anew(source, read_only, &MountTable::read()?)
    }

    /// Mounts the source and returns its mount point.
    fn mount_anew(&self, source: &Source, read_only: bool, table: &MountTable) -> Result<PathBuf> {
        let place = self.on_disk.place;
        let mount_point = place.mount_point(DATA);
        place.refuse_other_mount(table, &mount_point)?;
        source.check_exists()?;
        place.make_mount_point(&mount_point)?;
        let shown = mount_point.display();
        place
            .home
            .step(|| format!("mounting volume {} at {shown}", place.name));
        if let Some(directory) = source.bound_recursively() {
            inside::remember(&place.directory(), directory, table);
        }
        mounted_as::begin(place, &mount_point);
        let guard = &place.home.invocation.config.allow.views;
        source
            .mount(&mount_point, guard, read_only, place.home.ends())
            .and_then(|()| self.on_disk.verify(&mount_point, read_only))
            .inspect_err(|_| self.undo(&mount_point))
            .map_err(|error| mask_secrets(&error, self.file))?;
        Ok(mount_point)
    }

    /// Takes away what a mount that failed has left. Nobody uses it, but a program that was killed may keep it busy.
    fn undo(&self, mount_point: &Path) {
        let mounted = |table: &MountTable| self.on_disk.mounted(table).map(|(_, it)| it.clone());
        if let Some(mount) = MountTable::read().ok().as_ref().and_then(mounted) {
            let _ = self.on_disk.unmount(&mount, true);
        }
        mounted_as::forget(self.on_disk.place);
        self.on_disk.place.home.forget_mount_point(mount_point);
    }
}

/// The error of a mount, which repeats the mount options, without the passwords among the volume's own options. The caller
/// cannot mask them: it does not know what the volume was created with.
fn mask_secrets(error: &Error, file: &VolumeFile) -> Error {
    let masked = Secrets::of(&file.given, "").mask(&chain(error));
    Failure::new(ErrorKind::of(error), masked).into()
}

//! One volume of a built-in driver, whether it exists or not.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::base::labels::Labels;
use crate::driver::image::ImageVolume;
use crate::driver::interface::{
    Chooser, Created, Driver, Lookup, MountMode, Next, Unmounted, Volume, Whereabouts, no_image,
};
use crate::driver::shared::existing::{Existing, Keeper};
use crate::driver::shared::given::Given;
use crate::driver::shared::home::Place;
use crate::driver::shared::opened::BuiltIn;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::read_only_store;
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::taken_over;
use crate::driver::shared::unmount::{unmount_all, unmount_unread};
use crate::sys::files::immutable;
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::mountinfo::MountTable;

/// One volume of a built-in driver.
pub struct BuiltInVolume<'a> {
    pub driver: BuiltIn<'a>,
    pub given: Given,
}

impl BuiltInVolume<'_> {
    fn place(&self) -> Place<'_> {
        self.driver.home.place(&self.given.name)
    }

    fn existing<'h>(&'h self, file: &'h VolumeFile) -> Result<Box<dyn Existing + 'h>> {
        self.driver.kind.existing(self.place(), file)
    }

    fn refuse_not_allowed(&self, options: &NormalOptions) -> Result<()> {
        let allow = &self.driver.home.invocation.config.allow;
        self.driver.kind.refuse_not_allowed(options, allow)
    }

    /// Compares the volume with what is wanted; `None` where it does not exist.
    fn compare(&self, wanted: &NormalOptions) -> Result<Option<Created>> {
        let known = self.driver.kind.options();
        let file = self.place().file()?;
        Ok(file.map(|file| self.given.compare(known, &file, wanted)))
    }
}

impl Volume for BuiltInVolume<'_> {
    fn driver(&self) -> &dyn Driver {
        &self.driver
    }

    fn name(&self) -> &str {
        &self.given.name
    }

    fn called(&self) -> &str {
        &self.given.called
    }

    fn has_options(&self) -> bool {
        self.given.has_options || !self.given.labels.is_empty()
    }

    fn set_labels(&mut self, labels: Labels) -> Result<()> {
        self.given.labels = labels;
        Ok(())
    }

    fn copy_source(&self, chooser: Chooser) -> Result<Option<String>> {
        let options = self.given.options()?;
        if chooser == Chooser::Caller && self.place().file()?.is_none() {
            self.driver.kind.check(options)?;
            self.refuse_not_allowed(options)?;
        }
        self.driver.kind.copy_source(self.place(), options)
    }

    /// Wrong options are an error even where the volume exists; those that are not allowed only where it does not. What killed calls have left is removed first.
    fn create(&self, chooser: Chooser, next: Next) -> Result<Created> {
        let BuiltIn { kind, home, .. } = &self.driver;
        let wanted = self.given.options()?;
        kind.check(wanted)?;
        let is_known_host = home.refuse_unknown_host();
        if is_known_host.is_ok() {
            home.store.aside.sweep(self.name(), home.ends())?;
        }
        self.driver.sweep();
        if let Some(found) = self.compare(wanted)? {
            return Ok(found);
        }
        if chooser == Chooser::Caller {
            self.refuse_not_allowed(wanted)?;
        }
        if home.invocation.config.create_disable {
            bail!("volumes are not to be created here (setting create.disable)");
        }
        is_known_host?;
        read_only_store::refuse(home, "")?;
        if kind.create(self.place(), &self.given, chooser, next)? {
            return Ok(Created::New);
        }
        let found = self.compare(wanted)?;
        found.context("another host has made it meanwhile, and removed it again")
    }

    fn get(&self) -> Result<Lookup> {
        self.driver.sweep();
        let Some(file) = self.place().file()? else {
            return Ok(Lookup::Absent);
        };
        let table = MountTable::read()?;
        let found = self.driver.describe_if_there(self.name(), file, &table)?;
        Ok(found.map_or(Lookup::Absent, |info| Lookup::Found(Box::new(info))))
    }

    fn path(&self) -> Result<Whereabouts> {
        self.driver.sweep();
        let file = self.place().existing_file()?;
        let path = self.existing(&file)?.path(&MountTable::read()?)?;
        Ok(path.into())
    }

    fn mount_point(&self, table: &MountTable) -> Result<Option<PathBuf>> {
        let file = self.place().existing_file()?;
        let mounted = self.existing(&file)?.mounted(table)?;
        Ok(mounted.map(|(mount_point, _)| mount_point))
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        self.driver.sweep();
        let file = self.place().existing_file()?;
        self.existing(&file)?.mount(mode.read_only)
    }

    fn unmount(&self, _id: &str, lazy: bool) -> Result<Unmounted> {
        self.driver.sweep();
        let home = &self.driver.home;
        let label = home.label();
        let file = match self.place().file() {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Unmounted::WasNot(format!("{label}: no such volume"))),
            Err(error) => return unmount_unread(self.place(), error, lazy),
        };
        let volume = self.existing(&file)?;
        let mut gone = Vec::new();
        let unmounted = unmount_all(home, volume.as_ref(), lazy, &mut gone)?;
        Ok(match (unmounted, volume.after_unmount(&gone)?) {
            (Some(Unmounted::Lost(why)), Some(user)) => {
                Unmounted::Lost(format!("{why}; it is still {}", user.words))
            }
            (_, Some(Keeper { words })) => Unmounted::InUse(format!(
                "it is not mounted here any more, but still {words}; unmount it again when that has ended"
            )),
            (Some(unmounted), None) => unmounted,
            (None, None) => Unmounted::WasNot(format!("{label}: it is not mounted")),
        })
    }

    fn image(&self) -> Result<Box<dyn ImageVolume + '_>> {
        let image = self.driver.kind.image(self.place());
        image.ok_or_else(|| no_image(&self.driver.label()))
    }

    fn must_be_read_only(&self) -> Result<bool> {
        Ok(read_only_store::problem(&self.driver.home)?.is_some())
    }

    fn join(&self) -> Result<()> {
        let file = self.place().existing_file()?;
        self.existing(&file)?.join()
    }

    fn may_be_given_owner(&self) -> Result<bool> {
        let file = self.place().existing_file()?;
        Ok(self.existing(&file)?.may_be_given_owner())
    }

    fn taken_over(&self) -> Result<Option<Ownership>> {
        Ok(taken_over::read(&self.place().directory()))
    }

    fn remember_taken_over(&self, ownership: Option<Ownership>) -> Result<()> {
        taken_over::write(&self.place().directory(), ownership)
    }

    /// A removal that was interrupted is completed by this.
    fn remove(&self) -> Result<()> {
        let home = &self.driver.home;
        if home.invocation.config.remove_disable {
            bail!("volumes are not to be removed here (setting remove.disable)");
        }
        home.refuse_unknown_host()?;
        if let Some(problem) = read_only_store::problem(home)? {
            self.place().existing_file()?;
            bail!(problem);
        }
        let name = self.name();
        let was_being_removed = home.store.aside.sweep(name, home.ends())?
            || self
                .driver
                .sweep()
                .iter()
                .any(|completed| completed == name);
        match self.place().file()? {
            Some(file) => {
                immutable::refuse(&self.place().directory())?;
                self.existing(&file)?.remove()
            }
            None if was_being_removed => Ok(()),
            None => Err(self.place().absent()),
        }
    }
}

//! A built-in driver and its volumes. What differs between the kinds is in `kind` and `existing`.

use std::cell::OnceCell;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::base::finding::{Care, Finding};
use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::base::text::chain;
use crate::driver::interface::{
    Chooser, Created, Driver, Examined, Lookup, MountMode, Next, Scope, Unmounted, Usage, Volume,
    VolumeInfo, Whereabouts,
};
use crate::driver::shared::examine;
use crate::driver::shared::existing::{Existing, Keeper};
use crate::driver::shared::given::Given;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::leftovers;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::read_only_store;
use crate::driver::shared::store::VolumeFile;
use crate::driver::shared::taken_over;
use crate::driver::shared::unmount::{unmount_all, unmount_unread};
use crate::invocation::Invocation;
use crate::sys::files::immutable;
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::mountinfo::MountTable;

/// A built-in driver, opened.
pub struct BuiltIn<'a> {
    kind: &'static dyn BuiltInKind,
    home: Home<'a>,
    /// The volumes whose removal, which was cut off, was completed by this call; `None` before they are looked for.
    completed: OnceCell<Vec<String>>,
}

impl<'a> BuiltIn<'a> {
    pub fn open(kind: &'static dyn BuiltInKind, invocation: &'a Invocation) -> Result<BuiltIn<'a>> {
        let home = Home::open(kind.name(), invocation)?;
        Ok(BuiltIn {
            kind,
            home,
            completed: OnceCell::new(),
        })
    }

    /// Deletes what killed calls have left of any volume, once for each call.
    fn sweep(&self) -> &[String] {
        self.completed
            .get_or_init(|| leftovers::complete(&self.home))
    }

    fn describe(&self, name: &str, file: VolumeFile, table: &MountTable) -> Result<VolumeInfo> {
        let found = self.kind.existing(self.home.place(name), &file)?;
        let info = found.describe(table)?;
        drop(found);
        Ok(VolumeInfo {
            name: name.to_owned(),
            created_at: Some(file.created_at),
            options: Some(file.given),
            labels: file.labels,
            ..info
        })
    }

    /// `None` where the volume was removed while it was looked at.
    fn describe_if_there(
        &self,
        name: &str,
        file: VolumeFile,
        table: &MountTable,
    ) -> Result<Option<VolumeInfo>> {
        match self.describe(name, file, table) {
            Ok(info) => Ok(Some(info)),
            Err(_) if self.home.store.record(name)?.is_none() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Driver for BuiltIn<'_> {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn label(&self) -> String {
        self.home.label()
    }

    fn volume<'a>(self: Box<Self>, name: &str, options: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(BuiltInVolume {
            given: Given::parse(self.kind.options(), name, options)?,
            driver: *self,
        }))
    }

    /// A volume that cannot be described is listed by its name alone, with a warning.
    fn list(&self) -> Result<Vec<VolumeInfo>> {
        let mut volumes = leftovers::half_removed(&self.home);
        let table = MountTable::read()?;
        for name in self.home.store.names()? {
            let file = self.home.store.record(&name);
            let found = file.and_then(|file| match file {
                Some(file) => self.describe_if_there(&name, file, &table),
                // Another program has made this directory, or the volume has just been removed.
                None => Ok(None),
            });
            match found {
                Ok(found) => volumes.extend(found),
                Err(error) => {
                    let why = chain(&error);
                    let log = &self.home.invocation.log;
                    log.warn(&format!("listing volume {name}: {why}"));
                    volumes.push(VolumeInfo {
                        name,
                        ..VolumeInfo::default()
                    });
                }
            }
        }
        Ok(volumes)
    }

    fn keeps_labels(&self) -> bool {
        true
    }

    fn usage(&self, name: &str) -> Result<Usage> {
        let place = self.home.place(name);
        let file = place.existing_file()?;
        self.kind.existing(place, &file)?.usage()
    }

    fn capabilities(&self) -> Result<Scope> {
        Ok(Scope::Local)
    }

    fn examine(&self, care: Care) -> Result<Vec<Finding>> {
        examine::driver(self.kind, &self.home, care)
    }

    fn examinable(&self) -> Result<Vec<String>> {
        self.home.store.names()
    }

    fn examine_volume(&self, name: &str, care: Care) -> Result<Examined> {
        examine::volume(self.kind, self.home.place(name), care)
    }

    fn can_mount_read_only(&self) -> bool {
        true
    }
}

/// One volume of a built-in driver.
struct BuiltInVolume<'a> {
    driver: BuiltIn<'a>,
    given: Given,
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

    fn must_be_read_only(&self) -> Result<bool> {
        Ok(read_only_store::problem(&self.driver.home)?.is_some())
    }

    fn refuse_broken(&self) -> Result<()> {
        let file = self.place().existing_file()?;
        self.existing(&file)?.refuse_broken()
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

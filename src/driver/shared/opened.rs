//! A built-in driver, opened for one call: what it works with, and what it knows of a volume.

use std::cell::OnceCell;

use anyhow::Result;

use crate::base::text::chain;
use crate::driver::interface::VolumeInfo;
use crate::driver::shared::home::Home;
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::leftovers;
use crate::driver::shared::store::VolumeFile;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;

/// A built-in driver, opened.
pub struct BuiltIn<'a> {
    pub kind: &'static dyn BuiltInKind,
    pub home: Home<'a>,
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
    pub fn sweep(&self) -> &[String] {
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

    /// A volume as it is listed: by its name alone, with a warning, where it cannot be described. `None` where there is none.
    pub fn listed(&self, name: String, table: &MountTable) -> Option<VolumeInfo> {
        let file = self.home.store.record(&name);
        let found = file.and_then(|file| match file {
            Some(file) => self.describe_if_there(&name, file, table),
            // Another program has made this directory, or the volume has just been removed.
            None => Ok(None),
        });
        found.unwrap_or_else(|error| {
            let why = chain(&error);
            let log = &self.home.invocation.log;
            log.warn(&format!("listing volume {name}: {why}"));
            Some(VolumeInfo {
                name,
                ..VolumeInfo::default()
            })
        })
    }

    /// `None` where the volume was removed while it was looked at.
    pub fn describe_if_there(
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

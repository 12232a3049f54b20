//! A built-in driver, by the methods of every driver. What differs between the kinds is in `kind` and `existing`.

use anyhow::Result;

use crate::base::finding::{Care, Finding};
use crate::base::options::Options;
use crate::driver::image::SnapshotInfo;
use crate::driver::interface::{Driver, Examined, Scope, Usage, Volume, VolumeInfo, no_image};
use crate::driver::shared::built_in_volume::BuiltInVolume;
use crate::driver::shared::examine;
use crate::driver::shared::given::Given;
use crate::driver::shared::host_claim;
use crate::driver::shared::leftovers;
use crate::driver::shared::opened::BuiltIn;
use crate::sys::mount::mountinfo::MountTable;

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
        let names = self.home.store.names()?.into_iter();
        volumes.extend(names.filter_map(|name| self.listed(name, &table)));
        Ok(volumes)
    }

    /// Only where there is no record, or none that can be one, the volume is looked at as [`list`](Driver::list) does.
    fn names(&self) -> Result<Vec<String>> {
        let (mut names, unclear) = self.home.store.names_by_record()?;
        if !unclear.is_empty() {
            let table = MountTable::read()?;
            let found = unclear
                .into_iter()
                .filter_map(|name| self.listed(name, &table));
            names.extend(found.map(|volume| volume.name));
        }
        Ok(names)
    }

    fn tell_of_half_removed(&self) {
        leftovers::half_removed(&self.home);
    }

    fn keeps_labels(&self) -> bool {
        true
    }

    fn is_on_another_host(&self, name: &str) -> bool {
        let directory = self.home.place(name).directory();
        let claimant = host_claim::foreign(&directory, &self.home.host);
        claimant.is_ok_and(|claimant| claimant.is_some())
    }

    fn snapshots(&self, volume: Option<&str>) -> Result<Vec<SnapshotInfo>> {
        let found = self.kind.snapshots(&self.home, volume);
        found.unwrap_or_else(|| Err(no_image(&self.label())))
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
        examine::names(&self.home)
    }

    fn examine_volume(&self, name: &str, care: Care) -> Result<Examined> {
        examine::volume(self.kind, self.home.place(name), care)
    }

    fn can_mount_read_only(&self) -> bool {
        true
    }
}

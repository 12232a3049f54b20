//! `local`: a directory, or anything that mount(2) or mount(8) can mount, as Docker's driver of this name.

mod source;

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use serde_json::Map;

use crate::base::secrets::Secrets;
use crate::driver::local::source::Source;
use crate::driver::shared::options::LOCAL;
use crate::driver::shared::store::{self, Record};
use crate::driver::shared::{Base, guard, handout, names, new_record, read_options};
use crate::driver::{Created, Driver, Lookup, MountRequest, Options, Scope, Unmounted, Volume};
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::{Mount, MountTable};

const NAME: &str = "local";

/// What is handed out: the directory itself, or where the device is mounted.
const DATA: &str = "_data";

/// Of a plain directory, where the options say no other.
const DATA_MODE: u32 = 0o755;

pub struct Local<'a>(pub Base<'a>);

impl Driver for Local<'_> {
    fn name(&self) -> &str {
        NAME
    }

    fn label(&self) -> String {
        format!("driver {NAME}")
    }

    fn plain_name(&self, volume: &str) -> Result<String> {
        names::parse(volume).map(|(name, _)| name)
    }

    fn mounts_read_only(&self) -> bool {
        true
    }

    fn create(&self, volume: &str, options: &Options) -> Result<Created> {
        let (name, inline) = names::parse(volume)?;
        let normal = read_options(LOCAL, &inline, options)?;
        let source = Source::of(&normal)?;
        if let Some(existed) = self.0.existing(&name, &normal)? {
            return Ok(existed);
        }
        if let Some(source) = &source {
            source.check()?;
        }
        let mut ownership = handout::ownership(&normal);
        ownership.mode = ownership.mode.or(Some(DATA_MODE));
        let record = new_record(inline, options, normal);
        self.0.store.create(&name, &record, |directory| {
            let data = directory.join(DATA);
            store::make_directory(&data)?;
            // Of a mount point, they are what is mounted there's.
            if source.is_none() {
                handout::give(&data, ownership)
            } else {
                Ok(())
            }
        })?;
        Ok(Created::New)
    }

    fn original(&self, volume: &str, options: &Options) -> Result<Option<String>> {
        let (name, inline) = names::parse(volume)?;
        let normal = read_options(LOCAL, &inline, options)?;
        if self.0.store.record(&name)?.is_none() {
            Source::of(&normal)?;
        }
        Ok(None)
    }

    fn remove(&self, volume: &str) -> Result<()> {
        let (name, _) = names::parse(volume)?;
        if !self.0.removable(&name)? {
            return Ok(());
        }
        let record = self.0.record(&name)?;
        let source = Source::of(&record.options)?;
        self.0
            .refuse_mounted(self.mounted(&name, source.as_ref(), &MountTable::read()?))?;
        guard::refuse_if_mounted(&self.0.store.directory(&name))?;
        match source {
            Some(_) => self.0.delete(&name, DATA),
            None => self.0.store.delete(&name),
        }
    }

    fn mount(&self, volume: &str, request: MountRequest) -> Result<PathBuf> {
        let (name, _) = names::parse(volume)?;
        let record = self.0.record(&name)?;
        match Source::of(&record.options)? {
            Some(source) => self.mount_source(&name, &record, &source, request.read_only),
            None => self.mount_directory(&name, request.read_only),
        }
    }

    fn unmount(&self, volume: &str, _id: &str, lazy: bool) -> Result<Unmounted> {
        let (name, _) = names::parse(volume)?;
        let Some(record) = self.0.store.record(&name)? else {
            return Ok(Unmounted::WasNot(format!(
                "{}: no such volume",
                self.label()
            )));
        };
        let source = Source::of(&record.options)?;
        let mut outcome = Unmounted::WasNot(format!("{}: it is not mounted", self.label()));
        while let Some((place, _)) = self.mounted(&name, source.as_ref(), &MountTable::read()?) {
            self.unmount_source(&place, source.as_ref(), lazy)?;
            self.0.forget_mount_point(&place);
            outcome = Unmounted::Done;
        }
        Ok(outcome)
    }

    /// A plain directory can be used without being mounted, as with Docker.
    fn path(&self, volume: &str) -> Result<Option<PathBuf>> {
        let (name, _) = names::parse(volume)?;
        let record = self.0.record(&name)?;
        let source = Source::of(&record.options)?;
        Ok(self.handed_out(&name, source.as_ref(), &MountTable::read()?))
    }

    fn get(&self, volume: &str) -> Result<Lookup> {
        let (name, _) = names::parse(volume)?;
        self.0.lookup(&name, |record| {
            self.describe(&name, record, &MountTable::read()?)
        })
    }

    fn list(&self) -> Result<Vec<Volume>> {
        let table = MountTable::read()?;
        self.0
            .list(|name, record| self.describe(name, record, &table))
    }

    fn capabilities(&self) -> Result<Scope> {
        Ok(Scope::Local)
    }
}

impl Local<'_> {
    fn data(&self, name: &str) -> PathBuf {
        self.0.store.directory(name).join(DATA)
    }

    /// Read-only, a directory is bound to itself.
    fn mount_directory(&self, name: &str, read_only: bool) -> Result<PathBuf> {
        let data = self.data(name);
        if !data.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            bail!(
                "{} is missing; remove the volume, or make the directory",
                data.display()
            );
        }
        self.unmount(name, "", false)?;
        if read_only {
            calls::bind(&data, &data, "ro")?;
        }
        Ok(data)
    }

    /// A mount that is there already is from a call that was killed, since the caller knows of none.
    fn mount_source(
        &self,
        name: &str,
        record: &Record,
        source: &Source,
        read_only: bool,
    ) -> Result<PathBuf> {
        let read_only = read_only || source.is_read_only();
        let mut table = MountTable::read()?;
        if let Some((place, mount)) = self.mounted(name, Some(source), &table) {
            if mount.is_read_only() == read_only {
                return self.prepare(name, record, source, &place);
            }
            self.unmount_source(&place, Some(source), false)?;
            table = MountTable::read()?;
        }
        let place = self.0.mount_point(name, DATA);
        self.0.refuse_occupied(&table, &place)?;
        source.check()?;
        self.0.make_mount_point(&place)?;
        let step = || {
            format!(
                "driver {NAME}: mounting volume {name} at {}",
                place.display()
            )
        };
        self.0.log.step(step);
        let mounted = source.mount(&place, read_only, self.0.ends);
        if mounted.is_err() {
            self.0.forget_mount_point(&place);
        }
        mounted.map_err(|error| masked(&error, record))?;
        let prepared = self.prepare(name, record, source, &place);
        if prepared.is_err() {
            let _ = calls::unmount(&place, false);
            self.0.forget_mount_point(&place);
        }
        prepared
    }

    fn prepare(
        &self,
        name: &str,
        record: &Record,
        source: &Source,
        place: &Path,
    ) -> Result<PathBuf> {
        let ownership = handout::ownership(&record.options);
        if source.sets_ownership() || !handout::is_given(ownership) {
            return Ok(place.to_owned());
        }
        handout::prepare(place, "", ownership, &self.0.store.directory(name))
    }

    fn unmount_source(&self, place: &Path, source: Option<&Source>, lazy: bool) -> Result<()> {
        if source.is_some_and(Source::is_recursive) {
            calls::make_private(place)
                .with_context(|| format!("unmounting {}", place.display()))?;
            let table = MountTable::read()?;
            let below: Vec<&Mount> = table
                .below(place)
                .filter(|mount| mount.mount_point != place)
                .collect();
            for mount in below.iter().rev() {
                self.0.unmount_at(&mount.mount_point, lazy)?;
            }
        }
        self.0.unmount_at(place, lazy)
    }

    /// Where the volume is mounted in this mount namespace. What is at our own mount point is ours.
    fn mounted<'t>(
        &self,
        name: &str,
        source: Option<&Source>,
        table: &'t MountTable,
    ) -> Option<(PathBuf, &'t Mount)> {
        let place = self.0.mount_point(name, DATA);
        let data = self.data(name);
        let elsewhere = || {
            let mount = table.at(&place).filter(|_| place != data)?;
            source?
                .is_mounted_as(mount)
                .then_some((place.clone(), mount))
        };
        table
            .at(&data)
            .map(|mount| (data.clone(), mount))
            .or_else(elsewhere)
    }

    fn handed_out(
        &self,
        name: &str,
        source: Option<&Source>,
        table: &MountTable,
    ) -> Option<PathBuf> {
        let mounted = self.mounted(name, source, table).map(|(place, _)| place);
        if source.is_none() {
            Some(self.data(name))
        } else {
            mounted
        }
    }

    fn describe(&self, name: &str, record: Record, table: &MountTable) -> Result<Volume> {
        let source = Source::of(&record.options)?;
        let mut details = Map::new();
        if let Some(source) = &source {
            let mounted = self
                .mounted(name, Some(source), table)
                .map(|(_, mount)| mount);
            let fs_type = mounted.map_or(source.fs_type(), |mount| &mount.fs_type);
            let device = mounted.map(|mount| mount.source.as_str());
            details.insert("FsType".into(), fs_type.into());
            details.insert("Device".into(), device.into());
        }
        Ok(Volume {
            name: name.to_owned(),
            mountpoint: self.handed_out(name, source.as_ref(), table),
            status: None,
            created_at: Some(record.created_at),
            options: Some(record.given),
            details,
        })
    }
}

/// The error of a mount repeats its options, and the volume's own passwords are among them: the caller does not know those.
fn masked(error: &Error, record: &Record) -> Error {
    anyhow!(Secrets::of(&record.given, "").mask(&format!("{error:#}")))
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

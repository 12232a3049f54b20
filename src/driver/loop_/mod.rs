//! `loop`: a sized volume is a file system in an image file, mounted from a loop device.

mod image;
mod plan;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::base::failure::Failure;
use crate::driver::shared::options::{self, LOOP};
use crate::driver::shared::owner::{self, Claim};
use crate::driver::shared::store::{self, Record};
use crate::driver::shared::{Base, guard, handout, names, new_record, read_options};
use crate::driver::{Created, Driver, Lookup, MountRequest, Options, Scope, Unmounted, Volume};
use crate::sys::block::loop_device;
use crate::sys::files::id::FileId;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::MountOptions;

const NAME: &str = "loop";

/// What a volume's directory holds beside its record.
const IMAGE: &str = "image";
const MOUNT_POINT: &str = "mnt";

pub struct Loop<'a>(pub Base<'a>);

impl Driver for Loop<'_> {
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
        let mut normal = read_options(LOOP, &inline, options)?;
        let original = plan::original(&normal)?;
        if let Some(existed) = self.0.existing(&name, &normal)? {
            return Ok(existed);
        }
        let defaults =
            options::read(LOOP, &self.0.defaults()).context("reading the configured defaults")?;
        let original = original
            .map(|original| self.image_to_copy(&original))
            .transpose()?;
        let plan = plan::decide(&mut normal, defaults, original)?;
        if options::get(&normal, "iops").is_some() {
            self.0.log.warn(
                "option iops is recorded, but not enforced: a loop device cannot provision IOPS",
            );
        }
        let record = new_record(inline, options, normal);
        self.0
            .log
            .step(|| format!("driver {NAME}: making volume {name}"));
        self.0.store.create(&name, &record, |directory| {
            plan.carry_out(&directory.join(IMAGE), self.0.ends)?;
            store::make_directory(&directory.join(MOUNT_POINT))
        })?;
        Ok(Created::New)
    }

    fn original(&self, volume: &str, options: &Options) -> Result<Option<String>> {
        let (name, inline) = names::parse(volume)?;
        let original = plan::original(&read_options(LOOP, &inline, options)?)?;
        if self.0.store.record(&name)?.is_some() {
            return Ok(None);
        }
        let plain = original.map(|original| names::parse(&original).map(|(name, _)| name));
        plain.transpose()
    }

    fn remove(&self, volume: &str) -> Result<()> {
        let (name, _) = names::parse(volume)?;
        if !self.0.removable(&name)? {
            return Ok(());
        }
        self.claimed(&name, || {
            self.0
                .refuse_mounted(self.mounted(&name, &MountTable::read()?)?)?;
            guard::refuse_if_mounted(&self.0.store.directory(&name))?;
            // The lock lasts until the image is gone. One that is gone already keeps nobody from removing the rest.
            let path = self.image(&name);
            let image = path
                .symlink_metadata()
                .is_ok()
                .then(|| image::open(&path))
                .transpose()?;
            if let Some(image) = &image {
                image::lock_unused(image, self.0.ends)?;
            }
            self.0.delete(&name, MOUNT_POINT)
        })
    }

    fn mount(&self, volume: &str, request: MountRequest) -> Result<PathBuf> {
        let (name, _) = names::parse(volume)?;
        let record = self.0.record(&name)?;
        handout::names(&self.0.settings.root_path)?;
        self.claimed(&name, || self.mount_ours(&name, &record, request.read_only))
    }

    fn unmount(&self, volume: &str, _id: &str, lazy: bool) -> Result<Unmounted> {
        let (name, _) = names::parse(volume)?;
        if self.0.store.record(&name)?.is_none() {
            return Ok(Unmounted::WasNot(format!(
                "{}: no such volume",
                self.label()
            )));
        }
        let mut outcome = Unmounted::WasNot(format!("{}: it is not mounted", self.label()));
        while let Some((place, _)) = self.mounted(&name, &MountTable::read()?)? {
            self.0.unmount_at(&place, lazy)?;
            self.0.forget_mount_point(&place);
            outcome = Unmounted::Done;
        }
        // Where another mount namespace still has it, another host must not.
        let path = self.image(&name);
        if path.symlink_metadata().is_ok() && image::kept_by(&image::open(&path)?)?.is_some() {
            return Ok(outcome);
        }
        owner::release(&self.0.store.directory(&name), &self.0.host)?;
        Ok(outcome)
    }

    fn path(&self, volume: &str) -> Result<Option<PathBuf>> {
        let (name, _) = names::parse(volume)?;
        self.0.record(&name)?;
        Ok(self
            .mounted(&name, &MountTable::read()?)?
            .map(|(place, _)| self.inside(&place)))
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

impl Loop<'_> {
    fn image(&self, name: &str) -> PathBuf {
        self.0.store.directory(name).join(IMAGE)
    }

    fn image_to_copy(&self, original: &str) -> Result<PathBuf> {
        let (name, _) = names::parse(original)?;
        match self.0.store.record(&name)? {
            Some(_) => Ok(self.image(&name)),
            None => Err(Failure::absent(format!("there is no volume {name} to copy")).into()),
        }
    }

    /// Does something with a volume that no other host has. What this call claimed is given up again where it fails.
    fn claimed<T>(&self, name: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let directory = self.0.store.directory(name);
        let claim = owner::claim(&directory, &self.0.host, self.0.settings.preempt)?;
        if let Claim::Taken(other) = &claim {
            let host = &other.name;
            self.0.log.warn(&format!(
                "volume {name} was mounted on host {host}, and is taken from it (setting mount.preempt)"
            ));
        }
        let done = act();
        if done.is_err() {
            let _ = owner::undo(&directory, &self.0.host, claim);
        }
        done
    }

    /// A mount that is there already is from a call that was killed, since the caller knows of none.
    fn mount_ours(&self, name: &str, record: &Record, read_only: bool) -> Result<PathBuf> {
        let image = image::open(&self.image(name))?;
        let mut options =
            MountOptions::parse(options::get(&record.options, "mountOpts").unwrap_or_default());
        let read_only = read_only || options.read_only();
        options.set_read_only(false);
        let mut table = MountTable::read()?;
        if let Some((place, mount)) = self.mounted(name, &table)?
            && mount.is_read_only()
        {
            self.0.unmount_at(&place, false)?;
            table = MountTable::read()?;
        }
        let place = match self.mounted(name, &table)? {
            Some((place, _)) => place,
            None => self.mount_anew(name, record, &image, &options, &table)?,
        };
        let prepared = self.prepare(name, record, &place, &options, read_only);
        if prepared.is_err() {
            let _ = calls::unmount(&place, false);
            self.0.forget_mount_point(&place);
        }
        prepared
    }

    fn mount_anew(
        &self,
        name: &str,
        record: &Record,
        image: &File,
        options: &MountOptions,
        table: &MountTable,
    ) -> Result<PathBuf> {
        let place = self.0.mount_point(name, MOUNT_POINT);
        self.0.refuse_occupied(table, &place)?;
        let fs = options::get(&record.options, "newFsType")
            .context("reading the record: it names no file system")?;
        self.0.make_mount_point(&place)?;
        let device = image::bind(image, self.0.ends)?;
        let source = device.path();
        let (device_shown, place_shown) = (source.display(), place.display());
        let step = || format!("driver {NAME}: mounting {device_shown} at {place_shown} as {fs}");
        self.0.log.step(step);
        let mounted = calls::mount(&source.to_string_lossy(), &place, fs, options);
        if mounted.is_err() {
            self.0.forget_mount_point(&place);
        }
        mounted.map(|()| place)
    }

    /// The mount is writable until the directory is there, and nobody knows its path before.
    fn prepare(
        &self,
        name: &str,
        record: &Record,
        place: &Path,
        options: &MountOptions,
        ro: bool,
    ) -> Result<PathBuf> {
        let ownership = handout::ownership(&record.options);
        let inside = &self.0.settings.root_path;
        let path = handout::prepare(place, inside, ownership, &self.0.store.directory(name))?;
        if ro {
            let mut options = options.clone();
            options.set_read_only(true);
            let made = calls::remount_view(place, &options);
            made.with_context(|| format!("making {} read-only", place.display()))?;
        }
        Ok(path)
    }

    /// Where the volume is mounted in this mount namespace, and its mount. Of an image that is gone, the mount may be left.
    fn mounted<'t>(
        &self,
        name: &str,
        table: &'t MountTable,
    ) -> Result<Option<(PathBuf, &'t Mount)>> {
        let path = self.image(name);
        let image = match FileId::at(&path) {
            Ok(id) => Some(id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let own = self.0.store.directory(name).join(MOUNT_POINT);
        let places = [self.0.mount_point(name, MOUNT_POINT), own.clone()];
        Ok(places.into_iter().find_map(|place| {
            let mount = table.at(&place)?;
            let number = loop_device::number_of(&mount.source)?;
            let ours = image.map_or(place == own, |image| loop_device::is_bound(number, image));
            ours.then_some((place, mount))
        }))
    }

    fn inside(&self, place: &Path) -> PathBuf {
        let names = handout::names(&self.0.settings.root_path).unwrap_or_default();
        names
            .into_iter()
            .fold(place.to_owned(), |path, name| path.join(name))
    }

    fn describe(&self, name: &str, record: Record, table: &MountTable) -> Result<Volume> {
        let path = self.image(name);
        let (length, allocated) =
            image::lengths(&path).with_context(|| format!("reading {}", path.display()))?;
        let mounted = self.mounted(name, table)?;
        let mut details = Map::new();
        details.insert("Size".into(), length.into());
        details.insert("Allocated".into(), allocated.into());
        details.insert("FsType".into(), text(&record, "newFsType"));
        details.insert(
            "Device".into(),
            mounted
                .as_ref()
                .map_or(Value::Null, |(_, mount)| mount.source.clone().into()),
        );
        Ok(Volume {
            name: name.to_owned(),
            mountpoint: mounted.map(|(place, _)| self.inside(&place)),
            status: Some(status(name, &record, length)),
            created_at: Some(record.created_at),
            options: Some(record.given),
            details,
        })
    }
}

fn text(record: &Record, key: &str) -> Value {
    options::get(&record.options, key).into()
}

/// What REX-Ray shows, whose users read it: the size in GiB.
fn status(name: &str, record: &Record, length: u64) -> Map<String, Value> {
    const GIB: u64 = 1 << 30;
    let size = if length.is_multiple_of(GIB) {
        json!(length / GIB)
    } else {
        json!(length as f64 / GIB as f64)
    };
    let or_empty = |key| {
        options::get(&record.options, key)
            .unwrap_or_default()
            .to_owned()
    };
    let iops: u64 = options::number_in(&record.options, "iops").unwrap_or(0);
    let pairs = [
        ("name", name.into()),
        ("size", size),
        ("iops", iops.into()),
        ("type", or_empty("volumeType").into()),
        ("availabilityZone", or_empty("availabilityZone").into()),
        ("fields", Value::Null),
        ("service", NAME.into()),
        ("server", NAME.into()),
    ];
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

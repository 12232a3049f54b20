//! What the built-in drivers share: a directory for each volume, names, options, and how mounts are found and taken away.

pub mod data_directory;
pub mod given;
pub mod host_claim;
pub mod names;
pub mod options;
pub mod size;
pub mod still_mounted;
pub mod store;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::sys::stat::{Mode, umask};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::text::chain;
use crate::driver::interface::{Created, Driver, Lookup, Scope, Volume, VolumeInfo};
use crate::driver::shared::given::Given;
use crate::driver::shared::host_claim::Host;
use crate::driver::shared::options::{Known, NormalOptions};
use crate::driver::shared::store::{Store, VolumeFile};
use crate::invocation::Invocation;
use crate::invocation::config::Config;
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{busy, calls};

/// What one built-in driver has of its own.
pub trait BuiltInKind: Sync {
    /// The driver's name.
    fn name(&self) -> &'static str;

    /// The options that its volumes can have.
    fn options(&self) -> &'static [Known];

    /// A volume, whether it exists or not.
    fn volume<'a>(&self, driver: BuiltIn<'a>, given: Given) -> Box<dyn Volume + 'a>;

    /// What `get` and `list` tell of a volume that exists.
    fn describe(
        &self,
        driver: &BuiltIn,
        name: &str,
        record: VolumeFile,
        table: &MountTable,
    ) -> Result<VolumeInfo>;
}

/// A built-in driver, opened.
pub struct BuiltIn<'a> {
    pub invocation: &'a Invocation,
    pub kind: &'static dyn BuiltInKind,
    pub store: Store,
    pub host: Host,
    /// Where volumes are mounted, as `PATH/NAME`; else in their own directories.
    mount_path: Option<PathBuf>,
}

impl Driver for BuiltIn<'_> {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn label(&self) -> String {
        format!("driver {}", self.kind.name())
    }

    fn volume<'a>(self: Box<Self>, name: &str, options: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a,
    {
        let given = Given::parse(self.kind.options(), name, options)?;
        Ok(self.kind.volume(*self, given))
    }

    /// All volumes; of one whose record cannot be read, the name.
    fn list(&self) -> Result<Vec<VolumeInfo>> {
        let table = MountTable::read()?;
        let mut volumes = Vec::new();
        for name in self.store.names()? {
            let found = self.store.record(&name).and_then(|record| {
                let describe = |record| self.kind.describe(self, &name, record, &table);
                record.map(describe).transpose()
            });
            match found {
                Ok(Some(volume)) => volumes.push(volume),
                // Removed meanwhile, or a directory that mkdir(1) made.
                Ok(None) => {}
                Err(_) if matches!(self.store.record(&name), Ok(None)) => {}
                Err(error) => {
                    let why = chain(&error);
                    self.invocation
                        .log
                        .warn(&format!("listing volume {name}: {why}"));
                    volumes.push(VolumeInfo {
                        name,
                        ..VolumeInfo::default()
                    });
                }
            }
        }
        Ok(volumes)
    }

    fn capabilities(&self) -> Result<Scope> {
        Ok(Scope::Local)
    }

    fn can_mount_read_only(&self) -> bool {
        true
    }
}

/// What the driver of that name keeps its volumes in.
pub fn directory(kind: &str, invocation: &Invocation) -> PathBuf {
    let configured = invocation.config.root.as_ref();
    configured.unwrap_or(&invocation.paths.state).join(kind)
}

/// Refuses a default of the configuration that no volume of `loop` can have: wrong usage, with file and line.
fn check_create_defaults(settings: &Config) -> Result<()> {
    for (option, default) in &settings.create_defaults {
        let options = vec![((*option).to_owned(), default.value.clone())];
        options::read(options::LOOP, &options).with_context(|| Failure::usage(&default.origin))?;
    }
    Ok(())
}

impl<'a> BuiltIn<'a> {
    /// Nothing is looked at but this host's identity.
    pub fn new(kind: &'static dyn BuiltInKind, invocation: &'a Invocation) -> Result<BuiltIn<'a>> {
        // What we make has to get the modes that we give it: whoever may use a volume has to reach it.
        umask(Mode::from_bits_truncate(0o022));
        check_create_defaults(&invocation.config)?;
        let host = Host::this()?;
        let directory = directory(kind.name(), invocation);
        Ok(BuiltIn {
            kind,
            store: Store::new(&directory, &host.machine_id),
            host,
            mount_path: invocation
                .config
                .mount_path
                .as_deref()
                .map(canonical_as_far_as_it_exists),
            invocation,
        })
    }

    /// What takes longer is given up.
    pub fn ends(&self) -> Instant {
        self.invocation.budget.ends()
    }

    pub fn absent(&self) -> anyhow::Error {
        anyhow::Error::from(Failure::absent("no such volume")).context(self.label())
    }

    /// Options of `loop` that count where `create` has none.
    pub fn defaults(&self) -> Options {
        let configured = self.invocation.config.create_defaults.iter();
        configured
            .map(|(key, default)| ((*key).to_owned(), default.value.clone()))
            .collect()
    }

    /// A volume that has to exist.
    pub fn record(&self, name: &str) -> Result<VolumeFile> {
        self.store.record(name)?.ok_or_else(|| self.absent())
    }

    /// Where a volume is mounted: as the configuration says, else at `own` in its directory.
    pub fn mount_point(&self, name: &str, own: &str) -> PathBuf {
        match &self.mount_path {
            Some(path) => path.join(name),
            None => self.store.directory(name).join(own),
        }
    }

    /// What `create` says of a volume that exists; leftovers are swept first. `None` where it does not exist and may be made.
    pub fn existing(&self, name: &str, wanted: &NormalOptions) -> Result<Option<Created>> {
        self.store.sweep(name)?;
        match self.store.record(name)? {
            Some(record) => {
                let differing = options::differing(&record.options, wanted);
                Ok(Some(if differing.is_empty() {
                    Created::Same
                } else {
                    Created::Otherwise(differing)
                }))
            }
            None if self.invocation.config.create_disable => {
                anyhow::bail!("volumes are not to be created here (setting create.disable)")
            }
            None => Ok(None),
        }
    }

    /// Whether there is a volume to be removed; one whose removal was interrupted is removed by this.
    pub fn removable(&self, name: &str) -> Result<bool> {
        if self.invocation.config.remove_disable {
            anyhow::bail!("volumes are not to be removed here (setting remove.disable)");
        }
        let swept = self.store.sweep(name)?;
        let exists = self.store.record(name)?.is_some();
        if exists || swept {
            Ok(exists)
        } else {
            Err(self.absent())
        }
    }

    /// Removes the volume's own directory, with its mount point, which is empty or the removal ends here.
    pub fn delete(&self, name: &str, mount_point: &str) -> Result<()> {
        let own = self.store.directory(name).join(mount_point);
        match std::fs::remove_dir(&own) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing the mount point {}", own.display()))
            }
            _ => self.store.delete(name),
        }
    }

    /// Refuses a mount point at which something is mounted.
    pub fn refuse_occupied(&self, table: &MountTable, mount_point: &Path) -> Result<()> {
        match table.at(mount_point) {
            Some(other) => Err(Failure::in_use(format!(
                "{} of type {} is mounted at {}, and is not this volume; unmount it",
                other.source,
                other.fs_type,
                mount_point.display()
            ))
            .into()),
            None => Ok(()),
        }
    }

    /// Refuses to go on while a volume is mounted here.
    pub fn refuse_mounted(&self, mounted: Option<(PathBuf, &Mount)>) -> Result<()> {
        match mounted {
            Some((place, _)) => Err(Failure::in_use(format!(
                "mounted at {}; unmount it first",
                place.display()
            ))
            .into()),
            None => Ok(()),
        }
    }

    /// Makes a mount point where it is missing; ours goes when the volume is removed, and may be gone after a kill.
    pub fn make_mount_point(&self, mount_point: &Path) -> Result<()> {
        store::create_durably(mount_point)
    }

    /// Takes a mount away. Where it is busy, the error names those who use it.
    pub fn unmount_at(&self, mount_point: &Path, lazy: bool) -> Result<()> {
        let step = || format!("{}: unmounting {}", self.label(), mount_point.display());
        self.invocation.log.step(step);
        match calls::unmount(mount_point, lazy) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                let used_by = busy::used_by(mount_point);
                Err(Failure::in_use(format!(
                    "{} is busy{used_by}; unmount --lazy (umount -l) takes it away all the same",
                    mount_point.display()
                ))
                .into())
            }
            Err(error) => {
                Err(error).with_context(|| format!("unmounting {}", mount_point.display()))
            }
        }
    }

    /// A mount point outside of our own directory goes with the mount, if it is empty.
    pub fn forget_mount_point(&self, mount_point: &Path) {
        if self.mount_path.as_deref() == mount_point.parent() {
            let _ = std::fs::remove_dir(mount_point);
        }
    }

    /// A volume by its name; nothing is looked at but its own directory and the mount table.
    pub fn lookup(&self, name: &str) -> Result<Lookup> {
        let Some(record) = self.store.record(name)? else {
            return Ok(Lookup::Absent);
        };
        let described =
            MountTable::read().and_then(|table| self.kind.describe(self, name, record, &table));
        match described {
            Ok(volume) => Ok(Lookup::Found(Box::new(volume))),
            // It was removed while we looked.
            Err(_) if self.store.record(name)?.is_none() => Ok(Lookup::Absent),
            Err(error) => Err(error),
        }
    }
}

//! The drivers that need nothing installed: `local`, directories and whatever mount(2) can mount, and `loop`, sized volumes.

pub mod guard;
pub mod handout;
pub mod names;
pub mod options;
pub mod owner;
pub mod size;
pub mod store;

use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result};
use rustix::fs::Mode;
use rustix::process::umask;

use crate::base::failure::Failure;
use crate::driver::shared::options::{Known, Normal};
use crate::driver::shared::owner::Host;
use crate::driver::shared::store::{Record, Store};
use crate::driver::{Created, Lookup, Options, Volume};
use crate::invocation::Invocation;
use crate::invocation::config::Config;
use crate::invocation::log::Log;
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{busy, calls};

/// What the driver keeps its volumes in.
pub fn directory(kind: &str, invocation: &Invocation) -> PathBuf {
    invocation
        .config
        .root
        .as_ref()
        .unwrap_or(&invocation.paths.state)
        .join(kind)
}

/// Whether an option of `loop` may have that value.
pub fn check_option(name: &str, value: &str) -> Result<()> {
    options::read(options::LOOP, &vec![(name.to_owned(), value.to_owned())]).map(drop)
}

/// What both drivers are made of.
pub struct Base<'a> {
    pub settings: &'a Config,
    pub kind: String,
    pub store: Store,
    pub host: Host,
    /// Where volumes are mounted, as `PATH/NAME`; else in their own directories.
    pub mount_path: Option<PathBuf>,
    pub log: &'a Log,
    /// What takes longer is given up.
    pub ends: Instant,
}

impl<'a> Base<'a> {
    /// Of the driver of this name. Nothing is looked at but this host's identity.
    pub fn new(kind: &str, invocation: &'a Invocation) -> Result<Base<'a>> {
        // What we make is to have the modes that we give it: whoever may use a volume has to get there.
        umask(Mode::from_raw_mode(0o022));
        let settings = &invocation.config;
        let host = Host::this()?;
        Ok(Base {
            kind: kind.to_owned(),
            store: Store::new(&directory(kind, invocation), &host.machine_id),
            host,
            mount_path: settings
                .mount_path
                .as_deref()
                .map(canonical_as_far_as_it_exists),
            settings,
            log: &invocation.log,
            ends: invocation.budget.ends(),
        })
    }

    pub fn absent(&self) -> anyhow::Error {
        anyhow::Error::from(Failure::absent("no such volume"))
            .context(format!("driver {}", self.kind))
    }

    /// Options of `loop` that count where `create` has none.
    pub fn defaults(&self) -> Options {
        self.settings
            .create_defaults
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect()
    }

    /// A volume that has to exist.
    pub fn record(&self, name: &str) -> Result<Record> {
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
    pub fn existing(&self, name: &str, wanted: &Normal) -> Result<Option<Created>> {
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
            None if self.settings.create_disable => {
                anyhow::bail!("volumes are not to be created here (setting create.disable)")
            }
            None => Ok(None),
        }
    }

    /// Whether there is a volume to be removed; one whose removal was interrupted is removed by this.
    pub fn removable(&self, name: &str) -> Result<bool> {
        if self.settings.remove_disable {
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
        let step = || format!("driver {}: unmounting {}", self.kind, mount_point.display());
        self.log.step(step);
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
    pub fn lookup(
        &self,
        name: &str,
        volume: impl FnOnce(Record) -> Result<Volume>,
    ) -> Result<Lookup> {
        let Some(record) = self.store.record(name)? else {
            return Ok(Lookup::Absent);
        };
        match volume(record) {
            Ok(volume) => Ok(Lookup::Found(Box::new(volume))),
            // It was removed while we looked.
            Err(_) if self.store.record(name)?.is_none() => Ok(Lookup::Absent),
            Err(error) => Err(error),
        }
    }

    /// All volumes; of one whose record cannot be read, the name.
    pub fn list(&self, volume: impl Fn(&str, Record) -> Result<Volume>) -> Result<Vec<Volume>> {
        let mut volumes = Vec::new();
        for name in self.store.names()? {
            let found = self
                .store
                .record(&name)
                .and_then(|record| record.map(|it| volume(&name, it)).transpose());
            match found {
                Ok(Some(volume)) => volumes.push(volume),
                // Removed meanwhile, or made by mkdir.
                Ok(None) => {}
                Err(_) if matches!(self.store.record(&name), Ok(None)) => {}
                Err(error) => {
                    self.log.warn(&format!("listing volume {name}: {error:#}"));
                    volumes.push(Volume {
                        name,
                        ..Volume::default()
                    });
                }
            }
        }
        Ok(volumes)
    }
}

/// The options of a call, those inside the volume's name first.
pub fn read_options(table: &[Known], inline: &Options, options: &Options) -> Result<Normal> {
    let all: Options = inline.iter().chain(options).cloned().collect();
    options::read(table, &all)
}

pub fn new_record(inline: Options, options: &Options, normal: Normal) -> Record {
    let created_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let given = inline.into_iter().chain(options.iter().cloned()).collect();
    Record {
        created_at,
        given,
        options: normal,
    }
}

//! Who holds which volume mounted, remembered in `/run/dvdcli/` for as long as the host runs; and the lock of a volume.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::Hasher;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::budget::Backoff;
use crate::files;
use crate::host;
use crate::invocation::Invocation;
use crate::sys::mountinfo::{Mount, MountTable};

/// Who holds a volume, and where it is to appear for him as well.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    pub id: Option<&'a str>,
    /// Absolute.
    pub target: Option<&'a Path>,
}

/// The holder that gave neither an ID nor a target.
const ANONYMOUS: &str = "";

impl Holder<'_> {
    /// The name under which it is remembered: its ID, else its target, else the anonymous one's.
    fn name(&self) -> String {
        let target = || {
            self.target
                .map(|target| target.to_string_lossy().into_owned())
        };
        self.id
            .map(str::to_owned)
            .or_else(target)
            .unwrap_or_else(|| ANONYMOUS.to_owned())
    }
}

/// What is remembered of one volume. It counts only as far as the mount table agrees ([`Record::is_live`]).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The boot in which it was written: mounts do not outlive it, a record in a kept `/run` would.
    pub boot: String,
    pub driver: String,
    pub volume: String,
    /// `None` while a mount or unmount is under way: whoever finds it so knows that a call was cut off.
    pub mounted: Option<Mounted>,
    /// Each holder with the targets where the volume appears for it as well.
    pub holders: BTreeMap<String, BTreeSet<PathBuf>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounted {
    pub path: PathBuf,
    /// Whether it was mounted read-only.
    pub read_only: bool,
    /// Whether the driver has mounted it; otherwise it has handed out a plain directory.
    pub is_mount: bool,
    /// The mount that the path lies on.
    on: Option<MountIdentity>,
}

/// What tells a mount from one that was made later at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MountIdentity {
    id: u32,
    device: String,
    root: PathBuf,
    fs_type: String,
    source: String,
}

impl From<&Mount> for MountIdentity {
    fn from(mount: &Mount) -> MountIdentity {
        MountIdentity {
            id: mount.id,
            device: mount.device.clone(),
            root: mount.root.clone(),
            fs_type: mount.fs_type.clone(),
            source: mount.source.clone(),
        }
    }
}

impl Mounted {
    pub fn at(path: PathBuf, volume: &str, read_only: bool, table: &MountTable) -> Mounted {
        Mounted {
            read_only,
            is_mount: table.of_volume(&path, volume).is_some(),
            on: table.covering(&path).map(MountIdentity::from),
            path,
        }
    }

    /// Whether the path still lies on that very mount.
    pub fn is_live(&self, table: &MountTable) -> bool {
        table.covering(&self.path).map(MountIdentity::from) == self.on
    }
}

impl Record {
    fn new(driver: &str, volume: &str) -> Record {
        Record {
            boot: host::boot_id(),
            driver: driver.into(),
            volume: volume.into(),
            mounted: None,
            holders: BTreeMap::new(),
        }
    }

    /// Where it is mounted, if the mount table says that it still is.
    pub fn live<'a>(&'a self, table: &MountTable) -> Option<&'a Mounted> {
        self.mounted
            .as_ref()
            .filter(|mounted| mounted.is_live(table))
    }

    /// Adds the holder, and its target.
    pub fn hold(&mut self, holder: Holder) {
        self.holders
            .entry(holder.name())
            .or_default()
            .extend(holder.target.map(Path::to_path_buf));
    }

    pub fn has_target(&self, holder: Holder) -> bool {
        let targets = self.holders.get(&holder.name());
        targets.is_some_and(|targets| holder.target.is_some_and(|target| targets.contains(target)))
    }

    /// Takes out the holder, or `all`, and returns the targets that go with it. Where a target is given, only that one goes,
    /// and its holder with the last of its targets.
    pub fn release(&mut self, holder: Holder, all: bool) -> Vec<PathBuf> {
        if all {
            return std::mem::take(&mut self.holders)
                .into_values()
                .flatten()
                .collect();
        }
        let name = holder.name();
        let Some(target) = holder.target else {
            return self.holders.remove(&name).into_iter().flatten().collect();
        };
        let had = self
            .holders
            .get_mut(&name)
            .is_some_and(|targets| targets.remove(target));
        if self.holders.get(&name).is_some_and(BTreeSet::is_empty) {
            self.holders.remove(&name);
        }
        had.then(|| target.to_path_buf()).into_iter().collect()
    }

    /// The holders' names, for people.
    pub fn names(&self) -> String {
        let shown = |id: &String| {
            if id == ANONYMOUS {
                "a caller without an ID".to_owned()
            } else {
                id.clone()
            }
        };
        self.holders
            .keys()
            .map(shown)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

/// 32 hexadecimal digits that stay the same from release to release.
fn hex(parts: &[&str]) -> String {
    let mut hash = SipHasher24::new();
    for part in parts {
        hash.write(part.as_bytes());
        hash.write_u8(0);
    }
    format!("{:032x}", hash.finish128().as_u128())
}

/// The record of a volume without its lock, for verbs that only look.
pub fn peek(invocation: &Invocation, driver: &str, volume: &str) -> Result<Option<Record>> {
    let path = record_path(&invocation.paths.holders, driver, volume);
    read(&path, driver, volume, invocation)
}

/// File names are hashed: a plugin's volume names may hold anything, at any length.
fn record_path(directory: &Path, driver: &str, volume: &str) -> PathBuf {
    directory
        .join(hex(&[driver, volume]))
        .with_extension("json")
}

/// A volume, locked: nobody else on this host mounts, unmounts, creates or removes it meanwhile.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    driver: String,
    volume: String,
    record: Option<Record>,
    /// Closing it is unlocking it.
    _lock: File,
}

impl Ledger {
    /// Waits for the lock within the time budget.
    pub fn lock(invocation: &Invocation, driver: &str, volume: &str) -> Result<Ledger> {
        let directory = &invocation.paths.holders;
        let path = record_path(directory, driver, volume);
        let lock = lock(invocation, &path.with_extension("lock"))
            .with_context(|| format!("locking the volume in {}", directory.display()))?;
        let record = read(&path, driver, volume, invocation)?;
        let (driver, volume) = (driver.to_owned(), volume.to_owned());
        Ok(Ledger {
            path,
            driver,
            volume,
            record,
            _lock: lock,
        })
    }

    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// A record for a volume that has none yet, or only one that counts no more.
    pub fn fresh(&self) -> Record {
        Record::new(&self.driver, &self.volume)
    }

    /// The ID under which the volume is mounted and unmounted: one per volume and host, the same after a reboot, and
    /// hexadecimal as Docker's own, since some plugins use it as a file's name.
    pub fn id(&self) -> String {
        hex(&[&host::machine_id(), &self.driver, &self.volume])
    }

    pub fn volume(&self) -> &str {
        &self.volume
    }

    /// Replaces the record at one stroke. Not synced: what is lost with the power is lost with the mounts.
    pub fn save(&mut self, record: Record) -> Result<()> {
        let writing = || format!("writing {}", self.path.display());
        let aside = self.path.with_extension("new");
        let text = serde_json::to_vec(&record).with_context(writing)?;
        let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&aside);
        }
        written.with_context(writing)?;
        self.record = Some(record);
        Ok(())
    }

    /// Forgets the volume.
    pub fn clear(&mut self) -> Result<()> {
        self.record = None;
        remove(&self.path).with_context(|| format!("removing {}", self.path.display()))
    }
}

/// Where nothing is remembered, the lock file goes, too: whoever waits for it sees that it has lost its name, and opens anew.
impl Drop for Ledger {
    fn drop(&mut self) {
        if self.record.is_none() {
            let _ = fs::remove_file(self.path.with_extension("lock"));
        }
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn lock(invocation: &Invocation, path: &Path) -> Result<File> {
    let mut backoff = Backoff::new();
    let open = || {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)
    };
    loop {
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let directory = path.parent().unwrap_or(path);
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(directory)?;
                open()?
            }
            other => other?,
        };
        match file.try_lock() {
            Ok(()) if file.metadata()?.nlink() > 0 => return Ok(file),
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                if !backoff.sleep(invocation.budget.left()) {
                    bail!(
                        "another dvdcli is at work on it: {}",
                        invocation.budget.exhausted()
                    );
                }
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// `None` where there is none, or none of this boot. A damaged one is set aside, never fatal; what it said is unknown, as
/// after a call that was cut off.
fn read(
    path: &Path,
    driver: &str,
    volume: &str,
    invocation: &Invocation,
) -> Result<Option<Record>> {
    let text = match files::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    match serde_json::from_slice::<Record>(&text) {
        Ok(record) => Ok(Some(record).filter(|record| record.boot == host::boot_id())),
        Err(error) => {
            let aside = path.with_extension("damaged");
            let _ = fs::rename(path, &aside);
            invocation.log.warn(&format!(
                "the holders' record {} is damaged ({error}); set aside",
                aside.display()
            ));
            Ok(Some(Record::new(driver, volume)))
        }
    }
}

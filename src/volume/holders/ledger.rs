//! The records in `/run/dvdcli/` of who holds which volume, kept for as long as the host runs.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::base::hash::hash;
use crate::base::text::{chain, plain};
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::invocation::trust;
use crate::sys::files::small;
use crate::sys::process::host;
use crate::volume::holders::lock::{self, Lock};
use crate::volume::holders::memory::{Memory, MemoryFile};
use crate::volume::holders::record::HolderRecord;

/// How the name of a record ends that could not be read.
const SET_ASIDE: &str = "damaged";

/// The record of a volume without its lock, for verbs that only look; one that cannot be read counts as none.
pub fn peek(invocation: &Invocation, volume: &dyn Volume) -> Result<Option<HolderRecord>> {
    trust::check(&invocation.log, "using", &invocation.paths.holders)?;
    let path = record_path(&invocation.paths.holders, volume);
    let record = read(&path, &host::boot_id()?)?.unwrap_or_default();
    record.map(|it| of_this(volume, it, &path)).transpose()
}

/// What is remembered of a volume while nobody holds it.
pub fn memory(invocation: &Invocation, volume: &dyn Volume) -> Result<Memory> {
    let path = record_path(&invocation.paths.holders, volume);
    let (driver, name) = (volume.driver().name(), volume.name());
    Ok(MemoryFile::new(&path, &host::boot_id()?, driver, name).read())
}

/// The records of this boot, without their locks; those that cannot be read are passed over.
pub fn all(invocation: &Invocation) -> Result<Vec<HolderRecord>> {
    let record = |(_, kept)| match kept {
        Kept::Record(record) => Some(*record),
        Kept::Earlier | Kept::Damaged(_) | Kept::SetAside => None,
    };
    Ok(files(invocation)?.into_iter().filter_map(record).collect())
}

fn record_path(directory: &Path, volume: &dyn Volume) -> PathBuf {
    path_of(directory, volume.driver().key(), volume.name())
}

fn path_of(directory: &Path, driver: &str, volume: &str) -> PathBuf {
    let name = hash(&[driver, volume]);
    directory.join(name).with_extension("json")
}

/// Whether a call is at work on a volume now. Nothing is changed.
pub fn is_at_work(invocation: &Invocation, driver: &str, volume: &str) -> bool {
    let path = path_of(&invocation.paths.holders, driver, volume);
    lock::is_held(&path.with_extension("lock"))
}

/// What a file of the ledger holds, for who examines it.
pub enum Kept {
    Record(Box<HolderRecord>),
    /// Of an earlier boot: it counts no more.
    Earlier,
    /// Why it cannot be read.
    Damaged(String),
    /// It could not be read, and a call has put it aside. Nobody reads it any more.
    SetAside,
}

/// All files of the ledger, by their paths.
pub fn files(invocation: &Invocation) -> Result<Vec<(PathBuf, Kept)>> {
    let directory = &invocation.paths.holders;
    let boot = host::boot_id()?;
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("reading {}", directory.display()))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let kept = match path.extension().and_then(OsStr::to_str) {
            Some("json") => {
                kept(&path, &boot).unwrap_or_else(|error| Some(Kept::Damaged(chain(&error))))
            }
            Some(SET_ASIDE) => Some(Kept::SetAside),
            _ => None,
        };
        found.extend(kept.map(|kept| (path, kept)));
    }
    Ok(found)
}

/// Whether there is a record of a volume by now.
pub fn has_record(invocation: &Invocation, driver: &str, volume: &str) -> bool {
    let path = path_of(&invocation.paths.holders, driver, volume);
    matches!(reread(&path), Ok(Some(Kept::Record(_))))
}

/// One of them as it is by now; `None` where it has gone.
pub fn reread(path: &Path) -> Result<Option<Kept>> {
    kept(path, &host::boot_id()?)
}

fn kept(path: &Path, boot: &str) -> Result<Option<Kept>> {
    Ok(match read(path, boot)? {
        Ok(Some(record)) => Some(Kept::Record(Box::new(record))),
        Ok(None) => path.exists().then_some(Kept::Earlier),
        Err(damage) => Some(Kept::Damaged(damage.to_string())),
    })
}

/// Removes the record of an earlier boot.
pub fn drop_earlier(invocation: &Invocation, path: &Path) -> Result<()> {
    let lock = Lock::acquire(invocation, path.with_extension("lock"))?;
    if let Some(Kept::Earlier) = kept(path, &host::boot_id()?)? {
        remove(path).with_context(|| format!("removing {}", path.display()))?;
        lock.remove_file();
    }
    Ok(())
}

/// Refuses the record of another volume: the file's name is a hash, which two volumes may share.
fn of_this(volume: &dyn Volume, record: HolderRecord, path: &Path) -> Result<HolderRecord> {
    // Recorded with its tag; `latest` may be left out.
    let driver = record.driver.strip_suffix(":latest");
    let driver = driver.unwrap_or(&record.driver);
    if record.volume != volume.name() || driver != volume.driver().key() {
        bail!(
            "{} is the record of volume {} of driver {}",
            path.display(),
            record.volume.escape_debug(),
            record.driver.escape_debug()
        );
    }
    Ok(record)
}

/// The record of one volume, locked.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    record: Option<HolderRecord>,
    /// A fresh record, for a volume without one.
    new: HolderRecord,
    /// What is remembered while there is no record.
    pub memory: MemoryFile,
    lock: Lock,
}

impl Ledger {
    /// Waits for the lock within the time budget.
    pub fn lock(invocation: &Invocation, volume: &dyn Volume) -> Result<Ledger> {
        let directory = &invocation.paths.holders;
        let path = record_path(directory, volume);
        let lock = Lock::acquire(invocation, path.with_extension("lock"))
            .with_context(|| format!("locking the volume in {}", directory.display()))?;
        let boot = host::boot_id()?;
        let (driver, name) = (volume.driver().name(), volume.name());
        let mut ledger = Ledger {
            new: HolderRecord::new(&boot, driver, name),
            memory: MemoryFile::new(&path, &boot, driver, name),
            record: None,
            path,
            lock,
        };
        match read(&ledger.path, &boot)? {
            Ok(None) => {}
            Ok(Some(record)) => ledger.record = Some(of_this(volume, record, &ledger.path)?),
            Err(damage) => ledger.set_aside(invocation, &damage)?,
        }
        Ok(ledger)
    }

    /// A record that is damaged or cannot be read is never fatal; what it said is unknown, as after a call that was cut off.
    fn set_aside(&mut self, invocation: &Invocation, damage: &Damage) -> Result<()> {
        let aside = self.path.with_extension(SET_ASIDE);
        let _ = fs::remove_dir_all(&aside).or_else(|_| fs::remove_file(&aside));
        let _ = fs::rename(&self.path, &aside);
        invocation.log.warn(&format!(
            "the holders' record {} {damage}; set aside",
            aside.display()
        ));
        self.save(self.new_record())
    }

    pub fn record(&self) -> Option<&HolderRecord> {
        self.record.as_ref()
    }

    /// A fresh record, for a volume without one.
    pub fn new_record(&self) -> HolderRecord {
        self.new.clone()
    }

    /// The record that there is, else a new one.
    pub fn record_or_new(&self) -> HolderRecord {
        self.record.clone().unwrap_or_else(|| self.new_record())
    }

    /// Replaces the record atomically. No fsync: a power loss ends the mounts as well.
    pub fn save(&mut self, record: HolderRecord) -> Result<()> {
        let writing = || format!("writing {}", self.path.display());
        let aside = self.path.with_extension("new");
        let text = serde_json::to_vec(&record).with_context(writing)?;
        self.refuse_crowd(&record, text.len())?;
        small::replace(&self.path, &aside, &text).with_context(writing)?;
        self.record = Some(record);
        Ok(())
    }

    /// What is written must not be more than can be read again. Half of that is for holders, so that all else can always be written.
    fn refuse_crowd(&self, record: &HolderRecord, length: usize) -> Result<()> {
        let before = self.record.as_ref().map_or(0, HolderRecord::count);
        if length as u64 > small::LIMIT / 2 && record.count() > before {
            bail!(
                "it has {before} holders, and there is no room for another; unmount --force releases them all"
            );
        }
        Ok(())
    }

    /// Forgets the volume.
    pub fn clear(&mut self) -> Result<()> {
        self.record = None;
        remove(&self.path).with_context(|| format!("removing {}", self.path.display()))
    }
}

/// Without a record, the lock file is removed too.
impl Drop for Ledger {
    fn drop(&mut self) {
        if self.record.is_none() {
            let _ = fs::remove_file(self.path.with_extension("new"));
            self.memory.sweep();
            self.lock.remove_file();
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Why a record is of no use. An error that may pass, such as too many open files, is none of these.
#[derive(Debug)]
enum Damage {
    Text(serde_json::Error),
    /// It is too long, or no regular file.
    NoFile(io::Error),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Damage::Text(error) => write!(f, "is damaged ({error})"),
            Damage::NoFile(error) => write!(f, "cannot be read ({})", plain(error)),
        }
    }
}

/// `None` where there is none, or none of this boot.
fn read(path: &Path, boot: &str) -> Result<Result<Option<HolderRecord>, Damage>> {
    let text = match small::read_own(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Ok(None));
        }
        Err(error) if error.raw_os_error().is_none() => return Ok(Err(Damage::NoFile(error))),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let record = serde_json::from_slice::<HolderRecord>(&text).map_err(Damage::Text);
    Ok(record.map(|record| Some(record).filter(|record| record.boot == boot)))
}

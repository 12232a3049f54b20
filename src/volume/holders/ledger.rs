//! The records in `/run/dvdcli/` of who holds which volume, kept for as long as the host runs.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::sys::files::small;
use crate::sys::process::host;
use crate::volume::holders::lock::{Lock, hash};
use crate::volume::holders::record::HolderRecord;

/// The record of a volume without its lock, for verbs that only look; a damaged one counts as none.
pub fn peek(invocation: &Invocation, volume: &dyn Volume) -> Result<Option<HolderRecord>> {
    let path = record_path(&invocation.paths.holders, volume);
    Ok(read(&path, &host::boot_id()?)?.unwrap_or_default())
}

/// The records of this boot, without their locks; those that cannot be read are passed over.
pub fn all(invocation: &Invocation) -> Result<Vec<HolderRecord>> {
    let directory = &invocation.paths.holders;
    let boot = host::boot_id()?;
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("reading {}", directory.display()))?,
    };
    let mut records = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "json")
            && let Ok(Ok(Some(record))) = read(&path, &boot)
        {
            records.push(record);
        }
    }
    Ok(records)
}

fn record_path(directory: &Path, volume: &dyn Volume) -> PathBuf {
    let name = hash(&[volume.driver().key(), volume.name()]);
    directory.join(name).with_extension("json")
}

/// The record of one volume, locked.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    record: Option<HolderRecord>,
    /// A fresh record, for a volume without one.
    new: HolderRecord,
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
        let mut ledger = Ledger {
            new: HolderRecord::new(&boot, volume.driver().name(), volume.name()),
            record: None,
            path,
            lock,
        };
        match read(&ledger.path, &boot)? {
            Ok(record) => ledger.record = record,
            Err(damage) => ledger.set_aside(invocation, &damage)?,
        }
        Ok(ledger)
    }

    /// A damaged record is never fatal; what it said is unknown, as after a call that was cut off.
    fn set_aside(&mut self, invocation: &Invocation, damage: &serde_json::Error) -> Result<()> {
        let aside = self.path.with_extension("damaged");
        let _ = fs::rename(&self.path, &aside);
        invocation.log.warn(&format!(
            "the holders' record {} is damaged ({damage}); set aside",
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

/// Without a record, the lock file is removed too.
impl Drop for Ledger {
    fn drop(&mut self) {
        if self.record.is_none() {
            let _ = fs::remove_file(self.path.with_extension("new"));
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

/// `None` where there is none, or none of this boot; the inner error is that of a damaged one.
fn read(path: &Path, boot: &str) -> Result<Result<Option<HolderRecord>, serde_json::Error>> {
    let text = match small::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Ok(None));
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let record = serde_json::from_slice::<HolderRecord>(&text);
    Ok(record.map(|record| Some(record).filter(|record| record.boot == boot)))
}

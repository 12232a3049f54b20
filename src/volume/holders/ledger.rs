//! The records in `/run/dvdcli/` of who holds which volume, kept for as long as the host runs, and the lock of a volume.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::hash::Hasher;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::sys::files::small as files;
use crate::sys::process::host;
use crate::volume::holders::record::Record;

/// 32 hexadecimal digits that stay the same from release to release.
fn hex(parts: &[&str]) -> String {
    let mut hash = SipHasher24::new();
    for part in parts {
        hash.write(part.as_bytes());
        hash.write_u8(0);
    }
    format!("{:032x}", hash.finish128().as_u128())
}

/// The record of a volume without its lock, for verbs that only look; a damaged one counts as none.
pub fn peek(invocation: &Invocation, driver: &str, volume: &str) -> Result<Option<Record>> {
    let path = record_path(&invocation.paths.holders, driver, volume);
    Ok(read(&path, &host::boot_id()?)?.unwrap_or_default())
}

/// The records of this boot, without their locks; those that cannot be read are passed over.
pub fn all(invocation: &Invocation) -> Result<Vec<Record>> {
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

/// File names are hashed: a plugin's volume names may hold anything, at any length.
fn record_path(directory: &Path, driver: &str, volume: &str) -> PathBuf {
    // A managed plugin's name may be given with its tag or without, also before it is there to be asked.
    let driver = driver.strip_suffix(":latest").unwrap_or(driver);
    directory
        .join(hex(&[driver, volume]))
        .with_extension("json")
}

/// A volume, locked: nobody else on this host mounts, unmounts, creates or removes it meanwhile.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    boot: String,
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
        let (driver, volume) = (driver.to_owned(), volume.to_owned());
        let boot = host::boot_id()?;
        let mut ledger = Ledger {
            path,
            boot,
            driver,
            volume,
            record: None,
            _lock: lock,
        };
        match read(&ledger.path, &ledger.boot)? {
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
        self.save(self.fresh())
    }

    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// A record for a volume that has none yet, or only one that counts no more.
    pub fn fresh(&self) -> Record {
        Record::new(&self.boot, &self.driver, &self.volume)
    }

    /// The ID under which the volume is mounted and unmounted: one per volume and host, the same after a reboot, and
    /// hexadecimal as Docker's own, since some plugins use it as a file's name.
    pub fn mount_id(&self) -> Result<String> {
        let driver = self.driver.strip_suffix(":latest").unwrap_or(&self.driver);
        Ok(hex(&[&host::machine_id()?, driver, &self.volume]))
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
            for leftover in ["new", "lock"] {
                let _ = fs::remove_file(self.path.with_extension(leftover));
            }
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

/// `None` where there is none, or none of this boot; the inner error is that of a damaged one.
fn read(path: &Path, boot: &str) -> Result<Result<Option<Record>, serde_json::Error>> {
    let text = match files::read(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Ok(None));
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    let record = serde_json::from_slice::<Record>(&text);
    Ok(record.map(|record| Some(record).filter(|record| record.boot == boot)))
}

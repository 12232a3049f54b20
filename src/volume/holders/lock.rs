//! Locks of volumes and targets: files in `/run/dvdcli/`, locked for as long as a call works on what they stand for.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::base::hash::hash;
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::invocation::trust;

/// A lock that is held; closing the file is unlocking it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Waits within the time budget.
    pub fn acquire(invocation: &Invocation, path: PathBuf) -> Result<Lock> {
        let directory = path.parent().unwrap_or(&path);
        trust::check(&invocation.log, "using", directory)?;
        let mut backoff = Backoff::new();
        loop {
            if let Some(lock) = Lock::attempt(&path)? {
                return Ok(lock);
            }
            if !backoff.sleep(invocation.budget.left()) {
                bail!(
                    "another dvdcli is at work on it: {}",
                    invocation.budget.exhausted()
                );
            }
        }
    }

    /// `None` where another call has it.
    fn attempt(path: &Path) -> Result<Option<Lock>> {
        loop {
            let file = open(path)?;
            match file.try_lock() {
                // Where the file was removed before it was locked, there is a new one.
                Ok(()) if file.metadata()?.nlink() == 0 => {}
                Ok(()) => {
                    let path = path.to_owned();
                    return Ok(Some(Lock { path, _file: file }));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
    }

    /// Removes the lock's file, while the lock is still held.
    pub fn remove_file(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the locks that nobody has, and that stand for no record: calls that were killed have left them, and where their volume is
/// gone, no other call comes by. With them goes what was to become a record.
pub fn sweep(invocation: &Invocation) -> Result<()> {
    let directory = &invocation.paths.holders;
    trust::check(&invocation.log, "using", directory)?;
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("reading {}", directory.display()))?,
    };
    for entry in entries {
        let path = entry?.path();
        let has_record = || path.with_extension("json").symlink_metadata().is_ok();
        if path.extension().is_none_or(|kind| kind != "lock") || has_record() {
            continue;
        }
        if let Some(lock) = Lock::attempt(&path)?.filter(|_| !has_record()) {
            let _ = fs::remove_file(path.with_extension("new"));
            lock.remove_file();
        }
    }
    Ok(())
}

/// Whether a call holds the lock now. Nothing is changed, and others that look as well are none of these calls.
pub fn is_held(path: &Path) -> bool {
    let file = File::open(path);
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open(path: &Path) -> io::Result<File> {
    let open = || {
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        options.mode(0o600).open(path)
    };
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let directory = path.parent().unwrap_or(path);
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(0o700).create(directory)?;
            open()
        }
        other => other,
    }
}

/// The lock of a volume that an import fills, for as long as that takes; its other lock is free meanwhile.
#[derive(Debug)]
pub struct ImportLock(Lock);

impl ImportLock {
    /// Waits within the time budget.
    pub fn acquire(invocation: &Invocation, driver: &str, volume: &str) -> Result<ImportLock> {
        let path = ImportLock::path(invocation, driver, volume);
        let lock = Lock::acquire(invocation, path).context("waiting for another import")?;
        Ok(ImportLock(lock))
    }

    /// `None` where an import has it.
    pub fn try_acquire(
        invocation: &Invocation,
        driver: &str,
        volume: &str,
    ) -> Result<Option<ImportLock>> {
        let lock = Lock::attempt(&ImportLock::path(invocation, driver, volume))?;
        Ok(lock.map(ImportLock))
    }

    fn path(invocation: &Invocation, driver: &str, volume: &str) -> PathBuf {
        let name = hash(&["--import", driver, volume]);
        let directory = &invocation.paths.holders;
        directory.join(name).with_extension("lock")
    }
}

impl Drop for ImportLock {
    fn drop(&mut self) {
        self.0.remove_file();
    }
}

/// The lock of a target: another volume may be on its way to the same one.
#[derive(Debug)]
pub struct TargetLock(Lock);

impl TargetLock {
    /// Waits within the time budget.
    pub fn acquire(invocation: &Invocation, target: &Path) -> Result<TargetLock> {
        let directory = &invocation.paths.holders;
        let name = hash(&["--target", &target.to_string_lossy()]);
        let path = directory.join(name).with_extension("lock");
        let lock = Lock::acquire(invocation, path)
            .with_context(|| format!("locking the target in {}", directory.display()))?;
        Ok(TargetLock(lock))
    }
}

impl Drop for TargetLock {
    fn drop(&mut self) {
        self.0.remove_file();
    }
}

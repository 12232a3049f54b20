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
            let file = open(&path)?;
            match file.try_lock() {
                // The file was removed while we waited for its lock: open the new one.
                Ok(()) if file.metadata()?.nlink() > 0 => return Ok(Lock { path, _file: file }),
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

    /// Removes the lock's file, while the lock is still held.
    pub fn remove_file(&self) {
        let _ = fs::remove_file(&self.path);
    }
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
        let directory = &invocation.paths.holders;
        let name = hash(&["--import", driver, volume]);
        let path = directory.join(name).with_extension("lock");
        let lock = Lock::acquire(invocation, path).context("waiting for another import")?;
        Ok(ImportLock(lock))
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

//! `std::fs` for tests that run side by side: no file is open while another thread starts a process.
//!
//! Between fork and exec a new process has every open file of the whole test program. A file that a test has just written to
//! a volume would keep the volume busy for that time, which is long on a busy machine, and the unmount that comes next would
//! fail. So whoever opens a file waits until the processes that are being started run, and the other way round. What is below
//! /proc and /sys keeps nothing busy, and is read without that.

use std::ffi::OsString;
pub use std::fs::*;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Held shared by those who start a process, and alone by those who have a file open.
static STARTS: RwLock<()> = RwLock::new(());

/// To be held while a process is started.
pub fn starting() -> RwLockReadGuard<'static, ()> {
    STARTS.read().unwrap_or_else(PoisonError::into_inner)
}

fn opening() -> RwLockWriteGuard<'static, ()> {
    STARTS.write().unwrap_or_else(PoisonError::into_inner)
}

pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let _opening = opening();
    std::fs::read(path)
}

pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let _opening = opening();
    std::fs::read_to_string(path)
}

pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let _opening = opening();
    std::fs::write(path, contents)
}

pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<u64> {
    let _opening = opening();
    std::fs::copy(from, to)
}

/// Makes a file; if it is `synced`, it and its name are on the disk afterwards.
pub fn create_with(path: &Path, contents: &[u8], synced: bool) -> io::Result<()> {
    let _opening = opening();
    let mut file = File::create_new(path)?;
    file.write_all(contents)?;
    if synced {
        file.sync_all()?;
        path.parent().map_or(Ok(()), sync_entries)?;
    }
    Ok(())
}

/// Waits until the names in a directory are on the disk.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let _opening = opening();
    sync_entries(path)
}

fn sync_entries(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

pub fn remove_dir_all(path: impl AsRef<Path>) -> io::Result<()> {
    let _opening = opening();
    std::fs::remove_dir_all(path)
}

/// The paths of what is in a directory, sorted.
pub fn entries(directory: impl AsRef<Path>) -> io::Result<Vec<PathBuf>> {
    let _opening = opening();
    let found = read_dir(directory)?.map(|entry| Ok(entry?.path()));
    let mut found = found.collect::<io::Result<Vec<_>>>()?;
    found.sort();
    Ok(found)
}

/// The names of what is in a directory, which has to be there, sorted.
#[track_caller]
pub fn names(directory: impl AsRef<Path>) -> Vec<OsString> {
    let found = entries(directory).unwrap();
    let names = found.iter().flat_map(|path| path.file_name());
    names.map(ToOwned::to_owned).collect()
}

/// Which file it is, whatever it is called: its device and inode.
pub type Id = (u64, u64);

/// `None` where the name leads nowhere.
pub fn id(path: &Path) -> Option<Id> {
    let found = metadata(path).ok()?;
    Some((found.dev(), found.ino()))
}

/// A file that is open until this is dropped.
pub struct Open(Option<File>);

impl Open {
    pub fn create(path: &Path) -> Open {
        let _opening = opening();
        Open(Some(File::create(path).unwrap()))
    }
}

impl Drop for Open {
    /// From here on, no process that is being started has it open either.
    fn drop(&mut self) {
        let _opening = opening();
        self.0.take();
    }
}

//! Loop devices whose files were deleted: the data stays until the device is detached.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::sys::block::loop_device;

/// What the kernel shows behind the path of a file that was deleted.
const DELETED: &[u8] = b" (deleted)";

/// A loop device that is bound to a deleted file.
#[derive(Debug)]
pub struct Orphan {
    pub number: u32,
    /// The path that the file had last.
    pub path: PathBuf,
}

/// The loop devices whose files were deleted and lay below a directory, on its file system: another mount namespace may have the same
/// path, but not on the same one.
pub fn below(directory: &Path) -> Vec<Orphan> {
    let Ok(file_system) = fs::metadata(directory).map(|found| found.dev()) else {
        return Vec::new();
    };
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let orphans = entries.filter_map(|entry| orphan(&entry.file_name()));
    let mut found: Vec<Orphan> = orphans
        .filter(|orphan| orphan.path.starts_with(directory))
        .filter(|orphan| loop_device::file_system_of(orphan.number) == Some(file_system))
        .collect();
    found.sort_by_key(|orphan| orphan.number);
    found
}

fn orphan(name: &OsStr) -> Option<Orphan> {
    let number = name.to_str()?.strip_prefix("loop")?.parse().ok()?;
    let file = loop_device::backing_file(name)?;
    let path = file.as_os_str().as_bytes().strip_suffix(DELETED)?;
    Some(Orphan {
        number,
        path: OsString::from_vec(path.to_vec()).into(),
    })
}

//! Files that cannot be deleted because of an attribute (chattr(1)): found before anything beside them is deleted.

use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::dir::Dir;
use rustix::fs::{AtFlags, FileType, StatxAttributes, StatxFlags, statx};

use crate::sys::files::directory::{self, enter_on_same_mount};

/// How deep it is looked for. A deeper file is found when it is to be deleted.
const DEPTH: usize = 64;

/// Refuses a directory in which something cannot be deleted. Links and mounts are not followed.
///
/// # Errors
///
/// A file is immutable or can only be appended to, by its attributes.
pub fn refuse(path: &Path) -> Result<()> {
    let doing = || format!("reading {}", path.display());
    let directory = directory::open(path).with_context(doing)?;
    check(&directory, c"", AtFlags::EMPTY_PATH, path)?;
    walk(&directory, path, 0)
}

fn walk(directory: &OwnedFd, path: &Path, depth: usize) -> Result<()> {
    let doing = || format!("reading {}", path.display());
    let names: io::Result<Vec<CString>> = directory::readable(directory).and_then(|readable| {
        let mut entries = Dir::from_fd(readable)?;
        let names = entries
            .iter()
            .map(|entry| Ok(entry?.file_name().to_owned()));
        names.collect()
    });
    for name in names.with_context(doing)? {
        if matches!(name.as_bytes(), b"." | b"..") {
            continue;
        }
        let place = path.join(name.to_string_lossy().as_ref());
        let is_directory = check(directory, &name, AtFlags::SYMLINK_NOFOLLOW, &place)?;
        if is_directory
            && depth < DEPTH
            && let Ok(below) = enter_on_same_mount(directory, &name)
        {
            walk(&below, &place, depth + 1)?;
        }
    }
    Ok(())
}

/// Whether it is a directory. What has gone meanwhile is none.
fn check(directory: &OwnedFd, name: &std::ffi::CStr, flags: AtFlags, place: &Path) -> Result<bool> {
    let Ok(found) = statx(directory, name, flags, StatxFlags::TYPE) else {
        return Ok(false);
    };
    let forbids = [
        (StatxAttributes::IMMUTABLE, "immutable", "i"),
        (StatxAttributes::APPEND, "for appending only", "a"),
    ];
    for (attribute, words, letter) in forbids {
        if found.stx_attributes.contains(attribute) {
            let place: PathBuf = place.into();
            let place = place.display();
            bail!("{place} is {words}, and nothing is deleted; run chattr -{letter} on it");
        }
    }
    Ok(FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory)
}

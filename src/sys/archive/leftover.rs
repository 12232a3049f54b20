//! What an import that was cut off has left in the top directory of a volume.
//!
//! A name alone proves nothing: users of the volume can give anything that name. It is an import's where it has its mark, and where
//! nobody has it locked, that import has ended. Where the file system has no marks, it counts as one if it is root's and private, but
//! only for the next import.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::errno;
use nix::sys::stat::{Mode, fstat};
use nix::unistd::geteuid;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::sys::archive::mark::{self, Mark};
use crate::sys::archive::settle::settle;
use crate::sys::archive::{COMPLETE, is_of_import};
use crate::sys::errno::errno_of;
use crate::sys::files::directory::{self, enter, readable, remove_empty};
use crate::sys::files::tree;

/// Whether anything may have been left; costs no more than a look.
pub fn may_be_in(top: &Path) -> bool {
    mark::is_at(top)
}

/// Takes care of what is provably left of an import, as [`recover`] does; `ends` is when that is given up, for the next call to go on.
/// Returns whether there was one to complete.
pub fn sweep(top: &Path, ends: Instant) -> Result<bool> {
    let top = directory::open(top).and_then(readable)?;
    match mark::of(&top)? {
        Mark::Of(number) => take_care_of(&top, &number, Some(ends)),
        Mark::Missing | Mark::Unknown => Ok(false),
    }
}

/// Completes an import that was cut off while it was moved to its place, and takes away what else was cut off. Returns whether there
/// was one to complete.
pub fn recover(top: &OwnedFd) -> Result<bool> {
    match mark::of(top)? {
        Mark::Of(number) => take_care_of(top, &number, None),
        Mark::Missing => Ok(false),
        Mark::Unknown => {
            let mut has_completed = false;
            for name in tree::names(top)? {
                has_completed |= take_care(top, OsStr::from_bytes(name.to_bytes()), None)?;
            }
            Ok(has_completed)
        }
    }
}

fn take_care_of(top: &OwnedFd, number: &OsString, ends: Option<Instant>) -> Result<bool> {
    let mut has_completed = false;
    for name in mark::names(number) {
        has_completed |= take_care(top, &name, ends)?;
        // One that is without its mark still is empty; what is not empty is a user's.
        if open_private(top, &name)?.is_some() {
            let _ = remove_empty(top, &name);
        }
    }
    mark::clear(top)?;
    Ok(has_completed)
}

fn take_care(top: &OwnedFd, name: &OsStr, ends: Option<Instant>) -> Result<bool> {
    let Some(directory) = open(top, name)? else {
        return Ok(false);
    };
    let doing = || format!("taking care of {}", name.display());
    let locked = flock(&directory, FlockOperation::NonBlockingLockExclusive);
    // Where there are no locks, the one in /run is the only one.
    if locked == Err(Errno::WOULDBLOCK) {
        bail!("{}: another import is at work on it", doing());
    }
    let is_complete = name.as_bytes().starts_with(COMPLETE.as_bytes());
    match is_complete {
        true => settle(top, name, &directory).map_err(|(error, _)| error),
        false => remove(top, name, &directory, ends),
    }
    .with_context(doing)?;
    Ok(is_complete)
}

/// Takes a hidden directory away. What is in it goes by its handle, whatever has its name by then.
pub fn remove(
    top: &OwnedFd,
    name: &OsStr,
    directory: &OwnedFd,
    ends: Option<Instant>,
) -> Result<()> {
    tree::empty(directory, ends)?;
    Ok(remove_empty(top, name)?)
}

/// Whether a name in the top directory is that of an import in progress, or of one that was cut off.
pub fn is_hidden(top: &OwnedFd, name: &OsStr) -> io::Result<bool> {
    Ok(is_of_import(name.as_bytes()) && open(top, name)?.is_some())
}

/// Opens the hidden directory of an import; `None` where it is something else.
fn open(top: &OwnedFd, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    let Some(directory) = open_private(top, name)? else {
        return Ok(None);
    };
    Ok(match mark::of(&directory)? {
        Mark::Of(_) | Mark::Unknown => Some(directory),
        Mark::Missing => None,
    })
}

/// Opens a directory that could be one: nobody but root can use it.
fn open_private(top: &OwnedFd, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    if !is_of_import(name.as_bytes()) {
        return Ok(None);
    }
    let directory = match enter(top, name).and_then(readable) {
        Err(error) if is_none(&error) => return Ok(None),
        opened => opened?,
    };
    let status = fstat(&directory)?;
    let is_private = status.st_mode & 0o7777 == Mode::S_IRWXU.bits();
    Ok(Some(directory).filter(|_| is_private && status.st_uid == geteuid().as_raw()))
}

/// Whether there is no directory of that name.
fn is_none(error: &io::Error) -> bool {
    matches!(
        errno_of(error),
        Some(errno::Errno::ENOENT | errno::Errno::ELOOP | errno::Errno::ENOTDIR)
    )
}

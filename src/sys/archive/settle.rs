//! Moves the files of an import that is complete to their places.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{fstat, fstatat};
use nix::unistd::fsync;
use rustix::fs::{RenameFlags, renameat_with};

use crate::sys::archive::attributes::Attributes;
use crate::sys::archive::extended::Extended;
use crate::sys::archive::{FILES, OWN, TOP, mark};
use crate::sys::files::directory::{enter, readable, remove_empty};
use crate::sys::files::tree;

/// Moves all that is in the hidden directory of that name to the top. In an error, the names that were moved.
pub fn settle(
    top: &OwnedFd,
    name: &OsStr,
    directory: &OwnedFd,
) -> Result<(), (Error, Vec<OsString>)> {
    let mut moved = Vec::new();
    match move_all(top, directory, &mut moved) {
        Ok(attributes) => describe(top, name, directory, attributes).map_err(|error| {
            let context = "all is in its place, but the directory itself is not as in the archive";
            (error.context(context), Vec::new())
        }),
        Err(error) => Err((error, moved)),
    }
}

/// Returns what the top itself is to be, if that is known still.
fn move_all(
    top: &OwnedFd,
    directory: &OwnedFd,
    moved: &mut Vec<OsString>,
) -> Result<Option<Attributes>> {
    let attributes = match enter(directory, OsStr::new(TOP)).and_then(readable) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(of_directory(&found?)?),
    };
    let files = match enter(directory, OsStr::new(FILES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(attributes),
        files => readable(files?)?,
    };
    for entry in tree::names(&files)? {
        let entry = OsStr::from_bytes(entry.to_bytes());
        let doing = || format!("moving {} to its place", entry.display());
        match move_up(&files, top, entry) {
            Err(Errno::EEXIST) if entry.as_bytes() == OWN => {
                remove_empty(&files, entry).with_context(doing)?;
            }
            Err(Errno::EEXIST) => bail!("{}: something of that name has come there", doing()),
            done => {
                done.map_err(io::Error::from).with_context(doing)?;
                moved.push(entry.to_owned());
            }
        }
    }
    Ok(attributes)
}

/// Lets the top directory be as the import wants it, and takes away what is left of that. Its times change once more by that.
fn describe(
    top: &OwnedFd,
    name: &OsStr,
    directory: &OwnedFd,
    attributes: Option<Attributes>,
) -> Result<()> {
    let give = || attributes.as_ref().map(|found| found.give(top)).transpose();
    give()?;
    tree::empty(directory, None)?;
    remove_empty(top, name)?;
    give()?;
    mark::clear(top)?;
    Ok(fsync(top).map_err(io::Error::from)?)
}

fn move_up(directory: &OwnedFd, top: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    match renameat_with(directory, name, top, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // The file system does not know the flag: FUSE and network file systems.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            match fstatat(top, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Err(Errno::ENOENT) => renameat(directory, name, top, name),
                Err(error) => Err(error),
                Ok(_) => Err(Errno::EEXIST),
            }
        }
        Err(error) => Err(Errno::from_raw(error.raw_os_error())),
    }
}

pub fn of_directory(directory: &OwnedFd) -> Result<Attributes> {
    let status = fstat(directory).map_err(io::Error::from)?;
    Ok(Attributes {
        extended: Extended::of(directory)?,
        ..Attributes::of(&status)
    })
}

//! An import, whole or not at all: the archive becomes files in a hidden directory first, which move to their places when all of it
//! was read. A rename of that directory decides: killed before it, the next import takes all away again; killed after it, the next
//! one completes the move.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result, bail};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, renameat};
use nix::sys::stat::{Mode, fstat, fstatat, mkdirat};
use nix::unistd::{fsync, geteuid, syncfs};
use rustix::fs::{RenameFlags, fremovexattr, renameat_with};

use crate::sys::archive::attributes::Attributes;
use crate::sys::archive::extended::Extended;
use crate::sys::archive::{COMPLETE, STAGED, acl, is_of_import};
use crate::sys::files::directory::{enter, path_of, readable, remove_empty};
use crate::sys::files::tree;

/// What the file system itself has in its top directory.
const OWN: &[u8] = b"lost+found";

/// In the hidden directory: where the files are made, and an empty directory with the owner, mode and times that the top is to get.
const FILES: &str = "files";
const TOP: &str = "top";

pub struct Staging {
    /// The top directory of the volume.
    top: OwnedFd,
    name: OsString,
    /// The hidden directory, and the one in it with the files.
    directory: OwnedFd,
    files: OwnedFd,
}

impl Staging {
    /// Makes the hidden directory in `top`.
    pub fn begin(top: OwnedFd) -> Result<Staging> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let number = now.map_or(0, |since| since.as_nanos());
        let name = OsString::from(format!("{STAGED}{number:x}"));
        match make_both(&top, &name) {
            Ok((directory, files)) => Ok(Staging {
                top,
                name,
                directory,
                files,
            }),
            Err(error) => {
                let error = error.context(format!("making {}", name.display()));
                Err(deleting(&top, &name, error))
            }
        }
    }

    /// Where the files are to be made.
    pub fn files(&self) -> &OwnedFd {
        &self.files
    }

    /// Moves all to its place. `attributes` are for the top directory, which keeps its own without them.
    ///
    /// # Errors
    ///
    /// Something has come into the way; all is as it was before, unless the text says otherwise.
    pub fn commit(mut self, attributes: Option<Attributes>) -> Result<()> {
        if let Err(error) = self.prepare(attributes) {
            return Err(self.abandon(error));
        }
        match settle(&self.top, &self.name) {
            Ok(()) => Ok(()),
            Err((error, moved)) => {
                for name in moved {
                    // What is not moved back now stays with what could not be moved, for the next import.
                    let _ = renameat(&self.top, &*name, &self.files, &*name);
                }
                Err(self.abandon(error))
            }
        }
    }

    /// All that was made reaches the disk, and then the name says so.
    fn prepare(&mut self, attributes: Option<Attributes>) -> Result<()> {
        let attributes = match attributes {
            Some(attributes) => attributes,
            None => of_directory(&self.top)?,
        };
        attributes.give(&make(&self.directory, OsStr::new(TOP))?)?;
        let synced = syncfs(&self.directory).map_err(io::Error::from);
        synced.context("syncing it")?;
        let number = self.name.as_bytes()[STAGED.len()..].to_vec();
        let name = OsString::from_vec([COMPLETE.as_bytes(), &number].concat());
        let renamed = renameat(
            &self.top,
            self.name.as_os_str(),
            &self.top,
            name.as_os_str(),
        );
        renamed.map_err(io::Error::from).context("completing it")?;
        self.name = name;
        Ok(())
    }

    /// Takes away what was made, after an error.
    pub fn abandon(self, error: Error) -> Error {
        drop((self.directory, self.files));
        deleting(&self.top, &self.name, error)
    }
}

/// Takes away what was made, after an error.
fn deleting(top: &OwnedFd, name: &OsStr, error: Error) -> Error {
    match remove(top, name) {
        Ok(()) => error,
        Err(second) => error.context(format!(
            "{} stays behind, {second:#}; the next import deletes it",
            name.display()
        )),
    }
}

fn make_both(top: &OwnedFd, name: &OsStr) -> Result<(OwnedFd, OwnedFd)> {
    let directory = make(top, name)?;
    // What is made in it would inherit the list.
    match fremovexattr(&directory, acl::KEYS[1].0) {
        Ok(()) | Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => {}
        Err(error) => return Err(io::Error::from(error).into()),
    }
    let files = make(&directory, OsStr::new(FILES))?;
    Ok((directory, files))
}

/// Completes an import that was cut off while it was moved to its place, and takes away what else was cut off. Returns whether there
/// was one to complete.
pub fn recover(top: &OwnedFd) -> Result<bool> {
    let mut has_completed = false;
    for name in names(top)? {
        if !is_ours(top, &name)? {
            continue;
        }
        let doing = || format!("taking care of {}", name.display());
        if name.as_bytes().starts_with(STAGED.as_bytes()) {
            remove(top, &name).with_context(doing)?;
        } else if name.as_bytes().starts_with(COMPLETE.as_bytes()) {
            settle(top, &name)
                .map_err(|(error, _)| error)
                .with_context(doing)?;
            has_completed = true;
        }
    }
    Ok(has_completed)
}

/// The first name in the top directory that is a user's.
pub fn occupant(top: &OwnedFd) -> Result<Option<OsString>> {
    let mut names = names(top)?;
    names.sort();
    Ok(names.into_iter().find(|name| name.as_bytes() != OWN))
}

/// A user of the volume can give anything such a name, but not make it root's.
fn is_ours(top: &OwnedFd, name: &OsStr) -> Result<bool> {
    let status = match fstatat(top, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Err(Errno::ENOENT) => return Ok(false),
        status => status.map_err(io::Error::from)?,
    };
    let is_private = status.st_mode & 0o7777 == Mode::S_IRWXU.bits();
    Ok(is_private && status.st_uid == geteuid().as_raw() && is_of_import(name.as_bytes()))
}

/// Moves all that is in a complete import to the top. In an error, the names that were moved.
fn settle(top: &OwnedFd, name: &OsStr) -> Result<(), (Error, Vec<OsString>)> {
    let mut moved = Vec::new();
    match move_all(top, name, &mut moved) {
        Ok(attributes) => describe(top, name, attributes).map_err(|error| {
            let context = "all is in its place, but the directory itself is not as in the archive";
            (error.context(context), Vec::new())
        }),
        Err(error) => Err((error, moved)),
    }
}

/// Returns what the top itself is to be, if that is known still.
fn move_all(top: &OwnedFd, name: &OsStr, moved: &mut Vec<OsString>) -> Result<Option<Attributes>> {
    let directory = enter(top, name)?;
    let attributes = match enter(&directory, OsStr::new(TOP)).and_then(readable) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => Some(of_directory(&found?)?),
    };
    let files = match enter(&directory, OsStr::new(FILES)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(attributes),
        files => readable(files?)?,
    };
    for entry in names(&files)? {
        let doing = || format!("moving {} to its place", entry.display());
        match move_up(&files, top, &entry) {
            Err(Errno::EEXIST) if entry.as_bytes() == OWN => {
                remove_empty(&files, &entry).with_context(doing)?;
            }
            Err(Errno::EEXIST) => bail!("{}: something of that name has come there", doing()),
            done => {
                done.map_err(io::Error::from).with_context(doing)?;
                moved.push(entry);
            }
        }
    }
    Ok(attributes)
}

/// Lets the top directory be as the import wants it, and takes away what is left of that.
fn describe(top: &OwnedFd, name: &OsStr, attributes: Option<Attributes>) -> Result<()> {
    remove(top, name)?;
    if let Some(attributes) = attributes {
        attributes.give(top)?;
    }
    Ok(fsync(top).map_err(io::Error::from)?)
}

/// A directory for nobody else.
fn make(parent: &OwnedFd, name: &OsStr) -> Result<OwnedFd> {
    mkdirat(parent, name, Mode::S_IRWXU).map_err(io::Error::from)?;
    Ok(enter(parent, name).and_then(readable)?)
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

fn of_directory(directory: &OwnedFd) -> Result<Attributes> {
    let status = fstat(directory).map_err(io::Error::from)?;
    Ok(Attributes {
        extended: Extended::of(directory)?,
        ..Attributes::of(&status)
    })
}

fn remove(top: &OwnedFd, name: &OsStr) -> Result<()> {
    tree::remove(&path_of(top).join("."), &name.to_string_lossy())
}

fn names(directory: &OwnedFd) -> Result<Vec<OsString>> {
    let entries = Dir::from_fd(readable(directory)?).map_err(io::Error::from)?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io::Error::from)?;
        let name: CString = entry.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            names.push(OsString::from_vec(name.into_bytes()));
        }
    }
    Ok(names)
}

//! An import, whole or not at all: the archive becomes files in a hidden directory first, which move to their places when all of it
//! was read. A rename of that directory decides: killed before it, the next mount or import takes all away again; killed after it, that
//! completes the move.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Error, Result};
use nix::fcntl::renameat;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::syncfs;
use rustix::fs::{FlockOperation, flock, fremovexattr};
use rustix::io::Errno;

use crate::sys::archive::attributes::Attributes;
use crate::sys::archive::settle::{of_directory, settle};
use crate::sys::archive::{FILES, OWN, TOP, acl, leftover, mark};
use crate::sys::files::directory::{enter, readable, remove_empty};
use crate::sys::files::tree;

pub struct Staging {
    /// The top directory of the volume.
    top: OwnedFd,
    /// The names of the hidden directory: while it is filled, and when it is complete.
    names: [OsString; 2],
    is_complete: bool,
    /// The hidden directory, locked, and the one in it with the files.
    directory: OwnedFd,
    files: OwnedFd,
}

impl Staging {
    /// Makes the hidden directory in `top`.
    pub fn begin(top: OwnedFd) -> Result<Staging> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let number = OsString::from(format!("{:x}", now.map_or(0, |since| since.as_nanos())));
        let names = mark::names(&number);
        let doing = || format!("making {}", names[0].display());
        // First of all, so that a call that finds the directory knows that it is no user's.
        mark::set(&top, &number)
            .context("marking it")
            .with_context(doing)?;
        let directory = match make_marked(&top, &names[0], &number) {
            Ok(directory) => directory,
            Err(error) => {
                let _ = remove_empty(&top, &names[0]).and_then(|()| mark::clear(&top));
                return Err(error.context(doing()));
            }
        };
        match make_files(&directory) {
            Ok(files) => Ok(Staging {
                top,
                names,
                is_complete: false,
                directory,
                files,
            }),
            Err(error) => {
                let error = error.context(doing());
                Err(deleting(&top, &names[0], &directory, error))
            }
        }
    }

    fn name(&self) -> &OsStr {
        &self.names[usize::from(self.is_complete)]
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
        match settle(&self.top, self.name(), &self.directory) {
            Ok(()) => Ok(()),
            Err((error, moved)) => {
                let error = self.move_back(error, &moved);
                Err(self.abandon(error))
            }
        }
    }

    fn move_back(&self, mut error: Error, moved: &[OsString]) -> Error {
        for name in moved {
            let name = name.as_os_str();
            if let Err(second) = renameat(&self.top, name, &self.files, name) {
                let why = io::Error::from(second);
                error = error.context(format!("{} stays in its place, {why}", name.display()));
            }
        }
        error
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
        let [filled, complete] = &self.names;
        let renamed = renameat(&self.top, &**filled, &self.top, &**complete);
        renamed.map_err(io::Error::from).context("completing it")?;
        self.is_complete = true;
        Ok(())
    }

    /// Takes away what was made, after an error.
    pub fn abandon(self, error: Error) -> Error {
        deleting(&self.top, self.name(), &self.directory, error)
    }
}

/// Takes away what was made, after an error.
fn deleting(top: &OwnedFd, name: &OsStr, directory: &OwnedFd, error: Error) -> Error {
    let removed = leftover::remove(top, name, directory, None);
    match removed.and_then(|()| Ok(mark::clear(top)?)) {
        Ok(()) => error,
        Err(second) => error.context(format!(
            "{} stays behind, {second:#}; the next import deletes it",
            name.display()
        )),
    }
}

/// Makes the hidden directory, and locks it before its mark lets others judge whether it is left over.
fn make_marked(top: &OwnedFd, name: &OsStr, number: &OsStr) -> Result<OwnedFd> {
    let directory = make(top, name)?;
    // Where there are no locks, the lock in /run is the only one.
    let _ = flock(&directory, FlockOperation::NonBlockingLockExclusive);
    mark::set(&directory, number).context("marking it")?;
    Ok(directory)
}

fn make_files(directory: &OwnedFd) -> Result<OwnedFd> {
    // What is made in it would inherit the list.
    match fremovexattr(directory, acl::KEYS[1].0) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
        Err(error) => return Err(io::Error::from(error).into()),
    }
    make(directory, OsStr::new(FILES))
}

/// The first name in the top directory that is a user's.
pub fn occupant(top: &OwnedFd) -> Result<Option<OsString>> {
    let names = tree::names(top)?.into_iter();
    let mut names: Vec<_> = names.map(CString::into_bytes).collect();
    names.sort();
    let name = names.into_iter().find(|name| name != OWN);
    Ok(name.map(OsString::from_vec))
}

/// A directory for nobody else.
fn make(parent: &OwnedFd, name: &OsStr) -> Result<OwnedFd> {
    mkdirat(parent, name, Mode::S_IRWXU).map_err(io::Error::from)?;
    Ok(enter(parent, name).and_then(readable)?)
}

//! Directories by their handles: entered and made without following symbolic links, and whose they are.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    CWD, Gid, Mode, OFlags, ResolveFlags, Uid, fchmod, fchown, fstat, mkdirat, openat, openat2,
};
use rustix::io::Errno;

/// Who owns a directory and who may use it, as far as is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ownership {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mode: Option<u32>,
}

impl Ownership {
    /// All of a directory's.
    pub fn of(directory: impl AsFd) -> io::Result<Ownership> {
        let status = fstat(directory)?;
        Ok(Ownership {
            uid: Some(status.st_uid),
            gid: Some(status.st_gid),
            mode: Some(status.st_mode & 0o7777),
        })
    }

    /// To a directory that is [`readable`]. The owner first: a change of owner takes set-ID bits away.
    pub fn apply_to(self, directory: impl AsFd) -> io::Result<()> {
        if self.uid.is_some() || self.gid.is_some() {
            fchown(
                &directory,
                self.uid.map(Uid::from_raw),
                self.gid.map(Gid::from_raw),
            )?;
        }
        if let Some(mode) = self.mode {
            fchmod(directory, Mode::from_raw_mode(mode))?;
        }
        Ok(())
    }
}

/// `1000:1000 0750`.
impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let id = |id: Option<u32>| id.map_or("-".to_owned(), |id| id.to_string());
        let mode = self
            .mode
            .map_or("-".to_owned(), |mode| format!("{mode:04o}"));
        write!(f, "{}:{} {mode}", id(self.uid), id(self.gid))
    }
}

/// A directory whose path may be trusted, but for its end. As with [`enter`], search permission on the way is enough.
pub fn open(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, flags(), Mode::empty())
}

/// Enters a directory of `parent`; a symbolic link is none.
pub fn enter(parent: impl AsFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match openat2(&parent, name, flags(), Mode::empty(), resolve) {
        // Linux before 5.6; one name alone can lead nowhere else.
        Err(Errno::NOSYS) => openat(parent, name, flags(), Mode::empty()),
        opened => opened,
    }
}

/// Makes a directory, for all to read; false where there is something of this name already.
pub fn make(parent: impl AsFd, name: &OsStr) -> Result<bool, Errno> {
    match mkdirat(parent, name, Mode::from_raw_mode(0o755)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The same directory, for more than entering it.
pub fn readable(directory: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    openat(directory, c".", flags, Mode::empty())
}

fn flags() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

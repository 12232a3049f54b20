//! A directory that is to be covered by a mount, held open: whatever becomes of its name, the mount is made there and nowhere else,
//! and taken away from there.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::sys::files::directory::{self, Stopped, above, enter_quietly, mount_of, path_of};

#[derive(Debug)]
pub struct HeldDirectory {
    path: PathBuf,
    parent: OwnedFd,
    directory: OwnedFd,
}

/// Opens a directory without following a symbolic link, and without having another mount made there
/// (systemd.automount(5)).
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    HeldDirectory::open(path).map(|held| held.directory)
}

/// Whether a unit test has put a host on paper in place of the machine, where nothing is covered in truth.
pub(super) fn is_on_paper() -> bool {
    #[cfg(test)]
    return crate::sys::tests::fake_host::mount_table().is_some();
    #[cfg(not(test))]
    false
}

impl HeldDirectory {
    /// Opens it without following a symbolic link anywhere on its path.
    pub fn open(path: &Path) -> io::Result<HeldDirectory> {
        let above = directory::arrive(path.parent().unwrap_or(path))?.directory;
        let directory = match path.file_name() {
            None => above.try_clone()?,
            Some(name) => enter_quietly(&above, name)
                .map_err(|error| Stopped::at(path, &above, name, error))?,
        };
        Ok(HeldDirectory {
            path: path.to_owned(),
            parent: above,
            directory,
        })
    }

    /// A path that leads there and nowhere else, as long as this is open.
    pub fn way(&self) -> PathBuf {
        path_of(&self.directory)
    }

    pub fn directory(&self) -> &OwnedFd {
        &self.directory
    }

    /// The root of the mount that covers it by now, seen at its path.
    ///
    /// # Errors
    ///
    /// It was moved or replaced meanwhile, so that the mount is not seen there.
    pub fn covered(&self) -> io::Result<OwnedFd> {
        if is_on_paper() {
            return self.directory.try_clone();
        }
        let root = self
            .path
            .file_name()
            .map(|name| self.root_in(&self.parent, name));
        match root {
            Some(Ok(root)) if fs::read_link(path_of(&root))? == self.path => Ok(root),
            Some(Err(_)) if fs::read_link(self.way())? == self.path => {
                Err(io::Error::other("nothing is mounted there"))
            }
            _ => Err(io::Error::other(format!(
                "{} was moved or replaced meanwhile, and nothing stays mounted",
                self.path.display()
            ))),
        }
    }

    /// The same, wherever the directory was moved.
    pub fn covered_anywhere(&self) -> io::Result<OwnedFd> {
        if is_on_paper() {
            return self.directory.try_clone();
        }
        let now = fs::read_link(self.way())?;
        let name = now.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        self.root_in(&above(&self.directory)?, name)
    }

    /// The root of the mount that covers the directory, if that is called `name` in `parent`.
    fn root_in(&self, parent: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
        let root = enter_quietly(parent, name)?;
        let is_covering = mount_of(&root)? != mount_of(&self.directory)?
            && fs::read_link(path_of(&root))? == fs::read_link(self.way())?;
        match is_covering {
            true => Ok(root),
            false => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

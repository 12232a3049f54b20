//! Whole trees: deleting a directory with all that is in it, and nothing else; looking through one.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::fs::{self, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::sys::files::directory::{self, enter_on_same_mount};

/// How many directories are open at the same time. A tree may be deeper than the number of files that a process may have
/// open, so directories below this depth are moved up before they are emptied.
const DEPTH: usize = 64;

/// Deletes the directory `name` in `parent`. It is no error if one of them is missing.
///
/// Everything is reached through the handle of its directory, never through a symbolic link, a mount or `..`: exchanging a
/// name during the work cannot lead it out of the tree.
///
/// # Errors
///
/// Something is mounted in the tree; what was deleted before that was found stays deleted.
pub fn remove(parent: &Path, name: &str) -> Result<()> {
    remove_until(parent, name, None)
}

/// As [`remove`], but gives up when the time is over. What is deleted by then stays deleted.
pub fn remove_until(parent: &Path, name: &str, ends: Option<Instant>) -> Result<()> {
    let doing = || format!("deleting {}", parent.join(name).display());
    let name = CString::new(name).with_context(doing)?;
    let opened = directory::open(parent).and_then(|parent| {
        let top = enter_on_same_mount(&parent, &name)?;
        Ok((parent, top))
    });
    let (parent, top) = match opened {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(doing),
    };
    empty(&top, ends).with_context(doing)?;
    unlink(&parent, &name, UnlinkatFlags::RemoveDir)
        .map_err(io::Error::from)
        .with_context(doing)
}

/// Deletes all that is in an open directory, as [`remove`] does, and gives up when the time is over, if there is one.
pub fn empty(top: &OwnedFd, ends: Option<Instant>) -> Result<()> {
    let tree = Tree {
        top,
        moved: &Cell::new(0),
        ends,
    };
    tree.empty(top, 0)
}

/// The path of the first entry below a directory, on the same file system, that is wanted. What cannot be read is left out.
pub fn find_by(directory: &Path, is_wanted: impl Fn(&Path, &Metadata) -> bool) -> Option<PathBuf> {
    let device = directory.symlink_metadata().ok()?.dev();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let path = entry.path();
            if is_wanted(&path, &found) {
                return Some(path);
            }
            if found.is_dir() && found.dev() == device {
                directories.push(path);
            }
        }
    }
    None
}

/// The disk space that a directory takes with all below it, on the same file system, in bytes. A file with several names counts once;
/// what cannot be read counts nothing.
pub fn space(directory: &Path) -> u64 {
    let Ok(top) = directory.symlink_metadata() else {
        return 0;
    };
    let (device, sum) = (top.dev(), Cell::new(top.blocks()));
    let linked = RefCell::new(HashSet::new());
    find_by(directory, |_, found| {
        let is_new =
            found.is_dir() || found.nlink() == 1 || linked.borrow_mut().insert(found.ino());
        if is_new && found.dev() == device {
            sum.set(sum.get() + found.blocks());
        }
        false
    });
    sum.get() * 512
}

/// A tree that is being deleted.
struct Tree<'a> {
    top: &'a OwnedFd,
    /// How many directories have been moved to the top.
    moved: &'a Cell<u64>,
    ends: Option<Instant>,
}

impl Tree<'_> {
    /// Empties a directory that is `depth` levels below the top.
    fn empty(&self, directory: &OwnedFd, depth: usize) -> Result<()> {
        // The list may have been read before directories were moved to the top, so it is read again.
        loop {
            let before = self.moved.get();
            for name in names(directory)? {
                if self.ends.is_some_and(|ends| Instant::now() >= ends) {
                    bail!("it takes long; the next call goes on");
                }
                self.remove_entry(directory, &name, depth)
                    .with_context(|| name.to_string_lossy().into_owned())?;
            }
            if depth > 0 || self.moved.get() == before {
                return Ok(());
            }
        }
    }

    fn remove_entry(&self, directory: &OwnedFd, name: &CStr, depth: usize) -> Result<()> {
        match unlink(directory, name, UnlinkatFlags::NoRemoveDir) {
            // Linux returns the former for a directory, POSIX the latter.
            Err(Errno::EISDIR | Errno::EPERM) => {}
            unlinked => return Ok(unlinked.map_err(io::Error::from)?),
        }
        match unlink(directory, name, UnlinkatFlags::RemoveDir) {
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => {}
            Err(Errno::EBUSY) => bail!("something is mounted there"),
            // It is no directory, and cannot be deleted, for instance because it is immutable.
            Err(Errno::ENOTDIR) => return Err(io::Error::from(Errno::EPERM).into()),
            unlinked => return Ok(unlinked.map_err(io::Error::from)?),
        }
        if depth >= DEPTH {
            return Ok(self.move_up(directory, name)?);
        }
        let below = match enter_on_same_mount(directory, name) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                bail!("something is mounted there")
            }
            below => below?,
        };
        self.empty(&below, depth + 1)?;
        Ok(unlink(directory, name, UnlinkatFlags::RemoveDir).map_err(io::Error::from)?)
    }

    fn move_up(&self, directory: &OwnedFd, name: &CStr) -> io::Result<()> {
        loop {
            let free = CString::new(format!(".deep-{}", self.moved.get()))?;
            self.moved.set(self.moved.get() + 1);
            match renameat(directory, name, self.top, free.as_c_str()) {
                // Something of this name is there.
                Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
                renamed => return Ok(renamed?),
            }
        }
    }
}

/// The names in a directory, without `.` and `..`.
pub fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut directory = Dir::from_fd(directory::readable(directory)?)?;
    let names = directory
        .iter()
        .map(|entry| Ok(entry?.file_name().to_owned()));
    let names: io::Result<Vec<CString>> = names.collect();
    let is_entry = |name: &CString| !matches!(name.as_bytes(), b"." | b"..");
    Ok(names?.into_iter().filter(is_entry).collect())
}

/// Removes a name, which may be missing already.
fn unlink(directory: &OwnedFd, name: &CStr, flags: UnlinkatFlags) -> Result<(), Errno> {
    match unlinkat(directory, name, flags) {
        Err(Errno::ENOENT) => Ok(()),
        unlinked => unlinked,
    }
}

/// Whether a directory is empty. One that is missing is.
pub fn is_empty(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_deep_tree_goes() {
        let base = tempfile::tempdir().expect("a directory");
        let mut directory = base.path().join("top");
        // As deep as a path can be named in one go.
        for _ in 0..400 {
            directory.push("d");
        }
        fs::create_dir_all(&directory).expect("a deep directory");
        fs::write(directory.join("file"), "x").expect("a file");
        remove(base.path(), "top").expect("removed");
        assert!(is_empty(base.path()).expect("read"));
    }

    #[test]
    fn symbolic_links_are_deleted_not_followed() {
        let base = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(base.path().join("top/in")).expect("a directory");
        fs::create_dir(base.path().join("out")).expect("a directory");
        fs::write(base.path().join("out/kept"), "x").expect("a file");
        symlink("../../out", base.path().join("top/in/link")).expect("a link");
        symlink(base.path().join("out"), base.path().join("top/link")).expect("a link");
        remove(base.path(), "top").expect("removed");
        assert!(base.path().join("out/kept").exists() && !base.path().join("top").exists());
    }

    #[test]
    fn a_symbolic_link_in_its_place_is_refused() {
        let base = tempfile::tempdir().expect("a directory");
        fs::create_dir(base.path().join("out")).expect("a directory");
        symlink("out", base.path().join("top")).expect("a link");
        remove(base.path(), "top").expect_err("a link");
        assert!(base.path().join("out").exists());
    }

    #[test]
    fn what_is_gone_already_is_fine() {
        let base = tempfile::tempdir().expect("a directory");
        remove(base.path(), "top").expect("nothing to do");
        remove(&base.path().join("none"), "top").expect("nothing to do");
    }
}

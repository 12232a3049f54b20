//! Deleting a directory with all that is in it, and nothing that is not.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, openat, openat2, renameat, unlinkat,
};
use rustix::io::Errno;

/// How many directories are open at once at most. What lies deeper is moved up first: a tree may be deeper than a process
/// may have files open.
const DEPTH: usize = 64;

/// Deletes the directory `name` in `parent`. What is gone already is fine.
///
/// Everything is reached from the handle of its directory, never through a symbolic link, a mount or `..`: whoever
/// exchanges a name while we work cannot lead us out. A mount inside stops it with an error.
pub fn remove(parent: &Path, name: &str) -> Result<()> {
    let doing = || format!("deleting {}", parent.join(name).display());
    let name = CString::new(name).with_context(doing)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top = match openat(CWD, parent, flags, Mode::empty())
        .and_then(|parent| Ok((enter(&parent, &name)?, parent)))
    {
        Ok((top, parent)) => (top, parent),
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error).with_context(doing),
    };
    let (top, parent) = top;
    let mut moved = 0;
    empty(&top, &top, 0, &mut moved).with_context(doing)?;
    unlinkat(&parent, &name, AtFlags::REMOVEDIR).with_context(doing)
}

/// Empties a directory; `top` is where directories that lie too deep are moved to.
fn empty(directory: &OwnedFd, top: &OwnedFd, depth: usize, moved: &mut u64) -> Result<()> {
    // Directories that were moved here while we read the list are found by reading it again.
    loop {
        let before = *moved;
        let entries = Dir::read_from(directory)?.collect::<Result<Vec<_>, Errno>>()?;
        for entry in entries {
            let name = entry.file_name();
            if name != c"." && name != c".." {
                remove_entry(directory, name, top, depth, moved)
                    .with_context(|| name.to_string_lossy().into_owned())?;
            }
        }
        if depth > 0 || *moved == before {
            return Ok(());
        }
    }
}

fn remove_entry(
    directory: &OwnedFd,
    name: &CStr,
    top: &OwnedFd,
    depth: usize,
    moved: &mut u64,
) -> Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says the former of a directory, POSIX the latter.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::NOTEMPTY | Errno::EXIST) => {}
        Err(Errno::BUSY) => bail!("something is mounted there"),
        // Not a directory after all, and refused, for instance because it is immutable.
        Err(Errno::NOTDIR) => return Err(Errno::PERM.into()),
        Err(error) => return Err(error.into()),
    }
    if depth >= DEPTH {
        return move_up(directory, name, top, moved);
    }
    let below = match enter(directory, name) {
        Ok(below) => below,
        Err(Errno::XDEV) => bail!("something is mounted there"),
        Err(error) => return Err(error.into()),
    };
    empty(&below, top, depth + 1, moved)?;
    // Whose content has been moved up, or was added meanwhile, is found again by the next reading of the top.
    match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn move_up(directory: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> Result<()> {
    loop {
        let free = CString::new(format!(".deep-{moved}")).context("a name without NUL")?;
        *moved += 1;
        match renameat(directory, name, top, &free) {
            Ok(()) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn enter(directory: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_XDEV
        | ResolveFlags::NO_MAGICLINKS;
    openat2(directory, name, flags, Mode::empty(), resolve)
}

/// Whether a directory has nothing in it; one that is missing has not.
pub fn is_empty(path: &Path) -> io::Result<bool> {
    match std::fs::read_dir(path) {
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

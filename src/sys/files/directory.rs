//! Directories as handles: entering, making and removing them without following a symbolic link.

use std::ffi::{CStr, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::libc;
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::sys::errno::errno_of;

/// Of directories that are made: everybody may read and enter them.
const MODE: Mode = Mode::from_bits_truncate(0o755);

/// The same without the right to read: users can pass through them to their data, and cannot list them.
const PASSABLE: Mode = Mode::from_bits_truncate(0o711);

/// Opens a directory for reaching what is in it, for which search permission is enough. Symbolic links in its path are
/// followed, but not the last component.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(AT_FDCWD, path, search(), Mode::empty())?)
}

/// Opens the directory `name` in `parent`, as [`open`] does. A symbolic link is refused.
pub fn enter(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(search())
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(&parent, name, how) {
        // Linux before 5.6. A name without a slash leads nowhere else, once its being a link is refused.
        Err(Errno::ENOSYS) if is_name(name) => Ok(openat(parent, name, search(), Mode::empty())?),
        opened => Ok(opened?),
    }
}

/// Opens what is called `name` in `parent`, as [`enter`] does, but where another mount would be made for whoever enters
/// (systemd.automount(5)), none is made. It must be a directory.
pub fn enter_quietly(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    let found = look_at(parent, name)?;
    match fstat(&found)?.st_mode & SFlag::S_IFMT.bits() {
        libc::S_IFDIR => Ok(found),
        libc::S_IFLNK => Err(Errno::ELOOP.into()),
        _ => Err(Errno::ENOTDIR.into()),
    }
}

/// Opens what is called `name` in `parent`, whatever it is: a handle that nothing can be read by, so that nobody is asked for it.
pub fn look_at(parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    if !is_name(name) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(openat(
        parent,
        name,
        search() - OFlag::O_DIRECTORY,
        Mode::empty(),
    )?)
}

/// Opens the directory above, wherever this one has been moved.
pub fn above(directory: impl AsFd) -> io::Result<OwnedFd> {
    Ok(openat(directory, c"..", search(), Mode::empty())?)
}

/// Opens the directory again, for reading it and for changing it.
pub fn readable(directory: impl AsFd) -> io::Result<OwnedFd> {
    Ok(openat(directory, c".", reading(), Mode::empty())?)
}

/// A path that leads to an open directory, and nowhere else.
pub fn path_of(directory: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

/// Removes an empty directory, if no symbolic link leads there.
pub fn remove_at(path: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    remove_empty(arrive(above)?.directory, name)
}

/// Removes the directory `name` in `parent`, which has to be empty.
pub fn remove_empty(parent: impl AsFd, name: &OsStr) -> io::Result<()> {
    Ok(unlinkat(parent, name, UnlinkatFlags::RemoveDir)?)
}

/// What [`descend`] does where a directory is missing.
pub enum IfMissing<'a> {
    Stop,
    /// Makes it, and adds its path to the list.
    Make(&'a mut Vec<PathBuf>),
    /// Makes it, so that only its owner can list it.
    MakePassable(&'a mut Vec<PathBuf>),
}

/// Where [`descend`] has arrived.
#[derive(Debug)]
pub struct Arrival {
    /// The directory above, or the start itself where the path has no names.
    pub parent: OwnedFd,
    pub directory: OwnedFd,
}

/// Where [`descend`] had to stop, and why.
#[derive(Debug)]
pub struct Stopped {
    /// The directory that could not be entered.
    pub path: PathBuf,
    pub obstacle: Obstacle,
    pub error: io::Error,
}

impl Stopped {
    /// Where `name` in `parent` could not be entered.
    pub fn at(path: &Path, parent: &OwnedFd, name: &OsStr, error: io::Error) -> Stopped {
        stopped(path, Some((parent, name)), error)
    }
}

impl From<Stopped> for io::Error {
    /// The kernel's error, or one that names the link.
    fn from(stopped: Stopped) -> io::Error {
        match stopped.obstacle {
            Obstacle::SymbolicLink => {
                let shown = stopped.path.display();
                io::Error::other(format!(
                    "{shown} is a symbolic link, and none is followed here"
                ))
            }
            _ => stopped.error,
        }
    }
}

/// What a descent cannot pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    Missing,
    SymbolicLink,
    /// The path can never name a directory here: a part of it is a file, or too long, or `..`.
    Unusable,
    Other,
}

/// Goes from the directory `start` to `path` below it, one name after the other, and follows no symbolic link on the way.
///
/// `path` is taken as relative to `start`, also where it begins with a slash.
pub fn descend(start: &Path, path: &Path, if_missing: IfMissing) -> Result<Arrival, Stopped> {
    let opened = open(start).map_err(|error| stopped(start, None, error))?;
    descend_from(opened, start, path, if_missing)
}

/// Goes to a directory from the root, and follows no symbolic link on the way.
pub fn arrive(path: &Path) -> Result<Arrival, Stopped> {
    descend(Path::new("/"), path, IfMissing::Stop)
}

/// As [`descend`], from a directory that is open; `start` is its path, for errors.
pub fn descend_from(
    mut directory: OwnedFd,
    start: &Path,
    path: &Path,
    mut if_missing: IfMissing,
) -> Result<Arrival, Stopped> {
    let mut at = start.to_owned();
    let mut parent = None;
    for component in path.components() {
        let name = match component {
            Component::RootDir | Component::CurDir => continue,
            component => component.as_os_str(),
        };
        at.push(name);
        let entered = match component {
            Component::Normal(_) => step(&directory, name, &at, &mut if_missing),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        let entered = entered.map_err(|error| stopped(&at, Some((&directory, name)), error))?;
        parent = Some(std::mem::replace(&mut directory, entered));
    }
    let parent = match parent {
        Some(parent) => Ok(parent),
        None => directory.try_clone(),
    };
    let parent = parent.map_err(|error| stopped(&at, None, error))?;
    Ok(Arrival { parent, directory })
}

fn step(
    parent: &OwnedFd,
    name: &OsStr,
    path: &Path,
    if_missing: &mut IfMissing,
) -> io::Result<OwnedFd> {
    let (made, mode) = match if_missing {
        IfMissing::Stop => return enter(parent, name),
        IfMissing::Make(made) => (made, MODE),
        IfMissing::MakePassable(made) => (made, PASSABLE),
    };
    match enter(parent, name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match mkdirat(parent, name, mode) {
                Ok(()) => made.push(path.to_owned()),
                // Somebody else has made it meanwhile.
                Err(Errno::EEXIST) => {}
                Err(error) => return Err(error.into()),
            }
            enter(parent, name)
        }
        entered => entered,
    }
}

fn stopped(path: &Path, last: Option<(&OwnedFd, &OsStr)>, error: io::Error) -> Stopped {
    let is_link = || {
        last.and_then(|(parent, name)| fstatat(parent, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok())
            .is_some_and(|status| status.st_mode & SFlag::S_IFMT.bits() == libc::S_IFLNK)
    };
    let obstacle = match errno_of(&error) {
        Some(Errno::ENOENT) => Obstacle::Missing,
        Some(Errno::ELOOP | Errno::ENOTDIR) if is_link() => Obstacle::SymbolicLink,
        Some(Errno::ELOOP | Errno::ENOTDIR | Errno::ENAMETOOLONG) | None => Obstacle::Unusable,
        Some(_) => Obstacle::Other,
    };
    Stopped {
        path: path.to_owned(),
        obstacle,
        error,
    }
}

/// Opens the directory `name` in `parent` for reading, if it lies on the same mount and is no symbolic link.
///
/// # Errors
///
/// `CrossesDevices` where something is mounted there.
pub fn enter_on_same_mount(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    let how = OpenHow::new().flags(reading()).resolve(
        ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_XDEV
            | ResolveFlag::RESOLVE_NO_MAGICLINKS,
    );
    match openat2(&parent, name, how) {
        Err(Errno::ENOSYS) => enter_and_compare_mounts(parent, name),
        opened => Ok(opened?),
    }
}

/// [`enter_on_same_mount`] on Linux before 5.6. It is as safe: it compares the mounts that the two handles belong to, which
/// later mounts at these directories do not change.
fn enter_and_compare_mounts(parent: impl AsFd, name: &CStr) -> io::Result<OwnedFd> {
    if !is_name(OsStr::from_bytes(name.to_bytes())) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let directory = openat(&parent, name, reading(), Mode::empty())?;
    if mount_of(&parent)? != mount_of(&directory)? {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    Ok(directory)
}

/// The ID of the mount that a handle was opened on (proc(5), Linux 3.15): unlike the device, it differs for a bind mount.
pub fn mount_of(handle: impl AsFd) -> io::Result<u64> {
    let path = format!("/proc/self/fdinfo/{}", handle.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path)?;
    let id = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    id.and_then(|id| id.trim().parse().ok())
        .ok_or_else(|| Errno::ENOSYS.into())
}

/// Whether this is the name of an entry, which leads neither up nor further down.
fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !matches!(bytes, b"" | b"." | b"..") && !bytes.contains(&b'/')
}

fn search() -> OFlag {
    OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

fn reading() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn stop_at(start: &Path, path: &str) -> (String, Obstacle) {
        let stopped = descend(start, Path::new(path), IfMissing::Stop).expect_err("an obstacle");
        let path = stopped.path.strip_prefix(start).expect("below the start");
        (path.display().to_string(), stopped.obstacle)
    }

    #[test]
    fn a_descent_tells_where_and_why_it_stops() {
        let base = tempfile::tempdir().expect("a directory");
        let at = |name: &str| base.path().join(name);
        fs::create_dir(at("there")).expect("a directory");
        fs::write(at("there/file"), "").expect("a file");
        symlink("there", at("link")).expect("a link");
        symlink("file", at("there/link")).expect("a link");
        let long = "x".repeat(300);
        for (path, stop, obstacle) in [
            ("there/none/x", "there/none", Obstacle::Missing),
            ("/link/x", "link", Obstacle::SymbolicLink),
            ("there/link", "there/link", Obstacle::SymbolicLink),
            ("there/file", "there/file", Obstacle::Unusable),
            ("there/../there", "there/..", Obstacle::Unusable),
            (&long, &long, Obstacle::Unusable),
        ] {
            assert_eq!(stop_at(base.path(), path), (stop.to_owned(), obstacle));
        }
    }

    #[test]
    fn a_descent_makes_what_is_missing() {
        let base = tempfile::tempdir().expect("a directory");
        fs::create_dir(base.path().join("a")).expect("a directory");
        let mut made = Vec::new();
        let path = Path::new("/a//b/./c/");
        let arrival = descend(base.path(), path, IfMissing::Make(&mut made)).expect("made");
        assert_eq!(made, [base.path().join("a/b"), base.path().join("a/b/c")]);
        remove_empty(&arrival.parent, OsStr::new("c")).expect("removed");
        enter(&arrival.parent, OsStr::new("c")).expect_err("gone");
        assert!(base.path().join("a/b").is_dir());
    }

    #[test]
    fn without_names_a_descent_stays_at_its_start() {
        for path in ["", "/", "."] {
            let arrival = descend(Path::new("/"), Path::new(path), IfMissing::Stop).expect("/");
            for handle in [arrival.parent, arrival.directory] {
                assert_eq!(
                    fs::read_link(path_of(&handle)).expect("a path"),
                    Path::new("/")
                );
            }
        }
    }

    #[test]
    fn another_mount_is_not_entered() {
        let root = open(Path::new("/")).expect("the root");
        let crossing = enter_on_same_mount(&root, c"proc").expect_err("a mount");
        assert_eq!(crossing.kind(), io::ErrorKind::CrossesDevices);
        let crossing = enter_and_compare_mounts(&root, c"proc").expect_err("a mount");
        assert_eq!(crossing.kind(), io::ErrorKind::CrossesDevices);
    }

    #[test]
    fn without_openat2_a_directory_is_entered_as_well() {
        let base = tempfile::tempdir().expect("a directory");
        fs::create_dir(base.path().join("a")).expect("a directory");
        symlink("a", base.path().join("link")).expect("a link");
        let parent = open(base.path()).expect("open");
        enter_and_compare_mounts(&parent, c"a").expect("entered");
        for name in [c"link", c"..", c".", c"a/", c""] {
            enter_and_compare_mounts(&parent, name).expect_err("refused");
        }
    }
}

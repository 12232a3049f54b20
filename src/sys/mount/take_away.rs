//! Taking away one mount and no other, wherever the directories above it are moved meanwhile, and whatever is put in their place.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;

use crate::sys::errno::errno_of;
use crate::sys::files::directory::{self, Obstacle, arrive, mount_of, path_of};
use crate::sys::mount::covers::{self, Cover};
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{calls, held, identity};

/// How often the mount is looked for again where it was not at its place any more, and the pause between.
pub const TRIES: usize = 100;
pub const PAUSE: Duration = Duration::from_millis(1);

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// What is busy stays.
    Unmount,
    /// Also what is busy goes.
    Detach,
    /// That, and what others have mounted over it.
    Peel,
}

impl How {
    pub fn lazy(lazy: bool) -> How {
        match lazy {
            true => How::Peel,
            false => How::Unmount,
        }
    }
}

/// Why a mount stays.
#[derive(Debug)]
pub enum Stuck {
    /// It is hidden; by what, and what to do about it.
    Covered(String),
    Failed(io::Error),
}

/// Why one attempt was in vain.
enum Vain {
    /// The mount is not there any more where the table has shown it.
    Moved(io::Error),
    Failed(io::Error),
}

/// Takes a mount away, wherever it is by now. It is no error where it has gone.
pub fn take_away(wanted: &Mount, how: How) -> Result<(), Stuck> {
    let peels = |cover: &Cover| how == How::Peel && cover.may_go();
    until_done(wanted, peels, |mount| {
        attempt(mount, how != How::Unmount).map(|()| false)
    })
}

/// Takes away what users of the host have mounted over a mount.
pub fn uncover(wanted: &Mount) -> Result<(), Stuck> {
    until_done(wanted, |cover| cover.is_users, |_| Ok(true))
}

/// Looks for the mount until it has gone, or `act`, which is called where nothing hides it, says that all is done.
fn until_done(
    wanted: &Mount,
    peels: impl Fn(&Cover) -> bool,
    act: impl Fn(&Mount) -> Result<bool, Vain>,
) -> Result<(), Stuck> {
    let mut last = None;
    for _ in 0..TRIES {
        let table = MountTable::read().map_err(|error| Stuck::Failed(io::Error::other(error)))?;
        let is_wanted = |it: &&Mount| {
            (it.id, &it.device, &it.root) == (wanted.id, &wanted.device, &wanted.root)
        };
        let Some(mount) = table.iter().find(is_wanted) else {
            return Ok(());
        };
        let done = match covers::over(&table, mount) {
            Some(cover) if !peels(&cover) => {
                return Err(Stuck::Covered(cover.words(mount)));
            }
            Some(cover) => attempt(cover.mount, true).map(|()| false),
            None => act(mount),
        };
        match done {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(Vain::Failed(error)) => return Err(Stuck::Failed(error)),
            Err(Vain::Moved(error)) => {
                last = Some(error);
                thread::sleep(PAUSE);
            }
        }
    }
    let last = last.unwrap_or_else(|| Errno::EBUSY.into());
    Err(Stuck::Failed(last))
}

/// Opens the root of a mount where the table has shown it.
///
/// # Errors
///
/// It is not there any more.
pub fn open(mount: &Mount) -> io::Result<OwnedFd> {
    let root = held::open(&mount.mount_point)?;
    match held::is_on_paper() || mount_of(&root)? == u64::from(mount.id) {
        true => Ok(root),
        false => Err(io::Error::other("it was moved meanwhile")),
    }
}

/// Unmounts a mount where the table has shown it, if it is there.
fn attempt(mount: &Mount, lazy: bool) -> Result<(), Vain> {
    if held::is_on_paper() {
        return calls::unmount(&mount.mount_point, lazy).map_err(Vain::Failed);
    }
    let place = &mount.mount_point;
    let (Some(above), Some(name)) = (place.parent(), place.file_name()) else {
        return Err(Vain::Failed(ErrorKind::InvalidInput.into()));
    };
    let parent = arrive(above).map_err(|stopped| match stopped.obstacle {
        Obstacle::Other if errno_of(&stopped.error) != Some(Errno::EACCES) => {
            Vain::Failed(stopped.into())
        }
        _ => Vain::Moved(stopped.into()),
    })?;
    let parent = parent.directory;
    let root = verify(mount, &parent, above, name).map_err(Vain::Moved)?;
    let done = match root {
        Some(root) if lazy => calls::detach(&root),
        root => {
            // The handle would keep it busy.
            drop(root);
            calls::unmount_in(&parent, name, lazy)
        }
    };
    done.map_err(|error| match errno_of(&error) {
        Some(Errno::EINVAL | Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Vain::Moved(error),
        _ => Vain::Failed(error),
    })
}

/// Checks that the mount is the one that is seen under this name in the directory above it. Returns a handle of its root, where its
/// file system answers.
fn verify(
    mount: &Mount,
    parent: &OwnedFd,
    above: &Path,
    name: &OsStr,
) -> io::Result<Option<OwnedFd>> {
    let moved = || io::Error::other("it was moved meanwhile");
    if identity::answers(mount) {
        let root = directory::look_at(parent, name)?;
        let is_there = mount_of(&root)? == u64::from(mount.id);
        return is_there.then_some(Some(root)).ok_or_else(moved);
    }
    // Whoever looks at a server's file system might wait for ever.
    let table = MountTable::read().map_err(io::Error::other)?;
    let is_there = fs::read_link(path_of(parent))? == above
        && mount_of(parent)? == u64::from(mount.parent)
        && table
            .at(&mount.mount_point)
            .is_some_and(|it| it.id == mount.id)
        && fs::read_link(path_of(parent))? == above;
    is_there.then_some(None).ok_or_else(moved)
}

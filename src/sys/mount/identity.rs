//! Which mount it is: the kernel gives its ID, and the device number of its file system, to another one once it has gone.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{fstatvfs, statvfs};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, open, statx};
use rustix::path::Arg;
use serde::{Deserialize, Serialize};

use crate::sys::mount::held::is_on_paper;
use crate::sys::mount::mountinfo::Mount;

/// `STATX_MNT_ID_UNIQUE` of `<linux/stat.h>` (Linux 6.8): an ID that no other mount gets until the host is restarted.
const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// File systems in memory, whose data is gone with them.
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs", "hugetlbfs"];

/// And those that answer without asking anybody. One with a server might never answer.
const ON_DISK: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat"];

/// How often to look at a path that may be moved away for a moment.
const ATTEMPTS: usize = 20;

/// Distinguishes a mount from another one that was made later at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountIdentity {
    id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique: Option<u64>,
    pub mount_point: PathBuf,
    pub device: String,
    pub root: PathBuf,
    fs_type: String,
    source: String,
    /// The ID of a file system in memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_system: Option<u64>,
}

impl MountIdentity {
    pub fn of(mount: &Mount) -> MountIdentity {
        MountIdentity {
            id: mount.id,
            unique: unique_by_handle(mount),
            mount_point: mount.mount_point.clone(),
            device: mount.device.clone(),
            root: mount.root.clone(),
            fs_type: mount.fs_type.clone(),
            source: mount.source.clone(),
            file_system: file_system_by_handle(mount),
        }
    }

    /// Whether it is this very mount, wherever it is by now: the directory above may have been renamed, or the source of a bind.
    pub fn is(&self, mount: &Mount) -> bool {
        (self.id, &self.device, &self.fs_type) == (mount.id, &mount.device, &mount.fs_type)
            && may_be_one(self.unique, mount)
    }

    /// Whether it is this very mount, at the same place still, with the same root.
    pub fn is_at_place(&self, mount: &Mount) -> bool {
        self.shows_the_same(mount) && self.is(mount)
    }

    /// Whether it shows the same at the same place: in another mount namespace, the same mount has another ID.
    pub fn shows_the_same(&self, mount: &Mount) -> bool {
        let own = (&self.mount_point, &self.root, &self.source);
        own == (&mount.mount_point, &mount.root, &mount.source) && self.is_same_file_system(mount)
    }

    /// Whether it shows a part of the same file system.
    pub fn is_same_file_system(&self, mount: &Mount) -> bool {
        (&self.device, &self.fs_type) == (&mount.device, &mount.fs_type)
            && is_same(self.file_system, mount, file_system, file_system_by_handle)
    }

    /// Whether a mount shows a part of what this one has shown, though this one may have gone: what is in memory, and the file system of
    /// a server, have numbers that others get then.
    pub fn is_shown_by(&self, mount: &Mount) -> bool {
        let own = (&self.device, &self.fs_type, &self.source);
        own == (&mount.device, &mount.fs_type, &mount.source) && mount.root.starts_with(&self.root)
    }

    /// Whether it shows all that is on a disk.
    pub fn is_of_whole_disk(&self) -> bool {
        self.root == Path::new("/") && !self.device.starts_with("0:")
    }

    pub fn id(&self) -> u32 {
        self.id
    }
}

/// Whether a mount may have had this unique ID, as far as that is known.
pub fn may_be_one(known: Option<u64>, mount: &Mount) -> bool {
    is_same(known, mount, unique, unique_by_handle)
}

/// Whether what is read of a mount at its path may be what is known of it. Another mount may be seen there while it is read, if users
/// move directories: then a handle decides.
fn is_same(
    known: Option<u64>,
    mount: &Mount,
    at_path: fn(&Mount) -> Option<u64>,
    by_handle: fn(&Mount) -> Option<u64>,
) -> bool {
    let is = |found: Option<u64>| found.is_none_or(|found| Some(found) == known);
    known.is_none() || is(at_path(mount)) || is(by_handle(mount))
}

/// Whether the root of a mount can be opened, as far as that reads nothing, without a server being asked.
pub fn answers(mount: &Mount) -> bool {
    let fs_type = mount.fs_type.as_str();
    is_known(fs_type) || fs_type == "fuse" || fs_type.starts_with("fuse.")
}

/// Whether its data is in memory, so that no other mount but its own copies shows it.
pub fn is_in_memory(mount: &Mount) -> bool {
    IN_MEMORY.contains(&mount.fs_type.as_str())
}

fn is_known(fs_type: &str) -> bool {
    IN_MEMORY.contains(&fs_type) || ON_DISK.contains(&fs_type)
}

/// The ID of a mount that no other one gets. `None` where the kernel is older, the mount is not seen at its mount point, or might not
/// answer.
pub fn unique(mount: &Mount) -> Option<u64> {
    if !is_known(&mount.fs_type) || is_on_paper() {
        return None;
    }
    let seen = id_at(&mount.mount_point, StatxFlags::MNT_ID)?;
    let unique = id_at(&mount.mount_point, UNIQUE)?;
    (seen == u64::from(mount.id)).then_some(unique)
}

/// The same, read by one handle, which keeps the mount busy for that time: between two looks at a path, a user who moves directories
/// can have it lead to another mount.
pub fn unique_by_handle(mount: &Mount) -> Option<u64> {
    if !is_known(&mount.fs_type) || is_on_paper() {
        return None;
    }
    by_handle(mount, |root| id_of(root, c"", AtFlags::EMPTY_PATH, UNIQUE))
}

/// What is read of the root of a mount, opened at its mount point.
fn by_handle(mount: &Mount, read: impl Fn(&OwnedFd) -> Option<u64>) -> Option<u64> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let look = || {
        let root = open(&mount.mount_point, flags, Mode::empty()).ok()?;
        let seen = id_of(&root, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
        (seen == u64::from(mount.id)).then(|| read(&root))
    };
    (0..ATTEMPTS).find_map(|_| look())?
}

/// The ID of the mount that is seen at a place.
fn id_at(place: &Path, kind: StatxFlags) -> Option<u64> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    id_of(CWD, place, flags, kind)
}

fn id_of(from: impl AsFd, path: impl Arg, flags: AtFlags, kind: StatxFlags) -> Option<u64> {
    let found = statx(from, path, flags | AtFlags::STATX_DONT_SYNC, kind).ok()?;
    (found.stx_mask & kind.bits() != 0).then_some(found.stx_mnt_id)
}

fn file_system(mount: &Mount) -> Option<u64> {
    if !is_in_memory(mount) || is_on_paper() {
        return None;
    }
    let seen = id_at(&mount.mount_point, StatxFlags::MNT_ID)?;
    let id = statvfs(&mount.mount_point).ok()?.filesystem_id();
    (seen == u64::from(mount.id) && id != 0).then_some(id)
}

/// The same, read by one handle.
fn file_system_by_handle(mount: &Mount) -> Option<u64> {
    if !is_in_memory(mount) || is_on_paper() {
        return None;
    }
    let read = |root: &OwnedFd| fstatvfs(root).ok().map(|found| found.filesystem_id());
    by_handle(mount, read).filter(|id| *id != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mount::mountinfo::MountTable;

    fn mount(line: &str) -> Mount {
        let table = MountTable::parse(line.as_bytes());
        table.iter().next().expect("a mount").clone()
    }

    #[test]
    fn a_mount_is_known_wherever_it_is() {
        let own = "7 1 0:5 / /no/such rw - ext4 /dev/x rw\n";
        let known = MountIdentity::of(&mount(own));
        for (other, is, is_at_place, shows_the_same) in [
            (own.to_owned(), true, true, true),
            (own.replace("rw", "ro"), true, true, true),
            (own.replace("/no/such", "/no/moved"), true, false, false),
            (own.replace("0:5 /", "0:5 /renamed"), true, false, false),
            (own.replace("7 1", "8 1"), false, false, true),
            (own.replace("0:5", "0:6"), false, false, false),
            (own.replace("ext4", "xfs"), false, false, false),
        ] {
            let other = mount(&other);
            assert_eq!(known.is(&other), is, "{other:?}");
            assert_eq!(known.is_at_place(&other), is_at_place, "{other:?}");
            assert_eq!(known.shows_the_same(&other), shows_the_same, "{other:?}");
        }
    }
}

//! Where a volume is mounted, and by what that mount is recognized later.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::sys::block::sequence;
use crate::sys::mount::identity::MountIdentity;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRecord {
    pub path: PathBuf,
    /// Whether the caller asked for a read-only mount.
    pub read_only: bool,
    /// Whether the mount is read-only, for instance by an option of the volume.
    pub is_read_only: bool,
    /// Whether the driver mounted something; false for a driver that returned a plain directory, or one where something was mounted
    /// before.
    pub is_mount: bool,
    /// What was mounted there before the driver was asked to mount: another caller's, or the administrator's. It is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    foreign: Option<MountIdentity>,
    /// The path without symbolic links, in the form that the mount table uses.
    real: PathBuf,
    /// The mount on which the path lies.
    on: Option<MountIdentity>,
    /// The IDs of the mounts that showed the same before the driver was asked to mount, as other volumes from the same server do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<u32>,
    /// The disk with the file system, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk: Option<u64>,
    /// The number of the mount namespace in which all this was seen.
    namespace: u64,
}

/// The mount that a volume's directory belongs to, by whatever names the driver calls it. The directory must answer: links are
/// resolved.
pub fn mount_of<'t>(
    directory: &Path,
    volume: &str,
    table: &'t MountTable,
) -> Result<Option<&'t Mount>> {
    let real = |path: &Path| {
        fs::canonicalize(path).with_context(|| format!("resolving {}", path.display()))
    };
    if let Some(mount) = table.of_volume(&real(directory)?, volume) {
        return Ok(Some(mount));
    }
    // The directory above may have the volume's name only before links are resolved.
    let above = directory.parent();
    let above = above.filter(|above| above.file_name().is_some_and(|name| name == volume));
    match above {
        Some(above) => Ok(table.at(&real(above)?)),
        None => Ok(None),
    }
}

impl MountRecord {
    /// The mount at a path that has been checked. Its directory has just answered, so resolving links does not hang. What the
    /// table `before` had is not the driver's.
    pub fn of(
        path: PathBuf,
        volume: &str,
        read_only: bool,
        table: &MountTable,
        before: Option<&MountTable>,
    ) -> Result<MountRecord> {
        let real =
            fs::canonicalize(&path).with_context(|| format!("resolving {}", path.display()))?;
        let mount = mount_of(&path, volume, table)?.map(MountIdentity::of);
        let was_there = before
            .zip(mount.as_ref())
            .is_some_and(|(before, mount)| before.iter().any(|earlier| mount.is_at_place(earlier)));
        let on = table.covering(&real).map(MountIdentity::of);
        let is_earlier = |it: &&Mount| on.as_ref().is_some_and(|on| on.is_shown_by(it));
        let earlier = before.into_iter().flat_map(MountTable::iter);
        let earlier = earlier.filter(is_earlier).map(|it| it.id).collect();
        Ok(MountRecord {
            read_only,
            is_read_only: table.covering(&real).is_some_and(Mount::is_read_only),
            is_mount: mount.is_some() && !was_there,
            foreign: mount.filter(|_| was_there),
            earlier,
            disk: on.as_ref().and_then(|on| sequence::of(&on.device)),
            on,
            namespace: host::mount_namespace()?,
            real,
            path,
        })
    }

    /// What was mounted there before.
    pub fn foreign(&self) -> Option<&MountIdentity> {
        self.foreign.as_ref()
    }

    /// Whether the driver handed out a directory at which nothing is mounted.
    pub fn is_bare(&self) -> bool {
        !self.is_mount && self.foreign.is_none()
    }

    /// Whether this is the volume's own mount, and no view of it.
    pub fn is_own(&self, mount: &Mount) -> bool {
        self.on.as_ref().is_some_and(|on| on.id() == mount.id)
    }

    /// Whether a mount of this mount namespace was made from this one: it shows the same, and did not do so before, nor is it the
    /// plugin's own mount of this volume or another, which is in the same directory. What the host has anyway is nobody's.
    pub fn is_kept_by(&self, mount: &Mount, table: &MountTable) -> bool {
        let Some(on) = self.on.as_ref().filter(|on| on.is_shown_by(mount)) else {
            return false;
        };
        let is_whole = |it: &Mount| {
            it.device == on.device && it.root != on.root && on.root.starts_with(&it.root)
        };
        self.is_same_disk(on)
            && mount.mount_point.parent() != on.mount_point.parent()
            && !self.earlier.contains(&mount.id)
            && !table.iter().any(is_whole)
    }

    /// Whether other mount namespaces may tell what keeps it. Nobody knows what was there before, so it has to be a disk that the volume
    /// has for itself.
    pub fn may_be_kept_elsewhere(&self) -> bool {
        let is_own = |on: &MountIdentity| on.is_of_whole_disk() && self.is_same_disk(on);
        self.earlier.is_empty() && self.on.as_ref().is_some_and(is_own)
    }

    /// Whether a mount of another mount namespace was made from this one.
    pub fn is_kept_elsewhere_by(&self, mount: &Mount) -> bool {
        self.on.as_ref().is_some_and(|on| on.is_shown_by(mount))
    }

    /// Whether the disk is still there, as far as it is on one.
    fn is_same_disk(&self, on: &MountIdentity) -> bool {
        on.device.starts_with("0:") || self.disk.is_some() && self.disk == sequence::of(&on.device)
    }

    /// The path without symbolic links.
    pub fn real(&self) -> &Path {
        &self.real
    }

    /// Whether what is mounted at `target` is a view of this volume's directory.
    pub fn is_seen_at(&self, target: &Path, table: &MountTable) -> bool {
        table.at(target).is_some_and(|seen| self.is_shown_by(seen))
    }

    /// Whether a mount is a view of this volume's directory, or its own mount.
    pub fn is_shown_by(&self, seen: &Mount) -> bool {
        let Some(on) = &self.on else {
            return false;
        };
        let inside = self
            .real
            .strip_prefix(&on.mount_point)
            .map(|inside| on.root.join(inside));
        let root = inside.map(|root| root.components().collect::<PathBuf>());
        on.is_same_file_system(seen) && root.is_ok_and(|root| root == seen.root)
    }

    /// The mount point of the mount on which the path lies: the path itself, or a directory above it.
    pub fn mount_point(&self) -> &Path {
        self.on.as_ref().map_or(&self.real, |on| &on.mount_point)
    }

    /// Whether it was mounted in another mount namespace, where mounts may be seen that are not seen in this one.
    fn is_elsewhere(&self) -> bool {
        host::mount_namespace().is_ok_and(|namespace| namespace != self.namespace)
    }

    /// Whether it was mounted in another mount namespace that still has processes.
    pub fn is_used_elsewhere(&self) -> bool {
        self.is_elsewhere() && host::has_processes("mnt", self.namespace)
    }

    /// Whether the path still lies on the very same mount.
    pub fn is_live(&self, table: &MountTable) -> bool {
        match (table.covering(&self.real), &self.on) {
            // In another mount namespace, the same mount has another ID.
            (Some(now), Some(on)) if self.is_elsewhere() => on.shows_the_same(now),
            (Some(now), Some(on)) => on.is_at_place(now),
            (now, on) => now.is_none() && on.is_none(),
        }
    }
}

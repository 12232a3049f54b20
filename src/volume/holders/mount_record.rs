//! Where a volume is mounted, and by what that mount is recognized later.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::host;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRecord {
    pub path: PathBuf,
    /// Whether the caller asked for a read-only mount.
    pub read_only: bool,
    /// Whether the mount is read-only, for instance by an option of the volume.
    pub is_read_only: bool,
    /// Whether the driver mounted something; false for a driver that returned a plain directory.
    pub is_mount: bool,
    /// The path without symbolic links, in the form that the mount table uses.
    real: PathBuf,
    /// The mount on which the path lies.
    on: Option<MountIdentity>,
    /// The number of the mount namespace in which all this was seen.
    namespace: u64,
}

/// Distinguishes a mount from another one that was made later at the same place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MountIdentity {
    id: u32,
    mount_point: PathBuf,
    device: String,
    root: PathBuf,
    fs_type: String,
    source: String,
}

impl From<&Mount> for MountIdentity {
    fn from(mount: &Mount) -> MountIdentity {
        MountIdentity {
            id: mount.id,
            mount_point: mount.mount_point.clone(),
            device: mount.device.clone(),
            root: mount.root.clone(),
            fs_type: mount.fs_type.clone(),
            source: mount.source.clone(),
        }
    }
}

impl MountRecord {
    /// The mount at a path that has been checked. Its directory has just answered, so resolving links does not hang.
    pub fn of(
        path: PathBuf,
        volume: &str,
        read_only: bool,
        table: &MountTable,
    ) -> Result<MountRecord> {
        let real =
            fs::canonicalize(&path).with_context(|| format!("resolving {}", path.display()))?;
        Ok(MountRecord {
            read_only,
            is_read_only: table.covering(&real).is_some_and(Mount::is_read_only),
            is_mount: table.of_volume(&real, volume).is_some(),
            on: table.covering(&real).map(MountIdentity::from),
            namespace: host::mount_namespace()?,
            real,
            path,
        })
    }

    /// The path without symbolic links.
    pub fn real(&self) -> &Path {
        &self.real
    }

    /// Whether what is mounted at `target` is a view of this volume's directory.
    pub fn is_seen_at(&self, target: &Path, table: &MountTable) -> bool {
        let (Some(seen), Some(on)) = (table.at(target), &self.on) else {
            return false;
        };
        let inside = self
            .real
            .strip_prefix(&on.mount_point)
            .map(|inside| on.root.join(inside));
        let root = inside.map(|root| root.components().collect::<PathBuf>());
        seen.device == on.device && root.is_ok_and(|root| root == seen.root)
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
        let mut now = table.covering(&self.real).map(MountIdentity::from);
        // In another mount namespace, the same mount has another ID.
        if let (Some(now), Some(on)) = (&mut now, &self.on)
            && self.is_elsewhere()
        {
            now.id = on.id;
        }
        now == self.on
    }
}

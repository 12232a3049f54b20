//! What is remembered of a volume's view at a target, so that it is found again wherever it is by now.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys::files::id::FileId;
use crate::sys::mount::identity;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// A target, and what was bound there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// In the form that the mount table had when it was bound.
    pub path: PathBuf,
    pub view: ViewRecord,
}

impl Target {
    /// A target of which nothing is known but its path.
    pub fn at(path: &Path) -> Target {
        Target {
            path: path.to_owned(),
            view: ViewRecord::default(),
        }
    }
}

/// The view at a target. All is unknown while it is being bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRecord {
    /// The target as the caller named it; a symbolic link in it may lead to another directory later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mount: Option<ViewIdentity>,
}

/// The mount that is the view. A directory above it may be renamed, and the mount goes along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ViewIdentity {
    id: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique: Option<u64>,
    device: String,
    root: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

/// The directory at which a view was bound. The kernel gives the ID of a mount that has gone to another one, maybe of the same
/// volume; but a mount keeps its name in its directory, wherever that directory is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    directory: FileId,
    name: String,
}

impl Place {
    fn of(mount_point: &Path) -> Option<Place> {
        Some(Place {
            directory: FileId::at(mount_point.parent()?).ok()?,
            name: mount_point.file_name()?.to_string_lossy().into_owned(),
        })
    }
}

impl ViewRecord {
    /// The view that has just been bound at a target.
    pub fn at(target: &Path, asked: Option<PathBuf>, table: &MountTable) -> ViewRecord {
        let identity = |mount: &Mount| ViewIdentity {
            id: mount.id,
            unique: identity::unique(mount),
            device: mount.device.clone(),
            root: mount.root.clone(),
            place: Place::of(&mount.mount_point),
        };
        ViewRecord {
            asked,
            mount: table.at(target).map(identity),
        }
    }

    /// Whether this mount is the view.
    pub fn is(&self, mount: &Mount) -> bool {
        let is = |view: &ViewIdentity| {
            (view.id, &view.device, &view.root) == (mount.id, &mount.device, &mount.root)
                && identity::may_be_one(view.unique, mount)
                && view.place.is_some()
                && view.place == Place::of(&mount.mount_point)
        };
        self.mount.as_ref().is_some_and(is)
    }

    /// Where the view is now.
    pub fn place<'t>(&self, table: &'t MountTable) -> Option<&'t Path> {
        let mount = table.iter().find(|mount| self.is(mount));
        mount.map(|mount| mount.mount_point.as_path())
    }
}

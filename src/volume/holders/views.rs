//! What is remembered of a volume's view at a target, so that it is found again wherever it is by now.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::sys::files::id::FileId;
use crate::sys::mount::identity;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::volume::holders::mount_record::MountRecord;

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
    /// The view that is at a target, or else that was made there since `before`: its directory may just be moved.
    pub fn made(
        target: &Path,
        asked: Option<PathBuf>,
        volume: &MountRecord,
        before: &MountTable,
    ) -> Result<ViewRecord> {
        let table = MountTable::read()?;
        if volume.is_seen_at(target, &table) {
            return Ok(ViewRecord::of(table.at(target), asked));
        }
        let is_new = |it: &Mount| before.iter().all(|known| known.id != it.id);
        let mut new = table.iter().filter(|it| is_new(it));
        let view = new.find(|it| volume.is_seen_at(&it.mount_point, &table));
        Ok(ViewRecord::of(view, asked))
    }

    fn of(view: Option<&Mount>, asked: Option<PathBuf>) -> ViewRecord {
        let identity = |mount: &Mount| ViewIdentity {
            id: mount.id,
            unique: identity::unique_by_handle(mount),
            device: mount.device.clone(),
            root: mount.root.clone(),
            place: Place::of(&mount.mount_point),
        };
        ViewRecord {
            asked,
            mount: view.map(identity),
        }
    }

    /// Whether this mount is the view.
    pub fn is(&self, mount: &Mount) -> bool {
        self.compare(mount) == Some(true)
    }

    /// The same; `None` where it cannot be told at this moment, as while its directory is moved.
    ///
    /// The ID that no other mount gets decides. Where the kernel does not tell it, the place does: it is another one only where the
    /// directory at which the view was bound was renamed itself, in a mount namespace that does not have the view.
    fn compare(&self, mount: &Mount) -> Option<bool> {
        let Some(view) = &self.mount else {
            return Some(false);
        };
        if (view.id, &view.device, &view.root) != (mount.id, &mount.device, &mount.root) {
            return Some(false);
        }
        match (view.unique, identity::unique(mount)) {
            (Some(known), Some(found)) if known == found => Some(true),
            // It was read at a path.
            (Some(_), Some(_)) => None,
            _ if view.place.is_none() => Some(false),
            _ => (view.place == Place::of(&mount.mount_point)).then_some(true),
        }
    }

    /// The view, wherever it is now.
    pub fn find<'t>(&self, table: &'t MountTable) -> Option<&'t Mount> {
        self.look_for(table).ok().flatten()
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// A mount may be the view, and it cannot be told at this moment.
    pub fn look_for<'t>(
        &self,
        table: &'t MountTable,
    ) -> std::result::Result<Option<&'t Mount>, Unsure> {
        let mut looked = Ok(None);
        for mount in table.iter() {
            match self.compare(mount) {
                Some(true) => return Ok(Some(mount)),
                Some(false) => {}
                None => looked = Err(Unsure),
            }
        }
        looked
    }
}

/// It cannot be told which mount is the view.
#[derive(Debug)]
pub struct Unsure;

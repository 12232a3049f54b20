//! Which mounts came into a volume with a recursive bind, so that they are known from those that others have made inside it. A mount
//! of the source may have gone from there since.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sys::files::small;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// In the volume's directory.
const FILE: &str = "mounts-inside.json";

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Identity {
    /// Where it is mounted, from the root of the volume on.
    place: String,
    device: String,
    root: String,
}

impl Identity {
    fn of(mount: &Mount, place: &Path) -> Identity {
        Identity {
            place: place.to_string_lossy().into_owned(),
            device: mount.device.clone(),
            root: mount.root.to_string_lossy().into_owned(),
        }
    }
}

/// The mounts below the source when it was bound.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Inside(Vec<Identity>);

impl Inside {
    /// Whether a mount at this place in the volume is one of them.
    pub fn has(&self, mount: &Mount, place: &Path) -> bool {
        self.0.contains(&Identity::of(mount, place))
    }
}

/// Remembers what is mounted below `source`, before it is bound. Where that cannot be written, mounts that have gone from there are
/// taken for those of others.
pub fn remember(directory: &Path, source: &Path, table: &MountTable) {
    let Ok(source) = fs::canonicalize(source) else {
        return;
    };
    let below = table.below(&source).filter_map(|mount| {
        let place = mount.mount_point.strip_prefix(&source).ok()?;
        Some(Identity::of(mount, place))
    });
    let text = serde_json::to_vec(&Inside(below.collect())).unwrap_or_default();
    let path = directory.join(FILE);
    let _ = small::replace(&path, &path.with_extension("new"), &text);
}

/// What was remembered last; a file that cannot be read remembers none.
pub fn remembered(directory: &Path) -> Inside {
    let text = small::read_own(&directory.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

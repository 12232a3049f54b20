//! By what a volume's mount is known again below the configured path, where others may mount as well: as the mount table showed it
//! when it was made. Not every file system shows the device that it was given, and the source of a bind may have been renamed.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::sys::files::small;
use crate::sys::mount::mountinfo::Mount;

/// In the volume's directory.
const FILE: &str = "mounted-as.json";

#[derive(Debug, Serialize, Deserialize)]
struct MountedAs {
    id: u32,
    device: String,
    root: String,
    fs_type: String,
    source: String,
}

impl MountedAs {
    /// Whether it is the same mount. Its root changes where the source of a bind is renamed, and its ID is another one in another
    /// mount namespace.
    fn is_same(&self, other: &MountedAs) -> bool {
        (&self.device, &self.fs_type, &self.source)
            == (&other.device, &other.fs_type, &other.source)
            && (self.id == other.id || self.root == other.root)
    }

    fn of(mount: &Mount) -> MountedAs {
        MountedAs {
            id: mount.id,
            device: mount.device.clone(),
            root: mount.root.to_string_lossy().into_owned(),
            fs_type: mount.fs_type.clone(),
            source: mount.source.clone(),
        }
    }
}

/// Remembers the mount in the volume's own `directory`.
pub fn remember(directory: &Path, mount: &Mount) -> Result<()> {
    let path = directory.join(FILE);
    let text = serde_json::to_vec(&MountedAs::of(mount))?;
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// Whether it is the mount that was remembered last. A file that cannot be read remembers none.
pub fn is_remembered(directory: &Path, mount: &Mount) -> bool {
    let text = small::read(&directory.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).is_ok_and(|found: MountedAs| found.is_same(&MountedAs::of(mount)))
}

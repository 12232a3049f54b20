//! Files whose names say what is in them, so that each can be checked by itself.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::harness::fs;

/// The names of files, and whether each holds what its name says.
pub type Found = BTreeMap<String, bool>;

/// The content of the file of this name, `VOLUME-NUMBER-LENGTH`.
pub fn content(name: &str) -> Option<Vec<u8>> {
    let length = name.rsplit('-').next()?.parse().ok()?;
    let pattern = format!("{name}\n");
    Some(pattern.bytes().cycle().take(length).collect())
}

/// Everything in the directory.
pub fn look(directory: &Path) -> io::Result<Found> {
    let mut found = Found::new();
    for path in fs::entries(directory)? {
        let name = path.file_name().unwrap_or_default();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with(".dvdcli-import") {
            // Of an import that goes on, or was killed.
            continue;
        }
        let is_right = content(&name) == Some(fs::read(&path)?);
        found.insert(name, is_right);
    }
    Ok(found)
}

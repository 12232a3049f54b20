//! Owner and mode of the container path that a volume has taken over: a file in the volume's directory.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::sys::files::ownership::Ownership;
use crate::sys::files::small;

const FILE: &str = "taken-over";

/// A damaged file counts as none.
pub fn read(volume: &Path) -> Option<Ownership> {
    let text = small::read_own(&volume.join(FILE)).ok()?;
    serde_json::from_slice(&text).ok()
}

pub fn write(volume: &Path, ownership: Option<Ownership>) -> Result<()> {
    let path = volume.join(FILE);
    let writing = || format!("writing {}", path.display());
    let Some(ownership) = ownership else {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(writing),
            _ => Ok(()),
        };
    };
    let text = serde_json::to_vec(&ownership).with_context(writing)?;
    small::replace(&path, &path.with_extension("new"), &text).with_context(writing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let base = tempfile::tempdir().expect("a directory");
        let ownership = Ownership {
            uid: Some(5),
            gid: Some(6),
            mode: Some(0o2750),
        };
        write(base.path(), None).expect("nothing to remove");
        for some in [Some(ownership), None] {
            write(base.path(), some).expect("written");
            assert_eq!(read(base.path()), some);
        }
        fs::write(base.path().join(FILE), "{").expect("damaged");
        assert_eq!(read(base.path()), None);
    }
}

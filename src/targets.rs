//! Targets: directories of the caller's where a mounted volume appears as well (`--target`).

use std::fs;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result, bail};

use crate::failure::Failure;
use crate::log::plain;
use crate::sys::mount::unmount_at;
use crate::sys::mountinfo::MountTable;

/// The target as the mount table will name it.
///
/// # Errors
///
/// Wrong usage: what is no directory.
pub fn resolve(target: &Path) -> Result<PathBuf> {
    let shown = target.display();
    match fs::canonicalize(target) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => bail!(Failure::usage(format!("--target {shown}: not a directory"))),
        Err(error) => bail!(Failure::usage(format!(
            "--target {shown}: {}; create the directory first",
            plain(&error)
        ))),
    }
}

/// The name that [`resolve`] gave it, also where it cannot be looked at any more.
pub fn name(target: &Path) -> PathBuf {
    fs::canonicalize(target)
        .or_else(|_| absolute(target))
        .unwrap_or_else(|_| target.to_owned())
}

/// Whether the volume is there already, as `ours` says of the record.
///
/// # Errors
///
/// In use: something else is mounted there.
pub fn check(target: &Path, ours: bool, table: &MountTable) -> Result<bool> {
    let mounted = table.at(target).is_some();
    if mounted && !ours {
        bail!(Failure::in_use(format!(
            "--target {}: something is mounted there",
            target.display()
        )));
    }
    Ok(mounted)
}

/// Takes the volume away from there, if it is there.
pub fn unbind(target: &Path, table: &MountTable, lazy: bool) -> Result<()> {
    if table.at(target).is_some() {
        unmount_at(target, lazy)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::ResourceBusy => Failure::in_use(plain(&error)).into(),
                _ => anyhow::Error::from(error),
            })
            .with_context(|| format!("unmounting {}", target.display()))?;
    }
    Ok(())
}

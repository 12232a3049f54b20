//! Targets: directories of the caller's where a mounted volume appears as well (`--target`).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf, absolute};
use std::time::Instant;

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::invocation::Invocation;
use crate::sys::mount::calls::unmount;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::{busy, utab};
use crate::sys::process::host;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::mount_point;

/// The target as the mount table names it.
///
/// # Errors
///
/// Wrong usage: what is no directory, or has a name that cannot be printed.
pub fn resolve(invocation: &Invocation, target: &Path) -> Result<PathBuf> {
    let shown = target.display();
    if target
        .to_str()
        .is_none_or(|text| text.contains(['\n', '\0']))
    {
        bail!(Failure::usage(format!(
            "target {shown}: the path is no plain text"
        )));
    }
    match resolve_without_hanging(invocation, target) {
        Ok(path) => refuse_hiding(invocation, &path)
            .context("target")
            .map(|()| path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(Failure::usage(format!(
                "target {shown}: {}; create the directory first",
                plain(&error)
            )))
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!(Failure::usage(format!("target {shown}: {}", plain(&error))))
        }
        Err(error) => Err(Error::from(error).context(format!("looking at target {shown}"))),
    }
}

/// What hides that by which we know a volume could not be unmounted again.
pub fn refuse_hiding(invocation: &Invocation, path: &Path) -> Result<()> {
    let paths = &invocation.paths;
    let state = invocation.config.root.as_ref().unwrap_or(&paths.state);
    let needed = [
        &paths.holders,
        state,
        &paths.plugin_sockets,
        &paths.docker_data,
        Path::new(host::MACHINE_ID),
    ];
    let is_hidden = |needed: &&Path| {
        let real = fs::canonicalize(needed);
        needed.starts_with(path) || real.is_ok_and(|real| real.starts_with(path))
    };
    if let Some(hidden) = needed.into_iter().find(is_hidden) {
        let (path, hidden) = (path.display(), hidden.display());
        bail!(Failure::usage(format!(
            "{path}: a volume there would hide {hidden}"
        )));
    }
    Ok(())
}

/// The name that [`resolve`] gave it, also where it cannot be looked at any more.
pub fn name(invocation: &Invocation, target: &Path) -> PathBuf {
    resolve_without_hanging(invocation, target)
        .or_else(|_| absolute(target))
        .unwrap_or_else(|_| target.to_owned())
}

/// A mount point is known by its name. All else is looked at by a process of its own first: it may hang.
pub fn resolve_without_hanging(invocation: &Invocation, target: &Path) -> io::Result<PathBuf> {
    let path: PathBuf = absolute(target)?.components().collect();
    if MountTable::read().is_ok_and(|table| table.at(&path).is_some()) {
        return Ok(path);
    }
    mount_point::answers(invocation, &path)?;
    fs::canonicalize(path)
}

/// # Errors
///
/// In use: the volume is seen there already, and otherwise than it is asked for.
pub fn check_mode(target: &Path, read_only: bool, table: &MountTable) -> Result<()> {
    match table.at(target) {
        Some(mount) if mount.is_read_only() != read_only => {
            let mode = if read_only { "writable" } else { "read-only" };
            bail!(Failure::in_use(format!(
                "target {}: it is there already, {mode}",
                target.display()
            )))
        }
        _ => Ok(()),
    }
}

/// What is mounted at a target.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    Nothing,
    /// A view of the volume.
    Volume,
    Other,
}

pub fn look(target: &Path, volume: Option<&MountRecord>, table: &MountTable) -> Seen {
    match table.at(target) {
        None => Seen::Nothing,
        Some(_) if volume.is_some_and(|volume| volume.is_seen_at(target, table)) => Seen::Volume,
        Some(_) => Seen::Other,
    }
}

/// # Errors
///
/// In use: something else is mounted there.
pub fn refuse_other(target: &Path, volume: Option<&MountRecord>, table: &MountTable) -> Result<()> {
    if look(target, volume, table) == Seen::Other {
        let target = target.display();
        bail!(Failure::in_use(format!(
            "target {target}: something is mounted there that is not this volume"
        )));
    }
    Ok(())
}

/// Takes the volume away from there; what else is mounted there stays.
pub fn unbind(
    target: &Path,
    volume: Option<&MountRecord>,
    table: &MountTable,
    lazy: bool,
    ends: Instant,
) -> Result<()> {
    if look(target, volume, table) != Seen::Volume {
        return Ok(());
    }
    // What umount(8) was told is for it to forget. Where it fails, the system call says better why, or does it all the same.
    if utab::lists(target) && utab::unmount(target, lazy, ends).is_ok() {
        return Ok(());
    }
    unmount(target, lazy)
        .map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => {
                let used_by = busy::used_by(target);
                let why = format!(
                    "it is busy{used_by}; unmount --lazy (umount -l) takes it away all the same"
                );
                Failure::in_use(why).into()
            }
            _ => Error::from(error),
        })
        .with_context(|| format!("unmounting {}", target.display()))
}

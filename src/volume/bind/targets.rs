//! Targets: extra directories at which a mounted volume is seen (`--target`).

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::invocation::Invocation;
use crate::sys::files::resolve::{self, canonical_as_far_as_it_exists};
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::host;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::mount_point;

/// The path of a target in the form that the mount table uses.
///
/// # Errors
///
/// Wrong usage: it is not a directory, its name cannot be printed, or a volume there would hide what dvdcli needs.
pub fn resolve(invocation: &Invocation, target: &Path) -> Result<PathBuf> {
    let shown = target.display();
    refuse_unprintable(target)?;
    match resolve_trusted(invocation, target) {
        Ok(path) => refuse_unprintable(&path)
            .and_then(|()| {
                refuse_hiding(invocation, &path)
                    .and_then(|()| refuse_fleeting(&path))
                    .context("target")
            })
            .map(|()| path),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!(Failure::usage(format!(
                "target {shown}: {}; create the directory first",
                plain(&error)
            )))
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory || is_refusal(&error) => {
            bail!(Failure::usage(format!("target {shown}: {}", plain(&error))))
        }
        Err(error) => Err(Error::from(error).context(format!("looking at target {shown}"))),
    }
}

/// Refuses a path that its callers could not read from the line on which it is printed.
fn refuse_unprintable(target: &Path) -> Result<()> {
    if let Some(flaw) = mount_point::flaw(target) {
        let shown = target.to_string_lossy();
        let shown = shown.escape_debug();
        bail!(Failure::usage(format!("target '{shown}' {flaw}")));
    }
    Ok(())
}

/// Refuses a path above the places that dvdcli needs, or among the volumes of a built-in driver: with those hidden, it could not
/// unmount the volume again.
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
    refuse_store(invocation, path)
}

/// Refuses a directory in which a built-in driver keeps its volumes, or one of them: it would be hidden, and its volumes with it.
/// What is inside of a volume is its users' own.
fn refuse_store(invocation: &Invocation, path: &Path) -> Result<()> {
    let state = invocation.config.root.as_ref();
    let state = canonical_as_far_as_it_exists(state.unwrap_or(&invocation.paths.state));
    let inside = path
        .strip_prefix(state)
        .map(|inside| inside.components().count());
    match inside {
        Ok(1..=3) => bail!(Failure::usage(format!(
            "{}: a built-in driver keeps its volumes there",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Refuses a directory of a process, which vanishes with it and takes the way to a mount along.
fn refuse_fleeting(path: &Path) -> Result<()> {
    let table = MountTable::read()?;
    match table.covering(path) {
        Some(mount) if mount.fs_type == "proc" => bail!(Failure::usage(format!(
            "{}: a directory in /proc is gone with its process",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The path that [`resolve`] returned, also where the directory cannot be looked at any more.
pub fn name(invocation: &Invocation, target: &Path) -> PathBuf {
    resolve_without_hanging(invocation, target)
        .or_else(|_| absolute(target))
        .unwrap_or_else(|_| target.to_owned())
}

/// The path without symbolic links. A mount point is found in the mount table, by its name; before any other path is looked at,
/// another process tries it, because a dead mount would hang this one.
pub fn resolve_without_hanging(invocation: &Invocation, target: &Path) -> io::Result<PathBuf> {
    let path: PathBuf = absolute(target)?.components().collect();
    if MountTable::read().is_ok_and(|table| table.at(&path).is_some()) {
        return Ok(path);
    }
    mount_point::answers(invocation, &path)?;
    fs::canonicalize(path)
}

/// As [`resolve_without_hanging`], but of links only those are followed that nobody but root could have made.
pub fn resolve_trusted(invocation: &Invocation, target: &Path) -> io::Result<PathBuf> {
    let path = resolve_without_hanging(invocation, target)?;
    if path == absolute(target)? || resolve::trusted(target)? == path {
        return Ok(path);
    }
    Err(io::Error::other("it leads elsewhere by now"))
}

/// Whether an error is [`resolve_trusted`]'s own.
pub fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}

/// Checks that the view at the target, if there is one, is read-only or writable as asked for.
///
/// # Errors
///
/// In use: the view has the other mode.
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

/// What the mount table shows at the target.
pub fn look(target: &Path, volume: Option<&MountRecord>, table: &MountTable) -> Seen {
    match table.seen_at(target) {
        None => Seen::Nothing,
        Some(_) if volume.is_some_and(|volume| volume.is_seen_at(target, table)) => Seen::Volume,
        Some(_) => Seen::Other,
    }
}

/// Refuses a target where something else than the volume is mounted.
///
/// # Errors
///
/// In use: something else is mounted there.
pub fn refuse_other(target: &Path, volume: Option<&MountRecord>, table: &MountTable) -> Result<()> {
    let shown = format!("target {}", target.display());
    refuse_other_at(&shown, target, volume, table)
}

/// As [`refuse_other`], where the error calls the target `shown`.
pub fn refuse_other_at(
    shown: &str,
    target: &Path,
    volume: Option<&MountRecord>,
    table: &MountTable,
) -> Result<()> {
    if look(target, volume, table) == Seen::Other {
        bail!(Failure::in_use(format!(
            "{shown}: something is mounted there that is not this volume"
        )));
    }
    Ok(())
}

/// Refuses a target at which a view would hide the volume's own directory: the mount there would be taken for the view, and
/// unmounted with it.
///
/// # Errors
///
/// Wrong usage: the volume is mounted at the target or below it.
pub fn refuse_own(what: &str, target: &Path, volume: &MountRecord) -> Result<()> {
    let hidden = [volume.real(), volume.path.as_path()];
    if let Some(hidden) = hidden.into_iter().find(|path| path.starts_with(target)) {
        bail!(Failure::usage(format!(
            "{what} {} would hide the volume's own mount point {}",
            target.display(),
            hidden.display()
        )));
    }
    Ok(())
}

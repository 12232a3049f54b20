//! Container paths: the directories at which a task wants its volumes. Below /tmp, missing ones are made.

use std::cmp::Reverse;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::invocation::Invocation;
use crate::sys::files::directory::{self, Arrival, IfMissing, Obstacle, Stopped, descend};
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::targets;
use crate::volume::mount_point;

/// Missing directories below it are made. Everybody may write there, so no symbolic link is followed below it.
const TMP: &str = "/tmp";

/// How often a path is walked again because another task removed a part of it meanwhile.
const TRIES: usize = 10;

/// Where a container path is, in the form that the mount table uses. The directory need not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPath {
    pub path: PathBuf,
    /// Whether a missing directory is made.
    pub may_be_made: bool,
    /// Why the directory cannot be used now. One inside another container path may exist once that path is bound.
    pub absence: Option<String>,
}

/// Finds the place of a container path. Nothing is changed.
///
/// # Errors
///
/// Wrong usage: it is not a directory, or below /tmp it leads through a symbolic link.
pub fn resolve(invocation: &Invocation, path: &Path) -> Result<ContainerPath> {
    match below_tmp(path)? {
        Some(path) => resolve_below_tmp(invocation, path),
        None => resolve_elsewhere(invocation, path),
    }
}

fn resolve_below_tmp(invocation: &Invocation, path: PathBuf) -> Result<ContainerPath> {
    if MountTable::read()?.at(&path).is_none() {
        // The walk below could hang in a dead mount, so another process looks first.
        match mount_point::answers(invocation, &path) {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return Err(error).with_context(|| format!("looking at {}", path.display()));
            }
            _ => match descend(Path::new("/"), &path, IfMissing::Stop) {
                Err(stopped) if stopped.obstacle == Obstacle::Missing => {}
                reached => drop(reached.map_err(refusal)?),
            },
        }
    }
    Ok(ContainerPath {
        path,
        may_be_made: true,
        absence: None,
    })
}

fn resolve_elsewhere(invocation: &Invocation, path: &Path) -> Result<ContainerPath> {
    let words = |error: &io::Error| format!("{}: {}", path.display(), plain(error));
    let (path, absence) = match targets::resolve_trusted(invocation, path) {
        Ok(path) => (path, None),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let absence = format!("{}; create the directory first", words(&error));
            (canonical_as_far_as_it_exists(path), Some(absence))
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            return Err(error).with_context(|| format!("looking at {}", path.display()));
        }
        Err(error) => bail!(Failure::usage(words(&error))),
    };
    Ok(ContainerPath {
        path,
        may_be_made: false,
        absence,
    })
}

/// The place that [`resolve`] found, also where the directory cannot be looked at any more.
pub fn name(invocation: &Invocation, path: &Path) -> Result<ContainerPath> {
    let below = below_tmp(path)?;
    Ok(ContainerPath {
        may_be_made: below.is_some(),
        path: below.unwrap_or_else(|| targets::name(invocation, path)),
        absence: None,
    })
}

/// The place of a container path inside another one. It cannot be looked at before the outer one is bound.
pub fn inside(outer: &ContainerPath, outer_path: &Path, path: &Path) -> ContainerPath {
    let below = path.strip_prefix(outer_path).unwrap_or(path);
    ContainerPath {
        path: outer.path.join(below),
        may_be_made: path.starts_with(TMP),
        absence: None,
    }
}

fn below_tmp(path: &Path) -> Result<Option<PathBuf>> {
    match path.strip_prefix(TMP) {
        Ok(rest) if !rest.as_os_str().is_empty() => {
            let tmp = fs::canonicalize(TMP).with_context(|| format!("resolving {TMP}"))?;
            Ok(Some(tmp.join(rest)))
        }
        _ => Ok(None),
    }
}

/// Makes sure that the directory exists. `made` gets each directory that had to be made, also where a later one fails. A place
/// where something is mounted exists.
pub fn prepare(place: &ContainerPath, made: &mut Vec<PathBuf>) -> Result<()> {
    if MountTable::read()?.at(&place.path).is_some() {
        return Ok(());
    }
    for _ in 0..TRIES {
        let if_missing = if place.may_be_made {
            IfMissing::Make(made)
        } else {
            IfMissing::Stop
        };
        match descend(Path::new("/"), &place.path, if_missing) {
            // Another task removed part of the path meanwhile: try again.
            Err(stopped) if place.may_be_made && stopped.obstacle == Obstacle::Missing => {}
            reached => return reached.map(drop).map_err(refusal),
        }
    }
    bail!("{}: others keep removing it", place.path.display())
}

/// Removes directories that [`prepare`] made. A directory that is in use by now stays.
pub fn remove(mut made: Vec<PathBuf>) {
    // Inner ones first.
    made.sort_by_key(|path| Reverse(path.as_os_str().len()));
    for path in made {
        if let (Some(above), Some(name)) = (path.parent(), path.file_name())
            && let Ok(reached) = open(above)
        {
            let _ = directory::remove_empty(reached.directory, name);
        }
    }
}

/// Opens a directory and the one above it, without following a symbolic link anywhere on the path.
pub fn open(path: &Path) -> Result<Arrival> {
    descend(Path::new("/"), path, IfMissing::Stop).map_err(refusal)
}

fn refusal(stopped: Stopped) -> Error {
    let (shown, words) = (stopped.path.display(), plain(&stopped.error));
    let refused = match stopped.obstacle {
        Obstacle::SymbolicLink => format!(
            "{shown} is a symbolic link, and below {TMP} or inside a volume none is followed"
        ),
        Obstacle::Missing => format!("{shown}: {words}; create the directory first"),
        Obstacle::Unusable => format!("{shown}: {words}"),
        Obstacle::Other => return Error::from(stopped.error).context(shown.to_string()),
    };
    Failure::usage(refused).into()
}

//! Container paths: directories at which a task wants its volumes, and which are made below /tmp.

use std::cmp::Reverse;
use std::fs;
use std::io::ErrorKind;
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

/// Below it, what is missing is made. Everybody may write there, so that no symbolic link is followed below it.
const TMP: &str = "/tmp";

/// How often a path is made anew where a part of it goes meanwhile.
const TRIES: usize = 10;

/// A container path as the mount table names it, which need not be there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    /// Whether it is made where it is missing.
    pub may_be_made: bool,
    /// Why it cannot be used as it stands: inside another container path, it may be there once that one is bound.
    pub absence: Option<String>,
}

/// The place that a path means, looked at without changing anything.
///
/// # Errors
///
/// Wrong usage: what is no directory, or below /tmp goes through a symbolic link.
pub fn resolve(invocation: &Invocation, path: &Path) -> Result<Place> {
    if let Some(path) = below_tmp(path)? {
        if MountTable::read()?.at(&path).is_none() {
            // Whether it hangs is found out by a process of its own.
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
        return Ok(Place {
            path,
            may_be_made: true,
            absence: None,
        });
    }
    let (path, absence) = match targets::resolve_without_hanging(invocation, path) {
        Ok(path) => (path, None),
        Err(error) if error.kind() == ErrorKind::NotFound => (
            canonical_as_far_as_it_exists(path),
            Some(format!(
                "{}: {}; create the directory first",
                path.display(),
                plain(&error)
            )),
        ),
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            return Err(error).with_context(|| format!("looking at {}", path.display()));
        }
        Err(error) => bail!(Failure::usage(format!(
            "{}: {}",
            path.display(),
            plain(&error)
        ))),
    };
    Ok(Place {
        path,
        may_be_made: false,
        absence,
    })
}

/// The place that [`resolve`] found, also where it cannot be looked at any more.
pub fn name(invocation: &Invocation, path: &Path) -> Result<Place> {
    let below = below_tmp(path)?;
    Ok(Place {
        may_be_made: below.is_some(),
        path: below.unwrap_or_else(|| targets::name(invocation, path)),
        absence: None,
    })
}

/// The place of a path inside another container path, of which nothing is there before that one is bound.
pub fn inside(outer: &Place, outer_path: &Path, path: &Path) -> Place {
    Place {
        path: outer
            .path
            .join(path.strip_prefix(outer_path).unwrap_or(path)),
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

/// Sees that the directory is there, and notes what had to be made for it, also where that fails half-way. One that shows
/// something is there.
pub fn prepare(place: &Place, made: &mut Vec<PathBuf>) -> Result<()> {
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
            // Another task takes back what it has made, on our way.
            Err(stopped) if place.may_be_made && stopped.obstacle == Obstacle::Missing => {}
            reached => return reached.map(drop).map_err(refusal),
        }
    }
    bail!("{}: others keep removing it", place.path.display())
}

/// Removes directories that were made. One that is in use by now stays.
pub fn remove(mut made: Vec<PathBuf>) {
    // One may have been made in another.
    made.sort_by_key(|path| Reverse(path.as_os_str().len()));
    for path in made {
        if let (Some(above), Some(name)) = (path.parent(), path.file_name())
            && let Ok(Arrival {
                directory: above, ..
            }) = open(above)
        {
            let _ = directory::remove_empty(above, name);
        }
    }
}

/// A directory by its path, on which no symbolic link is followed, and the one above it.
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

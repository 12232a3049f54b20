//! Container paths: directories at which a task wants its volumes, and which are made below /tmp.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::mem::replace;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use rustix::fs::{AtFlags, FileType, statat, unlinkat};
use rustix::io::Errno;

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::invocation::Invocation;
use crate::sys::files::directory;
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
                _ => match walk(&path, |above, name, _| directory::enter(above, name)) {
                    Err((Errno::NOENT, _)) => {}
                    walked => drop(walked.map_err(|(_, error)| error)?),
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
            canonical_as_far(path),
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

/// What there is of the path without symbolic links, and the rest as it is.
fn canonical_as_far(path: &Path) -> PathBuf {
    let mut ancestors = path.ancestors().skip(1);
    let found = ancestors.find_map(|above| Some((above, fs::canonicalize(above).ok()?)));
    match found {
        Some((above, real)) => real.join(path.strip_prefix(above).unwrap_or(path)),
        None => path.to_owned(),
    }
}

/// Sees that the directory is there, and notes what had to be made for it, also where that fails half-way. One that shows
/// something is there.
pub fn prepare(place: &Place, made: &mut Vec<PathBuf>) -> Result<()> {
    if MountTable::read()?.at(&place.path).is_some() {
        return Ok(());
    }
    let mut enter_or_make = |above: &OwnedFd, name: &OsStr, path: &Path| {
        match directory::enter(above, name) {
            Err(Errno::NOENT) if place.may_be_made => {}
            entered => return entered,
        }
        if directory::make(above, name)? {
            made.push(path.to_owned());
        }
        directory::enter(above, name)
    };
    for _ in 0..TRIES {
        match walk(&place.path, &mut enter_or_make) {
            // Another task takes back what it has made, on our way.
            Err((Errno::NOENT, _)) if place.may_be_made => {}
            walked => return walked.map(drop).map_err(|(_, error)| error),
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
            && let Ok((_, above)) = open(above)
        {
            let _ = unlinkat(above, name, AtFlags::REMOVEDIR);
        }
    }
}

/// A directory by its path, on which no symbolic link is followed, and the one above it.
pub fn open(path: &Path) -> Result<(OwnedFd, OwnedFd)> {
    walk(path, |above, name, _| directory::enter(above, name)).map_err(|(_, error)| error)
}

/// Takes one step after the other, and returns the last two directories; where one fails, the error and what it is made of.
fn walk(
    path: &Path,
    mut step: impl FnMut(&OwnedFd, &OsStr, &Path) -> Result<OwnedFd, Errno>,
) -> Result<(OwnedFd, OwnedFd), (Errno, Error)> {
    let mut at = PathBuf::from("/");
    let root = || directory::open(Path::new("/")).map_err(|errno| (errno, errno.into()));
    let (mut above, mut directory) = (root()?, root()?);
    for component in path.components() {
        let Component::Normal(name) = component else {
            continue;
        };
        at.push(name);
        let entered = step(&directory, name, &at)
            .map_err(|errno| (errno, refusal(errno, &at, &directory, name)))?;
        above = replace(&mut directory, entered);
    }
    Ok((above, directory))
}

fn refusal(errno: Errno, path: &Path, above: &OwnedFd, name: &OsStr) -> Error {
    let shown = path.display();
    let words = plain(&errno.into());
    let is_link = || {
        statat(above, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|status| FileType::from_raw_mode(status.st_mode).is_symlink())
    };
    let refused = match errno {
        Errno::LOOP | Errno::NOTDIR if is_link() => format!(
            "{shown} is a symbolic link, and below {TMP} or inside a volume none is followed"
        ),
        Errno::NOENT => format!("{shown}: {words}; create the directory first"),
        Errno::LOOP | Errno::NOTDIR | Errno::NAMETOOLONG => format!("{shown}: {words}"),
        _ => return Error::from(errno).context(shown.to_string()),
    };
    Failure::usage(refused).into()
}

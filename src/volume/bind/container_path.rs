//! Container paths: the directories at which a task wants its volumes. Below /tmp, missing ones are made.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::invocation::Invocation;
use crate::sys::files::directory::{self, Arrival, IfMissing, Obstacle, Stopped, descend};
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::allowed::{refuse_elsewhere, refuse_users_file_system};
use crate::volume::mount_point;

/// Missing directories below it are made; elsewhere, they have to be there.
const TMP: &str = "/tmp";

const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

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
/// Wrong usage: it is not below an allowed directory, or no directory, leads over a symbolic link, or through a directory of
/// somebody else.
pub fn resolve(invocation: &Invocation, path: &Path) -> Result<ContainerPath> {
    refuse_elsewhere(&invocation.config.allow, path)?;
    let may_be_made = path.starts_with(TMP);
    let absence = look(invocation, path)?;
    Ok(ContainerPath {
        path: path.to_owned(),
        may_be_made,
        absence: absence.filter(|_| !may_be_made),
    })
}

/// Looks at a path as far as it exists. Returns why the directory cannot be used if it is missing.
fn look(invocation: &Invocation, path: &Path) -> Result<Option<String>> {
    let table = MountTable::read()?;
    if table.at(path).is_some() {
        return Ok(None);
    }
    refuse_users_file_system(path, &table)?;
    // The walk below could hang in a dead mount, so another process looks first.
    if let Err(error) = mount_point::answers(invocation, path)
        && error.kind() == ErrorKind::TimedOut
    {
        return Err(error).with_context(|| format!("looking at {}", path.display()));
    }
    match open(path) {
        Ok(_) => Ok(None),
        Err(Refused::Stopped(stopped)) if stopped.obstacle == Obstacle::Missing => {
            let there = stopped.path.parent().unwrap_or(&stopped.path);
            open(there)?;
            let (path, words) = (path.display(), plain(&stopped.error));
            Ok(Some(format!("{path}: {words}; create the directory first")))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// The place that [`resolve`] found, also where the directory cannot be looked at any more.
pub fn name(path: &Path) -> ContainerPath {
    ContainerPath {
        path: path.to_owned(),
        may_be_made: false,
        absence: None,
    }
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

/// Makes sure that the directory exists. `made` gets each directory that had to be made, also where a later one fails. A place
/// where something is mounted exists.
pub fn prepare(place: &ContainerPath, made: &mut Vec<PathBuf>) -> Result<()> {
    let table = MountTable::read()?;
    if table.at(&place.path).is_some() {
        return Ok(());
    }
    refuse_users_file_system(&place.path, &table)?;
    for _ in 0..TRIES {
        let if_missing = if place.may_be_made {
            IfMissing::Make(made)
        } else {
            IfMissing::Stop
        };
        match descend(Path::new("/"), &place.path, if_missing) {
            // Another task removed part of the path meanwhile: try again.
            Err(stopped) if place.may_be_made && stopped.obstacle == Obstacle::Missing => {}
            Err(stopped) => return Err(Refused::Stopped(stopped).into()),
            Ok(_) => {
                let making = || format!("making {}", place.path.display());
                return give(made).with_context(making);
            }
        }
    }
    bail!("{}: others keep removing it", place.path.display())
}

/// Gives directories that were just made, outer ones first, to the owner of the directory in which they were made: what is in a
/// user's directory is that user's.
fn give(made: &[PathBuf]) -> Result<()> {
    let Some(outermost) = made.first() else {
        return Ok(());
    };
    let above = Ownership::of(walk(outermost)?.parent)?;
    if above.uid == Some(0) {
        return Ok(());
    }
    let given = Ownership {
        mode: None,
        ..above
    };
    let mut inside = None;
    for path in made.iter().rev() {
        let directory = directory::readable(walk(path)?.directory)?;
        // Its user could have put another one there, in which root keeps something.
        let is_roots = Ownership::of(&directory)?.uid == Some(0);
        if is_roots && holds_at_most(&directory, inside)? {
            given.apply_to(&directory)?;
        }
        inside = path.file_name();
    }
    Ok(())
}

fn holds_at_most(directory: &OwnedFd, name: Option<&OsStr>) -> io::Result<bool> {
    for entry in fs::read_dir(directory::path_of(directory))? {
        if Some(entry?.file_name().as_os_str()) != name {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes directories that [`prepare`] made. A directory that is in use by now stays.
pub fn remove(mut made: Vec<PathBuf>) {
    // Inner ones first.
    made.sort_by_key(|path| Reverse(path.as_os_str().len()));
    for path in made {
        if let (Some(above), Some(name)) = (path.parent(), path.file_name())
            && let Ok(reached) = walk(above)
        {
            let _ = directory::remove_empty(reached.directory, name);
        }
    }
}

/// Why a container path cannot be used.
#[derive(Debug)]
pub enum Refused {
    Stopped(Stopped),
    /// A directory on the way could be moved, or replaced, by somebody else than the owner of the last one.
    Others(String),
    Failed(io::Error),
}

/// Opens a directory and the one above it, without following a symbolic link anywhere on the path, through directories of root and
/// of its owner.
pub fn open(path: &Path) -> Result<Arrival, Refused> {
    let reached = walk(path)?;
    let look = |directory: &OwnedFd| Ownership::of(directory).map_err(Refused::Failed);
    let last = look(&reached.directory)?.uid.unwrap_or(0);
    let mut directory = reached.parent.try_clone().map_err(Refused::Failed)?;
    for above in path.ancestors().skip(1) {
        let found = look(&directory)?;
        let other = found.uid.unwrap_or(0);
        if other != 0 && other != last {
            return Err(Refused::Others(format!(
                "{} belongs to user {other}, and {} to user {last}; directories on the way have to be root's or that user's",
                above.display(),
                path.display(),
            )));
        }
        let mode = found.mode.unwrap_or_default();
        if other == 0 && mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
            return Err(Refused::Others(format!(
                "{} is root's, and every user can replace what is in it (mode {mode:04o}); run chmod +t on it",
                above.display(),
            )));
        }
        directory = directory::above(&directory).map_err(Refused::Failed)?;
    }
    Ok(reached)
}

fn walk(path: &Path) -> Result<Arrival, Refused> {
    descend(Path::new("/"), path, IfMissing::Stop).map_err(Refused::Stopped)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        let stopped = match refused {
            Refused::Stopped(stopped) => stopped,
            Refused::Others(words) => return Failure::usage(words).into(),
            Refused::Failed(error) => return Error::from(error).context("looking at a directory"),
        };
        let (shown, words) = (stopped.path.display(), plain(&stopped.error));
        let refused = match stopped.obstacle {
            Obstacle::SymbolicLink => {
                format!("{shown} is a symbolic link, and a container path leads over none")
            }
            Obstacle::Missing => format!("{shown}: {words}; create the directory first"),
            Obstacle::Unusable => format!("{shown}: {words}"),
            Obstacle::Other => return Error::from(stopped.error).context(shown.to_string()),
        };
        Failure::usage(refused).into()
    }
}

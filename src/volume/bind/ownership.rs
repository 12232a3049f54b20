//! Binds a volume to a container path; once, the volume takes over owner and mode of that directory.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::invocation::log::Log;
use crate::sys::files::directory::{self, Arrival, path_of};
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::calls::{bind_at, detach, make_receiver, restrict, unmount};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::container_path::open;
use crate::volume::bind::take_over::{Decision, Found, TakeOver};
use crate::volume::holders::mount_record::MountRecord;

/// What a volume has of a container path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handover {
    /// The container path's owner and mode, to be remembered.
    pub now: Ownership,
    /// The volume's own before, if they were changed.
    pub before: Option<Ownership>,
}

/// Binds the volume to the container path, and gives it the owner and mode of that, unless that was done before.
///
/// Mounts inside the volume are not bound with it: they could not be unmounted in one step.
///
/// # Errors
///
/// In use: owner and mode would change under other holders, or are somebody else's.
///
/// `words` are those of mount(8) that the view gets.
pub fn bind_with_ownership(
    log: &Log,
    mounted: &MountRecord,
    path: &Path,
    words: &str,
    take_over: &TakeOver,
) -> Result<Option<Handover>> {
    let volume = mounted.real();
    let Arrival { parent, directory } =
        open(path).map_err(Error::from).context("container path")?;
    let handover = carry_over(log, volume, &directory, path, take_over)?;
    let bound = bind_at(volume, &directory)
        .with_context(|| format!("binding {} to {}", volume.display(), path.display()))
        .and_then(|()| {
            // Entered by name from the directory above, this is the mount that covers the directory now.
            let view = directory::enter(&parent, path.file_name().unwrap_or_default());
            verify_bind(mounted, path, words, view.as_ref())
                .inspect_err(|_| unmount_again(view.ok(), &directory))
        });
    if let (Err(_), Some(before)) = (&bound, handover.and_then(|it| it.before)) {
        let _ = set_ownership(volume, before);
    }
    bound.map(|()| handover)
}

/// Checks that the volume is seen at the path: the owner of a directory above could have moved ours away meanwhile, and the
/// printed path would not be the volume. Also keeps what a task mounts inside its container path from other holders.
fn verify_bind(
    mounted: &MountRecord,
    path: &Path,
    words: &str,
    view: Result<&OwnedFd, &io::Error>,
) -> Result<()> {
    let table = MountTable::read()?;
    let seen = table.at(path).filter(|_| mounted.is_seen_at(path, &table));
    let (Some(seen), Ok(view)) = (seen, view) else {
        bail!(
            "container path {}: the volume is not seen there; the directory was moved meanwhile",
            path.display()
        );
    };
    restrict(view, words).with_context(|| format!("setting {words} at {}", path.display()))?;
    if seen.peer_group.is_some() {
        make_receiver(view)
            .with_context(|| format!("separating the mounts below {}", path.display()))?;
    }
    Ok(())
}

/// Unmounts the volume again, wherever the directory was moved to.
fn unmount_again(view: Option<OwnedFd>, directory: &OwnedFd) {
    if view.is_none_or(|view| detach(&view).is_err())
        && let Ok(place) = fs::read_link(path_of(directory))
    {
        let _ = unmount(&place, true);
    }
}

/// Gives the volume owner and mode of the container path `from`, where that is decided. Returns `None` where nothing is to be
/// remembered.
fn carry_over(
    log: &Log,
    volume: &Path,
    from: &OwnedFd,
    path: &Path,
    take_over: &TakeOver,
) -> Result<Option<Handover>> {
    let (volume_shown, path_shown) = (volume.display(), path.display());
    let doing = || format!("giving {volume_shown} owner and mode of {path_shown}");
    let wanted = Ownership::of(from).with_context(doing)?;
    let found = directory::open(volume).and_then(|directory| Found::of(&directory));
    let found = found.with_context(doing)?;
    let has = found.ownership;
    let decided = take_over.decide(found, wanted).map_err(|why| {
        Failure::in_use(format!(
            "{volume_shown} has owner and mode {has}, container path {path_shown} has {wanted}, and {why}"
        ))
    })?;
    let stays = |before| Handover {
        now: wanted,
        before,
    };
    match decided {
        Decision::Take => {}
        Decision::Stay => return Ok(Some(stays(None))),
        Decision::Unasked => return Ok(None),
        Decision::NotOurs => {
            log.warn(&format!(
                "{volume_shown} keeps its owner and mode {has}, since dvdcli has not made it; container path {path_shown} has {wanted}"
            ));
            return Ok(None);
        }
    }
    if let Err(error) = set_ownership(volume, wanted) {
        // The owner may have been changed already, and the mode not.
        let _ = set_ownership(volume, has);
        return Err(error).with_context(doing);
    }
    Ok(Some(stays(Some(has))))
}

/// Sets owner and mode of a volume's directory.
pub fn set_ownership(volume: &Path, ownership: Ownership) -> io::Result<()> {
    ownership.apply_to(directory::readable(directory::open(volume)?)?)
}

//! Binding a volume to a container path, whose owner and mode it takes over.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::sys::files::directory::{self, Arrival, path_of};
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::calls::{bind_at, detach, make_receiver, unmount};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::container_path::open;
use crate::volume::holders::mount_record::MountRecord;

/// Binds a volume to a container path, whose owner and mode become the volume's, and returns those that it had where they
/// were others.
///
/// What is mounted inside the volume does not come along: it could not be taken away in one step.
///
/// # Errors
///
/// In use: owner and mode would change for `others` who hold the volume.
pub fn bind_with_ownership(
    mounted: &MountRecord,
    path: &Path,
    others: &str,
) -> Result<Option<Ownership>> {
    let volume = mounted.real();
    if volume.starts_with(path) {
        bail!(Failure::usage(format!(
            "container path {} would hide the volume's own mount point {}",
            path.display(),
            volume.display()
        )));
    }
    let Arrival { parent, directory } = open(path).context("container path")?;
    let before = carry(volume, &directory, path, others)?;
    let bound = bind_at(volume, &directory)
        .with_context(|| format!("binding {} to {}", volume.display(), path.display()))
        .and_then(|()| {
            // By its name in the directory above, the mount is found that is there now.
            let view = directory::enter(&parent, path.file_name().unwrap_or_default());
            verify_bind(mounted, path, view.as_ref())
                .inspect_err(|_| take_away(view.ok(), &directory))
        });
    if let (Err(_), Some(before)) = (&bound, before) {
        let _ = set_ownership(volume, before);
    }
    bound.map(|()| before)
}

/// Whoever owns a directory above could have moved ours away meanwhile: then what is printed would not be the volume. And
/// what is mounted inside a container path is that task's, not to be seen by others who hold the volume.
fn verify_bind(
    mounted: &MountRecord,
    path: &Path,
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
    if seen.is_shared {
        make_receiver(view)
            .with_context(|| format!("parting the mounts below {}", path.display()))?;
    }
    Ok(())
}

/// Wherever the directory has come to be.
fn take_away(view: Option<OwnedFd>, directory: &OwnedFd) {
    if view.is_none_or(|view| detach(&view).is_err())
        && let Ok(place) = fs::read_link(path_of(directory))
    {
        let _ = unmount(&place, true);
    }
}

fn carry(volume: &Path, from: &OwnedFd, path: &Path, others: &str) -> Result<Option<Ownership>> {
    let (volume_shown, path_shown) = (volume.display(), path.display());
    let doing = || format!("giving {volume_shown} owner and mode of {path_shown}");
    let wanted = Ownership::of(from).with_context(doing)?;
    let found = directory::open(volume)
        .and_then(Ownership::of)
        .with_context(doing)?;
    if found == wanted {
        return Ok(None);
    }
    if !others.is_empty() {
        bail!(Failure::in_use(format!(
            "{volume_shown} has owner and mode {found}, container path {path_shown} has {wanted}, and they stay as they are \
             while it is held by {others}"
        )));
    }
    if let Err(error) = set_ownership(volume, wanted) {
        // The owner may have changed, and the mode not.
        let _ = set_ownership(volume, found);
        return Err(error).with_context(doing);
    }
    Ok(Some(found))
}

/// Gives a volume's directory owner and mode.
pub fn set_ownership(volume: &Path, ownership: Ownership) -> io::Result<()> {
    ownership.apply_to(directory::readable(directory::open(volume)?)?)
}

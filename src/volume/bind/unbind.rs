//! Takes a volume away from its targets.

use std::io::ErrorKind;
use std::thread;

use anyhow::{Context, Error, Result};

use crate::base::failure::Failure;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::take_away::{How, PAUSE, Stuck, TRIES, take_away};
use crate::sys::mount::{busy, utab};
use crate::volume::bind::targets;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::views::{Target, Unsure};

/// Unmounts the volume from the target, wherever the view is by now. Anything else that is mounted there stays, but for what lies on
/// top of the view, if that is to be peeled off.
///
/// # Errors
///
/// In use: it is busy, or something else is mounted over it.
pub fn unbind(target: &Target, volume: Option<&MountRecord>, how: How) -> Result<()> {
    let Some(view) = find(target, volume)? else {
        return Ok(());
    };
    let place = &view.mount_point;
    match take_away(&view, how) {
        Ok(()) => {}
        Err(Stuck::Covered(words)) => return Err(Failure::in_use(words).into()),
        Err(Stuck::Failed(error)) => {
            let error = match error.kind() {
                ErrorKind::ResourceBusy => Failure::busy("it", &busy::used_by(place)).into(),
                _ => Error::from(error),
            };
            return Err(error.context(format!("unmounting {}", place.display())));
        }
    }
    utab::forget(&[place, &target.path], &view.root);
    Ok(())
}

/// The view of the volume at a target, wherever it is now: what is remembered of it decides, else what is mounted there. The volume's
/// own mount is none.
pub fn find(target: &Target, volume: Option<&MountRecord>) -> Result<Option<Mount>> {
    let is_own = |mount: &Mount| volume.is_some_and(|volume| volume.is_own(mount));
    let mut table = MountTable::read()?;
    for _ in 0..TRIES {
        match target.view.look_for(&table) {
            Ok(Some(view)) => return Ok(Some(view.clone()).filter(|view| !is_own(view))),
            Ok(None) => break,
            Err(Unsure) => {}
        }
        // Its directory is being moved.
        thread::sleep(PAUSE);
        table = MountTable::read().context("looking for its view")?;
    }
    let is_view = |mount: &&Mount| {
        mount.mount_point == target.path
            && volume.is_some_and(|volume| volume.is_shown_by(mount))
            && !is_own(mount)
    };
    Ok(table.iter().filter(is_view).last().cloned())
}

/// Refuses to release a target where something else is mounted than the volume, and the volume is not to be found.
///
/// # Errors
///
/// In use: something else is mounted there.
pub fn refuse_other(shown: &str, target: &Target, volume: Option<&MountRecord>) -> Result<()> {
    match find(target, volume)? {
        Some(_) => Ok(()),
        None => targets::refuse_other_at(shown, &target.path, volume, &MountTable::read()?),
    }
}

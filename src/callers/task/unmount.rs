//! Unmounts the volumes of a task, and goes on where one fails.

use anyhow::{Context, Error, Result};

use crate::base::side_by_side::side_by_side;
use crate::base::text::chain;
use crate::callers::task::described::TaskVolume;
use crate::callers::task::plan::{self, Planned};
use crate::invocation::Invocation;
use crate::volume::request::Release;

/// Unmounts the volumes. Returns the errors of those that failed, in the order of their digits.
pub fn unmount(
    invocation: &Invocation,
    volumes: &[TaskVolume],
    id: Option<&str>,
    how: Release,
) -> Result<Vec<Error>> {
    let planned = plan::to_unmount(invocation, volumes, id)?;
    let mut failed: Vec<(usize, Error)> = Vec::new();
    for group in plan::groups(planned).into_iter().rev() {
        for (planned, released) in side_by_side(group, |planned| {
            let released = release(invocation, planned, how);
            planned.volume.disconnect();
            released
        }) {
            if let Err(error) = released.with_context(|| planned.described.doing("unmounting")) {
                failed.push((planned.number, error));
            }
        }
    }
    failed.sort_by_key(|(number, _)| *number);
    Ok(failed.into_iter().map(|(_, error)| error).collect())
}

fn release(invocation: &Invocation, planned: &Planned, how: Release) -> Result<()> {
    let mut locked = planned.lock(invocation)?;
    if let Some(place) = &planned.place {
        let shown = format!("container path: {}", place.path.display());
        locked.refuse_other_at(&shown, &place.path, how.lazy)?;
    }
    if let Err(error) = locked.release_dead(how.lazy) {
        invocation.log.step(|| chain(&error));
    }
    locked.release(how)
}

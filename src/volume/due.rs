//! What is due when nobody holds a volume any more: whether its driver is told to unmount it.

use std::path::Path;

use anyhow::{Error, Result};

use crate::base::failure::ErrorKind;
use crate::base::text::chain;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;
use crate::volume::holders::hold::now;
use crate::volume::holders::record::HolderRecord;
use crate::volume::request::Release;
use crate::volume::sighting::{Seen, Sighting};

/// For how long a mount that was cut off may still come, in seconds. What is mounted later is another caller's.
const MAY_COME: u64 = 60 * 60;

/// What is to be done when no holder is left.
pub enum Due {
    /// Nothing, with the reason.
    Nothing(String),
    /// Its driver is not there, and it is forgotten; with the reason.
    Forget(String),
    Unmount,
}

impl Locked<'_> {
    /// Whether the driver is told to unmount. A plugin may have mounted for others, and some count below zero: who holds nothing
    /// releases nothing, and where nothing is mounted, nothing is unmounted.
    pub(super) fn what_is_due(
        &self,
        before: Option<&HolderRecord>,
        release: Release,
        table: &MountTable,
    ) -> Result<Due> {
        let is_known = |record: &HolderRecord| {
            let cut_off = record.mount.as_ref().filter(|mount| mount.is_mount);
            record.settled || cut_off.is_some_and(|mount| mount.is_live(table))
        };
        if !self.volume.driver().is_shared() || before.is_some_and(is_known) {
            return Ok(Due::Unmount);
        }
        match self.look_for_mount() {
            // Such as a plugin that has been removed: --force is the way out.
            Err(error) if release.all && before.is_some() && is_without_driver(&error) => {
                Ok(Due::Forget(chain(&error)))
            }
            sighting => Ok(self.due_by(sighting?, before.is_some_and(may_come) || release.all)),
        }
    }

    /// What is due by what is seen. It is ours where a call was cut off, and where --force says so.
    fn due_by(&self, sighting: Sighting, is_ours: bool) -> Due {
        let memory = self.ledger.memory.read();
        let label = self.volume.driver().label();
        let why = match sighting {
            Sighting::Named(_) if memory.hands_out() && is_ours => return Due::Unmount,
            Sighting::Named(path) if memory.hands_out() => held_by_another(&path),
            Sighting::Named(path) => {
                let path = path.display();
                format!("{label}: nothing is mounted at {path}; nothing was left to do")
            }
            Sighting::NotMounted(why) => format!("{why}; nothing was left to do"),
            _ if is_ours => return Due::Unmount,
            Sighting::CannotSay => "nobody holds it here, and it is left as it is".to_owned(),
            Sighting::Mounted(Seen { mount, .. }) => held_by_another(&mount.mount_point),
        };
        Due::Nothing(why)
    }
}

/// Whether a mount that was cut off may still come.
pub(super) fn may_come(record: &HolderRecord) -> bool {
    let begun = record.begun.zip(now());
    record.mount.is_some() || begun.is_none_or(|(begun, now)| now < begun + MAY_COME)
}

fn held_by_another(place: &Path) -> String {
    format!(
        "nobody holds it here, but {} is mounted, and left as it is; unmount --force has its driver unmount it",
        place.display()
    )
}

/// Whether a driver is not there, or has no answer but a refusal. Where an answer is only missing, it may still come.
pub(super) fn is_without_driver(error: &Error) -> bool {
    matches!(ErrorKind::of(error), ErrorKind::Other | ErrorKind::Refused)
}

//! What killed calls have left of the volumes of a built-in driver: deleting it, and showing what cannot be deleted.

use crate::base::text::chain;
use crate::driver::interface::VolumeInfo;
use crate::driver::shared::aside::{State, Swept};
use crate::driver::shared::home::Home;

/// Deletes it. Returns the volumes whose removal, which was cut off, is complete now.
pub fn complete(home: &Home) -> Vec<String> {
    let swept = home.sweep(false).into_iter();
    let gone = swept.filter(|(leftover, swept)| {
        leftover.state == State::Gone && matches!(swept, Swept::Deleted)
    });
    gone.map(|(leftover, _)| leftover.volume).collect()
}

/// The volumes of which a part is left, after all was deleted that could be. One that a live call of this host removes is on its
/// way, and none of these.
pub fn half_removed(home: &Home) -> Vec<VolumeInfo> {
    let mut volumes = Vec::new();
    for (leftover, swept) in home.sweep(true) {
        let why = match swept {
            Swept::Failed(error) => format!("is half removed: {}", chain(&error)),
            Swept::InUse if !leftover.is_own => {
                "is half removed, or being removed, by another host; a call of that host completes it".into()
            }
            Swept::InUse | Swept::Deleted => continue,
        };
        if leftover.state == State::Gone {
            let name = leftover.volume;
            home.invocation.log.warn(&format!("volume {name} {why}"));
            volumes.push(VolumeInfo {
                name,
                is_half_removed: true,
                ..VolumeInfo::default()
            });
        }
    }
    volumes
}

//! What a release comes to, put together from the tables.

use crate::base::failure::ErrorKind;
use crate::volume::tests::fake_driver::Unmounting;
use crate::volume::tests::release::rows::{Asked, LAST, LEFT, Row, TASK, WHO, remain};
use crate::volume::tests::standings::Mounted::*;
use crate::volume::tests::standings::Remembered::Damaged;
use crate::volume::tests::{NO_RECORD, Seen, strings};

pub const NOTHING_LEFT: &str =
    "unmounting volume db: driver fake: it is not mounted; nothing was left to do";
pub const NOT_THIS_RUN: &str =
    "volume db is not held by this run any more, as after unmount --force, and left as it is";
pub const ANOTHERS: &str = "volume db: the driver has released it, but /mnt/db is still mounted; another caller may hold it";
pub const LOST: &str = "InUse: driver fake: it is not mounted, but /mnt/db is still mounted; where no other caller holds it, run unmount --force";
pub const TAKEN: &str = "unmounting volume db: driver fake: it is not mounted; /mnt/db was still mounted, and is unmounted without its driver";
pub const ABANDONED: &str = "unmounting volume db: driver fake: it is not mounted; nobody served /mnt/db any more, and it is unmounted";

pub struct Expected<'t> {
    pub row: &'t Row,
    pub asked: Asked,
    pub answer: Unmounting,
    /// What there was, but for the dead, who are released first.
    pub record: String,
    pub unchanged: String,
    pub mounts: Vec<String>,
}

impl Expected<'_> {
    pub fn seen(self) -> Seen {
        let mut seen = Seen {
            record: self.record.clone(),
            mounts: self.mounts.clone(),
            ..Seen::default()
        };
        if self.row.standing.remembered == Damaged {
            seen.warnings.push("DAMAGED".into());
        }
        match remain(self.row, self.asked) {
            LEFT => {
                seen.warnings.push(NOT_THIS_RUN.into());
                // Before the dead are released.
                seen.record = self.unchanged.clone();
            }
            LAST => self.told(&mut seen),
            names => self.stays(&mut seen, names),
        }
        seen
    }

    /// Others hold it, or the same holder in another way.
    fn stays(&self, seen: &mut Seen, names: &str) {
        let (mount, before) = self.record.split_once(": ").unwrap_or_default();
        seen.record = format!("{mount}: {names}");
        if !names.contains("/target") {
            seen.mounts.retain(|mount| mount != "/target rw");
        }
        let is_run = WHO[self.asked.column] == TASK;
        if before == names {
            let holders = shown(names);
            seen.warnings.push(format!(
                "volume db was not held by this caller; it is held by {holders}"
            ));
        } else if !is_run {
            let holders = shown(names);
            seen.warnings
                .push(format!("volume db stays mounted, it is held by {holders}"));
        }
    }

    /// Nobody holds it: the driver is told to unmount.
    fn told(&self, seen: &mut Seen) {
        seen.calls = strings(&[if self.asked.how.lazy {
            "unmount lazy"
        } else {
            "unmount"
        }]);
        seen.mounts.retain(|mount| mount != "/target rw");
        let mounted = self.row.standing.mounted;
        let is_mounted_for_us = !matches!(mounted, Never | Directory);
        match self.answer {
            Unmounting::Unmounts if is_mounted_for_us => seen.mounts.clear(),
            Unmounting::Unmounts | Unmounting::KnowsNothing => return self.was_not(seen),
            Unmounting::KeepsForAnother => {
                let is_seen = self.knows_mount() && !seen.mounts.is_empty();
                seen.warnings.extend(is_seen.then(|| ANOTHERS.to_owned()));
            }
            Unmounting::Fails(ErrorKind::Unsure) => return self.unsure(seen),
            Unmounting::UnmountsAndIsLost => {
                seen.mounts.clear();
                return self.unsure(seen);
            }
            Unmounting::Fails(kind) => {
                seen.result = format!("{kind:?}: unmount: {kind:?}");
                return;
            }
        }
        seen.record = NO_RECORD.to_owned();
    }

    /// Whether the record says where it is mounted.
    fn knows_mount(&self) -> bool {
        self.record.contains("/mnt/db")
    }

    fn unsure(&self, seen: &mut Seen) {
        seen.result = "Unsure: unmount: Unsure".to_owned();
        if let Some((mount, _)) = self.record.split_once(": ")
            && mount.starts_with("settled")
        {
            seen.record = format!("un{mount}: nobody");
        }
    }

    /// The driver knows of no mount; the mount table has the last word.
    fn was_not(&self, seen: &mut Seen) {
        let mounted = self.row.standing.mounted;
        let is_live = self.knows_mount() && !seen.mounts.is_empty();
        match mounted {
            Dead => {
                seen.mounts.clear();
                seen.warnings.push(ABANDONED.into());
            }
            Directory => {}
            _ if is_live && !self.asked.how.all && self.record.starts_with("unsettled") => {
                seen.result = LOST.to_owned();
                return;
            }
            _ if is_live => {
                seen.mounts.retain(|mount| !mount.starts_with("/mnt/db "));
                seen.warnings.push(TAKEN.into());
            }
            _ => seen.warnings.push(NOTHING_LEFT.into()),
        }
        seen.record = NO_RECORD.to_owned();
    }
}

/// Holders as a message names them, each once.
pub fn shown(names: &str) -> String {
    let mut shown: Vec<String> = Vec::new();
    for name in names.split(", ") {
        let name = match name.split(" at ").next().unwrap_or_default() {
            "anonymous" => "a caller without an ID".to_owned(),
            "run task" => format!("task (run {})", std::process::id()),
            name => name.to_owned(),
        };
        if !shown.contains(&name) {
            shown.push(name);
        }
    }
    shown.join(", ")
}

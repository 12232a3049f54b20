//! What one holder of a volume holds, since when, and how it is named for people.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::base::text::shorten;
use crate::volume::holders::mounts::Mounts;
use crate::volume::holders::name::Name;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::views::ViewRecord;

/// How many holders a message names, and with how many characters at most.
const NAMED: usize = 10;
const LONGEST: usize = 200;

const HOUR: u64 = 60 * 60;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Whether it holds the mount itself, apart from any target.
    pub plain: bool,
    /// The extra directories at which it sees the volume.
    pub targets: BTreeMap<PathBuf, ViewRecord>,
    /// Since when, in seconds since 1970: old holders may be leaked ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// Of an engine: how often it holds the mount itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mounts: Option<Mounts>,
}

/// A holder that lives as long as its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub process: HolderProcess,
    /// For people.
    pub id: Option<String>,
}

impl Hold {
    pub fn has_died(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.process.has_died())
    }

    /// The holder's name for people.
    pub fn shown(&self, name: &Name) -> String {
        let run = self.run.as_ref();
        let shown = name.shown(run.and_then(|run| run.id.as_deref()));
        match self.mounts.as_ref().map_or(0, Mounts::count) {
            0 | 1 => shown,
            times => format!("{shown} ({times} times)"),
        }
    }

    /// ` for 3 days`, where it is long enough to be told.
    fn age(&self) -> Option<String> {
        let hours = now()?.checked_sub(self.since?)? / HOUR;
        let (number, unit) = match hours {
            0 => return None,
            1..48 => (hours, "hours"),
            _ => (hours / 24, "days"),
        };
        let unit = if number == 1 { "hour" } else { unit };
        Some(format!(" for {number} {unit}"))
    }
}

/// Seconds since 1970.
pub fn now() -> Option<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.ok().map(|since| since.as_secs())
}

/// Holders, by the names under which they are recorded, for a message: where there are many, only the oldest.
pub fn listed(mut holders: Vec<(&Name, &Hold)>) -> String {
    let more = holders.len().saturating_sub(NAMED);
    if more > 0 {
        holders.sort_by_key(|(_, hold)| hold.since);
    }
    let name = |(name, hold): (&Name, &Hold)| {
        let shown = match name {
            Name::Anonymous => "a caller without an ID".to_owned(),
            name => shorten(&hold.shown(name), LONGEST),
        };
        shown + &hold.age().unwrap_or_default()
    };
    let named: Vec<String> = holders.into_iter().take(NAMED).map(name).collect();
    match more {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_named_with_their_age() {
        let hold = |hours: u64| Hold {
            since: now().map(|now| now - hours * HOUR - 60),
            ..Hold::default()
        };
        let ages = [
            (0, ""),
            (1, " for 1 hour"),
            (47, " for 47 hours"),
            (48, " for 2 days"),
            (100, " for 4 days"),
        ];
        let id = |id: String| Name::Id(id);
        for (hours, age) in ages {
            let found = listed(vec![(&id("a".into()), &hold(hours))]);
            assert_eq!(found, format!("a{age}"));
        }
        let names: Vec<Name> = (0..12).map(|number| id(format!("h{number:02}"))).collect();
        let holds: Vec<Hold> = (0..12).map(|number| hold(number * 24)).collect();
        let all = listed(names.iter().zip(&holds).collect());
        assert!(
            all.starts_with("h11 for 11 days, h10 for 10 days, "),
            "{all}"
        );
        assert!(
            all.ends_with("h03 for 3 days, h02 for 2 days and 2 more"),
            "{all}"
        );
    }
}

//! What a plugin's refusal means. Plugins have no error codes, so its words have to tell; they count only as a whole.

use crate::protocol::messages::Refusal;

/// A meaning that decides what dvdcli does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Absent,
    AlreadyExists,
    /// Mounted under the very ID that was sent.
    AlreadyMounted,
    NotMounted,
    InUse,
}

/// The phrases by which each meaning is recognized, as [`normal`] writes them, without the volume's name.
///
/// "Unknown volume type gp9" and "unable to find volume attachment: connection lost" begin like an absence, and creating the volume
/// would be wrong: so each phrase is a whole text.
const PHRASES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Absent,
        &[
            "not found",
            "does not exist",
            "doesnt exist",
            "no such volume",
            "no such volume found",
            "volume not found",
            "volume is not found",
            "volume was not found",
            "volume name not found",
            "volume does not exist",
            "volume doesnt exist",
            "volume not exist",
            "volume with name not found",
            "resource not found",
            "could not find volume",
            "couldnt find volume",
            "cannot find volume",
            "cant find volume",
            "unable to find volume",
            "unknown volume",
            "volume unknown",
            "no volume found",
            "no volume named",
            "no volume with name",
            "no volume with name found",
        ],
    ),
    (
        Meaning::AlreadyExists,
        &[
            "already exists",
            "exists already",
            "volume exists",
            "volume already exists",
            "volume exists already",
            "volume with name already exists",
        ],
    ),
    (
        Meaning::AlreadyMounted,
        &[
            "already mounted by this id",
            "volume already mounted by this id",
            "volume is already mounted by this id",
        ],
    ),
    (
        Meaning::NotMounted,
        &[
            "not mounted",
            "is not mounted",
            "isnt mounted",
            "was not mounted",
            "not currently mounted",
            "is not currently mounted",
            "has not been mounted",
            "volume not mounted",
            "volume is not mounted",
            "volume isnt mounted",
            "volume was not mounted",
            "volume is not currently mounted",
            "volume has not been mounted",
            "volume is not mounted by this id",
            "umount not mounted",
            "unable to find volume mounted on",
        ],
    ),
    (
        Meaning::InUse,
        &[
            "in use",
            "is in use",
            "already mounted",
            "is already mounted",
            "is mounted",
            "is still mounted",
            "busy",
            "device busy",
            "device is busy",
            "device in use",
            "device is in use",
            "device or resource busy",
            "resource busy",
            "target is busy",
            "volume in use",
            "volume is in use",
            "volume still in use",
            "volume is still in use",
            "volume is currently in use",
            "volume is currently used by a container",
            "volume busy",
            "volume is busy",
            "volume already mounted",
            "volume is already mounted",
            "volume mounted",
            "volume is mounted",
            "volume still mounted",
            "volume is still mounted",
            "volume currently mounted",
            "volume is currently mounted",
            "volume has active mounts",
            "cannot delete volume it is still mounted",
        ],
    ),
];

/// What plugins and the libraries that they are built with put before their words, as [`normal`] writes it.
const PREFIXES: &[&str] = &[
    "error ",
    "docker ",
    "legacy get failed ",
    "legacy path failed ",
    "legacy mount failed ",
    "legacy unmount failed ",
    "legacy create failed ",
    "legacy remove failed ",
    "volumedriver get ",
    "volumedriver path ",
    "volumedriver mount ",
    "volumedriver unmount ",
    "volumedriver create ",
    "volumedriver remove ",
    "rpc error code notfound desc ",
    "rpc error code alreadyexists desc ",
    "rpc error code unknown desc ",
];

impl Refusal {
    /// Whether the whole text has that meaning. It answers a call for `volume`, whose name is taken out of the words first: a
    /// volume may be called `busy-box`.
    pub fn means(&self, meaning: Meaning, volume: &str) -> bool {
        let said = self.said();
        let text = match meaning {
            // Who was busy is told before the colons: "umount: /mnt/db: target is busy".
            Meaning::InUse => said.rsplit(": ").next().unwrap_or_default().to_owned(),
            // The directory is named: "umount: /mnt/db: not mounted". But a file that is not found is no absent volume.
            Meaning::NotMounted => without_paths(said),
            _ => said.to_owned(),
        };
        let words = normal(&without_name(&text, volume));
        let words = without_prefixes(&words);
        let is_known = |phrases: &[&str]| phrases.contains(&words);
        let of_meaning = PHRASES.iter().filter(|(known, _)| *known == meaning);
        !self.unimplemented && of_meaning.into_iter().any(|(_, phrases)| is_known(phrases))
    }

    /// Whether the words speak of something that exists already. It need not be the volume: that has to be asked.
    pub fn speaks_of_existence(&self, volume: &str) -> bool {
        let words = normal(&without_name(self.said(), volume));
        let phrases = ["already exist", "exists already", "volume exists"];
        phrases.iter().any(|phrase| words.contains(phrase))
    }

    /// The plugin's own words, without the status that was added to plain text.
    fn said(&self) -> &str {
        self.words
            .split(" (HTTP status ")
            .next()
            .unwrap_or_default()
    }
}

fn without_paths(text: &str) -> String {
    let is_path = |word: &&str| word.trim_start_matches(['\'', '"', '`']).starts_with('/');
    let left = text.split_whitespace().filter(|word| !is_path(word));
    left.collect::<Vec<_>>().join(" ")
}

fn without_prefixes(mut words: &str) -> &str {
    while let Some(rest) = PREFIXES.iter().find_map(|it| words.strip_prefix(it)) {
        words = rest;
    }
    words
}

/// The text with a blank in place of the name, except where the name is a part of a longer word.
fn without_name(text: &str, name: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, found) = rest.split_at(at);
        let after = &found[name.len()..];
        let is_word =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        left.push_str(before);
        let within = is_word(before.chars().next_back()) || is_word(after.chars().next());
        left.push_str(if within { name } else { " " });
        rest = after;
    }
    left + rest
}

/// Lower case, without quotes and punctuation, one blank between words.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    let quotes = ['\'', '"', '`', '\u{2019}'];
    let letters: String = lower.chars().filter(|c| !quotes.contains(c)).collect();
    letters
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(words: &str) -> Refusal {
        Refusal {
            words: words.into(),
            unimplemented: false,
        }
    }

    #[test]
    fn only_a_whole_text_means_something() {
        use Meaning::*;
        for (words, meaning) in [
            ("volume not found", Some(Absent)),
            ("volume not found (HTTP status 404)", Some(Absent)),
            ("resource not found", Some(Absent)),
            ("Could not find volume db.", Some(Absent)),
            ("Volume 'db' not found", Some(Absent)),
            ("no such volume: db", Some(Absent)),
            ("db: not found", Some(Absent)),
            ("volume \"db\" doesn't exist", Some(Absent)),
            ("VolumeDriver.Get: Volume db not found", Some(Absent)),
            (
                "rpc error: code = NotFound desc = volume db not found",
                Some(Absent),
            ),
            ("volume db is not mounted", Some(NotMounted)),
            ("umount: /mnt/db: not mounted.", Some(NotMounted)),
            (
                "/mnt/quobyte/db not mounted (HTTP status 500)",
                Some(NotMounted),
            ),
            (
                "Unable to find volume mounted on /srv/_glusterfs/db",
                Some(NotMounted),
            ),
            ("/usr/bin/rbd: not found", None),
            ("volume db already exists", Some(AlreadyExists)),
            ("volume is already mounted by this id", Some(AlreadyMounted)),
            ("volume db is in use", Some(InUse)),
            ("umount: /mnt/db: target is busy.", Some(InUse)),
            ("unknown volume type gp9", None),
            ("unable to find volume attachment: connection lost", None),
            ("unknown volume state: device not mounted yet", None),
            ("initiator group already exists", None),
            (
                "volume db: exec: rbd: executable file not found in $PATH",
                None,
            ),
            ("host not found", None),
            ("looking up volume db: backend not found", None),
            ("plugin not found", None),
            ("boom", None),
        ] {
            let all = [Absent, AlreadyExists, AlreadyMounted, NotMounted, InUse];
            let found = all.into_iter().find(|it| refusal(words).means(*it, "db"));
            assert_eq!(found, meaning, "{words}");
        }
    }
}

//! What a plugin's refusal means. Plugins have no error codes, so its words have to tell.

use crate::protocol::messages::Refusal;

/// A meaning that decides what dvdcli does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Absent,
    AlreadyExists,
    AlreadyMounted,
    NotMounted,
    InUse,
}

/// The phrases by which each meaning is recognized, as [`normal`] writes them.
///
/// The phrases for absence are long: a volume that is absent is created, and "executable file not found" must not lead to that.
const PHRASES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Absent,
        &[
            "no such volume",
            "volume not found",
            "volume is not found",
            "volume was not found",
            "volume name not found",
            "volume does not exist",
            "volume doesnt exist",
            "volume not exist",
            "resource not found",
            "could not find volume",
            "couldnt find volume",
            "cannot find volume",
            "cant find volume",
            "unable to find volume",
            "unknown volume",
            "no volume found",
            "no volume named",
            "no volume with name",
        ],
    ),
    (
        Meaning::AlreadyExists,
        &["already exist", "exists already", "volume exists"],
    ),
    (Meaning::AlreadyMounted, &["already mounted"]),
    (
        Meaning::NotMounted,
        &[
            "not mounted",
            "isnt mounted",
            "not currently mounted",
            "not been mounted",
        ],
    ),
    (
        Meaning::InUse,
        &[
            "in use",
            "busy",
            "is mounted",
            "still mounted",
            "currently mounted",
            "has active mounts",
        ],
    ),
];

impl Refusal {
    /// Whether the refusal has that meaning. It answers a call for `volume`, whose name is taken out of the words first: a volume
    /// may be called `busy-box`.
    pub fn means(&self, meaning: Meaning, volume: &str) -> bool {
        let words = normal(&without_name(&self.words, volume));
        let phrases = PHRASES
            .iter()
            .filter(|(known, _)| *known == meaning)
            .flat_map(|(_, phrases)| phrases.iter());
        let whole = meaning == Meaning::Absent
            && matches!(
                words.as_str(),
                "not found" | "does not exist" | "doesnt exist"
            );
        !self.unimplemented && (whole || phrases.into_iter().any(|phrase| words.contains(phrase)))
    }
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

    #[test]
    fn absence_is_told_by_whole_phrases() {
        let absent = |words: &str| {
            Refusal {
                words: words.into(),
                unimplemented: false,
            }
            .means(Meaning::Absent, "db")
        };
        for text in [
            "volume not found",
            "resource not found",
            "Could not find volume db.",
            "Volume 'db' not found",
            "no such volume: db",
            "db: not found",
            "volume \"db\" doesn't exist",
        ] {
            assert!(absent(text), "{text}");
        }
        for text in [
            "volume db: exec: rbd: executable file not found in $PATH",
            "host not found",
            "looking up volume db: backend not found",
            "plugin not found",
            "boom",
        ] {
            assert!(!absent(text), "{text}");
        }
    }
}

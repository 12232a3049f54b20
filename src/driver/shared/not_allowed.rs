//! What a volume cannot have that is made on the way to a mount, unless the host's owner allows it; and what none can have.

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::base::pattern;
use crate::sys::mount::mountopts;

/// Mount options that everybody may have: they only take something away, or say what is so already.
const HARMLESS: [&str; 7] = [
    "defaults",
    "rw",
    "ro",
    "nosuid",
    "nodev",
    "noexec",
    "nosymfollow",
];

/// The refusal of an option's value: wrong usage, with the setting that would allow it.
pub fn refusal(option: &str, what: &str, setting: &str) -> Failure {
    Failure::usage(format!(
        "option {option}: {what} is not for whoever only mounts; create the volume first, or set dvdcli.allow.{setting}"
    ))
}

/// Refuses mount options by which a broken volume stops the whole host, whoever asks for them: wrong usage.
pub fn refuse_panic(option: &str, list: &str) -> Result<()> {
    match mountopts::panic_word(list) {
        Some(word) => bail!(Failure::usage(format!(
            "option {option}: {word} lets a broken volume stop the whole host, and no volume may have it"
        ))),
        None => Ok(()),
    }
}

/// The name of the first word in a list of mount options that fits none of `patterns`, without its value, which may be a secret.
pub fn foreign_word<'l>(list: &'l str, patterns: &[String]) -> Option<&'l str> {
    let words = list
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    let mut foreign =
        words.filter(|word| !HARMLESS.contains(word) && !pattern::fits_one(patterns, word));
    let word = foreign.next()?;
    Some(word.split_once('=').map_or(word, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_harmless_or_fits_a_pattern() {
        let patterns = ["noatime".to_owned(), "vers=*".to_owned()];
        for (list, expected) in [
            ("", None),
            (" ro, noatime,,vers=4.2,noexec", None),
            ("noatime,suid", Some("suid")),
            ("password=hunter2", Some("password")),
            ("noatime=1", Some("noatime")),
            ("bind", Some("bind")),
        ] {
            assert_eq!(foreign_word(list, &patterns), expected, "{list}");
        }
    }
}

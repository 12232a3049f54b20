//! Settings that nobody reads because their names are misspelt. Others' settings stand in the same file, so that they are no error.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::suggest::mistakes;
use crate::invocation::config::Config;
use crate::invocation::config::load::first_file;
use crate::invocation::config::settings;
use crate::invocation::config::yaml::entries;

/// How many letters may be wrong in one part of a name.
const MOST: usize = 2;

impl Config {
    /// The settings of the file that [`Config::load`] reads whose names are almost those of known ones, each in words.
    pub fn misspelt(asked: Option<&Path>, candidates: &[PathBuf]) -> Result<Vec<String>> {
        let Some((path, found)) = first_file(asked, candidates)? else {
            return Ok(Vec::new());
        };
        let mut words = Vec::new();
        for entry in entries(&found.text)? {
            if let Some(meant) = meant(&entry.name) {
                let (path, line, written) = (path.display(), entry.line, &entry.written);
                words.push(format!(
                    "{path}: line {line}: nobody here reads {written}; did you mean {meant}?"
                ));
            }
        }
        Ok(words)
    }
}

/// The setting that a name almost is: all of its parts but one are the same.
fn meant(name: &str) -> Option<&'static str> {
    // Any other name below `dvdcli` is an error already.
    if settings::is_known(name) || name.starts_with("dvdcli.") {
        return None;
    }
    settings::names().find(|known| differs_by_a_letter_or_two(name, known))
}

fn differs_by_a_letter_or_two(name: &str, known: &str) -> bool {
    let parts = |name: &str| name.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (name, known) = (parts(name), parts(known));
    let mut different = name.iter().zip(&known).filter(|(one, other)| one != other);
    let first = different.next();
    let is_near = |(one, other): (&String, &String)| {
        mistakes(one, other).is_some_and(|mistakes| mistakes <= MOST)
    };
    name.len() == known.len() && different.next().is_none() && first.is_some_and(is_near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_almost_a_setting_is_meant_to_be_one() {
        for (name, expected) in [
            (
                "rexray.volume.mount.premt",
                Some("rexray.volume.mount.preempt"),
            ),
            ("docker.fstpye", Some("docker.fstype")),
            ("docker.fstype", None),
            ("docker.minvolsize", None),
            ("linux.volume.filemode", None),
            (
                "libstorage.integration.volume.operations.remove.force",
                None,
            ),
            ("libstorage.service", None),
            ("dvdcli.aliases.drivr", None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
    }
}

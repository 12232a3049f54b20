//! The names under which holders are recorded. IDs, targets and runs are spaces of their own: an ID that looks like a path or like
//! a run is still an ID, and releases nobody else.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::volume::holders::process::HolderProcess;

/// In the record it is a text: empty, `target PATH`, `id ID`, `engine ID` or `run PID START NAMESPACE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Name {
    /// That of a caller that gave neither an ID nor a target.
    Anonymous,
    Target(PathBuf),
    Id(String),
    /// By the ID that an engine has given it.
    Engine(String),
    Run(HolderProcess),
}

const TARGET: &str = "target ";
const ID: &str = "id ";
const ENGINE: &str = "engine ";
const RUN: &str = "run ";

impl Name {
    /// For people; `label` is the ID that a run was given.
    pub fn shown(&self, label: Option<&str>) -> String {
        match self {
            Name::Anonymous => String::new(),
            Name::Target(path) => path.to_string_lossy().into_owned(),
            Name::Id(id) if is_mistakable(id) => format!("id '{id}'"),
            Name::Id(id) => id.clone(),
            Name::Engine(id) => format!("engine {id}"),
            Name::Run(process) => match label {
                Some(label) => format!("{label} (run {})", process.pid),
                None => format!("run {}", process.pid),
            },
        }
    }
}

/// Whether an ID looks like what is shown of a target or of a run.
fn is_mistakable(id: &str) -> bool {
    id.starts_with('/') || id.starts_with(RUN) || id.starts_with(ENGINE) || id.contains("(run ")
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        match name {
            Name::Anonymous => String::new(),
            Name::Target(path) => format!("{TARGET}{}", path.to_string_lossy()),
            Name::Id(id) => format!("{ID}{id}"),
            Name::Engine(id) => format!("{ENGINE}{id}"),
            Name::Run(HolderProcess {
                pid,
                started,
                namespace,
            }) => format!("{RUN}{pid} {started} {namespace}"),
        }
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Name, String> {
        let name = if text.is_empty() {
            Some(Name::Anonymous)
        } else if let Some(path) = text.strip_prefix(TARGET) {
            Some(Name::Target(path.into()))
        } else if let Some(id) = text.strip_prefix(ID) {
            Some(Name::Id(id.into()))
        } else if let Some(id) = text.strip_prefix(ENGINE) {
            Some(Name::Engine(id.into()))
        } else {
            text.strip_prefix(RUN).and_then(run)
        };
        name.ok_or_else(|| format!("'{text}' is no name of a holder"))
    }
}

fn run(text: &str) -> Option<Name> {
    let mut numbers = text.split(' ');
    let process = HolderProcess {
        pid: numbers.next()?.parse().ok()?,
        started: numbers.next()?.parse().ok()?,
        namespace: numbers.next()?.parse().ok()?,
    };
    numbers.next().is_none().then_some(Name::Run(process))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written_and_never_as_another() {
        let process = HolderProcess {
            pid: 7,
            started: 9,
            namespace: 8,
        };
        let ids = ["", "me", "/path", "run 7 9 8", "target /path", "id me"];
        let ids = ids.map(|id| Name::Id(id.into()));
        let others = [
            Name::Anonymous,
            Name::Target("/path".into()),
            Name::Engine("me".into()),
            Name::Run(process),
        ];
        for name in ids.into_iter().chain(others) {
            let text = String::from(name.clone());
            assert_eq!(Name::try_from(text), Ok(name));
        }
        for text in ["me", "run 7 9", "run 7 9 8 7", "run a b c"] {
            assert!(Name::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn an_id_is_not_shown_as_something_else() {
        for (id, shown) in [
            ("me", "me"),
            ("/path", "id '/path'"),
            ("run 7", "id 'run 7'"),
            ("engine 7", "id 'engine 7'"),
            ("me (run 7)", "id 'me (run 7)'"),
        ] {
            assert_eq!(Name::Id(id.into()).shown(None), shown);
        }
    }
}

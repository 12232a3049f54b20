//! The volume that Nomad describes in variables. Name and parameters are a tenant's words, and the ID is Nomad's.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::base::text::{escape_unprintable, shorten};
use crate::callers::nomad::capacity::Capacity;

const PARAMETERS: &str = "DHV_PARAMETERS";

/// How much of a tenant's name is kept or shown, in characters.
const LONGEST: usize = 200;

/// The name of the volume. Nomad makes IDs itself, so that nobody can name a volume that is not his; and it gives the same name in two
/// namespaces.
///
/// # Errors
///
/// Wrong usage: it is no UUID.
pub fn id() -> Result<String> {
    let variable = "DHV_VOLUME_ID";
    let id = value(variable)?;
    if !is_uuid(&id) {
        let id = text(&id);
        bail!(Failure::usage(format!(
            "{variable}: {id:?} is no UUID, as Nomad gives them to its volumes"
        )));
    }
    Ok(id)
}

/// The options of the volume.
pub fn parameters() -> Result<Options> {
    let text = value(PARAMETERS)?;
    if text.is_empty() {
        return Ok(Options::new());
    }
    let read = serde_json::from_str::<Option<BTreeMap<String, String>>>(&text);
    let read = read.map_err(|error| Failure::usage(error.to_string()));
    let parameters = read.context(PARAMETERS)?.unwrap_or_default();
    if parameters.contains_key("") {
        bail!(Failure::usage(format!(
            "{PARAMETERS}: an option has no name"
        )));
    }
    Ok(parameters.into_iter().collect())
}

/// What people know the volume by.
pub fn labels() -> Result<Labels> {
    let mut labels = Labels::new();
    for (label, variable) in [
        ("nomad.name", "DHV_VOLUME_NAME"),
        ("nomad.namespace", "DHV_NAMESPACE"),
    ] {
        let value = value(variable)?;
        if !value.is_empty() {
            labels.insert(label.to_owned(), text(&value));
        }
    }
    Ok(labels)
}

pub fn capacity() -> Result<Capacity> {
    let [least, most] =
        ["DHV_CAPACITY_MIN_BYTES", "DHV_CAPACITY_MAX_BYTES"].map(|variable| -> Result<u64> {
            let text = value(variable)?;
            match text.as_str() {
                "" => Ok(0),
                text => text
                    .parse()
                    .map_err(|error| Failure::usage(format!("{variable}: {error}")).into()),
            }
        });
    Capacity::new(least?, most?)
}

/// The path that `create` has answered with. After an answer that it could not keep, Nomad names the directory of all volumes instead.
pub fn created_path() -> Option<PathBuf> {
    let path = env::var_os("DHV_CREATED_PATH").filter(|path| !path.is_empty());
    let path = path.filter(|path| env::var_os("DHV_VOLUMES_DIR").as_ref() != Some(path));
    path.map(PathBuf::from)
}

/// Empty where it is not set.
fn value(variable: &str) -> Result<String> {
    let value = env::var_os(variable).unwrap_or_default();
    let value = value.into_string();
    Ok(value.map_err(|_| Failure::usage(format!("{variable}: it is not UTF-8")))?)
}

/// A tenant's word as it is kept and shown.
pub fn text(word: &str) -> String {
    shorten(&escape_unprintable(word), LONGEST)
}

fn is_uuid(id: &str) -> bool {
    let lengths = id.split('-').map(str::len);
    let is_hex = |c: char| c == '-' || c.is_ascii_hexdigit();
    lengths.eq([8, 4, 4, 4, 12]) && id.chars().all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nomad_makes_itself_is_an_id() {
        assert!(is_uuid("02eb1d8e-945e-50ee-7640-68b92f622870"));
        for id in [
            "",
            "db",
            "../../etc",
            "02eb1d8e-945e-50ee-7640-68b92f62287",
            "02eb1d8e-945e-50ee-7640-68b92f6228700",
            "02eb1d8e945e50ee764068b92f622870",
            "02eb1d8e-945e-50ee-7640-68b92f62287g",
            "02eb1d8e-945e-50ee-7640-68b92f622870-",
            "02eb1d8e-945e-50ee-7640-name=db,a=1.",
        ] {
            assert!(!is_uuid(id), "{id}");
        }
    }
}

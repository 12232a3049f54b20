//! Where a plugin is: its socket, its spec file, or its managed installation (protocol: Finding a plugin).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::suggest;
use crate::driver::plugin::managed::{self, Managed};
use crate::invocation::paths::Paths;
use crate::protocol::address::{Address, parse_json, parse_spec};
use crate::sys::files::small as files;

/// A plugin that was found.
#[derive(Debug)]
pub struct Endpoint {
    pub address: Address,
    /// The managed installation that it belongs to, if any.
    pub managed: Option<Managed>,
}

/// What kind of plugin a listing found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Legacy,
    Managed,
}

/// Refuses a name that would lead out of the plugin directories.
pub fn check_name(name: &str) -> Result<()> {
    let bad = name.contains('\0') || name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bad {
        bail!(Failure::usage(format!(
            "--volumedriver: '{}' is no name of a driver",
            name.escape_debug()
        )));
    }
    Ok(())
}

/// The first hit in the order of precedence: a managed plugin by name or full ID, a legacy one by name, a managed one by
/// the beginning of its ID. `None` where there is none.
///
/// # Errors
///
/// A hit that cannot be used: a broken spec file, a disabled plugin.
pub fn find(paths: &Paths, name: &str) -> Result<Option<Endpoint>> {
    let installed = managed::installed(paths)?;
    if let Some(plugin) = managed::named(&installed, name) {
        return Ok(Some(plugin.endpoint(paths)?));
    }
    if let Some(endpoint) = find_legacy(paths, name)? {
        return Ok(Some(endpoint));
    }
    match managed::with_id_prefix(&installed, name)? {
        Some(plugin) => Ok(Some(plugin.endpoint(paths)?)),
        None => Ok(None),
    }
}

fn find_legacy(paths: &Paths, name: &str) -> Result<Option<Endpoint>> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let candidates = |directory: &Path, extension: &str| {
        [
            directory.join(format!("{name}.{extension}")),
            directory.join(name).join(format!("{last}.{extension}")),
        ]
    };
    for path in candidates(&paths.plugin_sockets, "sock") {
        if exists(&path)?.is_some_and(|kind| kind.is_socket()) {
            return Ok(Some(Endpoint {
                address: Address::Unix(path),
                managed: None,
            }));
        }
    }
    for directory in &paths.plugin_specs {
        for (extension, parse) in SPECS {
            for path in candidates(directory, extension) {
                if exists(&path)?.is_some() {
                    let address = files::read_text(&path)
                        .map_err(anyhow::Error::from)
                        .and_then(|text| parse(&text))
                        .with_context(|| format!("reading {}", path.display()))?;
                    return Ok(Some(Endpoint {
                        address,
                        managed: None,
                    }));
                }
            }
        }
    }
    Ok(None)
}

type ParseSpec = fn(&str) -> Result<Address>;

/// The forms of spec files, in order of precedence.
const SPECS: [(&str, ParseSpec); 2] = [("spec", parse_spec), ("json", parse_json)];

/// The type of what is at `path`, `None` where nothing is. A path that cannot be looked at is an error: what hides there
/// might be the plugin.
fn exists(path: &Path) -> Result<Option<fs::FileType>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.file_type())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("looking at {}", path.display())),
    }
}

/// Every plugin by name, sorted; a legacy one that a managed one hides is left out.
///
/// # Errors
///
/// A directory that cannot be read.
pub fn all(paths: &Paths) -> Result<Vec<(String, Origin)>> {
    let mut found: Vec<(String, Origin)> = managed::installed(paths)?
        .into_iter()
        .map(|plugin| (plugin.name, Origin::Managed))
        .collect();
    let sockets = std::iter::once((paths.plugin_sockets.as_path(), &["sock"][..]));
    let specs = paths
        .plugin_specs
        .iter()
        .map(|directory| (directory.as_path(), &["spec", "json"][..]));
    for (directory, extensions) in sockets.chain(specs) {
        for name in names_in(directory, extensions)? {
            if !managed_hides(&found, &name) && !found.iter().any(|(known, _)| *known == name) {
                found.push((name, Origin::Legacy));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn managed_hides(found: &[(String, Origin)], name: &str) -> bool {
    let tagged = managed::with_tag(name);
    found
        .iter()
        .any(|(known, origin)| *origin == Origin::Managed && *known == tagged)
}

/// `N.EXT` and `N/N.EXT`. A managed plugin's socket lies in a directory named by its ID and so is none of these.
fn names_in(directory: &Path, extensions: &[&str]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(names),
        Err(error) => {
            return Err(error).with_context(|| format!("reading {}", directory.display()));
        }
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("reading {}", directory.display()))?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        for extension in extensions {
            let is_hit = |path: &Path| {
                fs::metadata(path)
                    .is_ok_and(|found| *extension != "sock" || found.file_type().is_socket())
            };
            if let Some(name) = file.strip_suffix(&format!(".{extension}")) {
                if !name.is_empty() && is_hit(&entry.path()) {
                    names.push(name.to_owned());
                }
            } else if is_hit(&entry.path().join(format!("{file}.{extension}"))) {
                names.push(file.clone());
            }
        }
    }
    Ok(names)
}

/// What to say where no plugin has this name: where we looked, what is there, the nearest name.
pub fn not_found(paths: &Paths, name: &str) -> String {
    let [etc, usr] = &paths.plugin_specs;
    let places = [&paths.plugin_sockets, etc, usr]
        .map(|place| place.display().to_string())
        .join(", ");
    let found = all(paths).unwrap_or_default();
    let others = found.iter().map(|(name, _)| name.as_str());
    // It may have come just now.
    let names: Vec<&str> = others.filter(|other| *other != name).collect();
    let there = match names.len() {
        0 => "no plugin is there".to_owned(),
        1..=8 => format!("there is {}", names.join(", ")),
        more => format!("there are {more} others, see dvdcli drivers"),
    };
    let managed = managed::directory(paths).map_or_else(
        |_| String::new(),
        |place| format!(" or {}", place.display()),
    );
    let bare = names
        .iter()
        .map(|name| name.split_once(':').map_or(*name, |(bare, _)| bare));
    format!(
        "not found in {places}{managed}; {there}{}",
        suggest::did_you_mean(name, bare)
    )
}

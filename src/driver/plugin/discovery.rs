//! Finding a plugin by its name: its socket, its spec file or its managed installation (protocol: Finding a plugin).

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::driver::plugin::managed::{self, Managed};
use crate::driver::plugin::similar;
use crate::invocation::paths::Paths;
use crate::protocol::address::{Address, parse_json, parse_spec};
use crate::sys::files::small as files;

type ParseSpec = fn(&[u8]) -> Result<Address>;

/// The extensions of spec files, in order of precedence, and what reads each form.
const SPECS: [(&str, ParseSpec); 2] = [("spec", parse_spec), ("json", parse_json)];

/// A plugin that was found.
#[derive(Debug)]
pub struct Endpoint {
    pub address: Address,
    /// Its installation, where it is a managed plugin.
    pub managed: Option<Managed>,
    /// The spec file that names its address, where there is one.
    pub spec: Option<PathBuf>,
}

/// Which kind of plugin was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// By a socket or a spec file.
    Legacy,
    /// In Docker's data root.
    Managed,
    /// There, too, but an administrator has disabled it.
    Disabled,
}

/// Refuses a name that would lead out of the plugin directories: wrong usage.
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

/// The plugin that `name` means: a managed plugin of this name or full ID, else a legacy one of this name, else the managed one
/// whose ID begins with it. `None` where there is none.
///
/// # Errors
///
/// The plugin cannot be used: its spec file is broken, or it is disabled.
pub fn find(paths: &Paths, name: &str) -> Result<Option<Endpoint>> {
    let installed = managed::installed(paths)?;
    if let Some(plugin) = managed::named(&installed, name) {
        return managed_endpoint(paths, plugin).map(Some);
    }
    if let Some(endpoint) = find_legacy(paths, name)? {
        return Ok(Some(endpoint));
    }
    managed::with_id_prefix(&installed, name)?
        .map(|plugin| managed_endpoint(paths, plugin))
        .transpose()
}

fn managed_endpoint(paths: &Paths, plugin: &Managed) -> Result<Endpoint> {
    Ok(Endpoint {
        address: plugin.address(paths)?,
        managed: Some(plugin.clone()),
        spec: None,
    })
}

fn find_legacy(paths: &Paths, name: &str) -> Result<Option<Endpoint>> {
    let found = |address, spec| {
        Ok(Some(Endpoint {
            address,
            managed: None,
            spec,
        }))
    };
    for path in candidates(&paths.plugin_sockets, name, "sock") {
        if file_type(&path)?.is_some_and(|kind| kind.is_socket()) {
            return found(Address::Unix(path), None);
        }
    }
    for directory in &paths.plugin_specs {
        for (extension, parse) in SPECS {
            for path in candidates(directory, name, extension) {
                if file_type(&path)?.is_some() {
                    return found(read_spec(&path, parse)?, Some(path));
                }
            }
        }
    }
    Ok(None)
}

/// Where a legacy plugin may have its file: `NAME.EXT`, or `NAME/NAME.EXT`.
fn candidates(directory: &Path, name: &str, extension: &str) -> [PathBuf; 2] {
    let last = name.rsplit('/').next().unwrap_or(name);
    [
        directory.join(format!("{name}.{extension}")),
        directory.join(name).join(format!("{last}.{extension}")),
    ]
}

fn read_spec(path: &Path, parse: ParseSpec) -> Result<Address> {
    files::read(path)
        .map_err(anyhow::Error::from)
        .and_then(|text| parse(&text))
        .with_context(|| format!("reading {}", path.display()))
}

/// The type of the file at `path`; `None` where there is none.
///
/// # Errors
///
/// A path that cannot be looked at: the plugin may be there, and another one must not take its place.
fn file_type(path: &Path) -> Result<Option<fs::FileType>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.file_type())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("looking at {}", path.display())),
    }
}

/// The names of all volume plugins, sorted. A legacy plugin is left out where a managed one has its name.
///
/// # Errors
///
/// A directory that cannot be read.
pub fn all(paths: &Paths) -> Result<Vec<(String, Origin)>> {
    let mut found: Vec<(String, Origin)> = managed::installed(paths)?
        .into_iter()
        .filter(|plugin| plugin.is_volume_driver)
        .map(|plugin| match plugin.enabled {
            true => (plugin.name, Origin::Managed),
            false => (plugin.name, Origin::Disabled),
        })
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
        .any(|(known, origin)| *origin != Origin::Legacy && *known == tagged)
}

/// The names of the legacy plugins in a directory: `N` where there is `N.EXT` or `N/N.EXT`. The sockets of managed plugins are not
/// among them, because they are in directories whose names are IDs.
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

/// The message for a name that no plugin has: the directories that were searched, the plugins that are there, the nearest name.
pub fn not_found(paths: &Paths, name: &str) -> String {
    let [etc, usr] = &paths.plugin_specs;
    let places = [&paths.plugin_sockets, etc, usr]
        .map(|place| place.display().to_string())
        .join(", ");
    let found = all(paths).unwrap_or_default();
    let others = found.iter().map(|(name, _)| name.as_str());
    // The plugin itself may have come just now.
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
    let meant = similar::most_similar(name, &names)
        .map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
    format!("not found in {places}{managed}; {there}{meant}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure;
    use crate::base::text::chain;

    #[test]
    fn a_name_that_leads_out_of_a_directory_is_refused() {
        for (name, refusal) in [
            (
                "../fake",
                "--volumedriver: '../fake' is no name of a driver",
            ),
            (
                "/etc/passwd",
                "--volumedriver: '/etc/passwd' is no name of a driver",
            ),
            ("a//b", "--volumedriver: 'a//b' is no name of a driver"),
            ("//////", "--volumedriver: '//////' is no name of a driver"),
            ("fake/", "--volumedriver: 'fake/' is no name of a driver"),
        ] {
            let error = check_name(name).expect_err(name);
            assert_eq!(failure::ErrorKind::of(&error), failure::ErrorKind::Usage);
            assert_eq!(chain(&error), refusal);
        }
    }
}

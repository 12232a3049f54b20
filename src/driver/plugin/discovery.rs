//! Where a plugin is: its socket, its spec file, or its managed installation (protocol: Finding a plugin).

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use ureq::http::Uri;

use super::managed::{self, Managed};
use crate::failure::Failure;
use crate::files;
use crate::paths::Paths;
use crate::suggest;

/// How to reach a plugin.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// `host:port`, plain.
    Tcp(String),
    /// `host:port`, by TLS.
    Tls(String, TlsFiles),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp(authority) => write!(f, "tcp://{authority}"),
            Address::Tls(authority, _) => write!(f, "https://{authority}"),
        }
    }
}

/// The `TLSConfig` of a `.json` spec. Without a CA the system's roots are trusted.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct TlsFiles {
    pub insecure_skip_verify: bool,
    #[serde(rename = "CAFile")]
    pub ca_file: String,
    pub cert_file: String,
    pub key_file: String,
}

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

/// One line, a URL.
fn parse_spec(text: &str) -> Result<Address> {
    parse_address(text.trim(), TlsFiles::default())
}

fn parse_json(text: &str) -> Result<Address> {
    #[derive(Deserialize)]
    struct Spec {
        #[serde(rename = "Addr")]
        addr: String,
        #[serde(rename = "TLSConfig")]
        tls: Option<TlsFiles>,
    }
    let spec: Spec = serde_json::from_str(text)?;
    parse_address(&spec.addr, spec.tls.unwrap_or_default())
}

/// `unix:///path`, or `tcp://`, `http://`, `https://` with a host; a path behind the host is ignored.
fn parse_address(url: &str, tls: TlsFiles) -> Result<Address> {
    if url.is_empty() {
        bail!("it holds no address");
    }
    let shown = url.escape_debug();
    let Some((scheme, rest)) = url.split_once("://") else {
        bail!(
            "address '{shown}' has no scheme; write unix://, tcp://, http:// or https:// in front"
        );
    };
    if scheme == "unix" {
        if !rest.starts_with('/') || rest.contains(['\0', '\n']) {
            bail!("address '{shown}' has no absolute path");
        }
        return Ok(Address::Unix(PathBuf::from(rest)));
    }
    let uri: Uri = format!("http://{rest}")
        .parse()
        .map_err(|error| anyhow!("address '{shown}': {error}"))?;
    let authority = uri
        .authority()
        .filter(|authority| !authority.host().is_empty());
    let authority = authority.ok_or_else(|| anyhow!("address '{shown}' has no host"))?;
    if authority.as_str().contains('@') {
        bail!(
            "address '{}' holds a user, which plugins do not know",
            authority.host()
        );
    }
    let authority = authority.to_string();
    match scheme {
        "tcp" | "http" => Ok(Address::Tcp(authority)),
        "https" => Ok(Address::Tls(authority, tls)),
        _ => bail!("address '{shown}' has an unknown scheme; unix, tcp, http and https are known"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text: &str| {
            parse_spec(text)
                .map(|address| address.to_string())
                .map_err(|error| error.to_string())
        };
        for (text, expected) in [
            ("unix:///run/x.sock\n", Ok("unix:///run/x.sock")),
            ("tcp://[::1]:80/path", Ok("tcp://[::1]:80")),
            ("http://host:1", Ok("tcp://host:1")),
            (" https://host ", Ok("https://host")),
            ("", Err("it holds no address")),
            (
                "host:80",
                Err(
                    "address 'host:80' has no scheme; write unix://, tcp://, http:// or https:// in front",
                ),
            ),
            (
                "ftp://host",
                Err(
                    "address 'ftp://host' has an unknown scheme; unix, tcp, http and https are known",
                ),
            ),
            (
                "unix://relative",
                Err("address 'unix://relative' has no absolute path"),
            ),
            ("tcp://", Err("address 'tcp://': empty string")),
            (
                "tcp://a\nb",
                Err("address 'tcp://a\\nb': invalid uri character"),
            ),
            (
                "tcp://u:p@host",
                Err("address 'host' holds a user, which plugins do not know"),
            ),
        ] {
            assert_eq!(
                parsed(text),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }

    #[test]
    fn a_json_spec_carries_its_tls_files() {
        let text = r#"{"Name": "x", "Addr": "https://h:1/p", "TLSConfig": {"CAFile": "/ca", "Other": 1}, "More": []}"#;
        let tls = TlsFiles {
            ca_file: "/ca".into(),
            ..TlsFiles::default()
        };
        assert_eq!(
            parse_json(text).expect("a spec"),
            Address::Tls("h:1".into(), tls)
        );
    }
}

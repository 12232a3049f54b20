//! Managed (v2) plugins, found in Docker's data root without asking its daemon (protocol: Managed plugins).

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::driver::plugin::tree::Tree;
use crate::invocation::paths::Paths;
use crate::protocol::address::Address;
use crate::protocol::json;
use crate::sys::files::small as files;

/// What describes a plugin, in its directory.
const CONFIG: &str = "config.json";

/// A managed plugin, as its `config.json` describes it.
#[derive(Debug, Clone)]
pub struct Managed {
    pub id: String,
    /// With its tag, such as `rexray/ebs:latest`.
    pub name: String,
    pub enabled: bool,
    pub is_volume_driver: bool,
    socket: String,
    /// `DATA-ROOT/plugins/ID`.
    directory: PathBuf,
    /// What it sees, which lies in that directory.
    pub tree: Tree,
}

#[derive(Deserialize)]
struct ConfigFile {
    plugin: PluginConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PluginConfig {
    name: String,
    #[serde(default)]
    enabled: bool,
    config: InnerConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InnerConfig {
    interface: Interface,
    #[serde(default)]
    propagated_mount: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Interface {
    socket: String,
    #[serde(default)]
    types: Vec<String>,
}

/// The directory in which Docker keeps its managed plugins: `plugins` in its data root, which its configuration names.
///
/// # Errors
///
/// A configuration that cannot be read. Without it the plugins could be in any directory.
pub fn directory(paths: &Paths) -> Result<PathBuf> {
    let configured = match files::read(&paths.docker_config) {
        Ok(text) => data_root(&text)
            .with_context(|| format!("reading {}", paths.docker_config.display()))?,
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => {
            return Err(error)
                .with_context(|| format!("reading {}", paths.docker_config.display()));
        }
    };
    Ok(configured
        .unwrap_or_else(|| paths.docker_data.clone())
        .join("plugins"))
}

/// What a `daemon.json` says of the data root. dockerd takes an empty file for one without settings, and ignores a byte order mark.
fn data_root(text: &[u8]) -> Result<Option<PathBuf>> {
    #[derive(Deserialize)]
    struct Daemon {
        #[serde(rename = "data-root")]
        data_root: Option<PathBuf>,
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Ok(None);
    }
    let daemon: Daemon = json::read(text)?;
    Ok(daemon.data_root.filter(|root| !root.as_os_str().is_empty()))
}

/// All managed plugins that are installed. A directory without a readable `config.json` is left out: its plugin is just being
/// installed or removed.
///
/// # Errors
///
/// A data root that cannot be read. If it is missing, or the user may not read it, there are none.
pub fn installed(paths: &Paths) -> Result<Vec<Managed>> {
    let directory = directory(paths)?;
    let entries = match fs::read_dir(&directory) {
        Ok(entries) => entries,
        // Only root may read it. Other users can still use legacy plugins.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(error) => {
            return Err(error).with_context(|| format!("reading {}", directory.display()));
        }
    };
    let ids = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_id(name));
    Ok(ids.filter_map(|id| read(&directory, id)).collect())
}

fn is_id(name: &str) -> bool {
    name.len() == 64 && is_hex(name)
}

fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read(directory: &Path, id: String) -> Option<Managed> {
    let directory = directory.join(&id);
    let text = files::read(&directory.join(CONFIG)).ok()?;
    let ConfigFile { plugin } = json::read(&text).ok()?;
    Some(Managed {
        id,
        name: plugin.name,
        enabled: plugin.enabled,
        is_volume_driver: plugin
            .config
            .interface
            .types
            .iter()
            .any(|kind| kind.starts_with("docker.volumedriver/")),
        socket: plugin.config.interface.socket,
        tree: Tree::new(&directory, &plugin.config.propagated_mount),
        directory,
    })
}

/// `rexray/ebs` means `rexray/ebs:latest`; a colon before the last slash belongs to a registry's port.
pub fn with_tag(name: &str) -> String {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

/// The plugin with this name, with or without its tag, or with this full ID.
pub fn named<'a>(installed: &'a [Managed], name: &str) -> Option<&'a Managed> {
    let tagged = with_tag(name);
    installed
        .iter()
        .find(|plugin| plugin.name == tagged || plugin.id == name)
}

/// The plugin whose ID begins with `prefix`.
///
/// # Errors
///
/// More than one such plugin.
pub fn with_id_prefix<'a>(installed: &'a [Managed], prefix: &str) -> Result<Option<&'a Managed>> {
    if !is_hex(prefix) {
        return Ok(None);
    }
    let matches: Vec<&Managed> = installed
        .iter()
        .filter(|plugin| plugin.id.starts_with(prefix))
        .collect();
    if matches.len() > 1 {
        let names: Vec<&str> = matches.iter().map(|plugin| plugin.name.as_str()).collect();
        bail!(
            "the beginning of more than one ID: {}; give more digits",
            names.join(", ")
        );
    }
    Ok(matches.first().copied())
}

/// The message for a plugin that an administrator has disabled.
pub fn is_disabled(name: &str) -> String {
    format!("it is disabled; run docker plugin enable {name}")
}

impl Managed {
    pub fn config_file(&self) -> PathBuf {
        self.directory.join(CONFIG)
    }

    /// Refuses a directory, by its path without links, that does not lie in the plugin's own.
    pub fn refuse_outside(&self, directory: &Path) -> Result<()> {
        let own = fs::canonicalize(&self.directory);
        let own = own.with_context(|| format!("resolving {}", self.directory.display()))?;
        if !directory.starts_with(own) {
            bail!(
                "its mount point leads to {}, out of the plugin",
                directory.display()
            );
        }
        Ok(())
    }

    /// Where the plugin listens.
    ///
    /// # Errors
    ///
    /// A plugin that is disabled, or is no volume driver, or whose socket would lie outside of its directory.
    pub fn address(&self, paths: &Paths) -> Result<Address> {
        if !self.enabled {
            bail!(is_disabled(&self.name));
        }
        if !self.is_volume_driver {
            bail!("it is no volume driver");
        }
        if !matches!(
            Path::new(&self.socket).components().collect::<Vec<_>>()[..],
            [Component::Normal(_)]
        ) {
            bail!(
                "its socket '{}' is no file name",
                self.socket.escape_debug()
            );
        }
        let directory = paths.plugin_sockets.join(&self.id);
        Ok(Address::Unix(directory.join(&self.socket)))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_dockerd_reads_as_its_configuration() {
        for (text, root) in [
            ("", None),
            (" \n", None),
            ("\u{feff}", None),
            ("{}", None),
            (
                "\u{feff}{\"data-root\": \"/srv/docker\"}",
                Some("/srv/docker"),
            ),
        ] {
            let found = data_root(text.as_bytes()).expect("readable");
            assert_eq!(found, root.map(PathBuf::from), "{text:?}");
        }
        data_root(b"data-root").expect_err("no JSON");
    }

    #[test]
    fn only_what_is_in_its_directory_is_a_plugins() {
        let base = tempfile::tempdir().expect("a directory");
        let real = fs::canonicalize(base.path()).expect("its path");
        fs::create_dir(base.path().join("own")).expect("a directory");
        symlink("own", base.path().join("link")).expect("a link");
        let plugin = Managed {
            id: String::new(),
            name: String::new(),
            enabled: true,
            is_volume_driver: true,
            socket: String::new(),
            directory: base.path().join("link"),
            tree: Tree::new(base.path(), ""),
        };
        let inside = real.join("own/propagated-mount/db");
        plugin.refuse_outside(&inside).expect("its own");
        for outside in [real.join("other"), real.join("own2"), "/".into()] {
            plugin.refuse_outside(&outside).expect_err("not its own");
        }
    }

    #[test]
    fn names_with_and_without_tag() {
        for (name, tagged) in [
            ("rexray/ebs", "rexray/ebs:latest"),
            ("rexray/ebs:1.0", "rexray/ebs:1.0"),
            ("docker.io/rexray/ebs", "rexray/ebs:latest"),
            ("host:5000/ebs", "host:5000/ebs:latest"),
        ] {
            assert_eq!(with_tag(name), tagged);
        }
    }
}

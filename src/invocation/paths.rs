//! Every directory and file that dvdcli looks in or keeps things in.

use std::path::{Path, PathBuf};

/// Where things are on this host; all below one root, `/` unless `DVDCLI_ROOT` says otherwise.
///
/// Paths that a spec file, a user or a plugin names are taken as they stand, not below the root.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Sockets of plugins, legacy and managed.
    pub plugin_sockets: PathBuf,
    /// Spec files of legacy plugins, in order of precedence.
    pub plugin_specs: [PathBuf; 2],
    /// Docker's configuration, which may move its data root.
    pub docker_config: PathBuf,
    pub docker_data: PathBuf,
    /// Records and locks of the volumes that are mounted; lost at boot, as mounts are.
    pub holders: PathBuf,
    /// What the volumes of built-in drivers are kept in.
    pub state: PathBuf,
    /// Configuration files, in order of precedence.
    pub configs: [PathBuf; 2],
}

impl Paths {
    pub fn below(root: &Path) -> Paths {
        Paths {
            plugin_sockets: root.join("run/docker/plugins"),
            plugin_specs: [
                root.join("etc/docker/plugins"),
                root.join("usr/lib/docker/plugins"),
            ],
            docker_config: root.join("etc/docker/daemon.json"),
            docker_data: root.join("var/lib/docker"),
            holders: root.join("run/dvdcli"),
            state: root.join("var/lib/dvdcli"),
            configs: [
                root.join("etc/dvdcli/config.yml"),
                root.join("etc/rexray/config.yml"),
            ],
        }
    }
}

//! The directories and files that dvdcli looks in or keeps things in.

use std::path::{Path, PathBuf};

/// Absolute paths, all below one root: `/`, unless `DVDCLI_ROOT` says otherwise.
///
/// Paths that a spec file, a user or a plugin names are taken as they stand, not below the root.
#[derive(Debug)]
pub struct Paths {
    /// Sockets of plugins, legacy and managed.
    pub plugin_sockets: PathBuf,
    /// Spec files of legacy plugins, in order of precedence.
    pub plugin_specs: [PathBuf; 2],
    /// Docker's configuration, which may move its data root.
    pub docker_config: PathBuf,
    /// Docker's data root, unless its configuration moves it.
    pub docker_data: PathBuf,
    /// Records and locks of mounted volumes; emptied at boot, as mounts end then as well.
    pub holders: PathBuf,
    /// Where built-in drivers keep their volumes, unless the configuration says otherwise.
    pub state: PathBuf,
    /// Configuration files, in order of precedence.
    pub configs: [PathBuf; 2],
}

impl Paths {
    /// All paths below this root.
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

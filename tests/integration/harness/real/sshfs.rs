//! vieux/sshfs (1e0cd2f), and those who have copied it: bindfs, curlftpfs, webdavfs, onedata. It counts mounts per volume, and
//! mounts at a count of none. An unmount of what is not mounted fails, but has made the count less than none: the mount that
//! comes next then answers a directory with nothing mounted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::real::{
    RealPlugin, Said, by_helpers, done, in_general, make, option, remove_all, run_mount,
    run_umount, text,
};

/// What the copies differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    Sshfs,
    /// lebokus/bindfs (b16a9bf).
    Bindfs,
}

pub struct Sshfs {
    copy: Copy,
    root: PathBuf,
    volumes: BTreeMap<String, Volume>,
}

struct Volume {
    /// The host and its directory; a directory here.
    source: PathBuf,
    mountpoint: PathBuf,
    connections: i64,
}

impl Copy {
    pub fn name(self) -> &'static str {
        match self {
            Copy::Sshfs => "sshfs",
            Copy::Bindfs => "bindfs",
        }
    }

    pub fn option(self) -> &'static str {
        match self {
            Copy::Sshfs => "sshcmd",
            Copy::Bindfs => "sourcePath",
        }
    }

    fn not_found(self, name: &str) -> String {
        match self {
            Copy::Sshfs => format!("volume {name} not found"),
            // It hands its list of arguments on as one.
            Copy::Bindfs => format!("volume [{name}] not found"),
        }
    }

    fn is_used(self, name: &str) -> String {
        match self {
            Copy::Sshfs => format!("volume {name} is currently used by a container"),
            Copy::Bindfs => format!("volume [{name}] is currently used by a container"),
        }
    }
}

impl Sshfs {
    pub fn new(env: &Env, copy: Copy) -> Sshfs {
        Sshfs {
            copy,
            root: env.path("mnt/volumes"),
            volumes: BTreeMap::new(),
        }
    }

    fn known(&mut self, name: &str) -> Result<&mut Volume, String> {
        let not_found = self.copy.not_found(name);
        self.volumes.get_mut(name).ok_or(not_found)
    }

    /// One that exists is made anew, with a count of none.
    fn create(&mut self, request: &Value) -> Said {
        let (name, key) = (text(request, "Name"), self.copy.option());
        let source = option(request, key);
        if source.is_empty() {
            return Err(format!("'{key}' option required"));
        }
        // The original names it after the source's MD5, so that two volumes of one source share it.
        let hash: String = source.bytes().map(|byte| format!("{byte:02x}")).collect();
        let volume = Volume {
            source: source.into(),
            mountpoint: self.root.join(&hash[hash.len().saturating_sub(32)..]),
            connections: 0,
        };
        self.volumes.insert(name.to_owned(), volume);
        done()
    }

    /// What is still mounted there, as after a restart, is deleted with it.
    fn remove(&mut self, name: &str) -> Said {
        let is_used = self.copy.is_used(name);
        let volume = self.known(name)?;
        if volume.connections != 0 {
            return Err(is_used);
        }
        remove_all(&volume.mountpoint)?;
        self.volumes.remove(name);
        done()
    }

    fn mount(&mut self, name: &str) -> Said {
        let volume = self.known(name)?;
        if volume.connections == 0 {
            make(&volume.mountpoint)?;
            run_mount(&volume.source, &volume.mountpoint)
                .map_err(|why| format!("sshfs command execute failed: {why} ()"))?;
        }
        volume.connections += 1;
        Ok(json!({ "Mountpoint": volume.mountpoint }))
    }

    fn unmount(&mut self, name: &str) -> Said {
        let volume = self.known(name)?;
        volume.connections -= 1;
        if volume.connections <= 0 {
            run_umount(&volume.mountpoint)?;
            volume.connections = 0;
        }
        done()
    }

    fn shown(name: &str, volume: &Volume) -> Value {
        json!({ "Name": name, "Mountpoint": volume.mountpoint, "Status": null })
    }

    fn list(&self) -> Value {
        match self.volumes.is_empty() {
            true => json!({ "Volumes": null }),
            false => {
                let volumes = self.volumes.iter();
                json!({ "Volumes": volumes.map(|(name, it)| Sshfs::shown(name, it)).collect::<Vec<_>>() })
            }
        }
    }
}

impl RealPlugin for Sshfs {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "local") {
            return (200, body);
        }
        let name = text(request, "Name");
        by_helpers(match method {
            "Create" => self.create(request),
            "Remove" => self.remove(name),
            "Mount" => self.mount(name),
            "Unmount" => self.unmount(name),
            "List" => Ok(self.list()),
            "Get" => self
                .known(name)
                .map(|volume| json!({ "Volume": Sshfs::shown(name, volume) })),
            "Path" => self
                .known(name)
                .map(|volume| json!({ "Mountpoint": volume.mountpoint })),
            _ => panic!("it is not asked for {method}"),
        })
    }

    /// Its volumes are in a file, without their counts.
    fn restart(&mut self) {
        for volume in self.volumes.values_mut() {
            volume.connections = 0;
        }
    }
}

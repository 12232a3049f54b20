//! origin-nexus/glusterfs (463f9af), with a file system for each volume: it is mounted when the volume is created, and unmounted
//! when it is removed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::real::{
    RealPlugin, Said, by_helpers, done, in_general, make, option, run_mount, run_umount, text,
};

pub struct AtCreation {
    root: PathBuf,
    /// Its volumes, and what is mounted for each.
    volumes: BTreeMap<String, PathBuf>,
}

impl AtCreation {
    pub fn new(env: &Env) -> AtCreation {
        AtCreation {
            root: env.path("mnt/gluster"),
            volumes: BTreeMap::new(),
        }
    }

    fn known(&self, name: &str) -> Result<PathBuf, String> {
        let absent = || format!("volume {name} not found");
        let known = self.volumes.get(name).map(|_| self.root.join(name));
        known.ok_or_else(absent)
    }

    fn create(&mut self, request: &Value) -> Said {
        let name = text(request, "Name");
        let source = PathBuf::from(option(request, "servers"));
        self.volumes.insert(name.to_owned(), source);
        self.mount(name)?;
        done()
    }

    /// What is mounted already is left as it is.
    fn mount(&self, name: &str) -> Said {
        let point = self.known(name)?;
        make(&point)?;
        if mounted_at(&point).is_none() {
            run_mount(&self.volumes[name], &point)?;
        }
        Ok(json!({ "Mountpoint": point }))
    }

    fn remove(&mut self, name: &str) -> Said {
        let point = self.known(name)?;
        run_umount(&point)?;
        let _ = fs::remove_dir(&point);
        self.volumes.remove(name);
        done()
    }

    fn shown(&self, name: &str) -> Value {
        json!({ "Name": name, "Mountpoint": self.root.join(name), "Status": null })
    }
}

impl RealPlugin for AtCreation {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "local") {
            return (200, body);
        }
        let name = text(request, "Name");
        by_helpers(match method {
            "Create" => self.create(request),
            "Remove" => self.remove(name),
            "Mount" => self.mount(name),
            "Unmount" => self.known(name).map(|_| json!({})),
            "List" => {
                let volumes = self.volumes.keys().map(|name| self.shown(name));
                Ok(json!({ "Volumes": volumes.collect::<Vec<_>>() }))
            }
            "Get" => self
                .known(name)
                .map(|_| json!({ "Volume": self.shown(name) })),
            "Path" => self.known(name).map(|point| json!({ "Mountpoint": point })),
            _ => panic!("it is not asked for {method}"),
        })
    }

    /// All that it knows is in a file.
    fn restart(&mut self) {}
}

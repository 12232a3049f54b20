//! REX-Ray (rexray/rexray 0.11.4), with volumes that are block devices, or directories of its driver `vfs`. It counts mounts by
//! name. `Get` and `List` never say where a volume is mounted; `Path` does of a device, once it has been mounted, and refuses in
//! words of absence when it is detached.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::real::{
    RealPlugin, Said, by_helpers, done, in_general, make, run_mount, run_umount, text,
};

pub struct Rexray {
    root: PathBuf,
    devices: PathBuf,
    /// Whether volumes are plain directories.
    is_vfs: bool,
    /// Its volumes, and whether each is attached, and mounted where it is a device.
    volumes: BTreeMap<String, bool>,
    used: BTreeMap<String, i64>,
}

const ABSENT: &str = "resource not found";

impl Rexray {
    pub fn new(env: &Env) -> Rexray {
        Rexray {
            root: env.path("rexray/volumes"),
            devices: env.path("backend"),
            is_vfs: false,
            volumes: BTreeMap::new(),
            used: BTreeMap::new(),
        }
    }

    pub fn vfs(env: &Env) -> Rexray {
        Rexray {
            is_vfs: true,
            ..Rexray::new(env)
        }
    }

    /// The directory in the volume that users get.
    fn data(&self, name: &str) -> Value {
        json!({ "Mountpoint": self.root.join(name).join("data") })
    }

    fn create(&mut self, name: &str) -> Said {
        if self.volumes.contains_key(name) {
            return Err(format!("volume name already exists: {name}"));
        }
        make(&self.devices.join(name).join("data"))?;
        self.volumes.insert(name.to_owned(), false);
        done()
    }

    fn mount(&mut self, name: &str) -> Said {
        let point = self.root.join(name);
        let is_mounted = self.volumes.get_mut(name).ok_or(ABSENT)?;
        match (self.is_vfs, *is_mounted) {
            (true, _) => make(&point.join("data"))?,
            (false, true) => {}
            (false, false) => {
                make(&point)?;
                run_mount(&self.devices.join(name), &point)?;
            }
        }
        *is_mounted = true;
        *self.used.entry(name.to_owned()).or_default() += 1;
        Ok(self.data(name))
    }

    /// At a count of less than two, or of nothing that it knows of, whatever is mounted is unmounted and detached.
    fn unmount(&mut self, name: &str) -> Said {
        let count = self.used.entry(name.to_owned()).or_default();
        if *count >= 2 {
            *count -= 1;
            return done();
        }
        *count = 0;
        let is_mounted = self.volumes.get_mut(name).filter(|is_mounted| **is_mounted);
        let is_mounted = is_mounted.ok_or(ABSENT)?;
        if !self.is_vfs {
            run_umount(&self.root.join(name))?;
        }
        *is_mounted = false;
        done()
    }

    fn path(&self, name: &str) -> Said {
        if !self.used.contains_key(name) {
            return Ok(json!({ "Mountpoint": "" }));
        }
        match self.volumes.get(name) {
            // Nothing is mounted from a device of that name.
            Some(true) if self.is_vfs => Ok(json!({ "Mountpoint": "" })),
            Some(true) => Ok(self.data(name)),
            _ => Err(ABSENT.to_owned()),
        }
    }

    fn remove(&mut self, name: &str) -> Said {
        self.volumes.remove(name).ok_or(ABSENT)?;
        done()
    }

    fn shown(name: &str) -> Value {
        let status = json!({ "name": name, "server": "ebs", "service": "ebs", "size": 16 });
        json!({ "Name": name, "Mountpoint": "", "Status": status })
    }

    fn get(&self, name: &str) -> Said {
        let known = self.volumes.get(name);
        let shown = known.map(|_| json!({ "Volume": Rexray::shown(name) }));
        shown.ok_or_else(|| ABSENT.to_owned())
    }

    fn list(&self) -> Said {
        let volumes = self.volumes.keys().map(|name| Rexray::shown(name));
        Ok(json!({ "Volumes": volumes.collect::<Vec<_>>() }))
    }
}

impl RealPlugin for Rexray {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "global") {
            return (200, body);
        }
        let name = text(request, "Name");
        let said = match method {
            "Create" => self.create(name),
            "Remove" => self.remove(name),
            "Mount" => self.mount(name),
            "Unmount" => self.unmount(name),
            "List" => self.list(),
            "Get" => self.get(name),
            "Path" => self.path(name),
            _ => panic!("it is not asked for {method}"),
        };
        by_helpers(said.map_err(|why| format!("docker-legacy: {method}: {name}: failed: {why}")))
    }

    /// What is attached and mounted it finds again, but its counts are lost.
    fn restart(&mut self) {
        self.used.clear();
    }
}

//! trajano/docker-volume-plugins (8496dab): nfs, cifs, glusterfs, s3fs. Every ID has the volume mounted in a directory of its
//! own, and the volume says that it is where it was mounted last, or nowhere when anybody has unmounted it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::real::{
    RealPlugin, Said, by_helpers, done, in_general, make, option, run_mount, run_umount, text,
};

pub struct PerId {
    root: PathBuf,
    volumes: BTreeMap<String, Volume>,
}

struct Volume {
    device: PathBuf,
    mountpoint: PathBuf,
}

impl PerId {
    pub fn new(env: &Env) -> PerId {
        PerId {
            root: env.path("docker-volumes"),
            volumes: BTreeMap::new(),
        }
    }

    fn known(&mut self, name: &str) -> Result<&mut Volume, String> {
        let absent = format!("volume {name} does not exist");
        self.volumes.get_mut(name).ok_or(absent)
    }

    fn create(&mut self, request: &Value) -> Said {
        let (name, device) = (text(request, "Name"), option(request, "device"));
        if self.volumes.contains_key(name) {
            return Err(format!("volume {name} already exists"));
        }
        if device.is_empty() {
            return Err("device is required in driver_opts".to_owned());
        }
        let volume = Volume {
            device: device.into(),
            mountpoint: PathBuf::new(),
        };
        self.volumes.insert(name.to_owned(), volume);
        done()
    }

    /// Under the same ID twice, it is mounted on top of itself.
    fn mount(&mut self, name: &str, id: &str) -> Said {
        let point = self.root.join(id);
        let volume = self.known(name)?;
        let failed = |why: String| format!("error mounting {name}: {why}");
        make(&point).map_err(failed)?;
        run_mount(&volume.device, &point).map_err(failed)?;
        volume.mountpoint = point;
        Ok(json!({ "Mountpoint": volume.mountpoint }))
    }

    fn unmount(&mut self, name: &str, id: &str) -> Said {
        let point = self.root.join(id);
        let volume = self.known(name)?;
        if !point.exists() {
            return Err(format!(
                "error unmounting {name}: no such file or directory"
            ));
        }
        // One that is not mounted is taken for unmounted.
        if mounted_at(&point).is_some() {
            run_umount(&point)
                .map_err(|_| format!("error unmounting {name}: device or resource busy"))?;
        }
        volume.mountpoint = PathBuf::new();
        fs::remove_dir(&point).map_err(|error| format!("error unmounting {name}: {error}"))?;
        done()
    }

    fn shown(name: &str, volume: &Volume) -> Value {
        let is_mounted = volume.mountpoint != PathBuf::new();
        let status = json!({ "args": ["-t", "nfs"], "mounted": is_mounted });
        match is_mounted {
            true => json!({ "Name": name, "Mountpoint": volume.mountpoint, "Status": status }),
            false => json!({ "Name": name, "Status": status }),
        }
    }
}

impl RealPlugin for PerId {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "local") {
            return (200, body);
        }
        let (name, id) = (text(request, "Name"), text(request, "ID"));
        by_helpers(match method {
            "Create" => self.create(request),
            "Remove" => {
                let removed = self.known(name).map(|_| json!({}));
                self.volumes.remove(name);
                removed
            }
            "Mount" => self.mount(name, id),
            "Unmount" => self.unmount(name, id),
            "List" => {
                let volumes = self.volumes.iter();
                Ok(
                    json!({ "Volumes": volumes.map(|(name, it)| PerId::shown(name, it)).collect::<Vec<_>>() }),
                )
            }
            "Get" => self
                .known(name)
                .map(|volume| json!({ "Volume": PerId::shown(name, volume) })),
            "Path" => self
                .known(name)
                .map(|volume| json!({ "Mountpoint": volume.mountpoint })),
            _ => panic!("it is not asked for {method}"),
        })
    }

    /// All that it knows is in a file.
    fn restart(&mut self) {}
}

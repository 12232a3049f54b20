//! ContainX/docker-volume-netshare (f1aed1a), its `nfs`. Its answer to `Get` of a volume that it does not have is `null`; `Mount`
//! of one makes it up, and asks a server of that name. Whether a volume is mounted it looks up in the mount table, by the
//! beginning of the path.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mount_table;
use crate::harness::real::{
    RealPlugin, Said, by_helpers, done, in_general, make, option, remove_all, run_mount,
    run_umount, text,
};

pub struct Netshare {
    root: PathBuf,
    mounts: BTreeMap<String, Share>,
}

struct Share {
    /// A directory that is exported; a directory here.
    share: PathBuf,
    connections: u32,
    is_managed: bool,
}

impl Netshare {
    pub fn new(env: &Env) -> Netshare {
        Netshare {
            root: env.path("mnt/netshare/nfs"),
            mounts: BTreeMap::new(),
        }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn create(&mut self, request: &Value) -> Said {
        let name = text(request, "Name");
        make(&self.place(name))?;
        let share = PathBuf::from(option(request, "share"));
        match self.mounts.get_mut(name) {
            Some(known) if known.connections > 0 => known.share = share,
            _ => {
                let share = Share {
                    share,
                    connections: 0,
                    is_managed: true,
                };
                self.mounts.insert(name.to_owned(), share);
            }
        }
        done()
    }

    /// `grep -c PLACE /proc/mounts`
    fn seems_mounted(&self, name: &str) -> bool {
        let place = self.place(name).display().to_string();
        let mut points = mount_table().into_iter().map(|mount| mount.point);
        points.any(|point| point.display().to_string().contains(&place))
    }

    fn mount(&mut self, name: &str) -> Said {
        let place = self.place(name);
        let seems_mounted = self.seems_mounted(name);
        if let Some(known) = self.mounts.get_mut(name)
            && seems_mounted
        {
            known.connections += 1;
            return Ok(json!({ "Mountpoint": place }));
        }
        make(&place)?;
        let known = self.mounts.entry(name.to_owned()).or_insert(Share {
            share: format!("{name}:").into(),
            connections: 0,
            is_managed: true,
        });
        known.connections += 1;
        if let Err(why) = run_mount(&known.share, &place) {
            known.connections -= 1;
            return Err(why);
        }
        Ok(json!({ "Mountpoint": place }))
    }

    fn unmount(&mut self, name: &str) -> Said {
        let place = self.place(name);
        if let Some(known) = self.mounts.get_mut(name) {
            if known.connections > 1 {
                known.connections -= 1;
                return done();
            }
            known.connections = known.connections.saturating_sub(1);
        }
        run_umount(&place)?;
        self.mounts
            .retain(|other, share| other != name || share.is_managed || share.connections > 0);
        if fs::entries(&place).is_ok_and(|files| files.is_empty()) {
            remove_all(&place)?;
        }
        done()
    }

    /// One that it does not have is removed, too.
    fn remove(&mut self, name: &str) -> Said {
        if self.mounts.get(name).is_some_and(|it| it.connections > 0) {
            return Err("Volume is currently in use".to_owned());
        }
        self.mounts.remove(name);
        done()
    }
}

impl RealPlugin for Netshare {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "local") {
            return (200, body);
        }
        let name = text(request, "Name");
        let shown = |name: &str| json!({ "Name": name, "Mountpoint": self.place(name) });
        by_helpers(match method {
            "Create" => self.create(request),
            "Remove" => self.remove(name),
            "Mount" => self.mount(name),
            "Unmount" => self.unmount(name),
            "List" => {
                Ok(json!({ "Volumes": self.mounts.keys().map(|it| shown(it)).collect::<Vec<_>>() }))
            }
            "Get" if self.mounts.contains_key(name) => Ok(json!({ "Volume": shown(name) })),
            "Get" => Ok(Value::Null),
            // Whether it has the volume or not.
            "Path" => Ok(json!({ "Mountpoint": self.place(name) })),
            _ => panic!("it is not asked for {method}"),
        })
    }

    /// It asks dockerd for its volumes, which tells it those of Docker.
    fn restart(&mut self) {
        self.mounts.clear();
    }
}

//! maaso/moosefs (9056048), a JavaScript program: its errors come with status 200, and in the words of Node.js. An unmount of what
//! was never mounted is a mistake of its own, and answered by a page. Every volume is a directory of one file system.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::real::{RealPlugin, Said, in_general, make, run_mount, run_umount, text};

pub struct Moosefs {
    /// The file system of all volumes.
    remote: PathBuf,
    points: PathBuf,
    /// Who has mounted it, by ID.
    mounted: BTreeMap<String, Vec<String>>,
}

impl Moosefs {
    pub fn new(env: &Env) -> Moosefs {
        Moosefs {
            remote: env.path("backend"),
            points: env.path("mnt/docker-volumes"),
            mounted: BTreeMap::new(),
        }
    }

    fn is_mounted(&self, name: &str) -> bool {
        self.mounted.get(name).is_some_and(|ids| !ids.is_empty())
    }

    fn shown(&self, name: &str) -> Value {
        match self.is_mounted(name) {
            true => json!({ "Name": name, "Mountpoint": self.points.join(name) }),
            false => json!({ "Name": name }),
        }
    }

    fn mount(&mut self, name: &str, id: &str) -> Said {
        let point = self.points.join(name);
        if !self.is_mounted(name) {
            make(&point)?;
            run_mount(&self.remote.join(name), &point)
                .map_err(|_| format!("Error: Command failed: mfsmount {}", point.display()))?;
            self.mounted.insert(name.to_owned(), Vec::new());
        }
        self.mounted
            .entry(name.to_owned())
            .or_default()
            .push(id.to_owned());
        Ok(json!({ "Mountpoint": point }))
    }

    /// The last of the IDs is taken out, whichever is meant, and nothing of an empty list.
    fn unmount(&mut self, name: &str) -> Option<Said> {
        let point = self.points.join(name);
        let ids = self.mounted.get_mut(name)?;
        ids.pop();
        let failed = format!("Error: Command failed: umount {}", point.display());
        Some(match ids.is_empty() {
            true => run_umount(&point).map(|()| json!({})).map_err(|_| failed),
            false => Ok(json!({})),
        })
    }

    fn get(&self, name: &str) -> Said {
        let path = self.remote.join(name);
        match path.exists() {
            true => Ok(json!({ "Volume": self.shown(name) })),
            false => Err(format!(
                "Error: ENOENT: no such file or directory, access '{}'",
                path.display()
            )),
        }
    }

    fn list(&self) -> Value {
        let names = fs::names(&self.remote).into_iter();
        let names = names.map(|name| name.into_string().unwrap());
        json!({ "Volumes": names.map(|name| self.shown(&name)).collect::<Vec<_>>() })
    }
}

impl RealPlugin for Moosefs {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "global") {
            return (200, body);
        }
        let name = text(request, "Name");
        let said = match method {
            "Create" => make(&self.remote.join(name)).map(|()| json!({})),
            "Remove" => fs::remove_dir_all(self.remote.join(name))
                .map(|()| json!({}))
                .map_err(|error| format!("Error: {error}")),
            "Mount" => self.mount(name, text(request, "ID")),
            "Unmount" => match self.unmount(name) {
                Some(said) => said,
                None => {
                    let page = "<!DOCTYPE html>\n<pre>TypeError: Cannot read properties of undefined (reading 'pop')</pre>";
                    return (500, page.into());
                }
            },
            "List" => Ok(self.list()),
            "Get" => self.get(name),
            "Path" if self.is_mounted(name) => Ok(json!({ "Mountpoint": self.points.join(name) })),
            "Path" => Ok(json!({})),
            _ => panic!("it is not asked for {method}"),
        };
        (200, said.unwrap_or_else(|words| json!({ "Err": words })))
    }

    /// At its end it unmounts what it has mounted.
    fn restart(&mut self) {
        for name in std::mem::take(&mut self.mounted).into_keys() {
            let _ = run_umount(&self.points.join(name));
        }
    }
}

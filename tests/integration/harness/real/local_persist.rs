//! MatchbookLab/local-persist (4fb65b4). A volume is a directory of the administrator's, who may have mounted something there;
//! the plugin mounts nothing, and refuses next to nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::real::{RealPlugin, by_helpers, in_general, make, option, text};

#[derive(Default)]
pub struct LocalPersist {
    volumes: BTreeMap<String, String>,
}

impl LocalPersist {
    /// Every answer has every field.
    fn whole(mountpoint: &str, volume: Value, volumes: Value) -> Value {
        json!({
            "Mountpoint": mountpoint,
            "Err": "",
            "Volumes": volumes,
            "Volume": volume,
            "Capabilities": { "Scope": "" },
        })
    }

    fn create(&mut self, request: &Value) -> Result<Value, String> {
        let (name, mountpoint) = (text(request, "Name"), option(request, "mountpoint"));
        if mountpoint.is_empty() {
            return Err("The `mountpoint` option is required".to_owned());
        }
        if self.volumes.contains_key(name) {
            return Err(format!("The volume {name} already exists"));
        }
        make(mountpoint.as_ref())?;
        self.volumes.insert(name.to_owned(), mountpoint.to_owned());
        Ok(LocalPersist::whole("", Value::Null, Value::Null))
    }
}

impl RealPlugin for LocalPersist {
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value) {
        if let Some(body) = in_general(method, "local") {
            return (200, body);
        }
        let name = text(request, "Name");
        let mountpoint = self.volumes.get(name).map_or("", String::as_str);
        let shown = |name: &str, at: &str| json!({ "Name": name, "Mountpoint": at });
        by_helpers(match method {
            "Create" => self.create(request),
            "Remove" => {
                self.volumes.remove(name);
                Ok(LocalPersist::whole("", Value::Null, Value::Null))
            }
            // Also of a volume that it does not have.
            "Mount" | "Unmount" | "Path" => {
                Ok(LocalPersist::whole(mountpoint, Value::Null, Value::Null))
            }
            "List" => {
                let volumes = self.volumes.iter().map(|(name, at)| shown(name, at));
                Ok(LocalPersist::whole("", Value::Null, volumes.collect()))
            }
            "Get" if mountpoint.is_empty() => Err(format!("No volume found with the name {name}")),
            "Get" => Ok(LocalPersist::whole(
                "",
                shown(name, mountpoint),
                Value::Null,
            )),
            _ => panic!("it is not asked for {method}"),
        })
    }

    /// All that it knows is in a file.
    fn restart(&mut self) {}
}

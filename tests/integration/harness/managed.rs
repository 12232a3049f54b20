//! Managed plugins, as Docker writes them down, and the plugins among the drivers that are listed.

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;

pub const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub const OTHER_ID: &str = "0123f6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0";

/// What Docker writes down of a plugin, as far as it matters here.
pub fn config(id: &str, name: &str, propagated: &str) -> Value {
    json!({
        "plugin": {
            "Config": {
                "Description": "a volume plugin",
                "Interface": { "ProtocolScheme": "", "Socket": "x.sock", "Types": ["docker.volumedriver/1.0"] },
                "PropagatedMount": propagated,
            },
            "Enabled": true,
            "Id": id,
            "Name": name,
            "Settings": { "Args": [], "Devices": [] },
        },
        "Rootfs": "/gone",
        "SwarmServiceID": "",
    })
}

pub fn install(env: &Env, data_root: &str, id: &str, config: &Value) {
    env.write(
        &format!("{data_root}/plugins/{id}/config.json"),
        config.to_string(),
    );
}

/// A plugin that is installed and runs, with the volume `db`.
pub fn plugin(env: &Env, id: &str, name: &str, propagated: &str) -> FakePlugin {
    install(env, "var/lib/docker", id, &config(id, name, propagated));
    FakePlugin::at(
        env,
        Kind::Counting,
        &format!("run/docker/plugins/{id}/x.sock"),
    )
    .with_volume("db")
}

/// What `drivers --format json` shows beside the built-in drivers.
#[track_caller]
pub fn listed_plugins(env: &Env) -> Value {
    let mut listed = env.json("drivers --format json");
    let drivers = listed.as_array_mut().unwrap();
    drivers.retain(|driver| driver["Type"] != "built-in");
    listed
}

//! Real plugins, played to the letter: what each of these does is written down from the source of the plugin, its mistakes
//! included. Their backends are directories of the environment, which they mount for real.

use std::path::Path;
use std::sync::MutexGuard;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;

pub mod at_creation;
pub mod local_persist;
pub mod moosefs;
pub mod netshare;
pub mod per_id;
pub mod rexray;
pub mod sshfs;

pub trait RealPlugin: Send {
    /// What it answers: a status, and a body.
    fn answer(&mut self, method: &str, request: &Value) -> (u16, Value);

    /// It forgets whatever it has not written down; what it has mounted stays.
    fn restart(&mut self);
}

/// What a method of a plugin returns: its answer, or the words of an error.
pub type Said = Result<Value, String>;

/// As Go's library for plugins (docker/go-plugins-helpers) answers.
pub fn by_helpers(said: Said) -> (u16, Value) {
    match said {
        Ok(body) => (200, body),
        Err(words) => (500, json!({ "Err": words })),
    }
}

/// What every plugin answers alike, whatever volumes it has.
pub fn in_general(method: &str, scope: &str) -> Option<Value> {
    match method {
        "Activate" => Some(json!({ "Implements": ["VolumeDriver"] })),
        "Capabilities" => Some(json!({ "Capabilities": { "Scope": scope } })),
        _ => None,
    }
}

pub fn done() -> Said {
    Ok(json!({}))
}

pub fn text<'a>(request: &'a Value, key: &str) -> &'a str {
    request[key].as_str().unwrap_or_default()
}

pub fn option<'a>(request: &'a Value, key: &str) -> &'a str {
    request["Opts"][key].as_str().unwrap_or_default()
}

/// As mount(8) is run: the backend appears at the mount point.
pub fn run_mount(backend: &Path, point: &Path) -> Result<(), String> {
    let none = None::<&str>;
    mount(Some(backend), point, none, MsFlags::MS_BIND, none)
        .map_err(|_| "exit status 32".to_owned())
}

/// As umount(8) is run, of whose words Go's `Run` keeps the exit status only.
pub fn run_umount(point: &Path) -> Result<(), String> {
    umount2(point, MntFlags::empty()).map_err(|_| "exit status 32".to_owned())
}

/// As `os.RemoveAll`, which follows no link but goes through what is mounted.
pub fn remove_all(directory: &Path) -> Result<(), String> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

pub fn make(directory: &Path) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| error.to_string())
}

impl FakePlugin {
    /// Plays a real plugin.
    pub fn playing(env: &Env, name: &str, real: impl RealPlugin + 'static) -> FakePlugin {
        let socket = format!("run/docker/plugins/{name}.sock");
        FakePlugin::on_socket(env, Kind::Counting, Some(Box::new(real)), &socket)
    }

    /// Another client of a real plugin that is played calls it, as Docker does. Not counted among the requests.
    #[track_caller]
    pub fn by_docker(&self, method: &str, request: Value) -> Value {
        let (status, body) = self.real().answer(method, &request);
        assert_eq!(status, 200, "{method}: {body}");
        body
    }

    /// The same call, which has to fail. Returns its words.
    #[track_caller]
    pub fn refuses_docker(&self, method: &str, request: Value) -> String {
        let (status, body) = self.real().answer(method, &request);
        assert_eq!(status, 500, "{method}: {body}");
        body["Err"].as_str().unwrap_or_default().to_owned()
    }

    /// Ends the real plugin that is played, and starts it anew.
    pub fn restart(&self) {
        self.real().restart();
    }

    fn real(&self) -> MutexGuard<'_, Box<dyn RealPlugin>> {
        self.state.plays.as_ref().unwrap().lock().unwrap()
    }
}

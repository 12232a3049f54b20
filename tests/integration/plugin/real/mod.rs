//! Real plugins, played to the letter (`harness::real`): what others' callers get away with, we answer for.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::plugin::FakePlugin;
use crate::harness::real::RealPlugin;

mod absence;
mod at_creation;
mod local_persist;
mod moosefs;
mod netshare;
mod per_id;
mod rexray;
mod sshfs;

/// A host with a real plugin, and a backend with a directory for each of two volumes.
struct Scene {
    env: Env,
    plugin: FakePlugin,
    name: &'static str,
    /// The option that says where a volume's data are.
    option: &'static str,
}

impl Scene {
    /// `None` where the test does not run as root.
    fn new<P: RealPlugin + 'static>(
        name: &'static str,
        option: &'static str,
        plays: impl FnOnce(&Env) -> P,
    ) -> Option<Scene> {
        let env = Env::isolated()?;
        env.dir("backend/db");
        env.dir("backend/other");
        let plugin = FakePlugin::playing(&env, name, plays(&env));
        Some(Scene {
            env,
            plugin,
            name,
            option,
        })
    }

    /// With the volume `db`, of which nothing has been asked but that it be made.
    fn with_db<P: RealPlugin + 'static>(
        name: &'static str,
        option: &'static str,
        plays: impl FnOnce(&Env) -> P,
    ) -> Option<Scene> {
        let scene = Scene::new(name, option, plays)?;
        scene.has("db");
        Some(scene)
    }

    /// Docker creates the volume.
    fn has(&self, volume: &str) {
        let data = self.env.path("backend").join(volume);
        let request = json!({ "Name": volume, "Opts": { self.option: data } });
        self.plugin.by_docker("Create", request);
    }

    /// The verb, for the volume `db`.
    fn line(&self, verb: &str) -> String {
        let (verb, rest) = verb.split_once(' ').unwrap_or((verb, ""));
        format!("{verb} -d {} -n db {rest}", self.name)
    }

    /// The options that create the volume `db`.
    fn options(&self) -> String {
        format!("--opt {}=$ROOT/backend/db", self.option)
    }

    #[track_caller]
    fn succeeds(&self, verb: &str) {
        self.env.dvdcli(&self.line(verb)).succeeds();
    }

    #[track_caller]
    fn warns(&self, verb: &str, stderr: &str) {
        self.env.dvdcli(&self.line(verb)).warns(stderr).succeeds();
    }

    #[track_caller]
    fn fails(&self, verb: &str, code: i32, stderr: &str) {
        self.env.dvdcli(&self.line(verb)).fails(code, stderr);
    }

    #[track_caller]
    fn prints(&self, verb: &str, stdout: &str) {
        self.env.dvdcli(&self.line(verb)).prints(stdout).succeeds();
    }

    /// Mounts the volume `db`, and returns the path that was printed, which is mounted, and leads to its data.
    #[track_caller]
    fn mounts(&self, rest: &str) -> PathBuf {
        let found = self
            .env
            .dvdcli(&self.line(&format!("mount {rest}")))
            .output();
        assert_eq!((found.code, found.stderr.as_str()), (0, ""));
        let path = found.stdout.trim_end().replace("$ROOT", self.env.root());
        let path = PathBuf::from(path);
        self.leads_to_its_data(&path);
        path
    }

    /// What is written there is in the backend, and not on the disk of the host.
    #[track_caller]
    fn leads_to_its_data(&self, path: &std::path::Path) {
        let name = "written";
        fs::write(path.join(name), "data").unwrap();
        let backend = self.env.path("backend/db");
        let found = [backend.join(name), backend.join("data").join(name)];
        let found: Vec<_> = found.iter().filter(|file| file.exists()).collect();
        assert_eq!(found.len(), 1, "{} leads elsewhere", path.display());
        fs::remove_file(found[0]).unwrap();
    }

    /// The volume `db` by another client of the plugin, under an ID of its own.
    fn docker(&self, method: &str) -> Value {
        self.plugin.by_docker(method, by_docker())
    }

    /// The calls since they were last taken, without those that only ask.
    fn acts(&self) -> Vec<String> {
        let asks = ["Activate", "Capabilities", "Get", "List", "Path"];
        let mut calls = self.plugin.take_calls();
        calls.retain(|call| !asks.contains(&call.as_str()));
        calls
    }

    /// Nothing is mounted at all, and nobody held anything.
    #[track_caller]
    fn unmount_finds_nothing(&self) {
        self.warns("unmount", NOTHING);
        self.env.assert_nothing_is_left();
    }
}

/// What an unmount of what is not mounted says.
const NOTHING: &str = "dvdcli: warning: unmounting volume db: [..]; nothing was left to do\n";

/// What an unmount of what others have mounted says.
const LEFT: &str = "dvdcli: warning: unmounting volume db: nobody holds it here, but [..] is mounted, and left as it is; unmount --force has its driver unmount it\n";

/// What an unmount says where Docker came after us.
const SHARED: &str = "dvdcli: warning: volume db: the driver has released it, but [..] is still mounted; another caller may hold it\n";

fn by_docker() -> Value {
    json!({ "Name": "db", "ID": "docker" })
}

/// Where that call of `Mount` has mounted it.
#[track_caller]
fn place(answer: &Value) -> PathBuf {
    let place = PathBuf::from(answer["Mountpoint"].as_str().unwrap());
    let point = match place.ends_with("data") {
        true => place.parent().unwrap(),
        false => &place,
    };
    assert!(mounted_at(point).is_some(), "{}", point.display());
    place
}

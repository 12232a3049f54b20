//! What an agent is played against: a driver of each sort with its volumes, and what has to be left of them.

use std::path::{Path, PathBuf};

use crate::harness::agent::{Agent, CHECKPOINTS, FAILED, Volume};
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::refuses;
use crate::harness::mounts::in_directory;
use crate::harness::plugin::FakePlugin;
use crate::harness::rclone::Rclone;
use crate::harness::scenario::{Done, ensure};
use crate::harness::volume_driver::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    Rclone,
    Counting,
    Refusing,
    Loop,
}

pub const DRIVERS: [Driver; 4] = [
    Driver::Rclone,
    Driver::Counting,
    Driver::Refusing,
    Driver::Loop,
];

pub struct Backend {
    /// Dropped first: what it leaves mounted goes with the environment.
    plugin: Plugin,
    pub env: Env,
    pub driver: Driver,
}

enum Plugin {
    Rclone(Rclone),
    Fake(FakePlugin),
    BuiltIn,
}

impl Backend {
    /// `None` where the test does not run as root.
    pub fn new(driver: Driver) -> Option<Backend> {
        let env = Env::isolated()?;
        let plugin = start(&env, driver);
        Some(Backend {
            plugin,
            env,
            driver,
        })
    }

    /// What a task asks for, of a volume that is made where it is missing.
    pub fn volume(&self, name: &str) -> Volume {
        let data = self.env.dir(&format!("data/{name}")).display().to_string();
        self.asking(
            name,
            match self.driver {
                Driver::Rclone => vec![("type", "local"), ("path", &data)],
                Driver::Counting | Driver::Refusing => vec![("size", "5"), ("iops", "150")],
                Driver::Loop => vec![("size", "1"), ("newfstype", "ext4")],
            },
        )
    }

    pub fn volumes(&self, names: &[&str]) -> Vec<Volume> {
        names.iter().map(|name| self.volume(name)).collect()
    }

    /// A volume that cannot be made, and how the message begins that says so, or all of it. From now on, a plugin that is
    /// played makes no other volume, either.
    pub fn refused(&self, name: &str) -> (Volume, String) {
        let (options, why) = match &self.plugin {
            Plugin::Rclone(_) => (("type", "bogus"), "plugin rclone: VolumeDriver.Create: "),
            Plugin::Fake(plugin) => {
                plugin.on("Create", refuses("no space left"));
                let why = match self.driver {
                    Driver::Counting => "plugin counting: VolumeDriver.Create: no space left\n",
                    _ => "plugin refusing: VolumeDriver.Create: no space left\n",
                };
                (("size", "5"), why)
            }
            Plugin::BuiltIn => (
                ("size", "much"),
                "option size: \"much\" is no size; write it like 16 (GiB), 500MiB or 1.5T\n",
            ),
        };
        let said = format!("{FAILED}dvdcli: mounting volume {name}: {why}");
        (self.asking(name, vec![options]), said)
    }

    fn asking(&self, name: &str, options: Vec<(&str, &str)>) -> Volume {
        let options = options.into_iter();
        Volume {
            driver: self.driver_name().to_owned(),
            name: name.to_owned(),
            options: options
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        }
    }

    pub fn driver_name(&self) -> &'static str {
        match self.driver {
            Driver::Rclone => "rclone",
            Driver::Counting => "counting",
            Driver::Refusing => "refusing",
            Driver::Loop => "loop",
        }
    }

    /// The plugin that is played, if one is.
    pub fn fake(&self) -> Option<&FakePlugin> {
        match &self.plugin {
            Plugin::Fake(plugin) => Some(plugin),
            _ => None,
        }
    }

    /// Waits until the plugin has carried out what was under way when its caller was killed. An agent needs longer than
    /// that to come back.
    pub fn settle(&self) {
        match &self.plugin {
            Plugin::Rclone(plugin) => plugin.settle(),
            Plugin::Fake(plugin) => plugin.settle(),
            Plugin::BuiltIn => {}
        }
    }

    /// Ends the plugin, in good order or not, and starts it again. It has its volumes, but their mounts only as far as it finds
    /// them again by itself.
    pub fn restart_plugin(&mut self, in_order: bool, volumes: &[&str]) {
        match std::mem::replace(&mut self.plugin, Plugin::BuiltIn) {
            Plugin::Rclone(plugin) if in_order => plugin.stop(),
            plugin => drop(plugin),
        }
        self.plugin = match start(&self.env, self.driver) {
            Plugin::Fake(plugin) => {
                let with = |plugin: FakePlugin, name: &&str| plugin.with_volume(name);
                Plugin::Fake(volumes.iter().fold(plugin, with))
            }
            plugin => plugin,
        };
    }

    /// How often the volume is mounted, not counting what containers see.
    pub fn mounts(&self, name: &str) -> usize {
        let at = match &self.plugin {
            Plugin::Fake(plugin) => return plugin.mounts(name),
            Plugin::Rclone(_) => self.env.path("base").join(name),
            Plugin::BuiltIn => self.loop_mount(name),
        };
        self.env
            .mounts()
            .iter()
            .filter(|point| **point == at)
            .count()
    }

    fn loop_mount(&self, name: &str) -> PathBuf {
        self.env.path(&format!("var/lib/dvdcli/loop/{name}/mnt"))
    }

    pub fn is_mounted_once(&self, name: &str) -> Done {
        let mounts = self.mounts(name);
        ensure(mounts == 1, || format!("{name} is mounted {mounts} times"))
    }

    /// Nothing is mounted, bound, held, remembered or written down any more.
    pub fn nothing_is_left(&self) -> Done {
        self.env.nothing_is_mounted()?;
        if let Plugin::Fake(plugin) = &self.plugin {
            for name in plugin.volumes() {
                let mounts = plugin.mounts(&name);
                ensure(mounts == 0, || {
                    format!("the plugin has {mounts} mounts of {name}")
                })?;
            }
        }
        for directory in ["run/dvdcli", CHECKPOINTS] {
            let mut found = fs::entries(self.env.path(directory)).unwrap_or_default();
            let is_memory = |path: &Path| path.extension().is_some_and(|it| it == "seen");
            found.retain(|path| !is_of_a_cut_off_mount(path) && !is_memory(path));
            ensure(found.is_empty(), || format!("left over: {found:?}"))?;
        }
        Ok(())
    }

    /// What each of these containers has written is in the volume, which nobody has mounted. A container that comes later
    /// finds it, too.
    pub fn keeps(&self, name: &str, containers: &[&str]) -> Done {
        let place = match self.driver {
            Driver::Rclone => self.env.path("data").join(name),
            Driver::Counting | Driver::Refusing => self.env.path("volumes").join(name),
            Driver::Loop => self.loop_mount(name).join("data"),
        };
        let reader = Agent::new(&self.env);
        if self.driver == Driver::Loop {
            reader.start("reader", &[self.volume(name)])?;
        }
        for container in containers {
            in_directory(&place, &format!("echo {container} | cmp - {container}"))?;
        }
        reader.end("reader")?;
        self.nothing_is_left()
    }
}

fn start(env: &Env, driver: Driver) -> Plugin {
    match driver {
        Driver::Rclone => Plugin::Rclone(Rclone::start(env)),
        Driver::Counting => Plugin::Fake(FakePlugin::start_kind(env, "counting", Kind::Counting)),
        Driver::Refusing => Plugin::Fake(FakePlugin::start_kind(env, "refusing", Kind::Refusing)),
        Driver::Loop => Plugin::BuiltIn,
    }
}

/// Plays a scenario on a host of each sort.
#[track_caller]
pub fn on_each(drivers: &[Driver], scenario: impl Fn(&mut Backend) -> Done) {
    for driver in drivers {
        let Some(mut host) = Backend::new(*driver) else {
            return;
        };
        let done = scenario(&mut host).and_then(|()| host.nothing_is_left());
        if let Err(why) = done {
            panic!("{driver:?}: {why}");
        }
    }
}

/// What is kept where a plugin may finish a mount late.
fn is_of_a_cut_off_mount(path: &Path) -> bool {
    let record = fs::read_to_string(path.with_extension("json")).unwrap_or_default();
    record.contains(r#""settled":false"#) && record.contains(r#""mounted":null,"holders":{}"#)
}

//! A Mesos agent, as far as its isolator `docker/volume` goes: what it calls and when, what it makes of the answers, and what it
//! writes down for the agent that comes after it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::in_directory;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{Done, all, ensure};
use crate::harness::strace::under_strace;
use crate::harness::waiting::{at_once, eventually};

/// Before what a call that failed has said, in the message that the user reads.
pub const FAILED: &str = "Unexpected termination of the subprocess: ";

/// Where it writes down the volumes of a container before it mounts them.
pub const CHECKPOINTS: &str = "var/run/mesos/isolators/docker/volume";

/// What a task asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume {
    pub driver: String,
    pub name: String,
    /// Not written down.
    pub options: Vec<(String, String)>,
}

/// A volume's driver and name: by these it knows which containers share one.
type Key = (String, String);

impl Volume {
    fn key(&self) -> Key {
        (self.driver.clone(), self.name.clone())
    }
}

/// One life of an agent.
pub struct Agent<'a> {
    env: &'a Env,
    /// The volumes of each container that it knows.
    containers: Mutex<BTreeMap<String, Vec<Volume>>>,
    /// Calls for one volume go one at a time. Those to rclone do so all: two at once and version 1.60 locks itself up, each of
    /// its calls waiting for another.
    sequences: Mutex<BTreeMap<Key, Arc<Mutex<()>>>>,
    /// The process groups of the calls under way, or none any more: then it is dead.
    groups: Mutex<Option<BTreeSet<i32>>>,
    calls: Mutex<Vec<String>>,
    /// How its calls are traced, or killed with it.
    strace: Vec<String>,
}

impl<'a> Agent<'a> {
    /// On a host that has not seen one yet.
    pub fn new(env: &'a Env) -> Agent<'a> {
        Agent {
            env,
            containers: Mutex::default(),
            sequences: Mutex::default(),
            groups: Mutex::new(Some(BTreeSet::new())),
            calls: Mutex::default(),
            strace: vec![],
        }
    }

    /// After another one has died; `known` are the containers that it still has to do with, alive or not. All others that
    /// are written down it cleans up at once, one after the other; those have no processes any more, or the launcher would know them.
    pub fn recover(env: &'a Env, known: &[&str]) -> Result<Agent<'a>, String> {
        let agent = Agent::new(env);
        for container in known {
            agent.read(container);
        }
        let found = fs::names(env.dir(CHECKPOINTS));
        let found = found.iter().map(|name| name.to_str().unwrap());
        let unknown: Vec<_> = found.filter(|name| !known.contains(name)).collect();
        for container in &unknown {
            agent.read(container);
            agent.container_dies(container);
            agent.containers.lock().unwrap().remove(*container);
        }
        for container in unknown {
            agent.read(container);
            agent.clean_up(container)?;
        }
        Ok(agent)
    }

    /// All its calls are run by strace, told this.
    pub fn under_strace(mut self, args: impl IntoIterator<Item = String>) -> Agent<'a> {
        self.strace = args.into_iter().collect();
        self
    }

    /// It dies by SIGKILL, and its calls with it.
    pub fn kill(&self) {
        for group in self.groups.lock().unwrap().take().into_iter().flatten() {
            kill_group(group);
        }
    }

    pub fn is_dead(&self) -> bool {
        self.groups.lock().unwrap().is_none()
    }

    /// The verbs that it has called, with the volumes' names, since they were last taken; sorted.
    pub fn take_calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        calls.sort();
        calls
    }

    /// That it has called these, and no others, since they were last taken.
    pub fn has_called(&self, expected: &[&str]) -> Done {
        let calls = self.take_calls();
        ensure(calls == expected, || format!("it has called {calls:?}"))
    }

    /// Prepares a container and starts it: it writes a file into each of its volumes. After a failure the caller has to `end` it.
    pub fn start(&self, container: &str, volumes: &[Volume]) -> Done {
        let sources = self.prepare(container, volumes)?;
        for (volume, source) in volumes.iter().zip(sources) {
            let target = self.rootfs(container).join(&volume.name);
            fs::create_dir_all(&target).unwrap();
            let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
            mount(Some(&source), &target, None::<&str>, flags, None::<&str>)
                .map_err(|error| format!("binding {}: {error}", source.display()))?;
        }
        self.write(container)
    }

    /// The container writes a file into each of its volumes, of its own name, with its own name in it.
    pub fn write(&self, container: &str) -> Done {
        let containers = self.containers.lock().unwrap();
        for volume in &containers[container] {
            let directory = self.rootfs(container).join(&volume.name);
            in_directory(&directory, &format!("echo {container} > {container}"))?;
        }
        Ok(())
    }

    /// The container's processes end, and with them what they saw mounted; cleans up after it.
    pub fn end(&self, container: &str) -> Done {
        self.container_dies(container);
        self.clean_up(container)
    }

    pub fn container_dies(&self, container: &str) {
        for volume in self
            .containers
            .lock()
            .unwrap()
            .get(container)
            .into_iter()
            .flatten()
        {
            let target = self.rootfs(container).join(&volume.name);
            match umount2(&target, MntFlags::UMOUNT_NOFOLLOW) {
                Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => {}
                Err(error) => panic!("unmounting {}: {error}", target.display()),
            }
        }
    }

    fn prepare(&self, container: &str, volumes: &[Volume]) -> Result<Vec<PathBuf>, String> {
        let keys: BTreeSet<_> = volumes.iter().map(Volume::key).collect();
        assert_eq!(keys.len(), volumes.len(), "it refuses duplicates itself");
        let shown = |volume: &Volume| json!({ "driver": volume.driver, "name": volume.name });
        let shown: Vec<_> = volumes.iter().map(shown).collect();
        let file = format!("{CHECKPOINTS}/{container}/volumes");
        self.env
            .write(&file, json!({ "volumes": shown }).to_string());
        let known = (container.to_owned(), volumes.to_vec());
        self.containers.lock().unwrap().extend([known]);
        // It waits for all of them, also when one has failed.
        all(at_once(volumes, |volume| self.mount(volume)))
    }

    /// Unmounts what no other container uses.
    fn clean_up(&self, container: &str) -> Done {
        let mut containers = self.containers.lock().unwrap();
        let Some(mut volumes) = containers.remove(container) else {
            return Ok(());
        };
        let others: BTreeSet<_> = containers.values().flatten().map(Volume::key).collect();
        volumes.retain(|volume| !others.contains(&volume.key()));
        // It has forgotten the container by now, however this goes.
        drop(containers);
        all(at_once(&volumes, |volume| self.unmount(volume)))?;
        fs::remove_dir_all(self.env.path(CHECKPOINTS).join(container)).unwrap();
        Ok(())
    }

    /// What was written down of a container.
    fn read(&self, container: &str) {
        let file = self.env.path(CHECKPOINTS).join(container).join("volumes");
        let known: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let volume = |value: &Value| Volume {
            driver: text(&value["driver"]),
            name: text(&value["name"]),
            options: vec![],
        };
        let volumes = known["volumes"].as_array().unwrap().iter().map(volume);
        let known = (container.to_owned(), volumes.collect());
        self.containers.lock().unwrap().extend([known]);
    }

    fn mount(&self, volume: &Volume) -> Result<PathBuf, String> {
        let options = volume.options.iter();
        let options = options.map(|(key, value)| format!("--volumeopts={key}={value}"));
        let stdout = self.call("mount", volume, options)?;
        // All of stdout is the path, whatever it is.
        let path = stdout.trim();
        let below = path.strip_prefix("$ROOT/");
        Ok(below.map_or_else(|| path.into(), |below| self.env.path(below)))
    }

    fn unmount(&self, volume: &Volume) -> Done {
        let stdout = self.call("unmount", volume, [])?;
        ensure(stdout.is_empty(), || format!("unmount printed {stdout:?}"))
    }

    fn call(
        &self,
        verb: &str,
        volume: &Volume,
        options: impl IntoIterator<Item = String>,
    ) -> Result<String, String> {
        let key = match volume.driver.as_str() {
            "rclone" => ("rclone".to_owned(), String::new()),
            _ => volume.key(),
        };
        let sequence = self
            .sequences
            .lock()
            .unwrap()
            .entry(key)
            .or_default()
            .clone();
        let _turn = sequence.lock().unwrap();
        let args = [
            verb.to_owned(),
            format!("--volumedriver={}", volume.driver),
            format!("--volumename={}", volume.name),
        ];
        let found = self.run(args.into_iter().chain(options))?;
        let call = format!("{verb} {}", volume.name);
        self.calls.lock().unwrap().push(call);
        ensure(found.code == 0, || format!("{FAILED}{}", found.stderr))?;
        ensure(is_warnings(&found.stderr), || format!("{found:?}"))?;
        Ok(found.stdout)
    }

    /// Runs it as the agent does: no shell, no input, the agent's own environment and directory, a process group that dies
    /// with the agent.
    fn run(&self, args: impl Iterator<Item = String>) -> Result<Output, String> {
        let mut run = self
            .env
            .dvdcli_with(args)
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("MESOS_ISOLATION", "filesystem/linux,docker/volume")
            .env("MESOS_WORK_DIR", "/var/lib/mesos")
            .env("LIBPROCESS_PORT", "5051")
            .env("GLOG_v", "1");
        run.command.current_dir("/");
        if !self.strace.is_empty() {
            let args: Vec<_> = self.strace.iter().map(String::as_str).collect();
            run = under_strace(run, &args);
        }
        run.command.process_group(0);
        let running = {
            let mut groups = self.groups.lock().unwrap();
            let groups = groups.as_mut().ok_or("the agent is dead")?;
            let running = run.start();
            groups.insert(running.child.id().try_into().unwrap());
            running
        };
        let group = running.child.id().try_into().unwrap();
        // Reaped only when nobody kills by that number any more.
        eventually("dvdcli", || has_ended(group));
        if let Some(groups) = &mut *self.groups.lock().unwrap() {
            groups.remove(&group);
        }
        kill_group(group);
        let found = running.output();
        if found.code == 128 + Signal::SIGKILL as i32 {
            self.kill();
        }
        Ok(found)
    }

    fn rootfs(&self, container: &str) -> PathBuf {
        self.env.path(&format!("containers/{container}/rootfs"))
    }
}

fn has_ended(process: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    let status = waitid(Id::Pid(Pid::from_raw(process)), flags).unwrap();
    status != WaitStatus::StillAlive
}

fn kill_group(group: i32) {
    match killpg(Pid::from_raw(group), Signal::SIGKILL) {
        // Nobody is left in it but whoever waits to be reaped.
        Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
        Err(error) => panic!("killing {group}: {error}"),
    }
}

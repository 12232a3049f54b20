//! Docker and Podman themselves, each with places of its own below the environment.

use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::env::{Env, say};
use crate::harness::fs;
use crate::harness::programs::{Background, finish, program_at};
use crate::harness::waiting::{comes_true, eventually};

/// The image that containers are made of: busybox and nothing else.
pub const IMAGE: &str = "busybox:test";

/// Whether programs are there; where one is not, it is said which, and under CI it is an error.
pub fn are_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| !program_at(name).is_absolute());
    if let Some(name) = missing {
        assert!(
            std::env::var_os("CI").is_none(),
            "under CI no test may be left out: {name} is missing; .ci/setup engines installs it"
        );
        say(&format!(
            "skipped: needs {name}; .ci/setup engines installs it"
        ));
    }
    missing.is_none()
}

/// An archive of a root directory with busybox.
fn image(env: &Env) -> String {
    let root = env.dir("image/bin");
    let busybox = root.join("busybox");
    fs::copy(program_at("busybox"), &busybox).unwrap();
    for name in ["sh", "cat", "sleep"] {
        std::os::unix::fs::symlink("busybox", root.join(name)).unwrap();
    }
    let archive = env.path("image.tar").display().to_string();
    let above = env.path("image").display().to_string();
    ends_well(Command::new(program_at("tar")).args(["-C", &above, "-cf", &archive, "."]));
    archive
}

#[track_caller]
fn ends_well(command: &mut Command) -> String {
    let output = finish(command);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {words}{text}");
    text
}

/// A program and its words, which are split at blanks.
fn command(program: &str, line: &str) -> Command {
    let mut command = Command::new(program_at(program));
    command.args(line.split(' '));
    command
}

/// dockerd, and its containers, which end with it.
pub struct Docker<'a> {
    env: &'a Env,
    daemon: Option<Background>,
    /// Of its own: it outlives a daemon that is killed.
    containerd: Background,
}

impl<'a> Docker<'a> {
    pub fn start(env: &'a Env) -> Docker<'a> {
        let root = env.root();
        let config = env.write(
            "containerd.toml",
            format!(
                "version = 2\nroot = \"{root}/containerd\"\nstate = \"{root}/tasks\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = \"{root}/containerd.sock\"\n"
            ),
        );
        let line = format!("--config {}", config.display());
        let mut docker = Docker {
            env,
            daemon: None,
            containerd: Background::start(&mut command("containerd", &line)),
        };
        docker.go_on();
        docker.run(&format!("import {} {IMAGE}", image(env)));
        docker
    }

    /// Starts the daemon, as after its end.
    pub fn go_on(&mut self) {
        let root = self.env.root();
        let line = format!(
            "--iptables=false --ip6tables=false --bridge=none --data-root {root}/data --exec-root {root}/exec --pidfile \
             {root}/docker.pid --containerd {root}/containerd.sock -H {}",
            self.address()
        );
        self.daemon = Some(Background::start(&mut command("dockerd", &line)));
        let answers = || finish(&mut self.command("version")).status.success();
        eventually("dockerd", answers);
    }

    fn address(&self) -> String {
        format!("unix://{}/docker.sock", self.env.root())
    }

    fn command(&self, line: &str) -> Command {
        let mut command = command("docker", line);
        command.env("DOCKER_HOST", self.address());
        command
    }

    /// Runs a command of the client that succeeds.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        ends_well(&mut self.command(line))
    }

    /// Starts a container that has the volume, and stays.
    #[track_caller]
    pub fn container(&self, name: &str, volume: &str) {
        self.run(&format!(
            "run -d --name {name} --network none -v {volume}:/data --volume-driver loop {IMAGE} sleep 1000"
        ));
    }

    /// As the kernel's want of memory ends it.
    pub fn kill(&mut self) {
        self.daemon = None;
        let _ = std::fs::remove_file(self.env.path("docker.pid"));
    }
}

impl Drop for Docker<'_> {
    /// It takes its containers with it.
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            let _ = kill(Pid::from_raw(daemon.0.id().cast_signed()), Signal::SIGTERM);
            comes_true(|| !matches!(daemon.0.try_wait(), Ok(None)));
        }
        let _ = self.containerd.0.kill();
    }
}

/// Podman, which has no daemon.
pub struct Podman<'a>(&'a Env);

impl<'a> Podman<'a> {
    /// With `loop` as its plugin.
    pub fn new(env: &'a Env, socket: &Path) -> Podman<'a> {
        let (root, socket) = (env.root(), socket.display());
        // Without the right to raise limits a container keeps to those that there are.
        env.write(
            "containers.conf",
            format!(
                "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n[engine]\ncgroup_manager = \
                 \"cgroupfs\"\nevents_logger = \"file\"\nvolume_plugin_timeout = 60\n[engine.volume_plugins]\nloop = \"{socket}\"\n"
            ),
        );
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\nrunroot = \"{root}/runroot\"\ngraphroot = \"{root}/graph\"\n"
        );
        env.write("storage.conf", storage);
        let podman = Podman(env);
        podman.run(&format!("import {} {IMAGE}", image(env)));
        podman
    }

    /// Runs a command that succeeds.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let root = self.0.root();
        let mut command = command("podman", &format!("--tmpdir {root}/podman {line}"));
        command.env("CONTAINERS_CONF", format!("{root}/containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", format!("{root}/storage.conf"));
        ends_well(&mut command)
    }

    #[track_caller]
    pub fn container(&self, name: &str, volume: &str) {
        self.run(&format!(
            "run -d --name {name} --network none -v {volume}:/data {IMAGE} sleep 1000"
        ));
    }
}

impl Drop for Podman<'_> {
    fn drop(&mut self) {
        let root = self.0.root();
        let mut command = command("podman", &format!("--tmpdir {root}/podman rm -f -a -t 0"));
        command.env("CONTAINERS_CONF", format!("{root}/containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", format!("{root}/storage.conf"));
        finish(&mut command);
    }
}

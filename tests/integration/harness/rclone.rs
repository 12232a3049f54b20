//! A real plugin: `rclone serve docker`.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::env::{Env, PATH};
use crate::harness::fs;
use crate::harness::programs::Background;
use crate::harness::waiting::eventually;

/// `rclone serve docker`, in the mount namespace of the test.
pub struct Rclone(Background);

impl Rclone {
    pub fn start(env: &Env) -> Rclone {
        let socket = env.dir("run/docker/plugins").join("rclone.sock");
        let mut command = Command::new("rclone");
        command
            .args(["serve", "docker", "--socket-addr"])
            .arg(&socket);
        command.arg("--base-dir").arg(env.dir("base"));
        command.arg("--cache-dir").arg(env.dir("cache"));
        command.arg("--config").arg(env.write("rclone.conf", ""));
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", env.root());
        let rclone = Rclone(Background::start(&mut command));
        eventually("rclone", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        rclone
    }

    /// Waits until it has carried out what it was asked by callers that are gone: until it has no socket but the one that it
    /// listens on.
    pub fn settle(&self) {
        let files = format!("/proc/{}/fd", self.0.pid());
        eventually("rclone", || {
            let links = fs::entries(&files).unwrap().into_iter();
            let files = links.filter_map(|link| fs::read_link(link).ok());
            files.filter(|file| file.starts_with("socket:")).count() <= 1
        });
    }

    /// Ends it as an init system does; it unmounts what it has mounted.
    pub fn stop(mut self) {
        let id = Pid::from_raw(self.0.pid().try_into().unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        eventually("rclone's end", || self.0.0.try_wait().unwrap().is_some());
    }
}

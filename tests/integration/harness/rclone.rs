//! A real plugin: `rclone serve docker`.

use std::fs;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::env::Env;
use crate::harness::waiting::eventually;

/// `rclone serve docker`, in the mount namespace of the test.
pub struct Rclone(Child);

impl Rclone {
    pub fn start(env: &Env) -> Rclone {
        let socket = env.dir("run/docker/plugins").join("rclone.sock");
        let config = env.write("rclone.conf", "");
        let child = Command::new("rclone")
            .args(["serve", "docker", "--socket-addr"])
            .arg(&socket)
            .arg("--base-dir")
            .arg(env.dir("base"))
            .arg("--cache-dir")
            .arg(env.dir("cache"))
            .arg("--config")
            .arg(config)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", env.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("rclone, of the package rclone");
        let rclone = Rclone(child);
        eventually("rclone", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        rclone
    }

    /// Waits until it has carried out what it was asked by callers that are gone: until it has no socket but the one that it
    /// listens on.
    pub fn settle(&self) {
        let files = format!("/proc/{}/fd", self.0.id());
        eventually("rclone", || {
            let links = fs::read_dir(&files).unwrap().flatten();
            let files = links.filter_map(|link| fs::read_link(link.path()).ok());
            files.filter(|file| file.starts_with("socket:")).count() <= 1
        });
    }

    /// Ends it as an init system does; it unmounts what it has mounted.
    pub fn stop(mut self) {
        let id = Pid::from_raw(self.0.id().try_into().unwrap());
        kill(id, Signal::SIGTERM).unwrap();
        eventually("rclone's end", || self.0.try_wait().unwrap().is_some());
    }
}

impl Drop for Rclone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

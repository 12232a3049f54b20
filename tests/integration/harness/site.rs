//! Hosts on shared storage, each a mount namespace with a machine ID, a name and a boot ID of its own.

use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns, unshare};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{bind, unmount};
use crate::harness::process::Run;

pub const MOUNTED: &str = "$ROOT/shared/loop/db/mnt/data\n";
pub const MOUNT: &str = "mount -d loop -n db --volumeopts=size=64MiB";
pub const UNMOUNT: &str = "unmount -d loop -n db";

/// A host, between two boots. What it mounts, the other ones do not see.
pub struct Node<'a> {
    env: &'a Env,
    /// What is this host's alone: `/run`, its configuration.
    pub root: PathBuf,
    namespace: fs::File,
}

/// Where hosts come from: a mount namespace in which none of their mounts is seen.
pub struct Site<'a> {
    env: &'a Env,
    namespace: fs::File,
}

fn own_namespace() -> fs::File {
    fs::File::open("/proc/thread-self/ns/mnt").unwrap()
}

impl<'a> Site<'a> {
    pub fn new(env: &'a Env) -> Site<'a> {
        Site {
            env,
            namespace: own_namespace(),
        }
    }

    /// From here on, this thread is on no host.
    pub fn enter(&self) {
        enter(&self.namespace);
    }

    pub fn boot(&self, name: &str, boot_id: &str) -> Node<'a> {
        let (machine_id, host_name) = (format!("machine-{name}"), format!("host-{name}"));
        self.boot_as(name, boot_id, &machine_id, &host_name)
    }

    pub fn boot_as(
        &self,
        name: &str,
        boot_id: &str,
        machine_id: &str,
        host_name: &str,
    ) -> Node<'a> {
        enter(&self.namespace);
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        for (file, text) in [
            ("/etc/machine-id", format!("{machine_id}\n")),
            ("/proc/sys/kernel/hostname", format!("{host_name}\n")),
            ("/proc/sys/kernel/random/boot_id", format!("{boot_id}\n")),
        ] {
            let own = self.env.write(&format!("{name}/{boot_id}{file}"), text);
            bind(&own, Path::new(file));
        }
        let host = Node {
            env: self.env,
            root: self.env.path(name),
            namespace: own_namespace(),
        };
        let _ = fs::remove_dir_all(host.root.join("run"));
        host.configure("");
        host
    }
}

impl<'a> Node<'a> {
    pub fn configure(&self, settings: &str) {
        let file = self.root.join("etc/dvdcli/config.yml");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let shared = self.env.path("shared");
        let text = format!("dvdcli:\n  root: {}\n{settings}\n", shared.display());
        fs::write(file, text).unwrap();
    }

    /// From here on, this thread and what it starts are on this host.
    pub fn enter(&self) {
        enter(&self.namespace);
    }

    pub fn dvdcli(&self, args: &str) -> Run<'a> {
        self.enter();
        self.env
            .dvdcli(args)
            .env("DVDCLI_ROOT", self.root.to_str().unwrap())
    }

    /// As a power cut does: what is mounted is gone, what is on the disk is not.
    pub fn goes_down(self) {
        self.enter();
        for point in self.env.mounts().iter().rev() {
            unmount(point);
        }
    }

    pub fn mounts(&self) -> usize {
        self.enter();
        self.env.mounts().len()
    }

    pub fn file(&self) -> PathBuf {
        self.enter();
        self.env.path("shared/loop/db/mnt/data/file")
    }
}

/// The threads that this one has started, such as those that read what a run prints, stay where they are.
fn enter(namespace: &fs::File) {
    unshare(CloneFlags::CLONE_FS).unwrap();
    setns(namespace, CloneFlags::CLONE_NEWNS).unwrap();
}

//! The hosts of the soak: each may lose its power, and is booted again.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use nix::mount::{MntFlags, umount2};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_below;
use crate::harness::process::Run;
use crate::harness::site::{Node, Site};
use crate::harness::soak::stores::{FILE_SYSTEMS, Store};

pub const HOSTS: [&str; 2] = ["a", "b"];

pub struct Host<'a> {
    env: &'a Env,
    pub name: &'static str,
    boots: AtomicUsize,
    /// Held shared by its callers while they do something.
    node: RwLock<Node<'a>>,
}

impl<'a> Host<'a> {
    pub fn new(env: &'a Env, site: &Site<'a>, name: &'static str) -> Host<'a> {
        for fs_type in FILE_SYSTEMS {
            let root = env.path(&format!("stores/{fs_type}"));
            let allow = "allow: {loop: {copies: true}}";
            let settings = format!("dvdcli:\n  root: {}\n  {allow}\n", root.display());
            env.write(&format!("{name}.{fs_type}/etc/dvdcli/config.yml"), settings);
        }
        Host {
            env,
            name,
            boots: AtomicUsize::new(1),
            node: RwLock::new(site.boot(name, "1")),
        }
    }

    /// It stays on until this is dropped.
    pub fn on(&self) -> RwLockReadGuard<'_, Node<'a>> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody does anything on it until this is dropped.
    pub fn alone(&self) -> RwLockWriteGuard<'_, Node<'a>> {
        self.node.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn boot_number(&self) -> usize {
        self.boots.load(SeqCst)
    }

    pub fn dvdcli(&self, node: &Node<'a>, store: &Store, line: &str) -> Run<'a> {
        let root = self.env.path(&format!("{}.{}", self.name, store.fs_type));
        node.dvdcli(line).env("DVDCLI_ROOT", root.to_str().unwrap())
    }

    /// What is mounted is gone, and what is in memory.
    pub fn lose_power(&self, node: &Node<'a>) {
        node.enter();
        for point in self.volumes(node).iter().rev() {
            // Whoever looks at a device that is gone for this host keeps it for a moment.
            if umount2(point, MntFlags::empty()).is_err() {
                umount2(point, MntFlags::MNT_DETACH).unwrap();
            }
        }
        for fs_type in FILE_SYSTEMS {
            let run = self.env.path(&format!("{}.{fs_type}/run", self.name));
            let _ = fs::remove_dir_all(run);
        }
    }

    pub fn boot(&self, site: &Site<'a>) -> Node<'a> {
        let number = self.boots.fetch_add(1, SeqCst) + 1;
        site.boot(self.name, &number.to_string())
    }

    /// The mounts in the stores, but not those of the disks.
    pub fn volumes(&self, node: &Node<'a>) -> Vec<std::path::PathBuf> {
        node.enter();
        let stores = self.env.path("stores");
        let is_volume = |path: &Path| path.parent() != Some(&stores);
        let mut mounts = mounted_below(&stores);
        mounts.retain(|path| is_volume(path));
        mounts
    }
}

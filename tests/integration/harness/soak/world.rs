//! Hosts, disks and volumes, and what has happened so far.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{mounted_below, unmount};
use crate::harness::process::Output;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Site;
use crate::harness::soak::answers;
use crate::harness::soak::caller::Caller;
use crate::harness::soak::hosts::{HOSTS, Host};
use crate::harness::soak::keeping::COPY_OUT;
use crate::harness::soak::model::Model;
use crate::harness::soak::snapshot::Snapshot;
use crate::harness::soak::stores::{FILE_SYSTEMS, Store};
use crate::harness::waiting::comes_true;

/// Volumes of each store: of `loop`, and of `local`, which are on one host each.
const LOOP: usize = 7;
const LOCAL: usize = 3;

/// Of `loop`, those that may be pruned.
const LABELLED: usize = 2;

/// Events that a failure shows.
const SHOWN: usize = 60;

pub struct Volume {
    pub name: String,
    pub store: usize,
    pub driver: &'static str,
    /// The only host that uses it: plain directories are not claimed.
    pub host: Option<usize>,
    /// Whoever makes it lets it be pruned.
    pub is_labelled: bool,
    model: Mutex<Model>,
    /// Calls that may change it, now and so far.
    pub in_flight: AtomicUsize,
    pub begun: AtomicUsize,
}

impl Volume {
    /// What a call that may make it says of its label.
    pub fn label(&self) -> &'static str {
        match self.is_labelled {
            true => " --label dvdcli.prune=true",
            false => "",
        }
    }

    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
pub struct Counts {
    pub calls: AtomicUsize,
    pub kills: AtomicUsize,
    pub mounts: AtomicUsize,
    pub refusals: AtomicUsize,
    pub lost: AtomicUsize,
    pub looks: AtomicUsize,
    pub copies: AtomicUsize,
    pub removes: AtomicUsize,
    pub power_cuts: AtomicUsize,
    pub preempts: AtomicUsize,
    pub snapshots: AtomicUsize,
    pub restores: AtomicUsize,
    pub growths: AtomicUsize,
    pub imports: AtomicUsize,
    pub clones: AtomicUsize,
    pub prunes: AtomicUsize,
    /// Numbers for files and copies.
    pub names: AtomicUsize,
}

pub struct World<'a> {
    pub env: &'a Env,
    pub site: Site<'a>,
    pub stores: Vec<Store>,
    pub hosts: Vec<Host<'a>>,
    pub volumes: Vec<Volume>,
    /// One of each caller on each disk.
    pub snapshots: Vec<Snapshot>,
    pub counts: Counts,
    /// Held by whoever cuts the power of a host: one at a time.
    pub power: Mutex<()>,
    began: Instant,
    failures: Mutex<Vec<String>>,
    events: Mutex<VecDeque<String>>,
    kinds: Mutex<BTreeMap<String, usize>>,
}

impl<'a> World<'a> {
    pub fn new(env: &'a Env, callers: usize) -> World<'a> {
        env.write("copy-out", COPY_OUT);
        let stores = FILE_SYSTEMS.map(|fs_type| Store::new(env, fs_type));
        let site = Site::new(env);
        let hosts = HOSTS.map(|name| Host::new(env, &site, name));
        site.enter();
        let volume = |(store, number): (usize, usize)| Volume {
            name: format!("{}{number}", &FILE_SYSTEMS[store][..1]),
            store,
            driver: if number < LOOP { "loop" } else { "local" },
            is_labelled: number < LABELLED,
            host: (number >= LOOP).then_some(number % HOSTS.len()),
            model: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
        };
        let numbers = 0..LOOP + LOCAL;
        let volumes = (0..stores.len())
            .flat_map(|store| numbers.clone().map(move |number| (store, number)))
            .map(volume);
        let snapshots = (0..callers)
            .flat_map(|caller| (0..stores.len()).map(move |store| Snapshot::new(store, caller)));
        World {
            env,
            site,
            snapshots: snapshots.collect(),
            volumes: volumes.collect(),
            stores: stores.into(),
            hosts: hosts.into(),
            counts: Counts::default(),
            power: Mutex::default(),
            began: Instant::now(),
            failures: Mutex::default(),
            events: Mutex::default(),
            kinds: Mutex::default(),
        }
    }

    pub fn enter(&self) {
        self.site.enter();
    }

    pub fn path(&self, volume: &Volume) -> PathBuf {
        let place = match volume.driver {
            "loop" => "mnt/data",
            _ => "_data",
        };
        let store = &self.stores[volume.store].directory;
        store.join(volume.driver).join(&volume.name).join(place)
    }

    pub fn notes(&self, event: &str) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push_back(format!("{:?} {event}", self.began.elapsed()));
        if events.len() > 20_000 {
            events.pop_front();
        }
    }

    pub fn counts_answer(&self, verb: &str, found: &Output) {
        let kind = answers::kind(verb, found);
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(kind).or_default() += 1;
    }

    pub fn has_failed(&self) -> bool {
        !self.failures().is_empty()
    }

    pub fn failures(&self) -> Vec<String> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.clone()
    }

    /// With what has happened to the volume that is named first. What has happened to all of them stays with what is kept of the
    /// test.
    pub fn fails(&self, why: &str) {
        let volume = why.split([' ', ':']).next().unwrap_or_default();
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<&str> = events.iter().map(String::as_str).collect();
        self.env.write("events", all.join("\n"));
        let is_about = |event: &&String| {
            event.split(' ').any(|word| {
                word.strip_prefix("volumeName=").unwrap_or(word) == volume || word == "POWER"
            })
        };
        let shown: Vec<&str> = events.iter().filter(is_about).map(String::as_str).collect();
        let shown = shown[shown.len().saturating_sub(SHOWN)..].join("\n");
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.push(format!("{why}\n{shown}\n"));
    }

    pub fn figures(&self, seed: u64) -> String {
        let count = |count: &AtomicUsize| count.load(SeqCst);
        let counts = &self.counts;
        let fills: usize = self.stores.iter().map(|store| count(&store.fills)).sum();
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = kinds
            .iter()
            .map(|(kind, count)| format!("{count:6} {kind}"));
        let kinds: Vec<String> = kinds.collect();
        format!(
            "seed {seed}: {} calls in {:.0?}, {} kills, {} mounts, {} looks into volumes, {} copies, {} removes, {fills} times full, \
             {} refused by a full disk, {} said to be lost, {} power cuts, {} taken from a host that was down, {} snapshots, {} restored, {} times grown, \
             {} imports, {} runs with copies, {} pruned\n{}",
            count(&counts.calls),
            self.began.elapsed(),
            count(&counts.kills),
            count(&counts.mounts),
            count(&counts.looks),
            count(&counts.copies),
            count(&counts.removes),
            count(&counts.refusals),
            count(&counts.lost),
            count(&counts.power_cuts),
            count(&counts.preempts),
            count(&counts.snapshots),
            count(&counts.restores),
            count(&counts.growths),
            count(&counts.imports),
            count(&counts.clones),
            count(&counts.prunes),
            kinds.join("\n")
        )
    }

    /// Nothing is mounted by any host, and no image has a loop device.
    pub fn nothing_is_mounted(&self) -> Done {
        for host in &self.hosts {
            let mounts = host.volumes(&host.on());
            ensure(mounts.is_empty(), || {
                format!("{mounts:?}: mounted on {}", host.name)
            })?;
        }
        self.enter();
        let stores = self.env.path("stores");
        let bound = || crate::harness::loop_devices::bound_below_path(&stores);
        ensure(comes_true(|| bound().is_empty()), || {
            format!("{:?}: loop devices", bound())
        })
    }

    /// Every volume is removed, and nothing is left of any.
    pub fn is_removed(&self, callers: &mut [Caller]) -> Done {
        callers[0].removes_snapshots(self)?;
        for (at, volume) in self.volumes.iter().enumerate() {
            let host = volume.host.unwrap_or(at % HOSTS.len());
            let caller = callers.iter_mut().find(|caller| caller.host == host);
            if let Some(caller) = caller {
                caller.removes_for_good(self, at)?;
            }
        }
        for (at, _) in self.volumes.iter().enumerate() {
            // Both hosts sweep what their killed calls have left.
            for host in 0..HOSTS.len() {
                let caller = callers.iter_mut().find(|caller| caller.host == host);
                if let Some(caller) = caller {
                    caller.sweeps(self, at)?;
                }
            }
        }
        for store in &self.stores {
            for driver in ["loop", "local"] {
                let left = fs::entries(store.directory.join(driver)).unwrap_or_default();
                ensure(left.is_empty(), || format!("{left:?}: left over"))?;
            }
        }
        Ok(())
    }

    /// Nothing of it stays mounted.
    pub fn power_off(&self) {
        for host in &self.hosts {
            let node = host.on();
            host.lose_power(&node);
            node.enter();
            for point in mounted_below(&self.env.path("stores")) {
                unmount(&point);
            }
        }
        self.enter();
        for point in mounted_below(&self.env.path("stores")) {
            unmount(&point);
        }
    }
}

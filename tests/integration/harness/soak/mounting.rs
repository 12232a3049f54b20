//! A caller that mounts and unmounts, and one that takes volumes from a host that is down.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;

use crate::harness::process::Output;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::caller::{Called, Caller, Hold, OPTIONS};
use crate::harness::soak::model::HeldAtFirst;
use crate::harness::soak::world::World;

impl Caller {
    pub(super) fn mounts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver, id) = (&volume.name, volume.driver, &self.id);
        let creating = match (driver, self.dice.below(4)) {
            (_, 0) => "--explicitcreate".to_owned(),
            ("loop", _) => format!("--volumeopts={}{}", self.dice.of(&OPTIONS), volume.label()),
            _ => String::new(),
        };
        let line = format!("mount -d {driver} -n {name} --id {id} {creating}");
        let first = volume.model().held_at_first();
        let called = self.calls(world, node, at, &line)?;
        self.has_mounted(world, at, called, &first)
    }

    pub(super) fn has_mounted(
        &mut self,
        world: &World,
        at: usize,
        called: Called,
        first: &HeldAtFirst,
    ) -> Done {
        let is_held = self.held.get(&at) == Some(&Hold::Certain);
        match called.found {
            None if !is_held => drop(self.held.insert(at, Hold::Unknown)),
            Some(found) if found.code == 0 => return self.has_path(world, at, &found, first),
            _ => {}
        }
        Ok(())
    }

    fn has_path(&mut self, world: &World, at: usize, found: &Output, first: &HeldAtFirst) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        world.counts.mounts.fetch_add(1, SeqCst);
        let path = format!("{}\n", world.path(volume).display());
        ensure(found.stdout == world.env.with_root(&path), || {
            format!("{name}: {found:?}")
        })?;
        let here = world.hosts[self.host].name;
        let mut model = volume.model();
        let since = model.held_since(first);
        ensure(since.iter().all(|host| *host == here), || {
            format!("{name}: mounted on {here} while it was mounted on {since:?}")
        })?;
        if self.held.insert(at, Hold::Certain) != Some(Hold::Certain) {
            let held = model.hold(here, volume.driver == "local");
            held.map_err(|why| format!("{name}: {why}"))?;
        }
        drop(model);
        self.looks(world, at)
    }

    pub(super) fn unmounts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver, id) = (&volume.name, volume.driver, &self.id);
        if self.held.get(&at) == Some(&Hold::Certain) {
            volume.model().let_go(world.hosts[self.host].name);
        }
        // From now on, nothing is certain.
        if self.held.contains_key(&at) {
            self.held.insert(at, Hold::Unknown);
        }
        let line = format!("unmount -d {driver} -n {name} --id {id}");
        let called = self.calls(world, node, at, &line)?;
        let Some(found) = called.found else {
            return Ok(());
        };
        // By whom it may be given up a moment later, with what was written meanwhile.
        let stays = found.stderr.contains("held by");
        if found.code == 0 || found.stderr.contains("is lost") {
            self.held.remove(&at);
        }
        let was_not = found.stderr.contains("nothing was left to do");
        if found.code == 0 && !stays && !was_not && called.is_alone {
            let mut model = volume.model();
            let is_latest = volume.begun.load(SeqCst) == called.begun;
            if is_latest && model.held_at_first().hosts.is_empty() {
                model.is_on_disk();
            }
        }
        Ok(())
    }

    /// The host has none from one moment to the next; the other host takes volumes from it, and it is booted again.
    pub(super) fn cuts_power(&mut self, world: &World) -> Done {
        let _power = world.power.lock().unwrap_or_else(PoisonError::into_inner);
        let (down, up) = (&world.hosts[1 - self.host], &world.hosts[self.host]);
        let mut node = down.alone();
        world.notes(&format!("POWER of {} goes", down.name));
        world.counts.power_cuts.fetch_add(1, SeqCst);
        down.lose_power(&node);
        for volume in &world.volumes {
            volume.model().lose(down.name);
        }
        let on = up.on();
        self.notices_power_cut(world);
        for _ in 0..3 {
            let at = self.dice.below(world.volumes.len());
            if world.volumes[at].driver == "loop" && !self.held.contains_key(&at) {
                self.preempts(world, &on, at)?;
            }
        }
        drop(on);
        *node = down.boot(&world.site);
        world.notes(&format!("POWER of {} is back", down.name));
        Ok(())
    }

    pub(super) fn preempts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        let store = &world.stores[volume.store];
        let host = &world.hosts[self.host];
        volume.in_flight.fetch_add(1, SeqCst);
        volume.begun.fetch_add(1, SeqCst);
        let line = format!("mount -d loop -n {name} --id {} --explicitcreate", self.id);
        let run = host.dvdcli(node, store, &line);
        let found = run.env("REXRAY_VOLUME_MOUNT_PREEMPT", "true").output();
        world.notes(&format!("{} preempts {name} = {found:?}", self.id));
        volume.model().doubt();
        volume.in_flight.fetch_sub(1, SeqCst);
        answers::check("mount", &found, store.was_full())
            .map_err(|why| format!("{name}: {why}"))?;
        if found.code == 0 {
            if found.stderr.contains("is taken from it") {
                world.counts.preempts.fetch_add(1, SeqCst);
            }
            let held = volume.model().hold(host.name, false);
            held.map_err(|why| format!("{name}: {why}"))?;
            self.held.insert(at, Hold::Certain);
            node.enter();
            return self.looks(world, at);
        }
        Ok(())
    }
}

//! A caller that makes, copies, removes and uses volumes, and asks about them.

use std::sync::atomic::Ordering::SeqCst;

use crate::harness::process::Output;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::caller::{Called, Caller, Hold, OPTIONS};
use crate::harness::soak::world::{Volume, World};

impl Caller {
    pub(super) fn creates<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        if driver == "local" {
            let line = format!("create -d local -n {name}");
            return self.calls(world, node, at, &line).map(drop);
        }
        match self.dice.below(3) {
            0 => {
                let options = self.dice.of(&OPTIONS);
                let line = format!("create -d loop -n {name} --volumeopts={options}");
                self.calls(world, node, at, &line).map(drop)
            }
            1 => self.copies(world, node, at, "create"),
            _ => self.copies(world, node, at, "mount"),
        }
    }

    /// Makes a volume that does not exist, as far as is known, as a copy of one that does.
    pub(super) fn copies<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        verb: &str,
    ) -> Done {
        let store = world.volumes[at].store;
        let of_store =
            |(_, other): &(usize, &Volume)| other.store == store && other.driver == "loop";
        let of_store = world.volumes.iter().enumerate().filter(of_store);
        let (there, missing): (Vec<_>, Vec<_>) =
            of_store.partition(|(_, volume)| volume.model().is_there());
        let chosen = (self.dice.any(&there), self.dice.any(&missing));
        let (Some((_, original)), Some((at, volume))) = chosen else {
            return Ok(());
        };
        if self.held.contains_key(&at) {
            return Ok(());
        }
        let (name, source) = (&volume.name, &original.name);
        let line = match verb {
            "mount" => format!(
                "mount -d loop -n {name} --id {} --opt volumeName={source}",
                self.id
            ),
            _ => format!("create -d loop -n {name} --opt volumeName={source}"),
        };
        let first = volume.model().held_at_first();
        let called = self.makes_copy(world, node, at, original, &line)?;
        match verb {
            "mount" => self.has_mounted(world, at, called, &first),
            _ => Ok(()),
        }
    }

    fn makes_copy<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        original: &Volume,
        line: &str,
    ) -> Result<Called, String> {
        let volume = &world.volumes[at];
        let number = world.counts.names.fetch_add(1, SeqCst);
        volume.model().begin_copy(number);
        let before = original.model().begin_original();
        let called = self.calls(world, node, at, line);
        let made = original.model().end_original(before);
        let called = called?;
        let is_new =
            |found: &Output| found.code == 0 && !found.stderr.contains("it exists already");
        let is_done = called.found.as_ref().is_some_and(is_new);
        if is_done {
            world.counts.copies.fetch_add(1, SeqCst);
        }
        // What could not be mounted may have been made.
        let mounts = line.starts_with("mount");
        let is_unknown = |found: &Output| mounts && found.code != 3;
        let may_be = is_done || called.found.as_ref().is_none_or(is_unknown);
        let is_alone = is_done && called.is_alone;
        let mut model = volume.model();
        model.end_copy(number, may_be.then_some(made), is_alone);
        drop(model);
        Ok(called)
    }

    pub(super) fn removes<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        let first = {
            let mut model = volume.model();
            model.begin_remove();
            model.held_at_first()
        };
        let called = self.calls(world, node, at, &format!("remove -d {driver} -n {name}"));
        let found = called
            .as_ref()
            .ok()
            .and_then(|called| called.found.as_ref());
        let is_removed = found.map(|found| found.code == 0);
        let mut model = volume.model();
        let ended = model.end_remove(is_removed);
        let since = model.held_since(&first);
        drop(model);
        let found = called?.found;
        let was_wrong = found.is_some_and(|found| matches!(found.code, 0 | 3));
        ensure(!was_wrong || since.is_empty(), || {
            format!("{name}: removed or missing while it was mounted on {since:?}")
        })?;
        if is_removed == Some(true) {
            world.counts.removes.fetch_add(1, SeqCst);
        }
        ended.map_err(|why| format!("{name}: {why}"))
    }

    /// A command that has the volume for a moment.
    pub(super) fn runs<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        let options = match driver {
            "loop" => format!("--volumeopts={}", self.dice.of(&OPTIONS)),
            _ => String::new(),
        };
        let millis = self.dice.below(100);
        let line = format!("run -d {driver} -n {name} {options} -- sleep 0.{millis:03}");
        self.calls(world, node, at, &line).map(drop)
    }

    /// Verbs that change nothing.
    pub(super) fn asks<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        let is_held = self.held.get(&at) == Some(&Hold::Certain);
        let verb = *self.dice.of(&["path", "get", "exists", "inspect", "list"]);
        let line = match verb {
            "list" => format!("list -d {driver}"),
            _ => format!("{verb} -d {driver} -n {name}"),
        };
        let kills = self.dice.one_in(7);
        let Some(found) = self.call(world, node, volume, &line, kills)? else {
            return Ok(());
        };
        let path = world
            .env
            .with_root(&world.path(volume).display().to_string());
        let fits = !is_held
            || matches!(verb, "path" | "inspect")
                && answers::is_unreadable(&found)
                && world.stores[volume.store].was_full()
            || match verb {
                "path" => found.stdout == format!("{path}\n"),
                "get" => found.stdout == format!("{name}\n"),
                "list" => found.stdout.lines().any(|line| line == name),
                "inspect" => found.stdout.contains(&format!("\"{path}\"")),
                _ => found.code == 0,
            };
        ensure(fits, || {
            format!("{name}: {verb} while it is mounted: {found:?}")
        })
    }
}

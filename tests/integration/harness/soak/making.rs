//! A caller that makes, copies, removes and uses volumes, and asks about them.

use std::sync::atomic::Ordering::SeqCst;

use crate::harness::process::Output;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::caller::{Called, Caller, Hold, OPTIONS};
use crate::harness::soak::known::Content;
use crate::harness::soak::model::Original;
use crate::harness::soak::snapshot::{Kept, Snapshot};
use crate::harness::soak::world::{Volume, World};

/// What a copy is made of.
enum Source<'w> {
    Volume(&'w Volume),
    Snapshot(&'w Snapshot),
}

/// What was known of it when that began.
enum Before {
    Volume(Original),
    Snapshot(Option<Kept>, usize),
}

impl Source<'_> {
    fn options(&self, world: &World) -> String {
        match self {
            Source::Volume(volume) => format!("--opt volumeName={}", volume.name),
            Source::Snapshot(snapshot) => {
                let of = snapshot
                    .kept()
                    .map(|kept| &*world.volumes[kept.volume].name);
                let of = of.unwrap_or_default();
                format!("--opt volumeName={of} --opt snapshotName={}", snapshot.name)
            }
        }
    }

    fn begin(&self) -> Before {
        match self {
            Source::Volume(volume) => Before::Volume(volume.model().begin_original()),
            Source::Snapshot(snapshot) => {
                let state = snapshot.state();
                Before::Snapshot(state.kept.clone(), state.changes)
            }
        }
    }

    fn end(&self, before: Before, may_be_broken: bool) -> Content {
        match (self, before) {
            (Source::Volume(volume), Before::Volume(original)) => {
                volume.model().end_original(original, may_be_broken)
            }
            (Source::Snapshot(snapshot), Before::Snapshot(Some(kept), changes))
                if snapshot.state().changes == changes =>
            {
                kept.content
            }
            _ => Content::anything(),
        }
    }
}

impl Caller {
    pub(super) fn creates<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        match self.dice.below(3) {
            1 if world.volumes[at].driver == "loop" => self.copies(world, node, at, "create"),
            2 if world.volumes[at].driver == "loop" => self.copies(world, node, at, "mount"),
            _ => self.makes(world, node, at),
        }
    }

    pub(super) fn makes<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver, label) = (&volume.name, volume.driver, volume.label());
        let line = match driver {
            "loop" => {
                let options = self.dice.of(&OPTIONS);
                format!("create -d loop -n {name} --volumeopts={options}{label}")
            }
            _ => format!("create -d {driver} -n {name}"),
        };
        self.calls(world, node, at, &line).map(drop)
    }

    /// Makes a volume that does not exist, as far as is known, as a copy of one that does, or of a snapshot.
    fn copies<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize, verb: &str) -> Done {
        let store = world.volumes[at].store;
        let of_store =
            |(_, other): &(usize, &Volume)| other.store == store && other.driver == "loop";
        let of_store = world.volumes.iter().enumerate().filter(of_store);
        let (there, missing): (Vec<_>, Vec<_>) =
            of_store.partition(|(_, volume)| volume.model().is_there());
        let Some((at, volume)) = self.dice.any(&missing) else {
            return Ok(());
        };
        let Some(source) = self.source(world, store, &there) else {
            return Ok(());
        };
        if self.held.contains_key(&at) {
            return Ok(());
        }
        let (name, label) = (&volume.name, volume.label());
        let larger = if self.dice.one_in(6) {
            " --opt size=400MiB"
        } else {
            ""
        };
        let options = format!("{}{larger}{label}", source.options(world));
        let line = match verb {
            "mount" => format!("mount -d loop -n {name} --id {} {options}", self.id),
            _ => format!("create -d loop -n {name} {options}"),
        };
        let first = volume.model().held_at_first();
        let called = self.makes_copy(world, node, at, source, &line)?;
        match verb {
            "mount" => self.has_mounted(world, at, called, &first),
            _ => Ok(()),
        }
    }

    /// Of which a copy is to be made.
    fn source<'w>(
        &mut self,
        world: &'w World,
        store: usize,
        there: &[(usize, &'w Volume)],
    ) -> Option<Source<'w>> {
        let snapshots = world.snapshots.iter();
        let snapshots = snapshots.filter(|it| it.store == store && it.kept().is_some());
        let snapshots: Vec<&Snapshot> = snapshots.collect();
        match self.dice.one_in(2) {
            true => self.dice.any(&snapshots).map(Source::Snapshot),
            false => self
                .dice
                .any(there)
                .map(|(_, volume)| Source::Volume(volume)),
        }
    }

    fn makes_copy<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        source: Source,
        line: &str,
    ) -> Result<Called, String> {
        let volume = &world.volumes[at];
        let number = world.counts.names.fetch_add(1, SeqCst);
        volume.model().begin_copy(number);
        let before = source.begin();
        let called = self.calls(world, node, at, line);
        let made = source.end(before, world.stores[volume.store].was_full());
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
            "loop" => format!("--volumeopts={}{}", self.dice.of(&OPTIONS), volume.label()),
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
        let verb = *self.dice.of(&[
            "path",
            "get",
            "exists",
            "inspect",
            "list",
            "list --size",
            "snapshot list",
        ]);
        let line = match verb {
            "list" => format!("list -d {driver}"),
            "list --size" => format!("list -d {driver} --size --format names"),
            "snapshot list" => "snapshot list -d loop".to_owned(),
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
                "list" | "list --size" => found.stdout.lines().any(|line| line == name),
                "inspect" => found.stdout.contains(&format!("\"{path}\"")),
                _ => found.code == 0,
            };
        ensure(fits, || {
            format!("{name}: {verb} while it is mounted: {found:?}")
        })
    }
}

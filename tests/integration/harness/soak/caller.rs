//! One of the callers of a host: what it does at random, and what it finds.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use crate::harness::dice::Dice;
use crate::harness::fs;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::content::{content, look};
use crate::harness::soak::model::HeldAtFirst;
use crate::harness::soak::world::{Volume, World};

/// Volumes that a caller has mounted at once.
const MOST_HELD: usize = 3;

/// Files in a volume, more or less.
const MOST_FILES: usize = 10;

const OPTIONS: [&str; 5] = [
    "size=16MiB,fs=ext4",
    "size=300MiB,fs=xfs",
    "size=128MiB,fs=btrfs",
    "size=40MiB,fs=ext4,volumeType=thick",
    "size=24MiB,fs=ext4",
];

/// What a caller has of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Certain,
    /// A call was killed, or has failed.
    Unknown,
}

pub struct Caller {
    pub host: usize,
    id: String,
    dice: Dice,
    held: BTreeMap<usize, Hold>,
    boot: usize,
}

/// A call that has come to its end.
struct Called {
    /// `None` where it was killed.
    found: Option<Output>,
    /// No other call that changes the volume ran at the same time.
    is_alone: bool,
}

impl Caller {
    pub fn new(host: usize, number: usize, dice: Dice) -> Caller {
        Caller {
            host,
            id: format!("caller{number}"),
            dice,
            held: BTreeMap::new(),
            boot: 1,
        }
    }

    /// One thing at random.
    pub fn act(&mut self, world: &World) -> Done {
        let at = self.dice.below(world.volumes.len());
        let store = &world.stores[world.volumes[at].store];
        match self.dice.below(200) {
            0 => return self.cuts_power(world),
            1..4 => {
                let leaving = *self.dice.of(&[0, 1 << 12, 1 << 20, 8 << 20, 64 << 20]);
                world.enter();
                world.notes(&format!("FILLED {}", store.fs_type));
                store.fill(leaving);
                return Ok(());
            }
            4..14 => {
                world.enter();
                store.empty();
                return Ok(());
            }
            _ => {}
        }
        let host = &world.hosts[self.host];
        let node = host.on();
        self.notices_power_cut(world);
        let held: Vec<usize> = self.held.keys().copied().collect();
        if !held.is_empty() && self.dice.one_in(2) {
            let at = *self.dice.of(&held);
            return self.goes_on(world, &node, at);
        }
        if world.volumes[at].host.is_some_and(|only| only != self.host)
            || self.held.contains_key(&at)
        {
            return Ok(());
        }
        match self.dice.below(20) {
            0..7 if held.len() < MOST_HELD => self.mounts(world, &node, at),
            7..12 => self.creates(world, &node, at),
            12..15 => self.removes(world, &node, at),
            15..17 => self.runs(world, &node, at),
            17..18 => self.asks(world, &node, at),
            _ => self.unmounts(world, &node, at),
        }
    }

    fn notices_power_cut(&mut self, world: &World) {
        let boot = world.hosts[self.host].boot_number();
        if self.boot != boot {
            self.boot = boot;
            self.held.clear();
        }
    }

    /// With a volume that it has mounted, or may have.
    fn goes_on<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let is_certain = self.held.get(&at) == Some(&Hold::Certain);
        match self.dice.below(8) {
            0..4 if is_certain => self.looks_and_writes(world, node, at, 300_000),
            6 if is_certain && self.dice.one_in(3) => {
                // What is written now will not reach the disk.
                let store = &world.stores[world.volumes[at].store];
                node.enter();
                world.notes(&format!("FILLED {}", store.fs_type));
                store.fill(0);
                self.looks_and_writes(world, node, at, 4_000_000)?;
                self.unmounts(world, node, at)
            }
            4 if is_certain => self.asks(world, node, at),
            5 if is_certain && world.volumes[at].driver == "loop" => self.removes(world, node, at),
            0..3 => self.mounts(world, node, at),
            _ => self.unmounts(world, node, at),
        }
    }

    /// Runs dvdcli, and kills it perhaps.
    fn calls<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        line: &str,
    ) -> Result<Called, String> {
        let volume = &world.volumes[at];
        let kills = self.dice.one_in(7);
        let begun = volume.begun.fetch_add(1, SeqCst) + 1;
        volume.in_flight.fetch_add(1, SeqCst);
        let called = self.call(world, node, volume, line, kills);
        let is_alone = volume.in_flight.load(SeqCst) == 1 && volume.begun.load(SeqCst) == begun;
        if called.as_ref().is_ok_and(|found| {
            found
                .as_ref()
                .is_none_or(|found| !matches!(found.code, 0 | 3 | 4))
        }) {
            volume.model().doubt();
        }
        volume.in_flight.fetch_sub(1, SeqCst);
        Ok(Called {
            found: called?,
            is_alone,
        })
    }

    fn call<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        volume: &Volume,
        line: &str,
        kills: bool,
    ) -> Result<Option<Output>, String> {
        let store = &world.stores[volume.store];
        let host = &world.hosts[self.host];
        let verb = line.split(' ').next().unwrap_or_default();
        let shown = format!("{} {} {line}", host.name, self.id);
        world.notes(&format!("{shown} ..."));
        world.counts.calls.fetch_add(1, SeqCst);
        let mut running = host.dvdcli(node, store, line).start();
        if kills {
            // Most calls take some milliseconds.
            let most = 1 << self.dice.below(16);
            thread::sleep(Duration::from_micros(self.dice.below(most * 4) as u64));
            let _ = running.child.kill();
        }
        let found = running.output();
        world.notes(&format!("{shown} = {found:?}"));
        if kills && found.code == 137 {
            world.counts.kills.fetch_add(1, SeqCst);
            return Ok(None);
        }
        world.counts_answer(verb, &found);
        if answers::is_refused_by_full_disk(&found) {
            world.counts.refusals.fetch_add(1, SeqCst);
        }
        if found.stderr.contains("is lost") {
            world.counts.lost.fetch_add(1, SeqCst);
        }
        answers::check(verb, &found, store.was_full())
            .map_err(|why| format!("{}: {why}", volume.name))?;
        Ok(Some(found))
    }

    fn mounts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver, id) = (&volume.name, volume.driver, &self.id);
        let creating = match (driver, self.dice.below(4)) {
            (_, 0) => "--explicitcreate".to_owned(),
            ("loop", _) => format!("--volumeopts={}", self.dice.of(&OPTIONS)),
            _ => String::new(),
        };
        let line = format!("mount -d {driver} -n {name} --id {id} {creating}");
        let first = volume.model().held_at_first();
        let called = self.calls(world, node, at, &line)?;
        self.has_mounted(world, at, called, &first)
    }

    fn has_mounted(
        &mut self,
        world: &World,
        at: usize,
        called: Called,
        first: &HeldAtFirst,
    ) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        let is_held = self.held.get(&at) == Some(&Hold::Certain);
        match called.found {
            None if !is_held => drop(self.held.insert(at, Hold::Unknown)),
            None => {}
            Some(found) if found.code == 0 => {
                world.counts.mounts.fetch_add(1, SeqCst);
                let path = world
                    .env
                    .with_root(&format!("{}\n", world.path(volume).display()));
                ensure(found.stdout == path, || format!("{name}: {found:?}"))?;
                let here = world.hosts[self.host].name;
                let mut model = volume.model();
                let since = model.held_since(first);
                ensure(since.iter().all(|host| *host == here), || {
                    format!("{name}: mounted on {here} while it was mounted on {since:?}")
                })?;
                if !is_held {
                    let shared = volume.driver == "local";
                    model
                        .hold(here, shared)
                        .map_err(|why| format!("{name}: {why}"))?;
                }
                drop(model);
                self.held.insert(at, Hold::Certain);
                return self.looks(world, at);
            }
            Some(_) => {}
        }
        Ok(())
    }

    fn unmounts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
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
        let stays = found.stderr.contains("stays mounted");
        if found.code == 0 || found.stderr.contains("is lost") {
            self.held.remove(&at);
        }
        let was_not = found.stderr.contains("nothing was left to do");
        if found.code == 0 && !stays && !was_not && called.is_alone {
            let mut model = volume.model();
            if model.held_at_first().hosts.is_empty() {
                model.is_on_disk();
            }
        }
        Ok(())
    }

    fn creates<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
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
    fn copies<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize, verb: &str) -> Done {
        let store = world.volumes[at].store;
        let of_store =
            |(_, other): &(usize, &Volume)| other.store == store && other.driver == "loop";
        let of_store = world.volumes.iter().enumerate().filter(of_store);
        let (there, missing): (Vec<_>, Vec<_>) =
            of_store.partition(|(_, volume)| volume.model().is_there());
        let (Some((_, original)), Some((at, volume))) =
            (self.dice.any(&there), self.dice.any(&missing))
        else {
            return Ok(());
        };
        if self.held.contains_key(&at) {
            return Ok(());
        }
        let number = world.counts.names.fetch_add(1, SeqCst);
        volume.model().begin_copy(number);
        let before = original.model().begin_original();
        let line = format!(
            "{verb} -d loop -n {} --opt volumeName={}",
            volume.name, original.name
        );
        let first = volume.model().held_at_first();
        let line = match verb {
            "mount" => format!("{line} --id {}", self.id),
            _ => line,
        };
        let called = self.calls(world, node, at, &line);
        let made = original.model().end_original(before);
        let called = called?;
        let is_new = |found: &Output| found.code == 0 && found.stderr.is_empty();
        let is_done = called.found.as_ref().is_some_and(is_new);
        if is_done {
            world.counts.copies.fetch_add(1, SeqCst);
        }
        // What could not be mounted may have been made.
        let may_be = is_done
            || called
                .found
                .as_ref()
                .is_none_or(|found| verb == "mount" && found.code != 3);
        let is_alone = is_done && called.is_alone;
        volume
            .model()
            .end_copy(number, may_be.then_some(made), is_alone);
        match verb {
            "mount" => self.has_mounted(world, at, called, &first),
            _ => Ok(()),
        }
    }

    fn removes<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        let first = {
            let mut model = volume.model();
            model.begin_remove();
            model.held_at_first()
        };
        let called = self.calls(world, node, at, &format!("remove -d {driver} -n {name}"));
        let (done, is_killed) = match &called {
            Ok(Called {
                found: Some(found), ..
            }) => (found.code == 0, false),
            _ => (false, true),
        };
        let mut model = volume.model();
        let ended = model.end_remove((!is_killed).then_some(done));
        let since = model.held_since(&first);
        drop(model);
        let found = called?.found;
        let was_wrong = found.is_some_and(|found| matches!(found.code, 0 | 3));
        ensure(!was_wrong || since.is_empty(), || {
            format!("{name}: removed or missing while it was mounted on {since:?}")
        })?;
        if done {
            world.counts.removes.fetch_add(1, SeqCst);
        }
        ended.map_err(|why| format!("{name}: {why}"))
    }

    /// A command that has the volume until it is told to end.
    fn runs<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        let options = match driver {
            "loop" => format!("--volumeopts={}", self.dice.of(&OPTIONS)),
            _ => String::new(),
        };
        let number = self.dice.below(50);
        let code = self.dice.below(3);
        // The numbers of ends that no failure of ours has.
        let line = format!("run -d {driver} -n {name} {options} -- sleep 0.0{number}{code}");
        self.calls(world, node, at, &line).map(drop)
    }

    /// Verbs that change nothing.
    fn asks<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
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

    /// Of a volume that it holds: everything is there that has to be.
    fn looks(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let mut model = volume.model();
        let found = match look(&world.path(volume)) {
            Ok(found) => found,
            Err(error) => {
                model.doubt();
                let may_be = world.stores[volume.store].was_full();
                return ensure(may_be, || format!("{}: {error}", volume.name));
            }
        };
        world.counts.looks.fetch_add(1, SeqCst);
        let is_settled = volume.in_flight.load(SeqCst) == 0;
        world.notes(&format!("{} looks into {} {found:?}", self.id, volume.name));
        let done = model.finds(&found, is_settled);
        done.map_err(|why| format!("{}: {why}", volume.name))
    }

    fn looks_and_writes(&mut self, world: &World, node: &Node, at: usize, most: usize) -> Done {
        node.enter();
        self.looks(world, at)?;
        let volume = &world.volumes[at];
        let directory = world.path(volume);
        let mut model = volume.model();
        let may_delete = model.copying == 0;
        let content_now = model.content();
        let is_synced = self.dice.one_in(2);
        let number = world.counts.names.fetch_add(1, SeqCst);
        let most = if self.dice.one_in(4) || most > 300_000 {
            most
        } else {
            9_000
        };
        let name = format!("{}-{number}-{}", volume.name, self.dice.below(most));
        let text = content(&name).unwrap_or_default();
        let mut done = fs::create_with(&directory.join(&name), &text, is_synced);
        world.notes(&format!(
            "{} writes {name} to {} synced {is_synced}: {done:?}",
            self.id, volume.name
        ));
        let names = match (&done, is_synced) {
            (Ok(()), true) => &mut content_now.must,
            (Ok(()), false) => &mut content_now.pending,
            (Err(_), _) => &mut content_now.may,
        };
        names.insert(name);
        let too_many = content_now.must.len() + content_now.may.len() > MOST_FILES;
        if done.is_ok() && may_delete && (too_many || !content_now.may.is_empty()) {
            let mut gone: Vec<String> = content_now.may.iter().cloned().collect();
            if too_many {
                gone.extend(content_now.must.pop_first());
            }
            content_now.may.extend(gone.iter().cloned());
            for name in &gone {
                let _ = fs::remove_file(directory.join(name));
            }
            done = fs::sync_directory(&directory);
            world.notes(&format!(
                "{} deletes {gone:?} from {}: {done:?}",
                self.id, volume.name
            ));
            let stays = |name: &String| directory.join(name).exists();
            if done.is_ok() {
                content_now.may.retain(stays);
            }
        }
        if let Err(error) = done {
            model.doubt();
            let may_be = world.stores[volume.store].was_full()
                || error.raw_os_error() == Some(nix::libc::ENOSPC);
            return ensure(may_be, || format!("{}: {error}", volume.name));
        }
        Ok(())
    }

    /// The host has none from one moment to the next; the other host takes volumes from it, and it is booted again.
    fn cuts_power(&mut self, world: &World) -> Done {
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

    fn preempts<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
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

    /// What is needed of a call when nobody else does anything.
    fn does(&self, world: &World, at: usize, line: &str) -> Result<Output, String> {
        let volume = &world.volumes[at];
        let host = &world.hosts[self.host];
        let found = host
            .dvdcli(&host.on(), &world.stores[volume.store], line)
            .output();
        world.notes(&format!("{} {line} = {found:?}", host.name));
        Ok(found)
    }

    pub fn give_everything_up(&mut self, world: &World) -> Done {
        self.notices_power_cut(world);
        for at in 0..world.volumes.len() {
            let volume = &world.volumes[at];
            if volume.host.is_some_and(|only| only != self.host) {
                continue;
            }
            if self.held.get(&at) == Some(&Hold::Certain) {
                volume.model().let_go(world.hosts[self.host].name);
            }
            self.held.remove(&at);
            let line = format!(
                "unmount -d {} -n {} --id {}",
                volume.driver, volume.name, self.id
            );
            let found = self.does(world, at, &line)?;
            answers::check("unmount", &found, world.stores[volume.store].was_full())
                .map_err(|why| format!("{}: {why}", volume.name))?;
            if found.code != 0 {
                volume.model().doubt();
            }
        }
        Ok(())
    }

    /// When nobody else does anything, on a disk with space.
    pub fn looks_alone(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        if volume.host.is_some_and(|only| only != self.host) {
            return Ok(());
        }
        let mount = format!("mount -d {} -n {name} --explicitcreate", volume.driver);
        let mut found = self.does(world, at, &mount)?;
        if found.code == 1 && found.stderr.contains("its file system has ") {
            found = self.does(world, at, &format!("{mount} --read-only"))?;
        }
        match found.code {
            3 => {
                let absent = volume.model().is_absent();
                return absent.map_err(|why| format!("{name}: {why}"));
            }
            0 => ensure(is_warnings(&found.stderr), || format!("{name}: {found:?}"))?,
            _ => return Err(format!("{name}: {found:?}")),
        }
        world.hosts[self.host].on().enter();
        self.looks(world, at)?;
        let unmount = format!("unmount -d {} -n {name}", volume.driver);
        let found = self.does(world, at, &unmount)?;
        ensure(found.code == 0 && found.stderr.is_empty(), || {
            format!("{name}: {found:?}")
        })?;
        volume.model().is_on_disk();
        Ok(())
    }

    pub fn removes_for_good(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (driver, name) = (volume.driver, &volume.name);
        let found = self.does(world, at, &format!("remove -d {driver} -n {name}"))?;
        let is_right = matches!(found.code, 0 | 3);
        ensure(is_right, || format!("{name}: {found:?}"))
    }

    /// What calls that were killed have left goes with the next one for that volume.
    pub fn sweeps(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (driver, name) = (volume.driver, &volume.name);
        let size = if driver == "loop" {
            "--opt size=16MiB"
        } else {
            ""
        };
        let found = self.does(world, at, &format!("create -d {driver} -n {name} {size}"))?;
        ensure(found.code == 0, || format!("{name}: {found:?}"))?;
        self.removes_for_good(world, at)
    }
}

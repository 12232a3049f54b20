//! One of the callers of a host: what it does at random, and what it finds.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use crate::harness::dice::Dice;
use crate::harness::process::Output;
use crate::harness::scenario::Done;
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::world::{Volume, World};

/// Volumes that a caller has mounted at once.
const MOST_HELD: usize = 3;

pub(super) const OPTIONS: [&str; 5] = [
    "size=16MiB,fs=ext4",
    "size=300MiB,fs=xfs",
    "size=128MiB,fs=btrfs",
    "size=40MiB,fs=ext4,volumeType=thick",
    "size=24MiB,fs=ext4",
];

/// What a caller has of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    Certain,
    /// A call was killed, or has failed.
    Unknown,
}

pub struct Caller {
    pub host: usize,
    pub(super) id: String,
    pub(super) dice: Dice,
    pub(super) held: BTreeMap<usize, Hold>,
    boot: usize,
}

/// A call that has come to its end.
pub(super) struct Called {
    /// `None` where it was killed.
    pub(super) found: Option<Output>,
    /// No other call that changes the volume ran at the same time.
    pub(super) is_alone: bool,
    /// Its number among the calls for the volume.
    pub(super) begun: usize,
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
        let volume = &world.volumes[at];
        let store = &world.stores[volume.store];
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
                world.notes(&format!("EMPTIED {}", store.fs_type));
                store.empty();
                return Ok(());
            }
            _ => {}
        }
        let node = world.hosts[self.host].on();
        self.notices_power_cut(world);
        let held: Vec<usize> = self.held.keys().copied().collect();
        if !held.is_empty() && self.dice.one_in(2) {
            let at = *self.dice.of(&held);
            return self.goes_on(world, &node, at);
        }
        let is_others = volume.host.is_some_and(|only| only != self.host);
        match is_others || self.held.contains_key(&at) {
            true => Ok(()),
            false => self.begins(world, &node, at),
        }
    }

    /// With a volume that it does not have.
    fn begins<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let die = self.dice.below(32);
        // What is looked after is there, as a rule.
        let at = match die {
            18..30 => self.one_that_is_there(world, at),
            _ => at,
        };
        let has_image = world.volumes[at].driver == "loop";
        match die {
            0..7 if self.held.len() < MOST_HELD => self.mounts(world, node, at),
            7..12 => self.creates(world, node, at),
            12..15 => self.removes(world, node, at),
            15..17 => self.runs(world, node, at),
            17..18 => self.asks(world, node, at),
            18..20 => self.moves(world, node, at),
            20..21 => self.examines(world, node, at),
            21..25 if has_image => self.keeps(world, node, at),
            25..27 if has_image => self.grows(world, node, at),
            27..28 if has_image => self.trims(world, node, at),
            28..29 if has_image => self.clones(world, node, at),
            29..30 if has_image => self.prunes(world, node, at),
            _ => self.unmounts(world, node, at),
        }
    }

    /// One that it can use and does not have, or the one that was chosen.
    fn one_that_is_there(&mut self, world: &World, chosen: usize) -> usize {
        let volumes = world.volumes.iter().enumerate();
        let there = volumes.filter(|(at, volume)| {
            let is_its_own = volume.host.is_none_or(|only| only == self.host);
            is_its_own && !self.held.contains_key(at) && volume.model().is_there()
        });
        let there: Vec<usize> = there.map(|(at, _)| at).collect();
        self.dice.any(&there).unwrap_or(chosen)
    }

    /// What can be done with a volume that is mounted; what cannot be is refused.
    fn looks_after<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        match self.dice.below(8) {
            0..3 => self.keeps(world, node, at),
            3 => self.grows(world, node, at),
            4 => self.trims(world, node, at),
            5 => self.clones(world, node, at),
            6 => self.moves(world, node, at),
            _ => self.prunes(world, node, at),
        }
    }

    pub(super) fn notices_power_cut(&mut self, world: &World) {
        let boot = world.hosts[self.host].boot_number();
        if self.boot != boot {
            self.boot = boot;
            self.held.clear();
        }
    }

    /// With a volume that it has mounted, or may have.
    fn goes_on<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let is_certain = self.held.get(&at) == Some(&Hold::Certain);
        let is_claimed = world.volumes[at].driver == "loop";
        match self.dice.below(10) {
            0..4 if is_certain => self.looks_and_writes(world, node, at),
            8 if is_certain && is_claimed => self.looks_after(world, node, at),
            9 if is_certain => self.moves(world, node, at),
            4 if is_certain => self.asks(world, node, at),
            5 if is_certain && is_claimed => self.removes(world, node, at),
            6 if is_certain && self.dice.one_in(3) => {
                self.writes_to_full_disk(world, node, at)?;
                self.unmounts(world, node, at)
            }
            0..3 => self.mounts(world, node, at),
            _ => self.unmounts(world, node, at),
        }
    }

    /// Runs dvdcli, and kills it perhaps.
    pub(super) fn calls<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        line: &str,
    ) -> Result<Called, String> {
        let volume = &world.volumes[at];
        let kills = self.dice.one_in(7);
        let begun = volume.begun.fetch_add(1, SeqCst) + 1;
        let was_alone = volume.in_flight.fetch_add(1, SeqCst) == 0;
        let called = self.call(world, node, volume, line, kills);
        let is_alone =
            was_alone && volume.in_flight.load(SeqCst) == 1 && volume.begun.load(SeqCst) == begun;
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
            begun,
        })
    }

    pub(super) fn call<'a>(
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
}

//! A caller that lets volumes grow and trims them, and looks for what is wrong on its host.

use std::sync::atomic::Ordering::SeqCst;

use crate::harness::fs;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::caller::Caller;
use crate::harness::soak::world::World;

const SIZES: [(&str, u64); 4] = [
    ("48MiB", 48),
    ("150MiB", 150),
    ("310MiB", 310),
    ("380MiB", 380),
];

impl Caller {
    pub(super) fn grows<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        let (size, mib) = *self.dice.of(&SIZES);
        let line = format!("resize -d loop -n {name} --size {size}");
        let called = self.calls(world, node, at, &line)?;
        if called.found.is_none_or(|found| found.code != 0) {
            return Ok(());
        }
        world.counts.growths.fetch_add(1, SeqCst);
        let image = world.stores[volume.store].directory.join("loop");
        let length = fs::metadata(image.join(name).join("image")).map(|found| found.len());
        // Others may restore, or remove it and make it anew.
        let is_same = called.is_alone && volume.begun.load(SeqCst) == called.begun;
        let is_long = length.as_ref().is_ok_and(|length| *length >= mib << 20);
        ensure(!is_same || is_long, || {
            format!("{name}: {length:?} after {line}")
        })
    }

    pub(super) fn trims<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let line = format!("trim -d loop -n {}", world.volumes[at].name);
        self.calls(world, node, at, &line).map(drop)
    }

    /// Only what is safe is repaired.
    pub(super) fn examines<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let fix = *self.dice.of(&["", " --fix"]);
        let kills = self.dice.one_in(7);
        let volume = &world.volumes[at];
        self.call(world, node, volume, &format!("doctor{fix}"), kills)
            .map(drop)
    }
}

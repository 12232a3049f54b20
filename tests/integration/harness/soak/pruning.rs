//! A caller that prunes: what may go is known by the volumes' labels.

use std::sync::atomic::Ordering::SeqCst;

use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::caller::Caller;
use crate::harness::soak::world::{Volume, World};
use crate::harness::waiting::comes_true;

impl Caller {
    /// All that may go of a disk, or one volume.
    pub(super) fn prunes<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let chosen = &world.volumes[at];
        let only = match self.dice.one_in(4) {
            true => String::new(),
            false => format!(" --filter name={}", chosen.name),
        };
        let may_go = |volume: &&Volume| {
            let is_chosen = only.is_empty() || volume.name == chosen.name;
            volume.is_labelled && volume.store == chosen.store && is_chosen
        };
        let affected: Vec<&Volume> = world.volumes.iter().filter(may_go).collect();
        let begun = affected.iter().map(|volume| {
            volume.begun.fetch_add(1, SeqCst);
            volume.in_flight.fetch_add(1, SeqCst);
            let mut model = volume.model();
            model.begin_remove();
            model.held_at_first()
        });
        let begun: Vec<_> = begun.collect();
        let kills = self.dice.one_in(7);
        let called = self.call(
            world,
            node,
            chosen,
            &format!("prune -d loop --yes{only}"),
            kills,
        );
        let found = called.as_ref().ok().and_then(|found| found.as_ref());
        let mut ended = vec![];
        for (volume, first) in affected.iter().zip(&begun) {
            let name = &volume.name;
            let is_listed = |line: &str| line.split_whitespace().nth(1) == Some(name.as_str());
            let is_removed = found.map(|found| found.stdout.lines().any(is_listed));
            let mut model = volume.model();
            let done = model.end_remove(is_removed);
            let since = model.held_since(first);
            drop(model);
            volume.in_flight.fetch_sub(1, SeqCst);
            let is_free = is_removed != Some(true) || since.is_empty();
            if is_removed == Some(true) {
                world.counts.prunes.fetch_add(1, SeqCst);
            }
            ended.push(
                done.and_then(|()| {
                    ensure(is_free, || {
                        format!("pruned while it was mounted on {since:?}")
                    })
                })
                .map_err(|why| format!("{name}: {why}")),
            );
        }
        called?;
        ended.into_iter().collect()
    }

    /// Removes the copies that runs which were killed have left. Their commands may have them for a moment.
    pub fn prunes_clones(&self, world: &World) -> Done {
        for at in 0..world.volumes.len() {
            if at > 0 && world.volumes[at].store == world.volumes[at - 1].store {
                continue;
            }
            let mut last = String::new();
            let is_done = comes_true(|| {
                let line = "prune -d loop --yes --filter label=dvdcli.clone-of";
                let found = self.does(world, at, line);
                let is_done = found.as_ref().is_ok_and(|found| found.code == 0);
                last = format!("{found:?}");
                is_done
            });
            ensure(is_done, || last)?;
        }
        Ok(())
    }
}

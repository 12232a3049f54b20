//! Two hosts, four callers each: every verb at random over volumes on disks that run full and are emptied again, with kills at
//! random. A checker knows what has to be in each volume.
//!
//! `DVDCLI_TEST_SECONDS` says for how long, `DVDCLI_TEST_SEED` with which numbers.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crate::harness::dice::Dice;
use crate::harness::env::Env;
use crate::harness::scenario::{Done, note};
use crate::harness::soak::caller::Caller;
use crate::harness::soak::hosts::HOSTS;
use crate::harness::soak::world::World;
use crate::harness::waiting::at_once;

const CALLERS: usize = 4;

/// Calls of each caller, where `DVDCLI_TEST_SECONDS` does not say for how long.
const CALLS: usize = 28;

/// Snapshots that are looked into at such a moment.
const MOST_SNAPSHOTS: usize = 4;

/// Between two moments at which nobody does anything, and everything is looked at.
const ROUND: Duration = Duration::from_secs(20);

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok();
    text.map(|text| text.parse().unwrap())
}

/// Lets all callers act, until so many calls are made or the time is over.
fn round(world: &World, callers: &mut [Caller], calls: Option<usize>, ends: Instant) {
    at_once(callers.iter_mut(), |caller| {
        let mut made = 0;
        while !world.has_failed() && calls.map_or(Instant::now() < ends, |calls| made < calls) {
            if let Err(why) = caller.act(world) {
                world.fails(&why);
            }
            made += 1;
        }
    });
}

/// Everybody gives up what they hold, and every volume holds what it has to.
fn look_at_everything(world: &World, callers: &mut [Caller]) -> Done {
    world.stores.iter().for_each(|store| store.empty());
    let given_up = at_once(callers.iter_mut(), |caller| {
        caller.give_everything_up(world)
    });
    given_up.into_iter().collect::<Done>()?;
    for caller in [0, CALLERS] {
        callers[caller].prunes_clones(world)?;
    }
    world.nothing_is_mounted()?;
    for volume in 0..world.volumes.len() {
        for caller in [0, CALLERS] {
            callers[caller].looks_alone(world, volume)?;
        }
    }
    let kept = world.snapshots.iter().filter(|it| it.kept().is_some());
    for snapshot in kept.take(MOST_SNAPSHOTS) {
        callers[0].looks_into_snapshot(world, snapshot)?;
    }
    world.nothing_is_mounted()?;
    world.stores.iter().for_each(|store| store.is_sound());
    Ok(())
}

#[test]
fn nothing_is_lost_where_everything_happens_at_once() {
    let Some(env) = Env::isolated() else { return };
    let seed = number("DVDCLI_TEST_SEED").unwrap_or(1);
    let seconds = number("DVDCLI_TEST_SECONDS");
    let world = World::new(&env, HOSTS.len() * CALLERS);
    let mut callers: Vec<Caller> = (0..HOSTS.len() * CALLERS)
        .map(|caller| {
            let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ caller as u64);
            Caller::new(caller / CALLERS, caller, dice)
        })
        .collect();
    let ends = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    loop {
        let calls = seconds.is_none().then_some(CALLS);
        round(
            &world,
            &mut callers,
            calls,
            ends.min(Instant::now() + ROUND),
        );
        if !world.has_failed()
            && let Err(why) = look_at_everything(&world, &mut callers)
        {
            world.fails(&why);
        }
        if world.has_failed() || Instant::now() >= ends {
            break;
        }
    }
    if !world.has_failed()
        && let Err(why) = world.is_removed(&mut callers)
    {
        world.fails(&why);
    }
    world.enter();
    let figures = world.figures(seed);
    note(&figures);
    env.write("figures", &figures);
    let failures = world.failures();
    world.power_off();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(world.counts.kills.load(SeqCst) > 0 && world.counts.mounts.load(SeqCst) > 0);
    drop(world);
    env.assert_nothing_is_left();
}

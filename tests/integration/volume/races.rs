//! Many processes at once, on one volume and on several.

use std::fs;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::http::{Answer, hang};
use crate::harness::plugin::{FakePlugin, Kind};
use crate::harness::process::Output;

const KINDS: [Kind; 2] = [Kind::Counting, Kind::Refusing];

/// Runs all of them at once.
fn at_once(env: &Env, lines: impl Iterator<Item = String>) -> Vec<Output> {
    let runs: Vec<_> = lines.map(|line| env.dvdcli(&line).start()).collect();
    runs.into_iter().map(|run| run.output()).collect()
}

#[test]
fn twenty_callers_of_one_volume_share_its_mount() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind);
        for found in at_once(&env, (0..20).map(|_| "mount -d fake -n db".into())) {
            assert_eq!(
                (found.code, found.stdout.as_str(), found.stderr.as_str()),
                (0, "$ROOT/volumes/db\n", "")
            );
        }
        assert_eq!(
            (plugin.bodies("Create").len(), plugin.bodies("Mount").len()),
            (1, 1)
        );
        env.dvdcli("unmount -d fake -n db").succeeds();
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn twenty_holders_come_and_go_at_once() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind);
        for found in at_once(
            &env,
            (0..20).map(|id| format!("mount -d fake -n db --id {id}")),
        ) {
            assert_eq!(
                (found.code, found.stdout.as_str(), found.stderr.as_str()),
                (0, "$ROOT/volumes/db\n", "")
            );
        }
        let ended = at_once(
            &env,
            (0..20).map(|id| format!("unmount -d fake -n db --id {id}")),
        );
        for found in &ended {
            assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
        }
        let silent = ended.iter().filter(|found| found.stderr.is_empty()).count();
        assert_eq!(
            (silent, plugin.mounts("db"), plugin.bodies("Unmount").len()),
            (1, 0, 1)
        );
    }
}

#[test]
fn twenty_callers_mount_and_unmount_in_turn() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind);
        let line = |id| {
            let verb = if id % 2 == 0 { "mount" } else { "unmount" };
            format!("{verb} -d fake -n db --id {}", id / 2)
        };
        for found in at_once(&env, (0..20).map(line)) {
            assert_eq!(found.code, 0, "{found:?}");
        }
        env.dvdcli("unmount -d fake -n db --force").output();
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn twenty_volumes_are_mounted_at_once() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for (number, found) in at_once(&env, (0..20).map(|id| format!("mount -d fake -n v{id}")))
        .iter()
        .enumerate()
    {
        let path = format!("$ROOT/volumes/v{number}\n");
        assert_eq!(
            (found.code, found.stdout.as_str(), found.stderr.as_str()),
            (0, path.as_str(), "")
        );
    }
    assert_eq!(plugin.bodies("Mount").len(), 20);
}

#[test]
fn a_volume_that_is_worked_on_delays_its_own_callers_only() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake")
        .with_volume("db")
        .with_volume("other");
    plugin.on_each("Mount", [hang(), Answer::Act]);
    let slow = env.dvdcli("mount -d fake -n db").start();
    plugin.wait_for("Mount");
    env.dvdcli("mount -d fake -n other")
        .prints("$ROOT/volumes/other\n")
        .succeeds();
    for (verb, doing) in [
        ("mount", "mounting"),
        ("unmount", "unmounting"),
        ("remove", "removing"),
        ("create", "creating"),
    ] {
        env.dvdcli(&format!("{verb} -d fake -n db --timeout 300ms")).fails(
            1,
            &format!("dvdcli: {doing} volume db: locking the volume in $ROOT/run/dvdcli: another dvdcli is at work on it: no answer within 300ms (--timeout)\n"),
        );
    }
    // Looking needs no lock.
    env.dvdcli("exists -d fake -n db").succeeds();
    slow.kill();
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
}

#[test]
fn nothing_is_left_of_a_volume_that_nobody_holds() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake");
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.dvdcli("remove -d fake -n db").succeeds();
    assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
}

//! Many processes at once, processes killed at the worst moment, and records that were damaged.

use std::fs;

use pretty_assertions::assert_eq;

use crate::env::{Env, Output};
use crate::http::{Answer, hang};
use crate::plugin::{FakePlugin, Kind};

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

/// How a call is cut off: before the plugin has done anything, or after it.
fn cut_offs() -> [Answer; 2] {
    [hang(), Answer::ActAndHang]
}

/// What comes after the cut: each leads to a volume that is mounted once, and then not at all.
const AFTERWARDS: [&[&str]; 3] = [&["mount"], &["unmount", "mount"], &["mount", "mount"]];

#[test]
fn a_call_that_is_killed_leaves_nothing_that_the_next_does_not_put_right() {
    for kind in KINDS {
        for method in ["Mount", "Unmount"] {
            for answer in cut_offs() {
                for then in AFTERWARDS {
                    let env = Env::new();
                    let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
                    if method == "Unmount" {
                        env.dvdcli("mount -d fake -n db")
                            .prints("$ROOT/volumes/db\n")
                            .succeeds();
                    }
                    plugin.on_each(method, [answer.clone(), Answer::Act]);
                    let run = env
                        .dvdcli(&format!("{} -d fake -n db", method.to_lowercase()))
                        .start();
                    plugin.wait_for(method);
                    run.kill();
                    comes_out_right(&env, &plugin, then);
                }
            }
        }
    }
}

#[test]
fn a_call_whose_time_ran_out_leaves_nothing_that_the_next_does_not_put_right() {
    for kind in KINDS {
        for method in ["Mount", "Unmount"] {
            for answer in cut_offs() {
                let env = Env::new();
                let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
                let verb = method.to_lowercase();
                if method == "Unmount" {
                    env.dvdcli("mount -d fake -n db")
                        .prints("$ROOT/volumes/db\n")
                        .succeeds();
                }
                plugin.on_each(method, [answer, Answer::Act]);
                env.dvdcli(&format!("{verb} -d fake -n db --timeout 1s")).fails(
                    1,
                    &format!("dvdcli: {verb}ing volume db: plugin fake: VolumeDriver.{method}: no answer within 1s (--timeout)\n"),
                );
                comes_out_right(&env, &plugin, AFTERWARDS[1]);
            }
        }
    }
}

/// Warnings are welcome on this way, failures are not.
#[track_caller]
fn comes_out_right(env: &Env, plugin: &FakePlugin, verbs: &[&str]) {
    for verb in verbs.iter().chain(&["unmount"]) {
        let found = env.dvdcli(&format!("{verb} -d fake -n db")).output();
        let (path, mounts) = if *verb == "mount" {
            ("$ROOT/volumes/db\n", 1)
        } else {
            ("", 0)
        };
        assert_eq!(
            (found.code, found.stdout.as_str(), plugin.mounts("db")),
            (0, path, mounts),
            "{verb} {found:?}"
        );
    }
}

#[test]
fn a_damaged_record_is_set_aside() {
    let deep = "[".repeat(100_000);
    for damage in [
        "",
        "{",
        "[]",
        "null",
        "\0\0\0\0",
        "{\"boot\":1}",
        deep.as_str(),
    ] {
        for kind in KINDS {
            let env = Env::new();
            let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
            env.dvdcli("mount -d fake -n db")
                .prints("$ROOT/volumes/db\n")
                .succeeds();
            assert_eq!(damage_records(&env, damage), 1);
            env.dvdcli("mount -d fake -n db")
                .prints("$ROOT/volumes/db\n")
                .warns(SET_ASIDE)
                .succeeds();
            // What the plugin had mounted before must not stay for ever.
            assert_eq!(plugin.mounts("db"), 1);
            env.dvdcli("unmount -d fake -n db").succeeds();
            assert_eq!(plugin.mounts("db"), 0);
        }
    }
}

#[test]
fn a_damaged_record_does_not_keep_from_unmounting() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    damage_records(&env, "");
    env.dvdcli("unmount -d fake -n db")
        .warns(SET_ASIDE)
        .succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

const SET_ASIDE: &str = "dvdcli: warning: the holders' record $ROOT/run/dvdcli/[..].damaged is damaged ([..]); set aside\n";

/// Overwrites every record, and returns how many there were. Locks are empty already.
fn damage_records(env: &Env, damage: &str) -> usize {
    let files = fs::read_dir(env.path("run/dvdcli"))
        .unwrap()
        .map(|file| file.unwrap().path());
    let records = files.filter(|path| fs::metadata(path).unwrap().len() > 0);
    records.map(|path| fs::write(path, damage).unwrap()).count()
}

#[test]
fn a_state_directory_that_cannot_be_used_fails_before_anything_is_done() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.write("run/dvdcli", "");
    env.dvdcli("mount -d fake -n db").fails(
        1,
        "dvdcli: mounting volume db: locking the volume in $ROOT/run/dvdcli: not a directory\n",
    );
    assert_eq!(plugin.mounts("db"), 0);
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

#[test]
fn a_mount_that_a_plugin_finishes_late_is_not_counted_for_ever() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    plugin.hold_back("Mount", "List", 1);
    let running = env.dvdcli("mount -d fake -n db").start();
    plugin.wait_for("Mount");
    running.kill();
    env.dvdcli("unmount -d fake -n db")
        .warns("dvdcli: warning: unmounting volume db: plugin fake: VolumeDriver.Unmount: volume is not mounted; nothing was left to do\n")
        .succeeds();
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    plugin.settle();
    assert_eq!(plugin.mounts("db"), 1);
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
}

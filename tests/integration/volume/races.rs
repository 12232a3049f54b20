//! Many processes at once, on one volume and on several.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::http::{Answer, hang};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Output, is_warnings};
use crate::harness::volume_driver::KINDS;
use crate::harness::waiting::at_once;

/// Runs twenty of them at once.
fn twenty(env: &Env, line: impl Fn(usize) -> String + Sync) -> Vec<Output> {
    at_once(0..20, |number| env.dvdcli(&line(number)).output())
}

#[test]
fn twenty_callers_of_one_volume_share_its_mount() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind);
        for found in twenty(&env, |_| "mount -d fake -n db".into()) {
            assert_eq!(found.parts(), (0, "$ROOT/volumes/db\n", ""));
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
        for found in twenty(&env, |id| format!("mount -d fake -n db --id {id}")) {
            assert_eq!(found.parts(), (0, "$ROOT/volumes/db\n", ""));
        }
        let ended = twenty(&env, |id| format!("unmount -d fake -n db --id {id}"));
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
        let line = |id: usize| {
            let verb = if id.is_multiple_of(2) {
                "mount"
            } else {
                "unmount"
            };
            format!("{verb} -d fake -n db --id {}", id / 2)
        };
        for (number, found) in twenty(&env, line).iter().enumerate() {
            let path = ["$ROOT/volumes/db\n", ""][number % 2];
            assert_eq!((found.code, found.stdout.as_str()), (0, path), "{found:?}");
            assert!(is_warnings(&found.stderr), "{found:?}");
        }
        let warning = match plugin.mounts("db") {
            0 => {
                "dvdcli: warning: unmounting volume db: plugin fake: VolumeDriver.Unmount: volume is not mounted; nothing was left to do\n"
            }
            _ => "",
        };
        env.dvdcli("unmount -d fake -n db --force")
            .warns(warning)
            .succeeds();
        assert_eq!(plugin.mounts("db"), 0);
        env.assert_nothing_is_left();
    }
}

#[test]
fn twenty_volumes_are_mounted_at_once() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for (number, found) in twenty(&env, |id| format!("mount -d fake -n v{id}"))
        .iter()
        .enumerate()
    {
        let path = format!("$ROOT/volumes/v{number}\n");
        assert_eq!(found.parts(), (0, path.as_str(), ""));
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
    let calls = [
        ("mount", "mounting"),
        ("unmount", "unmounting"),
        ("remove", "removing"),
        ("create", "creating"),
    ];
    at_once(calls, |(verb, doing)| {
        env.dvdcli(&format!("{verb} -d fake -n db --timeout 1s")).fails(
            1,
            &format!("dvdcli: {doing} volume db: locking the volume in $ROOT/run/dvdcli: another dvdcli is at work on it: no answer within 1s (--timeout)\n"),
        );
    });
    // Looking needs no lock.
    env.dvdcli("exists -d fake -n db").succeeds();
    slow.kill();
    env.mount_db();
}

#[test]
fn nothing_is_left_of_a_volume_that_nobody_holds() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake");
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.dvdcli("remove -d fake -n db").succeeds();
    assert_eq!(env.records(), [""; 0]);
}

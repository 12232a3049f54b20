//! `mount --from-env` mounts all or none, whatever fails and whenever it is killed.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::http::{Answer, hang, refuses};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::is_warnings;
use crate::harness::task::{
    MOUNT, THREE, THREE_PATHS, UNMOUNT, owned, ownership, plugin_mounts, task,
};
use crate::harness::volume_driver::KINDS;

/// Each of the three in turn is of a plugin that refuses; all have container paths that are made.
#[test]
fn whichever_fails_nothing_stays_mounted() {
    let Some(env) = Env::isolated() else { return };
    for kind in KINDS {
        for digit in ["0", "1", "2"] {
            let plugin = FakePlugin::start_kind(&env, "rexray", kind);
            let bad = FakePlugin::start(&env, "bad");
            bad.on("Mount", refuses("volume is attached to another host"));
            let driver = format!("DRIVER{digit}");
            let mut variables = THREE.to_vec();
            variables.extend([
                (driver.as_str(), "bad"),
                ("CONTAINERPATH", "$ROOT/job/a"),
                ("CONTAINERPATH1", "$ROOT/job/b"),
                ("CONTAINERPATH2", "$ROOT/job/b/c"),
            ]);
            let name = THREE[digit.parse::<usize>().unwrap()];
            task(&env, MOUNT, &variables).fails(
                1,
                &format!(
                    "dvdcli: mounting volume {} (DVDI_VOLUME_{}): plugin bad: VolumeDriver.Mount: volume is attached to another host\n",
                    name.1, name.0
                ),
            );
            assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0; 3]);
            assert_eq!(env.mounts().len(), 0);
            assert!(!env.path("job").exists());
            assert_eq!(env.records(), [""; 0]);
            // What is inside another's path does not begin where that one has failed.
            let turns = if digit == "2" { 2 } else { 1 };
            assert_eq!(plugin.bodies("Mount").len(), turns);
        }
    }
}

#[test]
fn of_several_failures_the_first_is_reported() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    plugin.gather("Mount", 3).on("Mount", refuses("no"));
    task(&env, MOUNT, THREE).fails(
        1,
        "dvdcli: mounting volume a (DVDI_VOLUME_NAME): plugin rexray: VolumeDriver.Mount: no\n",
    );
}

#[test]
fn what_was_held_before_stays_held() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let bad = FakePlugin::start(&env, "bad");
    bad.on("Mount", refuses("no"));
    for id in ["", " --id job"] {
        env.dvdcli(&format!("mount -d rexray -n b{id}"))
            .prints("$ROOT/volumes/b\n")
            .succeeds();
        env.dvdcli("mount -d rexray -n c --id other")
            .prints("$ROOT/volumes/c\n")
            .succeeds();
        let variables = [THREE, &[("NAME3", "d"), ("DRIVER3", "bad")]].concat();
        task(&env, &format!("{MOUNT}{id}"), &variables).fails(
            1,
            "dvdcli: warning: volume c stays mounted, it is held by other\n\
             dvdcli: mounting volume d (DVDI_VOLUME_NAME3): plugin bad: VolumeDriver.Mount: no\n",
        );
        assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0, 1, 1]);
        env.dvdcli(&format!("unmount -d rexray -n b{id}"))
            .succeeds();
    }
}

#[test]
fn what_cannot_be_undone_is_named_as_well() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let bad = FakePlugin::start(&env, "bad");
    bad.on("Mount", refuses("no space"));
    plugin.on("Unmount", refuses("timed out"));
    let variables = [THREE, &[("DRIVER1", "bad")]].concat();
    task(&env, MOUNT, &variables).fails(
        1,
        "dvdcli: mounting volume b (DVDI_VOLUME_NAME1): plugin bad: VolumeDriver.Mount: no space; \
         unmounting volume a (DVDI_VOLUME_NAME) again: plugin rexray: VolumeDriver.Unmount: timed out; unmount --force forgets it; \
         unmounting volume c (DVDI_VOLUME_NAME2) again: plugin rexray: VolumeDriver.Unmount: timed out; unmount --force forgets it\n",
    );
    plugin.on("Unmount", Answer::Act);
    task(&env, UNMOUNT, THREE)
        .warns("dvdcli: warning: unmounting volume b: plugin rexray: VolumeDriver.Path: volume not found; nothing was left to do\n")
        .succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "c"]), [0, 0]);
}

#[test]
fn owner_and_mode_are_given_back() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray").mounting(&env);
    let bad = FakePlugin::start(&env, "bad");
    bad.on("Mount", refuses("no"));
    owned(&env, "job", (7, 8, 0o755));
    owned(&env, "other", (9, 9, 0o700));
    for (driver, place) in [
        ("rexray", "disks/a"),
        ("local", "var/lib/dvdcli/local/a/_data"),
    ] {
        let variables = [
            ("NAME", "a"),
            ("DRIVER", driver),
            ("CONTAINERPATH", "$ROOT/job"),
            ("NAME1", "b"),
            ("DRIVER1", "bad"),
            ("CONTAINERPATH1", "$ROOT/job/b"),
        ];
        task(&env, MOUNT, &variables).fails(
            1,
            "dvdcli: mounting volume b (DVDI_VOLUME_NAME1): plugin bad: VolumeDriver.Mount: no\n",
        );
        assert_eq!(ownership(&env.path(place)), (0, 0, 0o755));
        assert_eq!(env.names(place).len(), 0);
        assert_eq!(env.mounts().len(), 0);
        // Nobody has had it.
        let other = [&variables[..2], &[("CONTAINERPATH", "$ROOT/other")]].concat();
        task(&env, MOUNT, &other).prints("$ROOT/other\n").succeeds();
        assert_eq!(ownership(&env.path(place)), (9, 9, 0o700));
        task(&env, UNMOUNT, &other).succeeds();
    }
}

#[test]
fn paths_that_reach_nobody_are_held_by_nobody() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let variables = [THREE, &[("CONTAINERPATH2", "$ROOT/job/c")]].concat();
    task(&env, MOUNT, &variables).into_full_device().fails(
        1,
        "dvdcli: writing the answer to stdout: no space left on device\n",
    );
    assert_eq!(plugin.bodies("Mount").len(), 3);
    assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0; 3]);
    assert!(env.mounts().is_empty() && !env.path("job").exists());
}

#[test]
fn a_mount_that_is_killed_is_cleaned_up_by_unmount_or_goes_on() {
    let Some(env) = Env::isolated() else { return };
    for kind in KINDS {
        for answer in [hang(), Answer::ActAndHang] {
            for then in [
                &[UNMOUNT][..],
                &[MOUNT, UNMOUNT],
                &[UNMOUNT, MOUNT, UNMOUNT],
            ] {
                let plugin = FakePlugin::start_kind(&env, "rexray", kind);
                let slow = FakePlugin::start_kind(&env, "slow", kind);
                slow.on_each("Mount", [answer.clone(), Answer::Act]);
                let mut variables = THREE.to_vec();
                variables.extend([
                    ("DRIVER2", "slow"),
                    ("CONTAINERPATH", "$ROOT/job"),
                    ("CONTAINERPATH2", "$ROOT/job/c"),
                ]);
                let run = task(&env, MOUNT, &variables).start();
                slow.wait_for("Mount");
                assert_eq!(env.mounts(), [env.path("job")]);
                run.kill();
                for line in then {
                    let found = task(&env, line, &variables).output();
                    let expected = if *line == MOUNT { 1 } else { 0 };
                    assert_eq!(
                        (
                            found.code,
                            plugin_mounts(&plugin, ["a", "b"]),
                            slow.mounts("c")
                        ),
                        (0, [expected; 2], expected),
                        "{line} {found:?}"
                    );
                    assert_eq!(env.mounts().len(), 2 * expected);
                }
            }
        }
    }
}

#[test]
fn an_unmount_that_is_killed_is_finished_by_the_next() {
    let Some(env) = Env::isolated() else { return };
    for answer in [hang(), Answer::ActAndHang] {
        let plugin = FakePlugin::start(&env, "rexray");
        let slow = FakePlugin::start(&env, "slow");
        slow.on_each("Unmount", [answer, Answer::Act]);
        let variables = [THREE, &[("DRIVER1", "slow")]].concat();
        task(&env, MOUNT, &variables).prints(THREE_PATHS).succeeds();
        let run = task(&env, UNMOUNT, &variables).start();
        slow.wait_for("Unmount");
        run.kill();
        // How many of them the killed one had come to is a matter of chance.
        let found = task(&env, UNMOUNT, &variables).output();
        assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
        assert!(is_warnings(&found.stderr), "{found:?}");
        env.assert_nothing_is_left();
        assert_eq!(
            (plugin_mounts(&plugin, ["a", "c"]), slow.mounts("b")),
            ([0; 2], 0)
        );
    }
}

#[test]
fn the_time_is_for_all_of_them_and_some_is_kept_for_undoing() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let slow = FakePlugin::start(&env, "slow");
    slow.on("Mount", hang());
    let variables = [("NAME", "a"), ("NAME1", "b"), ("DRIVER1", "slow")];
    task(&env, "mount --from-env --timeout 2s", &variables).fails(
        1,
        "dvdcli: mounting volume b (DVDI_VOLUME_NAME1): plugin slow: VolumeDriver.Mount: no answer within 1s 600ms (--timeout)\n",
    );
    assert_eq!((plugin.bodies("Mount").len(), plugin.mounts("a")), (1, 0));
}

#[test]
fn a_signal_leaves_none_of_them() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    plugin.hold_back("Mount", "List", 1);
    let running = task(&env, MOUNT, THREE).start();
    plugin.wait_for("Mount");
    let id = Pid::from_raw(running.child.id().cast_signed());
    kill(id, Signal::SIGTERM).unwrap();
    // How many there are by now is a matter of chance.
    let listed = env.dvdcli("list -d rexray").output();
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""));
    let ended = running.output();
    assert_eq!((ended.code, ended.stdout.as_str()), (143, ""), "{ended:?}");
    // Their time to answer after the signal may have been over.
    plugin.settle();
    let found = task(&env, UNMOUNT, THREE).output();
    assert!(found.code == 0 && is_warnings(&found.stderr), "{found:?}");
    assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0; 3]);
}

/// The connection of one volume must not keep another one of the same task waiting.
#[test]
fn a_plugin_that_serves_one_connection_after_the_other_is_enough() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    plugin.serves_one_at_a_time();
    let variables = [
        ("NAME", "a"),
        ("CONTAINERPATH", "$ROOT/job"),
        ("NAME1", "b"),
        ("CONTAINERPATH1", "$ROOT/job/inside"),
        ("NAME2", "c"),
    ];
    task(&env, MOUNT, &variables)
        .prints("$ROOT/job\n$ROOT/job/inside\n$ROOT/volumes/c\n")
        .succeeds();
    task(&env, UNMOUNT, &variables).succeeds();
    plugin.on_each("Mount", [Answer::Act, Answer::Act, refuses("boom")]);
    task(&env, MOUNT, &variables).fails(
        1,
        "dvdcli: mounting volume b (DVDI_VOLUME_NAME1): plugin rexray: VolumeDriver.Mount: boom\n",
    );
    assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0, 0, 0]);
}

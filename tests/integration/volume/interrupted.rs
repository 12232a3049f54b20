//! Calls that were killed at the worst moment or ran out of time, and records that were damaged.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::{Answer, hang};
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::KINDS;
use crate::harness::waiting::at_once;

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
                    let (env, plugin) = FakePlugin::of_kind_with_db(kind);
                    if method == "Unmount" {
                        env.mount_db();
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
    let cases = KINDS.map(|kind| ["Mount", "Unmount"].map(|method| (kind, method)));
    let cases = cases.into_iter().flatten();
    let cases = cases.flat_map(|case| cut_offs().map(|answer| (case, answer)));
    // All at once, since each takes its whole time.
    at_once(cases, |((kind, method), answer)| {
        let (env, plugin) = FakePlugin::of_kind_with_db(kind);
        let verb = method.to_lowercase();
        if method == "Unmount" {
            env.mount_db();
        }
        plugin.on_each(method, [answer, Answer::Act]);
        env.dvdcli(&format!("{verb} -d fake -n db --timeout 2s")).fails(
            1,
            &format!("dvdcli: {verb}ing volume db: plugin fake: VolumeDriver.{method}: no answer within 2s (--timeout)\n"),
        );
        comes_out_right(&env, &plugin, AFTERWARDS[1]);
    });
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
            let (env, plugin) = FakePlugin::of_kind_with_db(kind);
            env.mount_db();
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
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    damage_records(&env, "");
    env.dvdcli("unmount -d fake -n db")
        .warns(SET_ASIDE)
        .succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

const SET_ASIDE: &str = "dvdcli: warning: the holders' record $ROOT/run/dvdcli/[..].damaged is damaged ([..]); set aside\n";

/// Overwrites every record, and returns how many there were.
fn damage_records(env: &Env, damage: &str) -> usize {
    let files = fs::entries(env.path("run/dvdcli")).unwrap().into_iter();
    let records = files.filter(|path| path.extension().is_some_and(|it| it == "json"));
    records.map(|path| fs::write(path, damage).unwrap()).count()
}

#[test]
fn a_state_directory_that_cannot_be_used_fails_before_anything_is_done() {
    let (env, plugin) = FakePlugin::with_db();
    env.write("run/dvdcli", "");
    env.dvdcli("mount -d fake -n db").fails(
        1,
        "dvdcli: mounting volume db: locking the volume in $ROOT/run/dvdcli: not a directory\n",
    );
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_mount_that_a_plugin_finishes_late_is_not_counted_for_ever() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.hold_back("Mount", "List", 1);
    let running = env.dvdcli("mount -d fake -n db").start();
    plugin.wait_for("Mount");
    running.kill();
    env.dvdcli("unmount -d fake -n db")
        .warns("dvdcli: warning: unmounting volume db: plugin fake: it is not mounted; nothing was left to do\n")
        .succeeds();
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    plugin.settle();
    assert_eq!(plugin.mounts("db"), 1);
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    assert_eq!(env.records(), [""; 0]);
}

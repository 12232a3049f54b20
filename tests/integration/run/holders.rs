//! Each `run` is a holder of its own, which lives as long as its process: several at once, and beside those of `mount`.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::is_warnings;
use crate::harness::run::{STAY, go, holders, killed, run, script, staying, stays};
use crate::harness::volume_driver::KINDS;
use crate::harness::waiting::eventually;

const DB: &str = "-d fake -n db";

#[test]
fn runs_at_once_share_the_mount_until_the_last_one_ends() {
    for kind in KINDS {
        let (env, plugin) = FakePlugin::of_kind_with_db(kind);
        let (first, _) = staying(&env, "one", DB);
        let (second, _) = staying(&env, "two", &format!("{DB} --id web"));
        let mut names = [
            format!("run {}", first.child.id()),
            format!("web (run {})", second.child.id()),
        ];
        let mut found = holders(&env, DB);
        found.sort();
        names.sort();
        assert_eq!(found, names);
        script(&env, &format!("{DB} --id web"), "echo $DVDCLI_MOUNTPOINT")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        assert_eq!(
            (plugin.mounts("db"), plugin.bodies("Unmount").len()),
            (1, 0)
        );
        // Nobody who has not mounted it takes it away from them.
        for who in ["", "--id web"] {
            let line = format!("unmount {DB} {who}");
            let found = env.dvdcli(&line).output();
            assert_eq!((found.code, plugin.mounts("db")), (0, 1));
            assert!(
                found.stderr.starts_with(
                    "dvdcli: warning: volume db was not held by this caller; it is held by "
                ),
                "{found:?}"
            );
        }
        env.dvdcli("remove -d fake -n db").fails(4, "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db and held by [..](run [..]; unmount it first\n");
        go(&env);
        for running in [first, second] {
            running.succeeds();
        }
        assert_eq!(
            (
                plugin.bodies("Mount").len(),
                plugin.bodies("Unmount").len(),
                plugin.mounts("db")
            ),
            (1, 1, 0)
        );
        assert_eq!(env.records(), [""; 0]);
    }
}

#[test]
fn what_was_mounted_before_stays_mounted_after() {
    let (env, plugin) = FakePlugin::with_db();
    for id in ["", "--id web"] {
        env.dvdcli(&format!("mount {DB} {id}"))
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        run(&env, &format!("{DB} {id}"), ["true"]).succeeds();
        assert_eq!(
            (plugin.mounts("db"), plugin.bodies("Unmount").len()),
            (1, 0)
        );
    }
    // And the other way round.
    let (running, _) = staying(&env, "one", DB);
    let stays_mounted =
        |names: &str| format!("dvdcli: warning: volume db stays mounted, it is held by {names}\n");
    env.dvdcli(&format!("unmount {DB}"))
        .warns(&stays_mounted("web, run [..]"))
        .succeeds();
    env.dvdcli(&format!("unmount {DB} --id web"))
        .warns(&stays_mounted("run [..]"))
        .succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    go(&env);
    running.succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_run_inside_a_run_shares_its_mount() {
    let Some(env) = Env::isolated() else { return };
    let program = env!("CARGO_BIN_EXE_dvdcli");
    let inner = format!(
        "{program} run -d loop -n db -- sh -c 'echo text >$DVDCLI_MOUNTPOINT/file' && cat $DVDCLI_MOUNTPOINT/file"
    );
    script(&env, "-d loop -n db --opt size=20MiB", &inner)
        .prints("text\n")
        .succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn what_was_forced_away_is_left_to_whoever_has_it_now() {
    let (env, plugin) = FakePlugin::with_db();
    let warning = "dvdcli: warning: volume db is not held by this run any more, as after unmount --force, and left as it is\n";
    for again in [false, true] {
        let _ = fs::remove_file(env.path("go"));
        let _ = fs::remove_file(env.path("one"));
        let (running, _) = staying(&env, "one", DB);
        env.dvdcli(&format!("unmount {DB} --force")).succeeds();
        if again {
            env.dvdcli(&format!("mount {DB}"))
                .prints("$ROOT/volumes/db\n")
                .succeeds();
        }
        let calls = plugin.bodies("Unmount").len();
        go(&env);
        let found = running.output();
        assert_eq!((found.code, found.stderr.as_str()), (0, warning));
        assert_eq!(
            (plugin.bodies("Unmount").len(), plugin.mounts("db")),
            (calls, usize::from(again))
        );
    }
}

/// Numbers mean nothing there: in doubt, who holds it lives.
#[test]
fn a_run_in_another_pid_namespace_is_not_taken_for_dead() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let run = script(&env, DB, STAY).env("NAME", "one");
    let running = run
        .through("unshare", &["--pid", "--fork", "--kill-child"])
        .start();
    stays(&env, "one");
    env.dvdcli(&format!("unmount {DB}"))
        .warns("dvdcli: warning: volume db was not held by this caller; it is held by run 1\n")
        .succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    running.kill();
    // Its end is seen from the first namespace, where all processes are.
    if fs::read_link("/proc/self/ns/pid").unwrap().to_str() == Some("pid:[4026531836]") {
        eventually("the namespace's end", || {
            env.dvdcli(&format!("unmount {DB}"))
                .output()
                .stderr
                .is_empty()
        });
        assert_eq!(plugin.mounts("db"), 0);
    }
}

/// An ID is an ID, whatever it looks like.
#[test]
fn no_id_releases_a_run_or_the_holder_of_a_target() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let (running, command) = staying(&env, "a", DB);
    env.dir("target");
    let target = env.path("target").display().to_string();
    let mount = env.dvdcli(&format!("mount {DB} --target {target}"));
    mount.prints("$ROOT/target\n").succeeds();
    let record = env
        .records()
        .into_iter()
        .find(|name| name.ends_with(".json"));
    let record = fs::read_to_string(env.path("run/dvdcli").join(record.unwrap())).unwrap();
    let run = record
        .split('"')
        .find(|text| text.starts_with("run "))
        .unwrap();
    for id in [run, &target, &format!("target {target}")] {
        let args = ["unmount", "-d", "fake", "-n", "db", "--id", id];
        let found = env.dvdcli_with(args).output();
        assert!(found.code == 0 && is_warnings(&found.stderr), "{found:?}");
        assert_eq!(plugin.mounts("db"), 1);
        assert!(mounted_at(&env.path("target")).is_some());
        let both = ["$ROOT/target".into(), format!("run {}", running.child.id())];
        assert_eq!(holders(&env, DB), both);
    }
    killed((running, command));
}

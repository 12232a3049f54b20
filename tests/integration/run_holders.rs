//! Each `run` is a holder of its own, which lives as long as its process: several at once, and those that are killed.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::builtin_scene::{bound_below, under_strace};
use crate::env::{Env, Running, eventually};
use crate::plugin::{FakePlugin, Kind};
use crate::run::{STAY, go, is_alive, run, script, stays, through};

const KINDS: [Kind; 2] = [Kind::Counting, Kind::Refusing];
const DB: &str = "-d fake -n db";

/// Starts a run that stays until it is let go or killed, and returns the command's PID as well.
fn staying<'a>(env: &'a Env, name: &str, flags: &str) -> (Running<'a>, i32) {
    let running = script(env, flags, STAY).env("NAME", name).start();
    let pid = stays(env, name);
    (running, pid)
}

/// As SIGKILL and the kernel's want of memory do it; the command goes with it.
fn killed((running, command): (Running, i32)) {
    running.kill();
    eventually("the command's end", || !is_alive(command));
}

fn holders(env: &Env, volume: &str) -> Vec<String> {
    let found = env.dvdcli(&format!("inspect {volume}")).output();
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let names = found[0]["Holders"].as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn runs_at_once_share_the_mount_until_the_last_one_ends() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
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
            let found = running.output();
            assert_eq!((found.code, found.stderr.as_str()), (0, ""));
        }
        assert_eq!(
            (
                plugin.bodies("Mount").len(),
                plugin.bodies("Unmount").len(),
                plugin.mounts("db")
            ),
            (1, 1, 0)
        );
        assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
    }
}

#[test]
fn what_was_mounted_before_stays_mounted_after() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
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
        .warns(&stays_mounted("run [..], web"))
        .succeeds();
    env.dvdcli(&format!("unmount {DB} --id web"))
        .warns(&stays_mounted("run [..]"))
        .succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    go(&env);
    assert_eq!((running.output().code, plugin.mounts("db")), (0, 0));
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
    assert_eq!((env.mounts().len(), bound_below(&env).len()), (0, 0));
}

#[test]
fn what_was_forced_away_is_left_to_whoever_has_it_now() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
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

#[test]
fn after_a_kill_the_command_is_dead_and_unmount_leaves_nothing() {
    for kind in KINDS {
        let Some(env) = Env::isolated() else { return };
        let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
        env.dir("target");
        for flags in [
            "",
            "--id web",
            "--target $ROOT/target",
            "--target $ROOT/target --read-only",
        ] {
            let run = staying(&env, "one", &format!("{DB} {flags}"));
            assert_eq!(plugin.mounts("db"), 1);
            killed(run);
            assert_eq!(holders(&env, DB).len(), 0);
            env.dvdcli(&format!("unmount {DB}")).succeeds();
            assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0), "{flags}");
            assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
            fs::remove_file(env.path("one")).unwrap();
        }
    }
}

#[test]
fn after_a_kill_no_device_is_left() {
    let Some(env) = Env::isolated() else { return };
    env.dir("target");
    let flags = "-d loop -n db --opt size=20MiB --target $ROOT/target";
    killed(staying(&env, "one", flags));
    assert_eq!(env.mounts().len(), 2);
    env.dvdcli("remove -d loop -n db").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/var/lib/dvdcli/loop/db/mnt/data and held by nobody any more; unmount it first\n",
    );
    env.dvdcli("unmount -d loop -n db").succeeds();
    assert_eq!((env.mounts().len(), bound_below(&env).len()), (0, 0));
    env.dvdcli("remove -d loop -n db").succeeds();
    assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
}

#[test]
fn the_dead_keep_nothing_from_the_living_and_take_nothing() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let (one, two) = (env.dir("one.d"), env.dir("two.d"));
    killed(staying(&env, "one", &format!("{DB} --target $ROOT/one.d")));
    killed(staying(&env, "two", &format!("{DB} --target $ROOT/two.d")));
    // The second has released the first, and this one the second.
    assert_eq!(env.mounts(), [two.as_path()]);
    env.dvdcli(&format!("mount {DB} --id a"))
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.bodies("Mount").len()), (0, 1));
    // A target that is shared with one who lives stays his.
    killed(staying(
        &env,
        "three",
        &format!("{DB} --target $ROOT/one.d"),
    ));
    env.dvdcli(&format!("mount {DB} --target $ROOT/one.d"))
        .prints("$ROOT/one.d\n")
        .succeeds();
    assert_eq!(env.mounts(), [one.as_path()]);
    killed(staying(&env, "four", &format!("{DB} --target $ROOT/one.d")));
    env.dvdcli(&format!("unmount {DB} --id a"))
        .warns("dvdcli: warning: volume db stays mounted, it is held by $ROOT/one.d\n")
        .succeeds();
    assert_eq!(env.mounts(), [one.as_path()]);
    env.dvdcli(&format!("unmount {DB} --target $ROOT/one.d"))
        .succeeds();
    assert_eq!(
        (
            env.mounts().len(),
            plugin.mounts("db"),
            plugin.bodies("Unmount").len()
        ),
        (0, 0, 1)
    );
}

#[test]
fn a_mount_that_only_the_dead_held_can_be_had_otherwise() {
    let Some(env) = Env::isolated() else { return };
    let flags = "-d loop -n db --opt size=20MiB";
    script(&env, flags, "echo text >$DVDCLI_MOUNTPOINT/file").succeeds();
    killed(staying(&env, "one", "-d loop -n db --read-only"));
    script(&env, "-d loop -n db", "echo more >>$DVDCLI_MOUNTPOINT/file").succeeds();
    killed(staying(&env, "two", "-d loop -n db"));
    script(
        &env,
        "-d loop -n db --read-only",
        "cat $DVDCLI_MOUNTPOINT/file",
    )
    .prints("text\nmore\n")
    .succeeds();
    assert_eq!((env.mounts().len(), bound_below(&env).len()), (0, 0));
}

#[test]
fn a_mount_that_only_the_dead_held_is_not_left_by_one_who_fails() {
    let Some(env) = Env::isolated() else { return };
    env.dir("target");
    killed(staying(&env, "one", "-d loop -n db --opt size=20MiB"));
    assert_eq!(env.mounts().len(), 1);
    let mount = env.dvdcli("mount -d loop -n db --target $ROOT/target");
    let refuse = "inject=mount:error=EPERM";
    let failed = under_strace(
        mount,
        &["-e", "trace=mount", "-e", refuse, "-o", "/dev/null"],
    )
    .output();
    assert_eq!((failed.code, failed.stdout.as_str()), (1, ""), "{failed:?}");
    assert_eq!((env.mounts().len(), bound_below(&env).len()), (0, 0));
    assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
}

#[test]
fn a_dead_ones_target_that_is_busy_is_told_and_taken_later() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dir("target");
    let words = format!(
        "(cd $DVDCLI_MOUNTPOINT; exec sleep 60 </dev/null >/dev/null 2>&1) & echo $! >$ROOT/pid; {STAY}"
    );
    let running = script(&env, &format!("{DB} --target $ROOT/target"), &words)
        .env("NAME", "one")
        .start();
    let command = stays(&env, "one");
    let user = stays(&env, "pid");
    eventually("its directory", || {
        fs::read_link(format!("/proc/{user}/cwd")).is_ok_and(|cwd| cwd == env.path("target"))
    });
    killed((running, command));
    let busy = format!(
        "releasing it for run [..], which has died: unmounting $ROOT/target: it is busy, used by PID {user} (sleep); unmount --lazy (umount -l) takes it away all the same"
    );
    env.dvdcli(&format!("mount {DB} --id a"))
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli(&format!("remove {DB}"))
        .fails(4, &format!("dvdcli: removing volume db: {busy}\n"));
    // Whose last living holder goes, is not told that it is unmounted.
    let found = env.dvdcli(&format!("unmount {DB} --id a")).output();
    assert_eq!((found.code, plugin.mounts("db")), (4, 1), "{found:?}");
    let last = found.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("dvdcli: unmounting volume db: releasing it for run ")
            && last.ends_with(&format!(
                "used by PID {user} (sleep); unmount --lazy (umount -l) takes it away all the same"
            )),
        "{found:?}"
    );
    kill(Pid::from_raw(user), Signal::SIGKILL).unwrap();
    env.dvdcli(&format!("unmount {DB}")).succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
}

/// Numbers mean nothing there: in doubt, who holds it lives.
#[test]
fn a_run_in_another_pid_namespace_is_not_taken_for_dead() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let run = script(&env, DB, STAY).env("NAME", "one");
    let running = through(&env, run, &["unshare", "--pid", "--fork", "--kill-child"]).start();
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

//! What is left of a `run` that was killed: its command is dead, and whoever comes next puts everything right.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::run::{STAY, holders, killed, script, staying, stays};
use crate::harness::strace::under_strace;
use crate::harness::volume_driver::KINDS;
use crate::harness::waiting::eventually;

const DB: &str = "-d fake -n db";

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
            assert_eq!(env.records(), [""; 0]);
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
    env.assert_nothing_is_mounted();
    env.dvdcli("remove -d loop -n db").succeeds();
    assert_eq!(env.records(), [""; 0]);
}

#[test]
fn the_dead_keep_nothing_from_the_living_and_take_nothing() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let (one, two) = (env.dir("one.d"), env.dir("two.d"));
    killed(staying(&env, "one", &format!("{DB} --target $ROOT/one.d")));
    killed(staying(&env, "two", &format!("{DB} --target $ROOT/two.d")));
    // The second has released the first, and this one the second.
    assert_eq!(env.mounts(), [two.as_path()]);
    env.dvdcli(&format!("mount {DB} --id a"))
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.bodies("Mount").len()), (0, 1));
    // A target that a living holder has as well stays.
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
    env.assert_nothing_is_mounted();
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
    env.assert_nothing_is_left();
}

#[test]
fn a_dead_ones_target_that_is_busy_is_told_and_taken_later() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
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

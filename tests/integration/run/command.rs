//! `run`: the command has the volume for as long as it runs, and everything else as if it had been called itself.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::{Answer, refuses};
use crate::harness::plugin::FakePlugin;
use crate::harness::run::{STAY, go, is_alive, run, script, stays};
use crate::harness::volume_driver::KINDS;
use crate::harness::waiting::{at_once, eventually};

const DB: &str = "-d fake -n db";

#[test]
fn the_command_has_the_volume_for_as_long_as_it_runs() {
    for kind in KINDS {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind);
        let words = "cd $DVDCLI_MOUNTPOINT && pwd && echo text >file && echo words >&2";
        script(&env, DB, words)
            .prints("$ROOT/volumes/db\n")
            .warns("words\n")
            .succeeds();
        assert_eq!(
            plugin.take_calls(),
            [
                "Activate", "Get", "Create", "Path", "Mount", "Activate", "Unmount"
            ]
        );
        let written = fs::read_to_string(env.path("volumes/db/file")).unwrap();
        assert_eq!((written.as_str(), plugin.mounts("db")), ("text\n", 0));
        assert_eq!(env.records(), [""; 0]);
    }
}

#[test]
fn a_loop_volume_is_there_while_the_command_runs_and_nothing_is_left() {
    let Some(env) = Env::isolated() else { return };
    let (flags, target) = ("-d loop -n db --opt size=20MiB", env.dir("target"));
    script(&env, flags, "echo text >$DVDCLI_MOUNTPOINT/file").succeeds();
    env.assert_nothing_is_mounted();
    for flags in [
        "-d loop -n db --explicitcreate",
        "-d loop -n db --target $ROOT/target",
        "-d loop -n db --target target --read-only",
        "--read-only --volumename=db --driver loop",
    ] {
        let show = "cat $DVDCLI_MOUNTPOINT/file; grep -c $ROOT /proc/mounts >$ROOT/count";
        script(&env, flags, show).prints("text\n").succeeds();
        let count = 1 + usize::from(flags.contains("target"));
        assert_eq!(
            fs::read_to_string(env.path("count")).unwrap(),
            format!("{count}\n")
        );
        env.assert_nothing_is_mounted();
    }
    let (where_, write) = (
        "echo $DVDCLI_MOUNTPOINT",
        "2>/dev/null >$DVDCLI_MOUNTPOINT/new",
    );
    script(&env, "-d loop -n db --target target", where_)
        .prints("$ROOT/target\n")
        .succeeds();
    for flags in ["--read-only", "--read-only --target $ROOT/target"] {
        let refused = script(&env, &format!("-d loop -n db {flags}"), write).output();
        assert_ne!(refused.code, 0, "{flags}");
    }
    assert_eq!(fs::names(target).len(), 0);
    env.dvdcli("remove -d loop -n db").succeeds();
}

#[test]
fn its_exit_code_is_passed_on() {
    let (env, plugin) = FakePlugin::with_db();
    for code in [0, 1, 2, 3, 4, 7, 126, 127, 255] {
        script(&env, DB, &format!("exit {code}")).fails(code, "");
    }
    for signal in [2, 9, 15, 40] {
        script(&env, DB, &format!("kill -{signal} $$")).fails(128 + signal, "");
    }
    assert_eq!(
        (plugin.mounts("db"), plugin.bodies("Unmount").len()),
        (0, 13)
    );
}

#[test]
fn what_cannot_be_run_is_told_as_env_tells_it_and_the_volume_unmounted() {
    let (env, plugin) = FakePlugin::with_db();
    env.write("plain", "echo no program\n");
    for (command, code, why) in [
        ("no-such-command", 127, "no such file or directory"),
        ("$ROOT/no/such", 127, "no such file or directory"),
        ("", 127, "no such file or directory"),
        ("$ROOT/plain", 126, "permission denied"),
        ("$ROOT", 126, "permission denied"),
    ] {
        run(&env, DB, [command, "argument"]).fails(
            code,
            &format!("dvdcli: running {command} with volume db: {why}\n"),
        );
        assert_eq!(plugin.mounts("db"), 0);
    }
    assert_eq!(plugin.bodies("Unmount").len(), 5);
}

#[test]
fn without_a_command_it_is_wrong_usage_and_nothing_is_done() {
    let (env, plugin) = FakePlugin::with_db();
    let missing = "the following required arguments were not provided: <COMMAND>...";
    for (line, why) in [
        ("run -d fake -n db", missing),
        ("run -d fake -n db --", missing),
        ("-d fake -n db run", missing),
        ("run -d fake -n db true", "unexpected argument 'true' found"),
        (
            "run -d fake -- true",
            "--volumename is missing; it names the volume",
        ),
        (
            "run -d fake -n db --read-only -- true",
            "running true with volume db: mounting it: --read-only needs --target: a plugin mounts for all its callers alike",
        ),
        (
            "run -d fake -n db --target none -- true",
            "running true with volume db: mounting it: target none: no such file or directory; create the directory first",
        ),
    ] {
        env.dvdcli(line).fails(2, &format!("dvdcli: {why}\n"));
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn what_fails_before_the_command_has_our_exit_codes() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let doing = "dvdcli: running sh with volume db: mounting it: plugin fake: VolumeDriver";
    let touch = "touch $ROOT/started";
    script(&env, &format!("{DB} --explicitcreate"), touch).fails(
        3,
        "dvdcli: running sh with volume db: mounting it: plugin fake: no such volume\n",
    );
    plugin.on("Mount", refuses("volume is in use"));
    script(&env, DB, touch).fails(4, &format!("{doing}.Mount: volume is in use\n"));
    plugin.on("Mount", refuses("boom"));
    script(&env, DB, touch).fails(1, &format!("{doing}.Mount: boom\n"));
    assert!(!env.path("started").exists());
    assert_eq!(env.records(), [""; 0]);
}

#[test]
fn what_fails_after_the_command_is_told_and_its_exit_code_stays() {
    let (env, plugin) = FakePlugin::with_db();
    let doing =
        "dvdcli: running sh with volume db: unmounting it: plugin fake: VolumeDriver.Unmount";
    let forget = "; unmount --force forgets it";
    for (words, repair, code) in [("boom", forget, 1), ("volume is in use", "", 4)] {
        plugin.on("Unmount", refuses(words));
        let line = format!("{doing}: {words}{repair}\n");
        script(&env, DB, "echo done")
            .prints("done\n")
            .fails(code, &line);
        script(&env, DB, "exit 7").fails(7, &line);
        plugin.on_each("Unmount", [Answer::Act]);
        // It is the run's no more, whose process has ended.
        env.dvdcli("unmount -d fake -n db").succeeds();
        assert_eq!(plugin.mounts("db"), 0);
    }
    plugin.on("Unmount", refuses("boom"));
    let both = run(&env, DB, ["none"]).output();
    let lines = [
        "running none with volume db: no such file or directory",
        "running none with volume db: unmounting it: plugin fake: VolumeDriver.Unmount: boom; unmount --force forgets it",
    ];
    assert_eq!(
        (both.code, both.stderr),
        (127, lines.map(|line| format!("dvdcli: {line}\n")).concat())
    );
}

#[test]
fn a_plugin_that_has_gone_meanwhile_is_waited_for_and_told() {
    let (env, plugin) = FakePlugin::with_db();
    let running = script(&env, "-d fake -n db --wait 1ms", STAY)
        .env("NAME", "one")
        .start();
    stays(&env, "one");
    drop(plugin);
    go(&env);
    let found = running.output();
    assert_eq!(found.code, 1, "{found:?}");
    let last = found.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("dvdcli: running sh with volume db: unmounting it: plugin fake: "),
        "{last}"
    );
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.bodies("Unmount").len(), 1);
    assert_eq!(env.records(), [""; 0]);
}

/// Those whom a Ctrl-C has killed with the command need a moment to die.
#[test]
fn a_descendant_that_lets_go_in_a_moment_is_waited_for() {
    let Some(env) = Env::isolated() else { return };
    env.dir("target");
    let leave = "cd $DVDCLI_MOUNTPOINT; sleep 0.3 >/dev/null 2>&1 &";
    for target in ["", "--target $ROOT/target"] {
        let flags = format!("-d loop -n db --opt size=20MiB {target}");
        script(&env, &flags, leave).succeeds();
        env.assert_nothing_is_mounted();
    }
}

/// The time that `--timeout` gives is for mounting, and again for unmounting.
#[test]
fn the_command_may_take_any_time() {
    let (env, plugin) = FakePlugin::with_db();
    run(&env, "-d fake -n db --timeout 2s", ["sleep", "2.2"]).succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    assert_eq!(env.records(), [""; 0]);
}

#[test]
fn what_a_descendant_keeps_busy_is_told_and_unmount_takes_it_later() {
    let direct = ("", "$ROOT/var/lib/dvdcli/loop/db/mnt is busy");
    let at_target = (
        "--target $ROOT/target",
        "unmounting $ROOT/target: it is busy",
    );
    let ends = [("", 4), ("; exit 5", 5)];
    let cases = [direct, at_target].map(|place| ends.map(|end| (place, end)));
    // All at once, since each waits in vain for a while.
    at_once(cases.concat(), |((flags, busy), (end, code))| {
        let Some(env) = Env::isolated() else { return };
        env.dir("target");
        let flags = format!("-d loop -n db --opt size=20MiB {flags}");
        let leave = "cd $DVDCLI_MOUNTPOINT; sleep 60 >/dev/null 2>&1 & echo $! >$ROOT/pid";
        let left = script(&env, &flags, &format!("{leave}{end}")).output();
        let pid = stays(&env, "pid");
        let busy = format!(
            "{busy}, used by PID {pid} (sleep); unmount --lazy (umount -l) takes it away all the same\n"
        );
        let line = format!("dvdcli: running sh with volume db: unmounting it: {busy}");
        assert_eq!(left.parts(), (code, "", line.as_str()));
        assert_ne!(env.mounts().len(), 0);
        let line = match flags.contains("--target") {
            true => format!(
                "dvdcli: warning: volume db was not held by this caller; it is held by run [..]\n\
                 dvdcli: unmounting volume db: releasing it for run [..], which has died: {busy}"
            ),
            false => format!("dvdcli: unmounting volume db: {busy}"),
        };
        env.dvdcli("unmount -d loop -n db").fails(4, &line);
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        eventually("its end", || !is_alive(pid));
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.assert_nothing_is_left();
    });
}

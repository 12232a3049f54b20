//! Signals that reach `run`: they are the command's, and never leave the volume mounted.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::libc;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Running, is_warnings};
use crate::harness::run::{STAY, go, run, script, stays};
use crate::harness::waiting::eventually;

const DB: &str = "-d fake -n db";

/// By number, since some have no name.
fn send(pid: u32, signal: i32) {
    // SAFETY: a system call.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(pid.cast_signed(), signal) };
    assert_eq!(sent, 0, "signal {signal}");
}

/// Waits until it holds its signals back.
fn blocks(running: &Running) {
    let path = format!("/proc/{}/status", running.child.id());
    eventually("blocked signals", || {
        let text = std::fs::read_to_string(&path).unwrap();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        u64::from_str_radix(mask.unwrap(), 16).unwrap() & 1 << (libc::SIGTERM - 1) != 0
    });
}

#[test]
fn they_are_passed_on_to_the_command() {
    let (env, plugin) = FakePlugin::with_db();
    for signal in [1, 2, 3, 6, 10, 12, 14, 15, 23, 28, 30, 40, 64] {
        let _ = fs::remove_file(env.path("ready"));
        // CONT is not passed on, and does no harm.
        let words = format!("trap 'echo caught; exit 9' {signal}; {STAY}");
        let running = script(&env, DB, &words).env("NAME", "ready").start();
        stays(&env, "ready");
        send(running.child.id(), libc::SIGCONT);
        send(running.child.id(), signal);
        let found = running.output();
        assert_eq!(found.parts(), (9, "caught\n", ""), "signal {signal}");
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn a_command_that_makes_no_arrangements_is_ended_by_them() {
    let (env, plugin) = FakePlugin::with_db();
    for signal in [1, 2, 3, 15, 10] {
        let _ = fs::remove_file(env.path("ready"));
        let running = script(&env, DB, STAY).env("NAME", "ready").start();
        stays(&env, "ready");
        send(running.child.id(), signal);
        let found = running.output();
        assert_eq!((found.code, found.stderr.as_str()), (128 + signal, ""));
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn thousands_of_them_end_nothing_but_what_they_are_meant_for() {
    let (env, plugin) = FakePlugin::with_db();
    let words = format!("trap : USR1; trap 'exit 9' TERM; {STAY}");
    let running = script(&env, DB, &words).env("NAME", "ready").start();
    stays(&env, "ready");
    for _ in 0..3000 {
        send(running.child.id(), libc::SIGUSR1);
    }
    send(running.child.id(), libc::SIGTERM);
    running.fails(9, "");
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn one_that_comes_before_the_command_is_started_keeps_it_from_starting() {
    for (signal, starts) in [
        (15, false),
        (2, false),
        (10, false),
        (40, false),
        (28, true),
    ] {
        let (env, plugin) = FakePlugin::with_db();
        // It is held back, while the signals are held back already.
        plugin.hold_back("Mount", "List", 1);
        let running = run(&env, DB, ["touch", "$ROOT/started"]).start();
        plugin.wait_for("Mount");
        send(running.child.id(), signal);
        env.dvdcli("list -d fake").prints("db\n").succeeds();
        let found = running.output();
        assert_eq!(env.path("started").exists(), starts, "signal {signal}");
        assert_eq!(found.code, if starts { 0 } else { 128 + signal });
        // Its time to answer after the signal may have been over.
        plugin.settle();
        if plugin.mounts("db") > 0 {
            assert!(
                found.stderr.contains("VolumeDriver.Mount: interrupted"),
                "{found:?}"
            );
            assert_eq!(env.dvdcli("unmount -d fake -n db").output().code, 0);
        }
        assert_eq!(plugin.mounts("db"), 0);
        assert_eq!(env.records(), [""; 0]);
    }
}

/// As by nohup(1).
#[test]
fn one_that_the_caller_ignores_ends_nothing() {
    let env = Env::new();
    let run = script(&env, DB, STAY).env("NAME", "ready");
    let shell = ["-c", "trap '' HUP; exec \"$@\"", "sh"];
    let running = run.through("sh", &shell).start();
    blocks(&running);
    send(running.child.id(), libc::SIGHUP);
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    stays(&env, "ready");
    send(running.child.id(), libc::SIGHUP);
    go(&env);
    let found = running.output();
    // Of the plugin that it has waited for, nothing but that may be said.
    assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
    assert!(is_warnings(&found.stderr), "{found:?}");
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_command_that_stops_is_waited_for() {
    let (env, plugin) = FakePlugin::with_db();
    let running = script(&env, DB, STAY).env("NAME", "ready").start();
    let pid = stays(&env, "ready").cast_unsigned();
    let state = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        text.rsplit(") ").next().unwrap().chars().next()
    };
    for pid in [pid, running.child.id()] {
        send(pid, libc::SIGSTOP);
        eventually("a stop", || state(pid) == Some('T'));
        assert_eq!(plugin.mounts("db"), 1);
        send(pid, libc::SIGCONT);
        eventually("going on", || state(pid) != Some('T'));
    }
    go(&env);
    running.succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

/// Another one, for its own command, would be taken for the user's impatience.
#[test]
fn what_the_terminal_sends_to_all_reaches_the_command_once() {
    let (env, plugin) = FakePlugin::with_db();
    let words = format!("trap 'echo INT >>$ROOT/caught' INT; trap 'exit 9' USR1; {STAY}");
    let mut run = script(&env, DB, &words).env("NAME", "ready");
    let words = [run.command.get_program()]
        .into_iter()
        .chain(run.command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', "'\\''")));
    let line = format!(
        "echo $$ >own; exec {}",
        quoted.collect::<Vec<_>>().join(" ")
    );
    let mut terminal = Command::new("script");
    terminal
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped());
    terminal.env_clear().envs(
        run.command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    terminal.current_dir(env.path(""));
    run.command = terminal;
    let mut running = run.start();
    stays(&env, "ready");
    let caught = || fs::read_to_string(env.path("caught")).unwrap_or_default();
    let mut keys = running.child.stdin.take().unwrap();
    for count in 1..4 {
        keys.write_all(b"\x03").unwrap();
        eventually("Ctrl-C", || caught().lines().count() >= count);
    }
    // Whatever was passed on before this has been caught when this is.
    send(stays(&env, "own").cast_unsigned(), libc::SIGUSR1);
    assert_eq!(running.output().code, 9);
    assert_eq!((caught().lines().count(), plugin.mounts("db")), (3, 0));
}

/// A command that answers a signal with one to its whole group would get them without end.
#[test]
fn what_the_command_sends_to_its_own_group_does_not_come_back() {
    let (env, plugin) = FakePlugin::with_db();
    let words = format!(
        "trap 'echo caught' USR1; trap 'exit 9' TERM; kill -USR1 0; trap 'echo back' USR1; {STAY}"
    );
    let mut run = script(&env, DB, &words).env("NAME", "ready");
    run.command.process_group(0);
    let running = run.start();
    stays(&env, "ready");
    // What was passed on before this has been caught when this is.
    send(running.child.id(), libc::SIGTERM);
    let found = running.output();
    assert_eq!((found.code, found.stdout.as_str()), (9, "caught\n"));
    assert_eq!(plugin.mounts("db"), 0);
}

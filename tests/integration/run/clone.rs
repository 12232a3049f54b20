//! `run --clone`: the command gets a throw-away copy.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::{LOOP, loop_volume, volumes_on};

/// What it writes is gone with it, whatever its end.
#[test]
fn what_the_command_writes_goes_with_the_copy() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    let script = "cat $DVDCLI_MOUNTPOINT/kept; echo new > $DVDCLI_MOUNTPOINT/kept; exit 7";
    env.dvdcli_with([
        "run", "-d", "loop", "-n", "db", "--clone", "--", "sh", "-c", script,
    ])
    .prints("kept")
    .fails(7, "");
    env.dvdcli("run -d loop -n db --clone -- none").fails(
        127,
        "dvdcli: running none with volume db: no such file or directory\n",
    );
    env.dvdcli("list -d loop").prints("db\n").succeeds();
    assert_eq!(env.names(LOOP), ["db"]);
    env.dvdcli_with([
        "run",
        "-d",
        "loop",
        "-n",
        "db",
        "--",
        "sh",
        "-c",
        "cat $DVDCLI_MOUNTPOINT/kept",
    ])
    .prints("kept")
    .succeeds();
    env.assert_nothing_is_mounted();
}

/// Several at once, each with a copy of its own, while the volume is in use.
#[test]
fn a_mounted_volume_is_copied_where_that_takes_one_moment() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "xfs");
    loop_volume(&env, "db");
    let inner = "$0 run -d loop -n db --clone -- sh -c 'echo $DVDCLI_MOUNTPOINT >> $1' sh $1";
    let script = format!("{inner}; {inner}");
    let paths = env.path("paths");
    let words = ["run", "-d", "loop", "-n", "db", "--", "sh", "-c", &script];
    let more = [crate::harness::env::DVDCLI, paths.to_str().unwrap()];
    env.dvdcli_with(words.into_iter().chain(more)).succeeds();
    let paths = fs::read_to_string(paths).unwrap();
    let paths: Vec<&str> = paths.lines().collect();
    assert!(paths.len() == 2 && paths[0] != paths[1], "{paths:?}");
    assert!(paths.iter().all(|path| path.contains("/loop/db.clone.")));
    assert_eq!(env.names(LOOP), ["db"]);
}

/// One of a run that was killed has a label that lets it be pruned, also while its mount is there.
#[test]
fn the_copy_of_a_run_that_was_killed_is_pruned() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    let output = env
        .dvdcli_with([
            "run",
            "-d",
            "loop",
            "-n",
            "db",
            "--clone",
            "--",
            "sh",
            "-c",
            "kill -9 $PPID",
        ])
        .output();
    assert_eq!(output.code, 137);
    let left = env
        .dvdcli("list -d loop --filter label=dvdcli.clone-of=db")
        .output()
        .stdout;
    assert!(left.starts_with("db.clone."), "{left}");
    let pruned = env.dvdcli("prune --yes").output();
    assert_eq!((pruned.code, pruned.stderr.as_str()), (0, ""));
    assert!(pruned.stdout.contains(left.trim_end()), "{}", pruned.stdout);
    assert_eq!(env.names(LOOP), ["db"]);
    env.assert_nothing_is_mounted();
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dvdcli("create -d local -n db").succeeds();
    let only = "only volumes of the driver loop can grow, be trimmed and have snapshots";
    for (line, code, why) in [
        (
            "run -d fake -n db --clone -- true",
            2,
            format!("plugin fake: {only}"),
        ),
        (
            "run -d local -n db --clone -- true",
            2,
            format!("driver local: {only}"),
        ),
        (
            "run -d loop -n none --clone -- true",
            3,
            "copying it: there is no volume none to copy".into(),
        ),
    ] {
        let volume = line.split(' ').nth(4).unwrap();
        env.dvdcli(line).fails(
            code,
            &format!("dvdcli: running true with volume {volume}: {why}\n"),
        );
    }
    assert_eq!(plugin.mounts("db"), 0);
    env.dvdcli("run -d loop -n db --clone -o size=1 -- true")
        .fails(
            2,
            "dvdcli: the argument '--clone' cannot be used with '--opt <KEY=VALUE>'\n",
        );
}

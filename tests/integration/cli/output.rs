//! What the verbs print that need no plugin, and what becomes of a stdout that cannot take it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::http::json;
use crate::harness::plugin::FakePlugin;
use crate::harness::programs::spawn;

#[test]
fn version_is_the_six_lines_of_the_original() {
    let env = Env::new();
    let found = env.dvdcli("version").output();
    let lines: Vec<(&str, &str)> = found
        .stdout
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    let names: Vec<&str> = lines.iter().map(|(name, _)| *name).collect();
    assert_eq!((found.code, found.stderr.as_str()), (0, ""));
    assert_eq!(
        names,
        ["Binary", "SemVer", "OsArch", "Branch", "Commit", "Formed"]
    );
    assert_eq!(lines[0].1, env!("CARGO_BIN_EXE_dvdcli"));
    assert_eq!(lines[1].1, env!("CARGO_PKG_VERSION"));
    assert_eq!(lines[2].1, format!("Linux-{}", std::env::consts::ARCH));
    assert!(
        lines.iter().all(|(_, value)| !value.trim().is_empty()),
        "{found:?}"
    );
    assert_eq!(found.stdout.lines().count(), 6);
}

#[test]
fn help_is_an_answer() {
    let env = Env::new();
    for (line, start) in [
        ("--help", "Volumes for hosts without Docker\n"),
        ("-h", "Volumes for hosts without Docker\n"),
        ("mount --help", "Mount a volume and print its path\n"),
        ("create --help", "Create a volume\n"),
        ("unmount --help", "Unmount a volume: release it"),
        ("remove --help", "Remove a volume and its data"),
        ("path --help", "Print where a volume is mounted"),
        ("get --help", "Print a volume's name"),
        ("list --help", "List the volumes of one driver"),
        ("inspect --help", "Print all that is known of a volume"),
        (
            "exists --help",
            "Tell by the exit code whether a volume exists",
        ),
        ("drivers --help", "List every driver found"),
        ("help mount", "Mount a volume and print its path\n"),
        (
            "-d fake mount --help",
            "Mount a volume and print its path\n",
        ),
        (
            "--version",
            concat!("dvdcli ", env!("CARGO_PKG_VERSION"), "\n"),
        ),
    ] {
        let found = env.dvdcli(line).output();
        assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{line}");
        assert!(found.stdout.starts_with(start), "{line}: {}", found.stdout);
    }
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let env = Env::new();
    let volumes: Vec<Value> = (0..10_000)
        .map(|number| json!({ "Name": format!("volume-number-{number}") }))
        .collect();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("List", json(json!({ "Volumes": volumes })));
    let mut run = env.dvdcli("list -d fake");
    run.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut run.command).unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(first, "volume-number-0\n");
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn a_stdout_that_cannot_be_written_is_a_failure() {
    let (env, _plugin) = FakePlugin::with_db();
    env.dvdcli("get -d fake -n db").into_full_device().fails(
        1,
        "dvdcli: writing the answer to stdout: no space left on device\n",
    );
}

/// Names and paths are repeated in errors, and those who choose them are not those who keep the log.
#[test]
fn no_error_is_longer_than_it_has_to_be() {
    let (env, plugin) = FakePlugin::with_db();
    let (long, longest) = ("a".repeat(100_000), 16 << 10);
    let begun = "volume name \"";
    let kept = "a".repeat(longest - begun.len());
    env.dvdcli(&format!("mount -d local -n {long}"))
        .fails(2, &format!("dvdcli: {begun}{kept}...\n"));
    let said = format!("/{}", "a/".repeat(1 << 20));
    plugin.on("Mount", json(json!({ "Mountpoint": said })));
    let found = env.dvdcli("mount -d fake -n db").output();
    assert_eq!(found.code, 1, "{}", found.stderr.len());
    assert!(found.stderr.len() < longest + 100, "{}", found.stderr.len());
}

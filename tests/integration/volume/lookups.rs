//! Verbs that look at a volume, without its lock, while it is unmounted or removed: whatever they see of that, they tell how it was
//! before or after.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::Output;
use crate::harness::strace::under_strace;
use crate::harness::volumes::LOOP;
use crate::harness::waiting::at_once;

const MOUNT: &str = "mount -d loop -n db --opt size=8MiB";
const UNMOUNT: &str = "unmount -d loop -n db";
const REMOVE: &str = "remove -d loop -n db";

/// What is done to the volume meanwhile, and how it is at first.
const CHANGES: [(&str, First); 3] = [
    (UNMOUNT, First::Mounted),
    (UNMOUNT, First::Forgotten),
    (REMOVE, First::Unmounted),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Unmounted,
    Mounted,
    /// Mounted, and nothing is recorded of that.
    Forgotten,
}

impl First {
    fn prepare(self, env: &Env) {
        env.dvdcli("create -d loop -n db --opt size=8MiB")
            .succeeds();
        if self != First::Unmounted {
            assert_eq!(env.dvdcli(MOUNT).output().code, 0);
        }
        if self == First::Forgotten {
            fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
        }
    }
}

/// The calls by which a run looks at the volume, and those after each, with their numbers among those of their names.
fn points(env: &Env, line: &str) -> Vec<(String, usize)> {
    let log = env.path("strace");
    let done = under_strace(env.dvdcli(line), &["-o", log.to_str().unwrap()]).output();
    assert_eq!(done.code, 0, "{done:?}");
    let text = fs::read_to_string(log).unwrap();
    let mut counts = HashMap::<&str, usize>::new();
    let (mut found, mut has_looked) = (vec![], false);
    for line in text.lines() {
        let Some((name, rest)) = line.split_once('(') else {
            continue;
        };
        let count = counts.entry(name).or_default();
        *count += 1;
        let looks = ["/loop/db", "mountinfo", "/run/dvdcli", "/sys/"];
        let looks = name != "execve" && looks.iter().any(|path| rest.contains(path));
        if looks || has_looked {
            found.push((name.to_owned(), *count));
        }
        has_looked = looks;
    }
    found
}

/// It tells of the volume as it was at first, or as it is now.
fn is_right(verb: &str, found: &Output, changed: &str) -> bool {
    let path = format!("$ROOT/{LOOP}/db/mnt/data\n");
    let shown = found.stdout.as_str();
    let is_absent = changed == REMOVE
        && found.code == 3
        && shown.is_empty()
        && (verb == "exists" || found.stderr.ends_with(": driver loop: no such volume\n"));
    let is_there = found.code == 0
        && found.stderr.is_empty()
        && match verb {
            "path" => shown.is_empty() || changed == UNMOUNT && shown == path,
            "get" => shown == "db\n",
            "list" => shown == "db\n" || changed == REMOVE && shown.is_empty(),
            "inspect" => shown.contains("\"Name\": \"db\""),
            _ => shown.is_empty(),
        };
    is_absent && verb != "list" || is_there
}

fn looks_while_it_changes(verb: &str) {
    let Some(env) = Env::isolated() else { return };
    let line = match verb {
        "list" => "list -d loop".to_owned(),
        _ => format!("{verb} -d loop -n db"),
    };
    for (change, first) in CHANGES {
        first.prepare(&env);
        for (name, ordinal) in points(&env, &line) {
            first.prepare(&env);
            let (trace, pause) = (
                format!("trace={name}"),
                format!("inject={name}:delay_enter=200000:when={ordinal}"),
            );
            let pause = ["-e", &trace, "-e", &pause, "-o", "/dev/null"];
            let looking = under_strace(env.dvdcli(&line), &pause).start();
            // Most of the time, it is at that call then. What comes of it is right in any case.
            thread::sleep(Duration::from_millis(80));
            env.dvdcli(change).succeeds();
            let found = looking.output();
            assert!(
                is_right(verb, &found, change),
                "{line} of what is {first:?} at first, with {change} before call {ordinal} of {name}: {found:?}"
            );
        }
        let _ = env.dvdcli(UNMOUNT).output();
    }
    let _ = env.dvdcli(REMOVE).output();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_that_changes_while_it_is_looked_at_is_told_as_before_or_after() {
    at_once(
        ["path", "get", "exists", "inspect", "list"],
        looks_while_it_changes,
    );
}

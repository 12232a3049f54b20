//! Two hosts that claim a volume, or give it up, at the same moment: whatever the order of their system calls, it is as if one of
//! them had come after the other.

use std::collections::HashMap;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::{Output, Running};
use crate::harness::site::{MOUNT, Node, Site, UNMOUNT};
use crate::harness::strace::under_strace;

/// What a host does with the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Mount,
    /// With the setting mount.preempt.
    Preempt,
    Unmount,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Mounted,
    TakenFrom(String),
    RefusedBy(String),
    Unmounted,
}

impl Act {
    fn line(self) -> &'static str {
        match self {
            Act::Mount | Act::Preempt => MOUNT,
            Act::Unmount => UNMOUNT,
        }
    }

    /// What has to become of it if `owner` has the volume then, and who has it afterwards.
    fn done_by(self, host: &str, owner: Option<&str>) -> (Outcome, Option<String>) {
        let (me, other) = (Some(host.to_owned()), owner.filter(|owner| *owner != host));
        match (self, other) {
            (Act::Unmount, other) => (Outcome::Unmounted, other.map(str::to_owned)),
            (Act::Mount | Act::Preempt, None) => (Outcome::Mounted, me),
            (Act::Preempt, Some(other)) => (Outcome::TakenFrom(other.to_owned()), me),
            (Act::Mount, Some(other)) => {
                (Outcome::RefusedBy(other.to_owned()), Some(other.to_owned()))
            }
        }
    }
}

impl Outcome {
    fn of(act: Act, found: &Output) -> Outcome {
        let after = |words: &str| {
            let (_, rest) = found.stderr.split_once(words)?;
            rest.split([' ', ',']).next().map(str::to_owned)
        };
        match (found.code, act) {
            (0, Act::Unmount) => Outcome::Unmounted,
            (0, _) => {
                after("was mounted on host host-").map_or(Outcome::Mounted, Outcome::TakenFrom)
            }
            (4, _) => Outcome::RefusedBy(after("mounted on host host-").unwrap_or_default()),
            _ => panic!("{found:?}"),
        }
    }
}

/// One host, what it does, and where it is held up.
struct Side<'a, 'b> {
    host: &'b Node<'a>,
    name: &'static str,
    act: Act,
}

impl Side<'_, '_> {
    /// A run that pauses before a call, or lists its calls into a file.
    fn run(&self, args: &[&str]) -> Running<'_> {
        let preempt = (self.act == Act::Preempt).to_string();
        let run = self.host.dvdcli(self.act.line());
        let run = run.env("REXRAY_VOLUME_MOUNT_PREEMPT", &preempt);
        under_strace(run, args).start()
    }

    /// The calls by which it looks at the claim and changes it, each with its number among those of its name.
    fn points(&self, env: &Env) -> Vec<(String, usize)> {
        let log = env.path("strace");
        let done = self.run(&["-o", log.to_str().unwrap()]).output();
        assert!(matches!(done.code, 0 | 4), "{done:?}");
        let text = fs::read_to_string(log).unwrap();
        let mut counts = HashMap::<String, usize>::new();
        let mut found = vec![];
        for line in text.lines() {
            let Some((name, rest)) = line.split_once('(') else {
                continue;
            };
            let count = counts.entry(name.to_owned()).or_default();
            *count += 1;
            let looks = rest.contains("/loop/db\"") && rest.contains("O_DIRECTORY");
            if looks || rest.contains("claimed") {
                found.push((name.to_owned(), *count));
            }
        }
        found
    }
}

fn pausing(point: &(String, usize), millis: usize) -> [String; 6] {
    let (name, ordinal) = point;
    let pause = format!("inject={name}:delay_enter={}:when={ordinal}", millis * 1000);
    let trace = format!("trace={name}");
    ["-e", &trace, "-e", &pause, "-o", "/dev/null"].map(str::to_owned)
}

/// Who has the volume, as another host is told. It is unmounted nowhere then.
fn owner(observer: &Node) -> Option<String> {
    match Outcome::of(Act::Mount, &observer.dvdcli(MOUNT).output()) {
        Outcome::RefusedBy(host) => Some(host),
        _ => {
            observer.dvdcli(UNMOUNT).succeeds();
            None
        }
    }
}

/// What was prepared: who has the volume then.
type Before = for<'a> fn(&Site<'a>, &Node<'a>) -> Option<&'static str>;

/// Boots the hosts, and has `body` act with them; then nobody has the volume.
fn with_hosts<T>(
    env: &Env,
    before: Before,
    acts: [Act; 2],
    body: impl FnOnce([Side; 2], Option<&'static str>) -> T,
) -> T {
    let site = Site::new(env);
    let [a, b] = ["a", "b"].map(|name| site.boot(name, "1"));
    let initial = before(&site, &a);
    let side = |host, name, act| Side { host, name, act };
    let done = body([side(&a, "a", acts[0]), side(&b, "b", acts[1])], initial);
    // These hosts have one kernel: what both have mounted, the first gives up when the second has unmounted it.
    for host in [&a, &b, &a] {
        let _ = host.dvdcli(UNMOUNT).output();
    }
    a.goes_down();
    b.goes_down();
    site.enter();
    done
}

/// Has `a` and `b` act at the same time, each held up before each of its calls.
#[track_caller]
fn interleave(acts: [Act; 2], before: Before) {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let observer = site.boot("d", "1");
    observer
        .dvdcli("create -d loop -n db --opt size=16MiB")
        .succeeds();
    site.enter();
    let mut calls = [vec![], vec![]];
    for order in [[0, 1], [1, 0]] {
        with_hosts(&env, before, acts, |sides, _| {
            for i in order {
                let points = sides[i].points(&env);
                if points.len() > calls[i].len() {
                    calls[i] = points;
                }
            }
        });
    }
    assert!(calls.iter().all(|calls| calls.len() >= 2), "{calls:?}");
    for (first, second) in calls[0]
        .iter()
        .flat_map(|first| calls[1].iter().map(move |second| (first, second)))
    {
        for pauses in [[300, 150], [150, 300]] {
            with_hosts(&env, before, acts, |sides, initial| {
                let args = [pausing(first, pauses[0]), pausing(second, pauses[1])];
                let running = [0, 1].map(|i| sides[i].run(&args[i].each_ref().map(String::as_str)));
                let found = running.map(|running| running.output());
                let found = [0, 1].map(|i| Outcome::of(acts[i], &found[i]));
                let owner = owner(&observer);
                assert!(
                    is_as_one_after_the_other(&sides, &found, initial, owner.as_deref()),
                    "{acts:?}, paused before {first:?} and {second:?} for {pauses:?} ms: {found:?}, and then {owner:?} has it"
                );
            });
        }
    }
    env.assert_nothing_is_mounted();
}

/// Or the later of the two is refused, because the other has just taken the volume.
fn is_as_one_after_the_other(
    sides: &[Side; 2],
    found: &[Outcome; 2],
    initial: Option<&str>,
    owner: Option<&str>,
) -> bool {
    [[0, 1], [1, 0]].into_iter().any(|order| {
        let mut has = initial.map(str::to_owned);
        let fits = order.into_iter().all(|i| {
            let Side { name, act, .. } = &sides[i];
            let (expected, then) = act.done_by(name, has.as_deref());
            if let Outcome::RefusedBy(other) = &found[i]
                && *act == Act::Preempt
                && i == order[1]
            {
                return has.as_ref() == Some(other) && *other == *sides[order[0]].name;
            }
            has = then;
            found[i] == expected
        });
        fits && has.as_deref() == owner
    })
}

#[test]
fn of_two_hosts_that_mount_one_has_the_volume() {
    interleave([Act::Mount, Act::Mount], |_, _| None);
}

#[test]
fn of_two_hosts_that_take_a_volume_one_has_it() {
    interleave([Act::Preempt, Act::Preempt], |site, _| {
        let c = site.boot("c", "1");
        assert_eq!(c.dvdcli(MOUNT).output().code, 0);
        c.goes_down();
        Some("c")
    });
}

#[test]
fn a_host_that_gives_a_volume_up_does_not_give_up_what_another_has_taken() {
    interleave([Act::Unmount, Act::Preempt], |_, a| {
        assert_eq!(a.dvdcli(MOUNT).output().code, 0);
        Some("a")
    });
}

#[test]
fn a_host_that_gives_a_volume_up_leaves_it_to_one_other() {
    interleave([Act::Unmount, Act::Mount], |_, a| {
        assert_eq!(a.dvdcli(MOUNT).output().code, 0);
        Some("a")
    });
}

#[test]
fn a_host_that_comes_back_has_its_volume_unless_it_was_taken() {
    interleave([Act::Mount, Act::Preempt], |site, _| {
        let before = site.boot("a", "0");
        assert_eq!(before.dvdcli(MOUNT).output().code, 0);
        before.goes_down();
        Some("a")
    });
}

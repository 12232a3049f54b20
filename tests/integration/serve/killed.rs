//! A service that is killed in the middle of a call: the engine asks again, as Docker does, and nothing is lost or left.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::{Background, program_at};
use crate::harness::run::holders;
use crate::harness::served::{Served, request};
use crate::harness::strace::{CHANGING, Point, Process, QUIET, read, step};
use crate::harness::volumes::loop_volume;
use crate::harness::waiting::{at_once, comes_true, eventually};

/// A call, and who has mounted the volume before it.
#[derive(Debug, Clone, Copy)]
struct Call {
    method: &'static str,
    before: &'static [&'static str],
    /// Who has mounted it after the call.
    after: &'static [&'static str],
}

const CALLS: [Call; 4] = [
    Call {
        method: "VolumeDriver.Mount",
        before: &[],
        after: &["engine a"],
    },
    Call {
        method: "VolumeDriver.Mount",
        before: &["b"],
        after: &["engine a", "engine b"],
    },
    Call {
        method: "VolumeDriver.Unmount",
        before: &["a"],
        after: &[],
    },
    Call {
        method: "VolumeDriver.Unmount",
        before: &["a", "b"],
        after: &["engine b"],
    },
];

const ASKED: fn() -> Value = || json!({"Name": "db", "ID": "a"});

/// Has strace look at a service, until that ends.
fn traced(served: &Served, args: &[&str]) -> Background {
    let pid = served.pid().to_string();
    // The threads of calls before this one have ended, and that which recovers.
    let tasks = || {
        std::fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .count()
    };
    eventually("the calls before", || tasks() == 1);
    let args = [&QUIET, args, &["-f", "-p", &pid]].concat();
    let mut strace = Background::start(Command::new(program_at("strace")).args(args));
    let status = format!("/proc/{pid}/status");
    // A call that waits is made anew when strace comes, and may be where the service is to be killed.
    let is_traced = || {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let is_so = |line: &str| line.starts_with("TracerPid:") && !line.ends_with("\t0");
        text.lines().any(is_so) || matches!(strace.0.try_wait(), Ok(Some(_)))
    };
    eventually("strace", is_traced);
    strace
}

/// The system calls of the thread that serves a call, as they are counted from when strace looks at the service.
fn points(env: &Env, call: Call) -> Vec<Point> {
    let log = env.path("strace");
    let served = Served::start(env, "loop");
    begin(&served, call);
    let strace = traced(&served, &["-o", log.to_str().unwrap()]);
    served.done(call.method, ASKED());
    served.kill();
    drop(strace);
    finish(env, call.after).unwrap();
    let text = fs::read_to_string(&log).unwrap();
    let id = text.lines().find(|line| line.contains(" recvfrom("));
    let id = id.unwrap().split(' ').next().unwrap();
    let own: Vec<&str> = text
        .lines()
        .filter(|line| line.split(' ').next() == Some(id))
        .collect();
    read(&own.join("\n"), Process::Dvdcli)
}

fn begin(served: &Served, call: Call) {
    for id in call.before {
        served.engine().mount("db", id);
    }
}

fn held(env: &Env) -> Vec<String> {
    holders(env, "-d loop -n db")
}

/// Has all release it that hold it, and looks whether that was all.
fn finish(env: &Env, held_by: &[&str]) -> Result<(), String> {
    let served = Served::start(env, "loop");
    for holder in held_by {
        served
            .engine()
            .unmount("db", holder.strip_prefix("engine ").unwrap());
    }
    assert_eq!(served.stop().code, 0);
    // A lock that nobody holds stands for nothing.
    let records = || {
        env.records()
            .into_iter()
            .filter(|name| name.ends_with(".json"))
    };
    let is_free = || env.nothing_is_mounted().is_ok() && records().next().is_none();
    comes_true(is_free)
        .then_some(())
        .ok_or_else(|| format!("left: {:?} {:?}", env.records(), env.nothing_is_mounted()))
}

/// Whether the service was killed there. `is_noted`: that it answers may have been noted by then.
fn survives(env: &Env, call: Call, point: &Point, is_noted: bool) -> Result<bool, String> {
    let served = Served::start(env, "loop");
    begin(&served, call);
    let kill = point.injecting("signal=KILL");
    let kill: Vec<&str> = kill.iter().map(String::as_str).collect();
    let strace = traced(&served, &kill);
    let answer = served.engine().attempt(call.method, ASKED());
    served.kill();
    drop(strace);
    let served = Served::start(env, "loop");
    let before: Vec<String> = call
        .before
        .iter()
        .map(|id| format!("engine {id}"))
        .collect();
    let is_answered = matches!(answer, Some((200, _)));
    if answer.is_none() {
        let (status, _) = served.engine().raw(&request(call.method, ""));
        assert_eq!(status, 400);
    }
    let after: Vec<String> = call.after.iter().map(|name| (*name).to_owned()).collect();
    // A call that was not answered may have been carried out, if it is one to unmount; and what is about to be answered is held, as
    // nobody knows whether the engine has got it.
    let expected = match is_answered {
        true => vec![after],
        false if call.method.ends_with("Unmount") || is_noted => vec![before, after],
        false => vec![before],
    };
    let is_so = || {
        expected.contains(&held(env)) && (!held(env).is_empty() || env.nothing_is_mounted().is_ok())
    };
    if !comes_true(is_so) {
        return Err(format!(
            "{answer:?}, then held by {:?}, not {expected:?}: {:?}",
            held(env),
            served.stop()
        ));
    }
    let held = held(env);
    assert_eq!(served.stop().code, 0);
    finish(env, &held.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(answer.is_none())
}

fn killed_anywhere(call: Call) {
    let list = |()| {
        let env = Env::isolated()?;
        loop_volume(&env, "db");
        Some(points(&env, call))
    };
    let Some(points) = at_once([()], list).remove(0) else {
        return;
    };
    let sent = points.iter().position(|point| point.name == "sendto");
    let sent = sent.unwrap();
    let noted = points[..sent].iter().rposition(|it| it.name == "rename");
    let noted = noted.unwrap_or(sent)..=sent;
    let points: Vec<_> = points
        .into_iter()
        .enumerate()
        .filter(|(at, point)| {
            at.is_multiple_of(step() * 3) || step() == 1 || CHANGING.contains(&point.name.as_str())
        })
        .collect();
    let (first, second) = points.split_at(points.len() / 2);
    let killed = at_once([first, second], |points| {
        let env = Env::isolated().unwrap();
        loop_volume(&env, "db");
        let survives =
            |(at, point): &(usize, Point)| match survives(&env, call, point, noted.contains(at)) {
                Ok(killed) => usize::from(killed),
                Err(why) => panic!("{call:?} killed at {at}, {point:?}: {why}"),
            };
        points.iter().map(survives).sum::<usize>()
    });
    let killed: usize = killed.iter().sum();
    assert!(
        killed * 3 > points.len(),
        "{call:?}: killed at {killed} of {}",
        points.len()
    );
}

#[test]
fn mount() {
    killed_anywhere(CALLS[0]);
}

#[test]
fn mount_beside_another() {
    killed_anywhere(CALLS[1]);
}

#[test]
fn unmount() {
    killed_anywhere(CALLS[2]);
}

#[test]
fn unmount_beside_another() {
    killed_anywhere(CALLS[3]);
}

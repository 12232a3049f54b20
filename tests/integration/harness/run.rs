//! `dvdcli run` with a command that a test waits for, and lets go on.

use std::ffi::{OsStr, OsString};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::{Run, Running};
use crate::harness::waiting::eventually;

/// A run of `run` with these flags, which are split at blanks, and this command.
pub fn run<'a>(
    env: &'a Env,
    flags: &str,
    command: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Run<'a> {
    let words = ["run"].into_iter().chain(flags.split_whitespace());
    let words = words.chain(["--"]).map(OsString::from);
    let command = command.into_iter().map(|word| word.as_ref().to_owned());
    env.dvdcli_with(words.chain(command))
}

/// The same with a shell's script, in which `$ROOT` stands for the environment's directory.
pub fn script<'a>(env: &'a Env, flags: &str, script: &str) -> Run<'a> {
    run(env, flags, ["sh", "-c", script])
}

/// Begins a script that a test waits for, and lets go on by [`go`]. It does not outlive the test, whatever becomes of that.
pub const STAY: &str =
    "echo $$ >$ROOT/$NAME; while [ -e $ROOT/$NAME ] && [ ! -e $ROOT/go ]; do sleep 0.01; done;";

/// Waits until a script that begins so is there; its PID.
#[track_caller]
pub fn stays(env: &Env, name: &str) -> i32 {
    let text = || fs::read_to_string(env.path(name)).unwrap_or_default();
    eventually(name, || text().ends_with('\n'));
    text().trim().parse().unwrap()
}

/// Whether a process is there, and does not wait only for somebody to ask how it has ended.
pub fn is_alive(pid: i32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = text.rsplit(") ").next().unwrap_or_default();
    !state.is_empty() && !state.starts_with(['Z', 'X'])
}

pub fn go(env: &Env) {
    env.write("go", "");
}

/// Starts a run that stays until it is let go or killed, and returns the command's PID as well.
pub fn staying<'a>(env: &'a Env, name: &str, flags: &str) -> (Running<'a>, i32) {
    let running = script(env, flags, STAY).env("NAME", name).start();
    let pid = stays(env, name);
    (running, pid)
}

/// As SIGKILL and the kernel's want of memory do it; the command goes with it.
pub fn killed((running, command): (Running, i32)) {
    running.kill();
    eventually("the command's end", || !is_alive(command));
}

pub fn holders(env: &Env, volume: &str) -> Vec<String> {
    let found = env.json(&format!("inspect {volume}"));
    let names = found[0]["Holders"].as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

//! The peak memory of a command.

use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

/// Runs a command from a process that is itself small, and prints the command's peak memory in KiB: `ru_maxrss` is never
/// below that of the process that forked.
pub fn print_peak(command: &[String]) {
    let status = Command::new(&command[0])
        .args(&command[1..])
        .stdout(Stdio::null())
        .status();
    assert!(
        status.expect("the command starts").success(),
        "{command:?} fails"
    );
    println!(
        "{}",
        getrusage(UsageWho::RUSAGE_CHILDREN)
            .expect("a process may ask for its usage")
            .max_rss()
    );
}

/// In KiB, measured by this very program, by its argument `peak`. The command keeps its environment.
pub fn peak_of(command: &Command) -> u64 {
    let mut measured = Command::new(std::env::current_exe().expect("this program has a path"));
    measured.arg("peak").arg(command.get_program());
    measured.args(command.get_args());
    for (name, value) in command.get_envs() {
        measured.env(name, value.unwrap_or_default());
    }
    let output = measured.output().expect("the measuring process runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().expect("a number of KiB")
}

//! A process that holds a volume for as long as it lives.

use std::fs;
use std::io::ErrorKind;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpid};
use serde::{Deserialize, Serialize};

use crate::sys::process::host;

/// Identifies a process among all others of this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HolderProcess {
    /// Its number in its own PID namespace.
    pub pid: i32,
    /// When it started, in clock ticks since the boot: its number can be given to another process later.
    pub started: u64,
    /// The number of its PID namespace.
    pub namespace: u64,
}

impl HolderProcess {
    /// This process.
    pub fn current() -> Result<HolderProcess> {
        const PATH: &str = "/proc/self/stat";
        let text = fs::read(PATH).with_context(|| format!("reading {PATH}"))?;
        let (_, started) = state_and_start(&text).with_context(|| format!("reading {PATH}"))?;
        Ok(HolderProcess {
            pid: getpid().as_raw(),
            started,
            namespace: host::pid_namespace()?,
        })
    }

    /// Whether the process is known to have ended. In doubt it counts as alive: a volume must not be taken from a living process.
    pub fn has_died(&self) -> bool {
        match host::pid_namespace() {
            Ok(ours) if ours == self.namespace => self.has_died_here(),
            // Only the initial PID namespace sees every process; elsewhere "none seen" proves nothing.
            Ok(host::FIRST_PID_NAMESPACE) => !host::has_processes("pid", self.namespace),
            _ => false,
        }
    }

    fn has_died_here(&self) -> bool {
        // Other numbers mean groups of processes.
        if self.pid <= 0 || is_gone(Pid::from_raw(self.pid)) {
            return true;
        }
        // If /proc belongs to another PID namespace, its numbers are those of other processes.
        let shown = fs::read_link("/proc/self").unwrap_or_default();
        if shown.to_str() != Some(&getpid().to_string()) {
            return false;
        }
        match fs::read(format!("/proc/{}/stat", self.pid)) {
            Ok(text) => state_and_start(&text).is_some_and(|(state, started)| {
                started != self.started || matches!(state, b'Z' | b'X')
            }),
            // The process has just ended, or is hidden from us (proc(5), `hidepid`).
            Err(error) => error.kind() == ErrorKind::NotFound && is_gone(Pid::from_raw(self.pid)),
        }
    }
}

/// A zombie is not gone.
fn is_gone(pid: Pid) -> bool {
    kill(pid, None) == Err(Errno::ESRCH)
}

/// Fields 3 and 22 of `/proc/PID/stat` (proc(5)). The name in field 2 may hold blanks and parentheses.
fn state_and_start(text: &[u8]) -> Option<(u8, u64)> {
    let name_ends = text.iter().rposition(|byte| *byte == b')')?;
    let mut fields = text[name_ends + 1..]
        .split(|byte| byte.is_ascii_whitespace())
        .filter(|field| !field.is_empty());
    let state = *fields.next()?.first()?;
    let started = std::str::from_utf8(fields.nth(18)?).ok()?.parse().ok()?;
    Some((state, started))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_after_the_name() {
        let text = b"7 (a) Z (b) ) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 10 11 12\n";
        assert_eq!(state_and_start(text), Some((b'S', 98765)));
        for text in [
            "",
            "7 (a",
            "7 (a)",
            "7 (a) S 1 7",
            "7 (a) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 x",
        ] {
            assert_eq!(state_and_start(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn this_process_lives_and_one_that_started_at_another_time_does_not() {
        let ours = HolderProcess::current().expect("proc");
        assert!(!ours.has_died());
        let earlier = HolderProcess {
            started: ours.started - 1,
            ..ours
        };
        assert!(earlier.has_died());
    }

    #[test]
    fn a_process_that_was_not_waited_for_has_died() {
        let mut child = std::process::Command::new("true").spawn().expect("true");
        let process = || {
            let text = fs::read(format!("/proc/{}/stat", child.id())).expect("its entry");
            state_and_start(&text).expect("its state and start")
        };
        let started = process().1;
        while process().0 != b'Z' {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let process = HolderProcess {
            pid: child.id().cast_signed(),
            started,
            namespace: host::pid_namespace().expect("proc"),
        };
        assert!(process.has_died());
        child.wait().expect("its end");
        assert!(process.has_died());
    }
}

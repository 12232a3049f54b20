//! Runs under strace(1), and the system calls that it has listed.

use std::collections::{HashMap, HashSet};

use pretty_assertions::assert_ne;

use crate::harness::process::Run;

pub const QUIET: [&str; 3] = ["-qq", "-e", "signal=none"];

/// The same run, by strace.
pub fn under_strace<'a>(run: Run<'a>, args: &[&str]) -> Run<'a> {
    run.through("strace", &[&QUIET, args].concat())
}

/// Kills the run where it renames something for the first time, before that is done.
pub fn killed_at_rename(run: Run) {
    let kill = [
        "-e",
        "inject=/^rename:signal=KILL:when=1",
        "-o",
        "/dev/null",
    ];
    let killed = under_strace(run, &[&["-e", "trace=/^rename"], &kill[..]].concat()).output();
    assert_ne!(killed.code, 0, "{killed:?}");
}

/// Starts a run that waits for three seconds in the first such system call.
pub fn slowly<'a>(run: Run<'a>, call: &str) -> Run<'a> {
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:delay_enter=3s:when=1"),
    );
    under_strace(run, &["-e", &trace, "-e", &inject, "-o", "/dev/null"])
}

pub fn step() -> usize {
    let step = std::env::var("DVDCLI_TEST_STEP").ok();
    step.map_or(7, |text| text.parse().unwrap())
}

/// Calls that change something outside of the process, or wait for another: none of these is ever left out.
pub const CHANGING: [&str; 40] = [
    "clone",
    "clone3",
    "copy_file_range",
    "execve",
    "exit_group",
    "fallocate",
    "fchmod",
    "fchown",
    "fchownat",
    "flock",
    "fremovexattr",
    "fsetxattr",
    "fsync",
    "ftruncate",
    "getdents64",
    "ioctl",
    "linkat",
    "mkdir",
    "mkdirat",
    "mount",
    "openat2",
    "pidfd_open",
    "poll",
    "ppoll",
    "pwrite64",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "symlink",
    "symlinkat",
    "syncfs",
    "umount2",
    "unlink",
    "unlinkat",
    "utimensat",
    "vfork",
    "wait4",
    "write",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    Dvdcli,
    /// The prober of a path, or with it dvdcli, whichever comes to that call first.
    Child,
    Mkfs,
}

/// The `ordinal`th call of `name` that the process makes.
#[derive(Debug)]
pub struct Point {
    pub process: Process,
    pub name: String,
    pub ordinal: usize,
}

/// Reads what strace has written: the first process is `first`, the others are its children.
pub fn read(text: &str, first: Process) -> Vec<Point> {
    let mut first_id = None;
    let mut counts = HashMap::<(&str, &str), usize>::new();
    let mut seen = HashSet::new();
    let (mut own, mut others) = (vec![], vec![]);
    for line in text.lines() {
        let call = line.split_once(' ');
        let call = call.and_then(|(id, call)| Some((id, call.trim_start().split_once('(')?.0)));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let Some((id, name)) = call.filter(|(_, name)| name.chars().all(is_name)) else {
            continue;
        };
        let count = counts.entry((id, name)).or_default();
        *count += 1;
        let is_first = *first_id.get_or_insert(id) == id;
        let point = Point {
            process: if is_first { first } else { Process::Child },
            name: name.to_owned(),
            ordinal: *count,
        };
        if is_first {
            own.push(point);
        } else if seen.insert((name, *count)) {
            others.push(point);
        }
    }
    own.append(&mut others);
    own
}

//! Who uses a mounted file system: processes and loop devices, and mount namespaces other than ours.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::mount::mountinfo::{Mount, MountTable};

/// How many users a message names.
const NAMED: usize = 5;

/// A process, as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    pub pid: u32,
    pub command: String,
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PID {} ({})", self.pid, self.command)
    }
}

/// Those who keep a mount busy, in one phrase for a message; empty where none is found.
///
/// Found are working and root directories, programs, open and mapped files, as proc(5) shows them in this mount
/// namespace: others keep busy only what is theirs. Also mounts and loop devices' files below the mount point.
fn users(mount_point: &Path) -> String {
    let mounts = MountTable::read().ok();
    let mounts = mounts
        .iter()
        .flat_map(|table| table.below(mount_point))
        .filter(|m| m.mount_point != mount_point);
    let mounts = mounts.map(|mount| format!("the mount at {}", mount.mount_point.display()));
    let processes = processes()
        .filter(|process| uses(process.pid, mount_point))
        .map(|process| process.to_string());
    let devices = loop_devices()
        .filter(|(_, file)| file.starts_with(mount_point))
        .map(|(device, _)| device);
    let users: Vec<String> = processes.chain(mounts).chain(devices).collect();
    let more = users.len().saturating_sub(NAMED);
    let named = users[..users.len() - more].join(", ");
    if more > 0 {
        format!("{named} and {more} more")
    } else {
        named
    }
}

/// [`users`] as a message that a mount is busy goes on: `, used by PID 7 (sleep)`, or not at all.
pub fn used_by(mount_point: &Path) -> String {
    let users = users(mount_point);
    if users.is_empty() {
        users
    } else {
        format!(", used by {users}")
    }
}

fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(|pid| {
        let command = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        Process {
            pid,
            command: String::from_utf8_lossy(&command).trim_end().to_owned(),
        }
    })
}

/// The links are read, never followed: what they lead to may not answer.
fn uses(pid: u32, mount_point: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let leads_below =
        |link: PathBuf| fs::read_link(link).is_ok_and(|path| path.starts_with(mount_point));
    let files = || {
        fs::read_dir(process.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
    };
    ["cwd", "root", "exe"]
        .iter()
        .any(|link| leads_below(process.join(link)))
        || files().any(|file| leads_below(file.path()))
        || maps(&process)
            .iter()
            .any(|path| path.starts_with(mount_point))
}

fn maps(process: &Path) -> Vec<PathBuf> {
    let text = fs::read(process.join("maps")).unwrap_or_default();
    let path = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'/')?;
        Some(PathBuf::from(OsStr::from_bytes(&line[at..])))
    };
    text.split(|byte| *byte == b'\n').filter_map(path).collect()
}

/// Bound loop devices, each with its file.
fn loop_devices() -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let text = fs::read(entry.path().join("loop/backing_file")).ok()?;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        Some((
            format!("/dev/{}", entry.file_name().display()),
            PathBuf::from(OsStr::from_bytes(text)),
        ))
    })
}

/// Searches the mount tables of all mount namespaces but ours, one process for each. Gives what `search` finds, and a
/// process that sees it.
pub fn mounted_elsewhere(
    search: impl Fn(&MountTable) -> Option<Mount>,
) -> Option<(Process, Mount)> {
    let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let mut seen: HashSet<PathBuf> = namespace("self").into_iter().collect();
    processes().find_map(|process| {
        let pid = process.pid.to_string();
        if !seen.insert(namespace(&pid)?) {
            return None;
        }
        let text = fs::read(format!("/proc/{pid}/mountinfo")).ok()?;
        let mount = search(&MountTable::parse(&text))?;
        Some((process, mount))
    })
}

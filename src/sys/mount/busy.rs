//! Who uses a mount: processes, loop devices, mounts inside it, and mount namespaces other than our own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::block::loop_device;
use crate::sys::mount::held;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// How many users are named in a message.
const NAMED: usize = 5;

/// A process that uses a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub pid: u32,
    /// The name of its program, cut off by the kernel after 15 bytes (proc(5), comm).
    pub command: String,
}

/// `PID 7 (sleep)`.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "PID {} ({})", self.pid, self.command)
    }
}

/// A directory in a mount namespace.
pub struct Place {
    /// As `/proc/PID/ns/mnt` names it; empty for whichever.
    pub namespace: PathBuf,
    pub path: PathBuf,
}

impl Place {
    /// In this mount namespace.
    pub fn here(path: &Path) -> Place {
        Place {
            namespace: namespace("self").unwrap_or_default(),
            path: path.to_owned(),
        }
    }

    fn is_in(&self, namespace: &Path) -> bool {
        self.namespace.as_os_str().is_empty() || self.namespace == namespace
    }
}

/// The users of a mount, separated by commas; empty where none is found.
///
/// A process uses it by its working or root directory, its program, an open or a mapped file (proc(5)). Other users are
/// mounts below the mount point, and loop devices whose file is there. Only paths of this mount namespace are compared: a
/// process in another one has its own copy of the mount, and does not keep this one busy. Our own processes are left out.
fn users(mount_point: &Path) -> String {
    let mounts = MountTable::read().ok();
    let mounts = mounts
        .iter()
        .flat_map(|table| table.below(mount_point))
        .filter(|m| m.mount_point != mount_point);
    let mounts = mounts.map(mount_user).collect();
    let anywhere = Place {
        namespace: PathBuf::new(),
        path: mount_point.to_owned(),
    };
    list_users(&[anywhere], mounts)
}

/// A mount as the user of another one.
pub fn mount_user(mount: &Mount) -> String {
    format!("the mount at {}", mount.mount_point.display())
}

/// As [`users`], for a mount with its copies in other mount namespaces, and without the mounts inside it.
pub fn users_at(places: &[Place]) -> String {
    list_users(places, Vec::new())
}

fn list_users(places: &[Place], mounts: Vec<String>) -> String {
    let uses_one = |process: &User| {
        let namespace = namespace(&process.pid.to_string()).unwrap_or_default();
        let mut there = places.iter().filter(|place| place.is_in(&namespace));
        there.any(|place| uses(process.pid, &place.path))
    };
    let processes = processes()
        .filter(|process| !is_ours(process.pid) && uses_one(process))
        .map(|process| process.to_string());
    let own = namespace("self").unwrap_or_default();
    let devices = loop_devices()
        .filter(|(_, file)| {
            let mut here = places.iter().filter(|place| place.is_in(&own));
            here.any(|place| file.starts_with(&place.path))
        })
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

/// The users of a mount, to be appended to a message that it is busy: `, used by PID 7 (sleep)`, or an empty text.
pub fn used_by(mount_point: &Path) -> String {
    let users = users(mount_point);
    if users.is_empty() {
        users
    } else {
        format!(", used by {users}")
    }
}

/// Whether it is this process or a child of it, such as one that looks at the mount point.
fn is_ours(pid: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = text.lines().find_map(|line| line.strip_prefix("PPid:"));
    let ours = std::process::id();
    pid == ours || parent.is_some_and(|parent| parent.trim().parse() == Ok(ours))
}

/// All processes in this PID namespace.
fn processes() -> impl Iterator<Item = User> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(|pid| {
        let command = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        User {
            pid,
            command: String::from_utf8_lossy(&command).trim_end().to_owned(),
        }
    })
}

/// Whether a process uses the mount. Links are read, never followed: a dead file system would not answer.
fn uses(pid: u32, mount_point: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let leads_below =
        |link: PathBuf| fs::read_link(link).is_ok_and(|path| path.starts_with(mount_point));
    ["cwd", "root", "exe"]
        .iter()
        .any(|link| leads_below(process.join(link)))
        || open_files(&process).any(leads_below)
        || maps(&process)
            .iter()
            .any(|path| path.starts_with(mount_point))
}

/// The links to the files that a process has open.
fn open_files(process: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(process.join("fd")).into_iter();
    entries.flatten().flatten().map(|entry| entry.path())
}

/// The first process that has a file open which nobody renames or deletes, such as a device.
pub fn opened_by(file: &Path) -> Option<User> {
    processes().find(|process| {
        let process = PathBuf::from(format!("/proc/{}", process.pid));
        open_files(&process).any(|link| fs::read_link(link).is_ok_and(|path| path == file))
    })
}

/// The files that a process has mapped into its memory.
fn maps(process: &Path) -> Vec<PathBuf> {
    let text = fs::read(process.join("maps")).unwrap_or_default();
    let path = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b'/')?;
        Some(PathBuf::from(OsStr::from_bytes(&line[at..])))
    };
    text.split(|byte| *byte == b'\n').filter_map(path).collect()
}

/// The loop devices that are bound to a file, with the path of that file.
fn loop_devices() -> impl Iterator<Item = (String, PathBuf)> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let file = loop_device::backing_file(&name)?;
        Some((format!("/dev/{}", name.display()), file))
    })
}

/// Searches the mount tables of all other mount namespaces, each by one of its processes. Returns the first mount that
/// `search` finds, and the process.
pub fn mounted_elsewhere(search: impl Fn(&MountTable) -> Option<Mount>) -> Option<(User, Mount)> {
    let mut others = others().filter(|_| !held::is_on_paper());
    others.find_map(|(process, _, table)| Some((process, search(&table)?)))
}

/// The mount tables of all other mount namespaces, each with one of its processes, and with its name as `/proc/PID/ns/mnt` has it.
pub fn others() -> impl Iterator<Item = (User, PathBuf, MountTable)> {
    let mut seen: HashSet<PathBuf> = namespace("self").into_iter().collect();
    processes().filter_map(move |process| {
        let pid = process.pid.to_string();
        let namespace = namespace(&pid)?;
        if !seen.insert(namespace.clone()) {
            return None;
        }
        let text = fs::read(format!("/proc/{pid}/mountinfo")).ok()?;
        Some((process, namespace, MountTable::parse(&text)))
    })
}

/// The name of a process's mount namespace.
fn namespace(pid: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

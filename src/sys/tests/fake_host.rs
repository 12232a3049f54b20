//! A host on paper, for unit tests only: a mount table, the calls that change it, and stderr.
//!
//! Unit tests run as root on machines that hold data, as ordinary users, and on several threads at once. What decides about mounts
//! must be tested there without a mount being made. So the few functions at the very bottom ask here first, in tests only; on a
//! thread that has a host on paper, nothing of what they do reaches the machine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use sys_mount::{MountFlags, UnmountFlags};

use crate::sys::mount::mountinfo::{Mount, MountTable};

thread_local! {
    static HOST: RefCell<Option<FakeHost>> = const { RefCell::new(None) };
}

#[derive(Debug, Default)]
pub struct FakeHost {
    /// Oldest first.
    mounts: Vec<Mount>,
    pub last_id: u32,
    /// Mount points that are in use.
    pub busy: Vec<PathBuf>,
    /// Places where no mount can be made, and why.
    pub refused: BTreeMap<PathBuf, Errno>,
    /// Directories that do not answer, and how.
    pub dead: BTreeMap<PathBuf, Errno>,
    /// Targets that umount(8) calls dvdcli for.
    pub listed: Vec<PathBuf>,
    /// Numbers of other mount namespaces that have processes.
    pub namespaces: Vec<u64>,
    pub stderr: Vec<String>,
}

/// Keeps the host on paper in place of the machine, on this thread.
pub struct Installed(());

impl Installed {
    pub fn new() -> Installed {
        HOST.set(Some(FakeHost::new()));
        Installed(())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        HOST.set(None);
    }
}

/// The host on paper of this thread; `None` where the machine is meant.
fn asked<T>(act: impl FnOnce(&mut FakeHost) -> T) -> Option<T> {
    HOST.with_borrow_mut(|host| host.as_mut().map(act))
}

/// For tests, which have installed one.
pub fn with<T>(act: impl FnOnce(&mut FakeHost) -> T) -> T {
    asked(act).expect("a host on paper is installed")
}

/// The text of `/proc/self/mountinfo`.
pub fn mount_table() -> Option<Vec<u8>> {
    asked(|host| host.text())
}

/// mount(2).
pub fn mount(source: &Path, target: &Path, flags: MountFlags) -> Option<io::Result<()>> {
    asked(|host| {
        host.mount(&opened(source), &opened(target), flags)
            .map_err(io::Error::from)
    })
}

/// umount2(2).
pub fn unmount(path: &Path, flags: UnmountFlags) -> Option<io::Result<()>> {
    let lazy = flags.contains(UnmountFlags::DETACH);
    asked(|host| host.unmount(&opened(path), lazy).map_err(io::Error::from))
}

/// The path of a handle is a link of the machine's.
fn opened(path: &Path) -> PathBuf {
    match path.starts_with("/proc/self/fd") {
        true => fs::read_link(path).expect("an open directory"),
        false => path.to_owned(),
    }
}

/// Whether umount(8) calls dvdcli.
pub fn lists(target: &Path) -> Option<bool> {
    asked(|host| host.listed.iter().any(|listed| listed == target))
}

/// Drops targets from what umount(8) calls dvdcli for.
pub fn forget(places: &[&Path]) -> Option<()> {
    asked(|host| {
        host.listed
            .retain(|listed| !places.contains(&listed.as_path()))
    })
}

/// mount(8) and umount(8), with the arguments that we give them.
pub fn run<A: AsRef<OsStr>>(program: &Path, arguments: &[A]) -> Option<anyhow::Result<()>> {
    let arguments: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
    asked(|host| Ok(host.run(program, &arguments)?))
}

/// Whether a mount namespace has processes.
pub fn has_processes(kind: &str, namespace: u64) -> Option<bool> {
    asked(|host| host.namespaces.contains(&namespace)).filter(|_| kind == "mnt")
}

/// Why a directory does not answer; those that do are looked at on the machine.
pub fn dead(path: &Path) -> Option<io::Error> {
    asked(|host| host.dead.get(path).copied().map(io::Error::from)).flatten()
}

pub fn write_stderr(line: &str) -> Option<()> {
    asked(|host| host.stderr.push(line.to_owned()))
}

impl FakeHost {
    /// With a root file system, and nothing else.
    pub fn new() -> FakeHost {
        let mut host = FakeHost::default();
        host.add("254:0", Path::new("/"), Path::new("/"), "rw,relatime");
        host
    }

    /// Adds a mount, whoever makes it.
    pub fn add(&mut self, device: &str, root: &Path, at: &Path, options: &str) {
        let parent = MountTable::parse(&self.text()).covering(at).map(|it| it.id);
        self.last_id += 1;
        self.mounts.push(Mount {
            id: self.last_id,
            parent: parent.unwrap_or(0),
            device: device.into(),
            root: root.into(),
            mount_point: at.into(),
            options: options.into(),
            peer_group: None,
            master: None,
            fs_type: "ext4".into(),
            source: format!("/dev/{device}"),
            fs_options: String::new(),
        });
    }

    /// Takes away what is mounted there; false where nothing is.
    pub fn take(&mut self, at: &Path) -> bool {
        self.dead.remove(at);
        let last = self.mounts.iter().rposition(|it| it.mount_point == at);
        last.map(|last| self.mounts.remove(last)).is_some()
    }

    /// A directory above a mount point is renamed.
    pub fn rename(&mut self, from: &Path, to: &Path) {
        for mount in &mut self.mounts {
            if mount.mount_point == from {
                to.clone_into(&mut mount.mount_point);
            }
        }
    }

    /// All mounts but the root, with their options.
    pub fn mounted(&self) -> impl Iterator<Item = (&Path, &str)> {
        let mounts = self.mounts.iter().skip(1);
        mounts.map(|mount| (mount.mount_point.as_path(), mount.options.as_str()))
    }

    fn text(&self) -> Vec<u8> {
        let line = |mount: &Mount| {
            let (root, at) = (mount.root.display(), mount.mount_point.display());
            let (id, parent) = (mount.id, mount.parent);
            let (device, options) = (&mount.device, &mount.options);
            let (fs_type, source) = (&mount.fs_type, &mount.source);
            format!("{id} {parent} {device} {root} {at} {options} - {fs_type} {source} rw\n")
        };
        self.mounts
            .iter()
            .map(line)
            .collect::<String>()
            .into_bytes()
    }

    fn mount(&mut self, source: &Path, target: &Path, flags: MountFlags) -> Result<(), Errno> {
        if let Some(errno) = self.refused.get(target) {
            return Err(*errno);
        }
        let mode = match flags.contains(MountFlags::RDONLY) {
            true => "ro,relatime",
            false => "rw,relatime",
        };
        if flags.contains(MountFlags::REMOUNT) {
            let mut mounts = self.mounts.iter_mut().rev();
            let mount = mounts.find(|mount| mount.mount_point == target);
            mount.ok_or(Errno::EINVAL)?.options = mode.into();
        } else if flags.contains(MountFlags::BIND) {
            let table = MountTable::parse(&self.text());
            let on = table.covering(source).ok_or(Errno::ENOENT)?;
            let inside = source.strip_prefix(&on.mount_point);
            let root = on.root.join(inside.map_err(|_| Errno::ENOENT)?);
            let root: PathBuf = root.components().collect();
            self.add(&on.device, &root, target, &on.options);
        }
        Ok(())
    }

    fn unmount(&mut self, path: &Path, lazy: bool) -> Result<(), Errno> {
        if !lazy && self.busy.iter().any(|busy| busy == path) {
            return Err(Errno::EBUSY);
        }
        match self.take(path) {
            true => Ok(()),
            false => Err(Errno::EINVAL),
        }
    }

    fn run(&mut self, program: &Path, arguments: &[&OsStr]) -> Result<(), Errno> {
        let [options @ .., target] = arguments else {
            return Err(Errno::EINVAL);
        };
        let target = Path::new(target);
        let has = |word: &str| options.iter().any(|it| it.to_string_lossy().contains(word));
        if program.ends_with("umount") {
            self.listed.retain(|listed| listed != target);
            return self.unmount(target, has("--lazy"));
        }
        let source = options.last().ok_or(Errno::EINVAL)?;
        self.mount(Path::new(source), target, MountFlags::BIND)?;
        if has("helper=dvdcli") {
            self.listed.push(target.into());
        }
        Ok(())
    }
}

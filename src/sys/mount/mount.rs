//! Mounting and unmounting, by system call and by mount(8).

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::fs::statvfs;
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_change,
    mount_remount, unmount,
};

use crate::sys::block::signature;
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::process::child;

/// Types that are usually mounted by a program of their own, and the Debian packages with it.
const PACKAGES: &[(&str, &str)] = &[
    ("nfs", "nfs-common"),
    ("nfs4", "nfs-common"),
    ("cifs", "cifs-utils"),
    ("ceph", "ceph-common"),
    ("glusterfs", "glusterfs-client"),
    ("davfs", "davfs2"),
    ("fuse.sshfs", "sshfs"),
    ("fuse", "fuse3"),
];

/// Lets `source` appear at `target` as well.
///
/// `options` are words of mount(8) that a bind mount can have. They take a second call, since the kernel ignores them while
/// binding; where that fails, the bind is undone.
pub fn bind(source: &Path, target: &Path, options: &str) -> Result<()> {
    let options = MountOptions::parse(&format!("bind,{options}"));
    let source = source
        .to_str()
        .context("a path that is not UTF-8 cannot be bound")?;
    mount(source, target, "none", &options)
}

/// Lets `source` appear at a directory that is open: whatever its name leads to meanwhile, it is that one.
pub fn bind_at(source: &Path, target: &OwnedFd) -> io::Result<()> {
    rustix::mount::mount_bind(source, of_handle(target))?;
    Ok(())
}

/// Lets a shared mount, open at its root, take over what is mounted below the one that it is a view of, but not pass on
/// there what is mounted below itself.
pub fn make_receiver(mount: &OwnedFd) -> io::Result<()> {
    let path = of_handle(mount);
    mount_change(&path, MountPropagationFlags::DOWNSTREAM)?;
    mount_change(&path, MountPropagationFlags::SHARED)?;
    Ok(())
}

/// Takes away a mount that is open at its root, also while it is in use.
pub fn detach(mount: &OwnedFd) -> io::Result<()> {
    unmount(of_handle(mount), UnmountFlags::DETACH)?;
    Ok(())
}

/// A path that leads to what is open, and nowhere else.
pub fn of_handle(directory: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

/// Mounts, by system call.
///
/// What the kernel says about a bad option goes into the error, and so does which side of a bind is missing.
pub fn mount(source: &str, target: &Path, fs_type: &str, options: &MountOptions) -> Result<()> {
    mount_once(source, target, fs_type, options)
        .map_err(|errno| reason(errno, source, target, fs_type, options))
        .with_context(|| doing(source, target, fs_type, &options.data))?;
    let settled = settle(target, options);
    if let Err(error) = settled {
        let _ = unmount(target, UnmountFlags::NOFOLLOW);
        return Err(error).with_context(|| doing(source, target, fs_type, &options.data));
    }
    Ok(())
}

fn doing(source: &str, target: &Path, fs_type: &str, data: &str) -> String {
    let with = if data.is_empty() { "" } else { " with " };
    format!(
        "mounting {source} at {} as {fs_type}{with}{data}",
        target.display()
    )
}

fn mount_once(
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &MountOptions,
) -> Result<(), Errno> {
    let data = CString::new(options.data.as_str()).map_err(|_| Errno::INVAL)?;
    let data = (!options.data.is_empty()).then_some(data.as_c_str());
    rustix::mount::mount(source, target, fs_type, options.flags, data)
}

/// What the first call cannot do: a bind takes over the flags of its source and ignores all others, which then take a
/// remount that names those to be kept as well; and propagation is a call of its own.
fn settle(target: &Path, options: &MountOptions) -> io::Result<()> {
    if options.is_bind() && !options.of_the_mount().is_empty() {
        let kept = MountFlags::from_bits_truncate(statvfs(target)?.f_flag.bits() as u32)
            & (MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC);
        mount_remount(
            target,
            MountFlags::BIND | kept | options.of_the_mount(),
            c"",
        )?;
    }
    if !options.propagation.is_empty() {
        mount_change(target, options.propagation)?;
    }
    Ok(())
}

fn reason(
    errno: Errno,
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &MountOptions,
) -> anyhow::Error {
    match errno {
        Errno::INVAL => {
            let complaint = complaint(fs_type, source, &options.data);
            let complaint = complaint.or_else(|| other_content(Path::new(source), fs_type));
            complaint.map_or_else(|| errno.into(), |complaint| anyhow!(complaint))
        }
        Errno::NODEV => {
            let package = PACKAGES.iter().find(|(name, _)| *name == fs_type);
            let repair = package.map_or(String::new(), |(_, package)| {
                format!("; install the Debian package {package}")
            });
            anyhow!(
                "the kernel knows no file system {fs_type}, and there is no /sbin/mount.{fs_type}{repair}"
            )
        }
        Errno::NOENT if !target.exists() => {
            anyhow!("the mount point {} is missing", target.display())
        }
        Errno::NOENT => anyhow!("{source} is missing"),
        Errno::NOTBLK => anyhow!("{source} is not a block device"),
        _ => errno.into(),
    }
}

/// The kernel's own words about options that it refuses, which mount(2) does not return (fsopen(2), Linux 5.2).
fn complaint(fs_type: &str, source: &str, data: &str) -> Option<String> {
    let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    let _ = fsconfig_set_string(&context, "source", source);
    for option in data.split(',').filter(|option| !option.is_empty()) {
        let set = match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(&context, key, value),
            None => fsconfig_set_flag(&context, option),
        };
        if set.is_err() {
            let mut words = vec![0; 1024];
            let length = File::from(context).read(&mut words).ok()?;
            let words = String::from_utf8_lossy(&words[..length]);
            return Some(words.trim_start_matches("e ").trim_end().to_owned());
        }
    }
    None
}

fn other_content(device: &Path, fs_type: &str) -> Option<String> {
    let found = signature::of(&File::open(device).ok()?).ok()?;
    match found {
        Some(found) if found == fs_type => None,
        Some(found) => Some(format!("{} holds {found}, not {fs_type}", device.display())),
        None => Some(format!(
            "{} holds no file system that is known here",
            device.display()
        )),
    }
}

/// Whether mount(8) has to mount this type, through a program of its own, which is returned.
///
/// As mount(8) looks for it: for `fuse.sshfs`, `mount.fuse.sshfs` and then `mount.fuse`.
pub fn helper(fs_type: &str) -> Option<PathBuf> {
    let family = fs_type.split_once('.').map(|(family, _)| family);
    let program = |name: &str| Path::new("/sbin").join(format!("mount.{name}"));
    [Some(fs_type), family]
        .into_iter()
        .flatten()
        .map(program)
        .find(|program| program.is_file())
}

/// Mounts by mount(8); `options` as the user wrote them.
pub fn mount_by_program(
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &str,
    ends: Instant,
) -> Result<()> {
    let program =
        child::find("mount").context("finding mount: not installed (Debian package mount)")?;
    let target_text = target.to_str().context("a mount point that is not UTF-8")?;
    let mut arguments = vec!["-t", fs_type];
    if !options.is_empty() {
        arguments.extend(["-o", options]);
    }
    arguments.extend(["--", source, target_text]);
    child::run(&program, &arguments, None, ends)
        .with_context(|| doing(source, target, fs_type, options))
}

/// Gives a mount other options, its file system not: that may be mounted elsewhere as well.
pub fn remount_view(target: &Path, options: &MountOptions) -> io::Result<()> {
    mount_remount(target, MountFlags::BIND | options.of_the_mount(), c"")?;
    Ok(())
}

/// Lets a mount and those below it no longer pass on what is unmounted below it: the source of a recursive bind would
/// lose its mounts otherwise.
pub fn make_private(target: &Path) -> io::Result<()> {
    mount_change(
        target,
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    Ok(())
}

/// Mounts a file system out of everybody's sight, and unmounts it: its journal is replayed. Where we die, nothing is left.
pub fn replay_journal(device: &Path, fs_type: &str, flags: &[&str]) -> Result<()> {
    let doing = || format!("replaying the journal on {}", device.display());
    let replay = || -> Result<(), Errno> {
        let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", device)?;
        for flag in flags {
            fsconfig_set_flag(&context, *flag)?;
        }
        fsconfig_create(&context)?;
        fsmount(
            &context,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::empty(),
        )?;
        Ok(())
    };
    replay().with_context(doing)
}

/// How long a mount may be busy with what nobody has open any more: a process has it, which was forked a moment ago and is
/// about to close what is not its own. That may be one of ours, where several volumes are worked on side by side.
const BUSY: Duration = Duration::from_millis(30);

/// Takes away the mount at `path`, without following a symbolic link.
pub fn unmount_at(path: &Path, lazy: bool) -> io::Result<()> {
    let lazy = if lazy {
        UnmountFlags::DETACH
    } else {
        UnmountFlags::empty()
    };
    let ends = Instant::now() + BUSY;
    loop {
        match unmount(path, UnmountFlags::NOFOLLOW | lazy) {
            Err(Errno::BUSY) if Instant::now() < ends => thread::sleep(BUSY / 10),
            unmounted => return Ok(unmounted?),
        }
    }
}

//! mount(2) and umount2(2): mounts, binds, remounts, propagation, unmounts.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::libc;
use nix::sys::statvfs::{FsFlags, statvfs};
use sys_mount::{MountBuilder, MountFlags, UnmountFlags};

use crate::sys::files::directory::{self, path_of};
use crate::sys::mount::held::{self, HeldDirectory};
use crate::sys::mount::kernel_words;
use crate::sys::mount::mountopts::{self, MountOptions};

/// How long a mount may stay busy after its last user has closed it: a process that was forked a moment ago still has the
/// files of its parent. It may be our own child, since several volumes are mounted and unmounted at the same time.
pub const BUSY: Duration = Duration::from_millis(30);

/// Changes the flags of one mount alone.
const RESTRICT: MountFlags = MountFlags::REMOUNT.union(MountFlags::BIND);

/// `umount2` must not follow a symbolic link at the end of a path: whoever owns the directory could put one there.
///
/// sys-mount's own `UnmountFlags::NOFOLLOW` has the value of `O_NOFOLLOW`, a flag of open(2), which umount2(2) refuses.
const NOFOLLOW: UnmountFlags = UnmountFlags::from_bits_retain(libc::UMOUNT_NOFOLLOW);

/// Mounts `source` at `target` by mount(2).
///
/// # Errors
///
/// One that says which side of a bind is missing, which option the kernel refuses, or what the device holds instead.
/// Nothing is left mounted then.
pub fn mount(source: &str, target: &Path, fs_type: &str, options: &MountOptions) -> Result<()> {
    mount_held(Path::new(source), target, fs_type, options)
        .map(drop)
        .map_err(|error| kernel_words::explain(error, source, target, fs_type, options))
        .with_context(|| doing(source, target, fs_type, &options.data))
}

/// Mounts at a directory that is held open, and returns the root of the mount.
pub(super) fn mount_held(
    source: &Path,
    target: &Path,
    fs_type: &str,
    options: &MountOptions,
) -> io::Result<OwnedFd> {
    let held = HeldDirectory::open(target)?;
    let (flags, data) = (options.flags, &options.data);
    call_mount(source, &held.way(), fs_type, flags, data)?;
    held.covered()
        .and_then(|root| remount_with_flags(&path_of(&root), options).map(|()| root))
        .inspect_err(|_| drop(uncover(&held)))
}

/// `mounting SOURCE at TARGET as TYPE with OPTIONS`, the context of an error.
pub(super) fn doing(source: &str, target: &Path, fs_type: &str, options: &str) -> String {
    let with = if options.is_empty() { "" } else { " with " };
    format!(
        "mounting {source} at {} as {fs_type}{with}{options}",
        target.display()
    )
}

/// mount(2) itself.
fn call_mount(
    source: &Path,
    target: &Path,
    fs_type: &str,
    flags: MountFlags,
    data: &str,
) -> io::Result<()> {
    #[cfg(test)]
    if let Some(done) = crate::sys::tests::fake_host::mount(source, target, flags) {
        return done;
    }
    let call = MountBuilder::default().flags(flags).fstype(fs_type);
    let call = if data.is_empty() {
        call
    } else {
        call.data(data)
    };
    call.mount(source, target).map(drop)
}

/// Sets what the first call of mount(2) cannot set.
///
/// A bind takes over the flags of its source and ignores those of the call. They are set by a remount, which has to
/// repeat the flags that are to be kept. Propagation takes a call of its own as well.
pub(super) fn remount_with_flags(target: &Path, options: &MountOptions) -> io::Result<()> {
    if options.is_bind() && !options.of_the_mount().is_empty() {
        let found = statvfs(target)?.flags();
        let kept = [
            (FsFlags::ST_NOSUID, MountFlags::NOSUID),
            (FsFlags::ST_NODEV, MountFlags::NODEV),
            (FsFlags::ST_NOEXEC, MountFlags::NOEXEC),
        ];
        let kept = kept.iter().filter(|(flag, _)| found.contains(*flag));
        let kept: MountFlags = kept.map(|(_, flag)| *flag).collect();
        if !kept.contains(options.of_the_mount()) {
            change(target, RESTRICT | kept | options.of_the_mount())?;
        }
    }
    if !options.propagation.is_empty() {
        change(target, options.propagation)?;
    }
    Ok(())
}

/// Makes the directory `source` visible at `target` as well, and returns the root of that mount. Neither may be reached by a symbolic
/// link.
///
/// `options` are words of mount(8) that a bind mount can have, with commas between.
pub fn bind(source: &Path, target: &Path, options: &str) -> Result<OwnedFd> {
    let options = MountOptions::parse(&format!("bind,{options}"));
    let shown = source.to_string_lossy();
    held::open(source)
        .and_then(|opened| mount_held(&path_of(&opened), target, "none", &options))
        .map_err(|error| kernel_words::explain(error, &shown, target, "none", &options))
        .with_context(|| doing(&shown, target, "none", &options.data))
}

/// Makes `source` visible at a directory that is open, wherever its name leads by now.
pub fn bind_at(source: &Path, target: &OwnedFd) -> io::Result<()> {
    let source = held::open(source)?;
    call_mount(
        &path_of(&source),
        &path_of(target),
        "none",
        MountFlags::BIND,
        "",
    )
}

/// Has a bind, open at its root, forbid what these words of mount(8) forbid, beside what its source does.
pub fn restrict(bind: &OwnedFd, words: &str) -> io::Result<()> {
    remount_with_flags(
        &path_of(bind),
        &MountOptions::parse(&format!("bind,{words}")),
    )
}

/// Gives a mount other options. Its file system, which may be mounted elsewhere as well, keeps its own.
pub fn remount_view(target: &Path, options: &MountOptions) -> io::Result<()> {
    remount(target, options.of_the_mount())
}

/// Gives a mount these flags, and no others.
pub fn remount(target: &Path, flags: MountFlags) -> io::Result<()> {
    let held = held::open(target)?;
    change(&path_of(&held), RESTRICT | flags)
}

/// Makes a mount, open at its root, and those below it private: unmounts below it are not passed on. Without this, unmounting a
/// recursive bind would unmount the mounts of its source as well.
pub fn make_open_private(mount: &OwnedFd) -> io::Result<()> {
    change(&path_of(mount), mountopts::PRIVATE | MountFlags::REC)
}

/// Lets a shared mount, open at its root, receive mounts that are made below its original, and no longer send there those
/// that are made below itself.
pub fn make_receiver(mount: &OwnedFd) -> io::Result<()> {
    let path = path_of(mount);
    change(&path, mountopts::SLAVE)?;
    change(&path, mountopts::SHARED)
}

/// Changes the mount at `target`, by a call of mount(2) that has no source.
///
/// sys-mount sets the propagation only of a mount that it has made itself, and not recursively. As flags of an ordinary
/// call, it passes them on unchanged.
fn change(target: &Path, flags: MountFlags) -> io::Result<()> {
    // The kernel ignores the type, but without one sys-mount tries all types that the kernel knows.
    call_mount(Path::new(""), target, "none", flags, "")
}

/// Unmounts what is mounted at `path`, without following a symbolic link anywhere on it. With `lazy`, also while it is in use.
pub fn unmount(path: &Path, lazy: bool) -> io::Result<()> {
    match (path.parent(), path.file_name()) {
        // Its own handle would keep the mount busy: it is reached from the directory above.
        (Some(above), Some(name)) if !held::is_on_paper() => {
            unmount_in(&directory::arrive(above)?.directory, name, lazy)
        }
        _ => unmount_patiently(path, lazy),
    }
}

/// Unmounts what is mounted under a name in an open directory, which is no symbolic link.
pub fn unmount_in(parent: &OwnedFd, name: &OsStr, lazy: bool) -> io::Result<()> {
    unmount_patiently(&path_of(parent).join(name), lazy)
}

fn unmount_patiently(path: &Path, lazy: bool) -> io::Result<()> {
    let lazy = if lazy {
        UnmountFlags::DETACH
    } else {
        UnmountFlags::empty()
    };
    let ends = Instant::now() + BUSY;
    loop {
        match call_unmount(path, NOFOLLOW | lazy) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < ends => {
                thread::sleep(BUSY / 10);
            }
            unmounted => return unmounted,
        }
    }
}

/// Unmounts a mount that is open at its root, also while it is in use.
pub fn detach(mount: &OwnedFd) -> io::Result<()> {
    // The path of a handle is a link of the kernel's, which has to be followed.
    call_unmount(&path_of(mount), UnmountFlags::DETACH)
}

/// Takes away what was mounted at a directory, wherever that was moved.
fn uncover(held: &HeldDirectory) -> io::Result<()> {
    detach(&held.covered_anywhere()?)
}

/// umount2(2) itself.
fn call_unmount(path: &Path, flags: UnmountFlags) -> io::Result<()> {
    #[cfg(test)]
    if let Some(done) = crate::sys::tests::fake_host::unmount(path, flags) {
        return done;
    }
    sys_mount::unmount(path, flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mount::mountinfo::MountTable;
    use nix::sched::{CloneFlags, unshare};
    use std::fs;
    use std::os::unix::fs::symlink;

    /// Calls `test` with a directory, on a thread with a mount namespace of its own. Without the right to make one, the
    /// test is skipped.
    #[expect(clippy::print_stderr, reason = "who runs the tests has to know")]
    fn isolated(test: impl FnOnce(&Path) + Send) {
        thread::scope(|scope| {
            scope.spawn(|| {
                if let Err(error) = unshare(CloneFlags::CLONE_NEWNS) {
                    assert!(
                        std::env::var_os("CI").is_none(),
                        "under CI no test may be left out: this one needs root"
                    );
                    eprintln!("skipped, a mount namespace cannot be made: {error}");
                    return;
                }
                let root = held::open(Path::new("/")).expect("a directory");
                make_open_private(&root).expect("a private mount table");
                let directory = tempfile::tempdir().expect("a directory");
                test(directory.path());
            });
        });
    }

    fn mounted_at(path: &Path) -> Option<String> {
        let table = fs::read("/proc/thread-self/mountinfo").expect("a mount table");
        let table = MountTable::parse(&table);
        table.at(path).map(|mount| mount.options.clone())
    }

    fn mount_tmpfs(at: &Path, options: &str) {
        fs::create_dir(at).expect("a directory");
        mount("none", at, "tmpfs", &MountOptions::parse(options)).expect("mounted");
    }

    #[test]
    fn an_unmount_follows_no_link() {
        isolated(|directory| {
            let (real, link) = (directory.join("real"), directory.join("link"));
            mount_tmpfs(&real, "size=1m");
            symlink(&real, &link).expect("a link");
            for lazy in [false, true] {
                unmount(&link, lazy).expect_err("a link");
                assert!(mounted_at(&real).is_some(), "lazy: {lazy}");
            }
            // It was not refused for its flags: without the link it works.
            unmount(&real, false).expect("unmounted");
            assert_eq!(mounted_at(&real), None);
        });
    }

    #[test]
    fn a_bind_adds_flags_to_those_of_its_source() {
        isolated(|directory| {
            let (source, target) = (directory.join("source"), directory.join("target"));
            mount_tmpfs(&source, "nosuid,nodev");
            fs::create_dir(&target).expect("a directory");
            bind(&source, &target, "ro,noatime,nosymfollow").expect("bound");
            let options = mounted_at(&target).expect("a mount");
            assert_eq!(options, "ro,nosuid,nodev,noatime,nosymfollow");
            let writable = MountOptions::parse("nodev");
            remount_view(&target, &writable).expect("remounted");
            assert_eq!(mounted_at(&target).as_deref(), Some("rw,nodev,noatime"));
            unmount(&target, false).expect("unmounted");
            unmount(&source, false).expect("unmounted");
        });
    }

    #[test]
    fn propagation_is_set_by_the_words_of_mount_8() {
        isolated(|directory| {
            let (source, target) = (directory.join("source"), directory.join("target"));
            mount_tmpfs(&source, "shared");
            fs::create_dir(source.join("inside")).expect("a directory");
            fs::create_dir(&target).expect("a directory");
            let slave = MountOptions::parse("rbind,rslave");
            mount(&source.to_string_lossy(), &target, "none", &slave).expect("bound");
            let inside = MountOptions::parse("");
            mount("none", &source.join("inside"), "tmpfs", &inside).expect("mounted");
            assert!(mounted_at(&target.join("inside")).is_some(), "received");
            unmount(&target.join("inside"), false).expect("unmounted");
            assert!(mounted_at(&source.join("inside")).is_some(), "not sent");
        });
    }

    #[test]
    fn what_a_mount_lacks_is_in_its_error() {
        isolated(|directory| {
            let at = |name: &str| directory.join(name);
            fs::create_dir(at("here")).expect("a directory");
            let message = |fs_type: &str, options: &str, target: &str| {
                let options = MountOptions::parse(options);
                let error = mount("/no/such", &at(target), fs_type, &options).expect_err("refused");
                error.root_cause().to_string()
            };
            assert_eq!(message("none", "bind", "here"), "/no/such is missing");
            let missing = format!("the mount point {} is missing", at("gone").display());
            assert_eq!(message("tmpfs", "", "gone"), missing);
            let unknown = message("tmpfs", "nosuchoption", "here");
            assert!(unknown.contains("nosuchoption"), "{unknown}");
        });
    }
}

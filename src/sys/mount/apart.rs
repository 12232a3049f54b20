//! Binds that have no tie to their source: what is mounted below one of them later is not mounted below the other, and unmounting
//! one leaves the other as it is. A bind of a shared mount by mount(2) would be its peer; a recursive one could not be taken away
//! in all mount namespaces without taking mounts from the source.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use nix::errno::Errno;
use nix::libc;
use rustix::fs::CWD;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};
use sys_mount::MountFlags;

use crate::sys::errno::errno_of;
use crate::sys::files::directory::path_of;
use crate::sys::mount::calls;
use crate::sys::mount::held::HeldDirectory;
use crate::sys::mount::kernel_words;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::mountopts::{MountOptions, NOSYMFOLLOW, PRIVATE, SLAVE};

/// Makes `source` visible at `target` as well, with the mounts below it if the options say so: all of it at once, or nothing. With
/// `slave` among the options, mounts that are made below the source later appear at the target too.
pub fn bind(source: &str, target: &Path, options: &MountOptions) -> Result<()> {
    let doing = || calls::doing(source, target, "none", &options.data);
    let explained = |error| kernel_words::explain(error, source, target, "none", options);
    let held = HeldDirectory::open(target).with_context(doing)?;
    match clone(source, options) {
        Ok(tree) => attach(&tree, &held, &later(options)).map_err(explained),
        Err(error) if errno_of(&error) == Some(Errno::ENOSYS) => by_old_calls(target, options)
            .and_then(|()| {
                let mounted = calls::mount_held(Path::new(source), target, "none", options);
                mounted.map_err(explained)
            })
            .and_then(|root| make_private(&root)),
        Err(error) => Err(explained(error)),
    }
    .with_context(doing)
}

/// A copy of the mount at `source`, and of those below it, which is seen nowhere yet and vanishes when it is closed.
fn clone(source: &str, options: &MountOptions) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    flags.set(OpenTreeFlags::AT_RECURSIVE, options.is_recursive());
    let tree = open_tree(CWD, source, flags)?;
    let kind = match options.propagation.contains(SLAVE) {
        true => SLAVE,
        false => PRIVATE,
    };
    set_attributes(&tree, kind, options)?;
    Ok(tree)
}

/// Keeps the file system of a mount, with its device number, which another one would get otherwise, and not the mount itself.
pub fn keep_file_system(place: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    Ok(open_tree(CWD, place, flags)?)
}

/// mount_setattr(2), for all mounts of a copy: their propagation, and what they forbid.
fn set_attributes(tree: &OwnedFd, kind: MountFlags, options: &MountOptions) -> io::Result<()> {
    let forbidden = [
        (MountFlags::RDONLY, libc::MOUNT_ATTR_RDONLY),
        (MountFlags::NOSUID, libc::MOUNT_ATTR_NOSUID),
        (MountFlags::NODEV, libc::MOUNT_ATTR_NODEV),
        (MountFlags::NOEXEC, libc::MOUNT_ATTR_NOEXEC),
        (NOSYMFOLLOW, libc::MOUNT_ATTR_NOSYMFOLLOW),
    ];
    let forbidden = forbidden.into_iter();
    let forbidden = forbidden.filter(|(flag, _)| options.flags.contains(*flag));
    let attributes = libc::mount_attr {
        attr_set: forbidden.fold(0, |all, (_, attribute)| all | attribute),
        attr_clr: 0,
        propagation: kind.bits(),
        userns_fd: 0,
    };
    // SAFETY: the kernel reads an empty path and the attributes, which outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Where mounts are shared, the copy becomes shared too: with copies of its own in other mount namespaces, and with nothing else.
fn attach(tree: &OwnedFd, target: &HeldDirectory, options: &MountOptions) -> io::Result<()> {
    let empty = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target.directory(), c"", empty)?;
    target
        .covered()
        .and_then(|root| calls::remount_with_flags(&path_of(&root), options))
        .inspect_err(|_| drop(calls::detach(tree)))
}

/// Refuses a recursive bind without the calls that copy a tree, where other mount namespaces would get a copy that is tied to the
/// source, or where its options would count for the first of its mounts only.
fn by_old_calls(target: &Path, options: &MountOptions) -> Result<()> {
    let table = MountTable::read()?;
    let is_shared = table
        .covering(target)
        .is_some_and(|mount| mount.peer_group.is_some());
    if is_shared && options.is_recursive() {
        return Err(anyhow!(
            "the mounts below it would stay in other mount namespaces; o=rbind needs Linux 5.12 where mounts are shared"
        ));
    }
    // Those below keep nosuid and nodev of their own, as ever: the words are added to every bind.
    let forbidden = MountFlags::RDONLY | MountFlags::NOEXEC;
    if options.is_recursive() && options.flags.intersects(forbidden) {
        bail!(
            "its options would not count for the mounts below it; o=rbind with ro or noexec needs Linux 5.12"
        );
    }
    Ok(())
}

fn make_private(root: &OwnedFd) -> Result<()> {
    calls::make_open_private(root)
        .inspect_err(|_| drop(calls::detach(root)))
        .context("separating it from its source")
}

/// The options with what is to be done when the bind is in its place. A recursive one is private enough: without the tie to its
/// copies in other mount namespaces, they would stay.
fn later(options: &MountOptions) -> MountOptions {
    let mut later = options.clone();
    let kind = later.propagation;
    if kind.contains(SLAVE) || options.is_recursive() && kind.contains(PRIVATE) {
        later.propagation = MountFlags::empty();
    }
    later
}

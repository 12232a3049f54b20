//! Whether the file system of a mount still takes what is written, and writing out what it has taken.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use nix::errno::Errno;
use nix::unistd::syncfs;

use crate::sys::errno::errno_of;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::{interruption, limit};

/// File systems that become read-only where their disk fails. Others, such as squashfs, may always be.
const WRITABLE: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "vfat"];

/// What the kernel shows among the options of a file system that it has given up.
const GIVEN_UP: &[&str] = &["emergency_ro", "shutdown"];

/// What is wrong with the file system of a mount: `its file system ...`; `None` where nothing is known.
pub fn problem(mount: &Mount) -> Option<String> {
    if !WRITABLE.contains(&mount.fs_type.as_str()) {
        return None;
    }
    let has = |option: &str| mount.fs_options.split(',').any(|it| it == option);
    if has("ro") && !mount.is_read_only() || GIVEN_UP.iter().any(|option| has(option)) {
        return Some("its file system was made read-only by the kernel, after an error".into());
    }
    // xfs gives no other sign.
    let answer = fs::metadata(&mount.mount_point);
    if answer.is_err_and(|error| errno_of(&error) == Some(Errno::EIO)) {
        return Some("its file system was shut down by the kernel, after an error".into());
    }
    match errors_counted(mount)? {
        0 => None,
        1 => Some("its file system has an error".into()),
        count => Some(format!("its file system has {count} errors")),
    }
}

/// How many errors ext4 has found in it since it was last checked.
fn errors_counted(mount: &Mount) -> Option<u64> {
    let device = fs::read_link(Path::new("/sys/dev/block").join(&mount.device)).ok()?;
    let ext4 = PathBuf::from("/sys/fs/ext4").join(device.file_name()?);
    let count = fs::read_to_string(ext4.join("errors_count")).ok()?;
    count.trim().parse().ok()
}

/// Whether the mount shows the whole of a file system on a block device of this host.
pub fn is_of_device(mount: &Mount) -> bool {
    mount.source.starts_with("/dev/") && mount.root == Path::new("/")
}

/// Writes out what the page cache has of a device's file system: the kernel does so at an unmount as well, but tells nobody where
/// that fails.
///
/// # Errors
///
/// Something is wrong with the file system, or as [`sync`] says.
pub fn write_out(mount: &Mount, ends: Instant) -> Result<()> {
    if !is_of_device(mount) || mount.is_read_only() {
        return Ok(());
    }
    let written = sync(mount, ends);
    // The kernel may have given it up meanwhile.
    let table = MountTable::read()?;
    let now = table.iter().find(|now| now.id == mount.id);
    match problem(now.unwrap_or(mount)) {
        Some(problem) => Err(anyhow!(problem)),
        None => written,
    }
}

/// Writes out what the page cache has of a file system.
///
/// # Errors
///
/// It could not be written, now or earlier, and nobody was told; or that takes longer than until `ends`.
pub fn sync(mount: &Mount, ends: Instant) -> Result<()> {
    let directory = mount.mount_point.clone();
    let has_journal = mount.fs_type.starts_with("ext");
    let sync = move || {
        // The mount is busy while it is open.
        let opened = File::open(directory)?;
        syncfs(&opened)?;
        if has_journal {
            flush_journal(&opened)?;
        }
        Ok(())
    };
    let written = interruption::finishing(|| limit::within(ends, sync));
    written.with_context(|| format!("writing {} to the disk", mount.mount_point.display()))
}

/// Has ext4 write everything out of its journal. Where it has given its journal up, syncfs(2) tells that once, or never: not where the
/// kernel was writing of its own accord.
fn flush_journal(directory: &File) -> io::Result<()> {
    let flags = 0;
    // SAFETY: the kernel reads a number by the pointer.
    #[allow(unsafe_code)]
    let flushed = unsafe { ioctl::checkpoint(directory.as_raw_fd(), &raw const flags) };
    match flushed {
        // Linux before 5.14, a file system without a journal, or a user who may not ask.
        Err(Errno::ENOTTY | Errno::ENODEV | Errno::EOPNOTSUPP | Errno::EPERM) => Ok(()),
        flushed => Ok(flushed.map(drop)?),
    }
}

mod ioctl {
    // `EXT4_IOC_CHECKPOINT` of ext4.
    nix::ioctl_write_ptr!(checkpoint, b'f', 43, u32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_has_given_up_is_known_by_its_options() {
        for (options, fs_type, fs_options, is_broken) in [
            ("rw", "ext4", "rw", false),
            ("rw", "ext4", "rw,emergency_ro", true),
            ("rw", "ext4", "rw,shutdown", true),
            ("rw", "btrfs", "ro,space_cache", true),
            ("ro", "btrfs", "ro", false),
            ("ro", "ext4", "rw", false),
            ("ro", "ext4", "rw,emergency_ro", true),
            ("rw", "squashfs", "ro", false),
        ] {
            let line = format!("22 1 0:0 / /no/such {options} - {fs_type} /dev/x {fs_options}");
            let table = MountTable::parse(line.as_bytes());
            let found = problem(table.iter().next().expect("a mount"));
            assert_eq!(found.is_some(), is_broken, "{line}: {found:?}");
        }
    }
}

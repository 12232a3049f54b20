//! Whether the file system of a mount still takes what is written, and writing out what it has taken.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::unistd::syncfs;

use crate::sys::errno::errno_of;
use crate::sys::mount::mountinfo::Mount;
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

/// Writes out what the page cache has of a file system.
///
/// # Errors
///
/// It could not be written, now or earlier, and nobody was told; or that takes longer than until `ends`.
pub fn write_out(mount_point: &Path, ends: Instant) -> Result<()> {
    let directory = mount_point.to_owned();
    let sync = move || {
        // The mount is busy while it is open.
        let opened = File::open(directory)?;
        Ok(syncfs(&opened)?)
    };
    let written = interruption::finishing(|| limit::within(ends, sync));
    written.with_context(|| format!("writing {} to the disk", mount_point.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mount::mountinfo::MountTable;

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

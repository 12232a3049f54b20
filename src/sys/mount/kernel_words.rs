//! Why the kernel has refused to mount: its error number, and what can be found out beside it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Error, anyhow};
use nix::errno::Errno;
use rustix::mount::{FsOpenFlags, fsconfig_set_flag, fsconfig_set_string, fsopen};

use crate::sys::block::signature;
use crate::sys::mount::mountopts::MountOptions;

/// Types that are usually mounted by a program of their own, and the Debian packages with these programs.
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

/// The longest message of the kernel that is read, in bytes.
const LONGEST: usize = 1024;

/// Turns the error of a mount(2) call into one that tells what is wrong, where that can be found out.
pub fn explain(
    error: io::Error,
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &MountOptions,
) -> Error {
    let Some(number) = error.raw_os_error() else {
        return match error.kind() {
            io::ErrorKind::InvalidInput => anyhow!("a path or an option holds a NUL character"),
            _ => error.into(),
        };
    };
    match Errno::from_raw(number) {
        Errno::EINVAL => refused_option(fs_type, source, &options.data)
            .or_else(|| other_content(Path::new(source), fs_type))
            .map_or_else(|| error.into(), |words| anyhow!(words)),
        Errno::ENODEV => anyhow!(unknown_type(fs_type)),
        Errno::ENOENT if !target.exists() => {
            anyhow!("the mount point {} is missing", target.display())
        }
        Errno::ENOENT => anyhow!("{source} is missing"),
        Errno::ENOTBLK => anyhow!("{source} is not a block device"),
        _ => error.into(),
    }
}

fn unknown_type(fs_type: &str) -> String {
    let package = PACKAGES.iter().find(|(name, _)| *name == fs_type);
    let repair = package.map_or(String::new(), |(_, package)| {
        format!("; install the Debian package {package}")
    });
    format!(
        "the kernel knows no file system {fs_type}, and there is no /sbin/mount.{fs_type}{repair}"
    )
}

/// The kernel's message about an option that it refuses. mount(2) does not return it, fsopen(2) does (Linux 5.2).
fn refused_option(fs_type: &str, source: &str, data: &str) -> Option<String> {
    let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC).ok()?;
    let _ = fsconfig_set_string(&context, "source", source);
    let mut options = data.split(',').filter(|option| !option.is_empty());
    options.find(|option| {
        let set = match option.split_once('=') {
            Some((key, value)) => fsconfig_set_string(&context, key, value),
            None => fsconfig_set_flag(&context, *option),
        };
        set.is_err()
    })?;
    said(context.into())
}

/// The kernel's first message about a file system that is being set up (fsopen(2)).
pub(super) fn said(mut context: File) -> Option<String> {
    let mut words = vec![0; LONGEST];
    let length = context.read(&mut words).ok()?;
    let words = String::from_utf8_lossy(&words[..length]);
    // "e " marks an error.
    Some(words.trim_start_matches("e ").trim_end().to_owned())
}

/// What a device holds, where that is no file system of this type.
fn other_content(device: &Path, fs_type: &str) -> Option<String> {
    let found = signature::of(&File::open(device).ok()?).ok()?;
    let device = device.display();
    match found {
        Some(found) if found == fs_type => None,
        Some(found) => Some(format!("{device} holds {found}, not {fs_type}")),
        None => Some(format!("{device} holds no file system that is known here")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::mount::mountopts::MountOptions;

    fn words(error: io::Error) -> String {
        let options = MountOptions::parse("");
        let error = explain(error, "x", Path::new("/"), "ext4", &options);
        error.to_string()
    }

    #[test]
    fn only_an_error_without_a_number_is_about_a_nul() {
        let nul = io::Error::from(io::ErrorKind::InvalidInput);
        assert_eq!(words(nul), "a path or an option holds a NUL character");
        // ENOTSUPP of the kernel's own, for which the C library has no name.
        let rare = words(io::Error::from_raw_os_error(524));
        assert!(rare.contains("524"), "{rare}");
    }
}

//! What tells this host from others, this boot from earlier ones, and our namespaces from others.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

pub const MACHINE_ID: &str = "/etc/machine-id";

/// Of the installation (machine-id(5)); where there is none, the host's name has to do.
///
/// # Errors
///
/// One that is there and cannot be read: under another name, the volumes of this host would be another's.
pub fn machine_id() -> Result<String> {
    let id = match read(MACHINE_ID) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        other => other.with_context(|| format!("reading {MACHINE_ID}"))?,
    };
    Ok(if id.is_empty() { name() } else { id })
}

/// Of the running system; another one after each boot.
pub fn boot_id() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    read(PATH).with_context(|| format!("reading {PATH}"))
}

/// For messages.
pub fn name() -> String {
    read("/proc/sys/kernel/hostname").unwrap_or_default()
}

/// The number of the mount namespace: mounts have other IDs in another one, or are not seen there at all.
pub fn mount_namespace() -> Result<u64> {
    namespace("mnt")
}

/// The number of the PID namespace: processes have other numbers in another one, or are not seen there at all.
pub fn pid_namespace() -> Result<u64> {
    namespace("pid")
}

/// The number of the PID namespace in which all processes are seen (Linux: `PROC_PID_INIT_INO`).
pub const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

fn namespace(kind: &str) -> Result<u64> {
    let path = format!("/proc/self/ns/{kind}");
    let found = fs::metadata(&path).with_context(|| format!("reading {path}"))?;
    Ok(found.ino())
}

/// Whether any process that we see is in the namespace of that kind and number; with the last one, a mount namespace's mounts
/// go.
pub fn has_processes(kind: &str, namespace: u64) -> bool {
    let link = format!("ns/{kind}");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut namespaces =
        processes.filter_map(|process| fs::metadata(process.path().join(&link)).ok());
    namespaces.any(|found| found.ino() == namespace)
}

fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path).map(|text| text.trim().to_owned())
}

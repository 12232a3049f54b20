//! The identities of this host, of its present boot, and of the namespaces of this process.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result};

/// The file with the ID of the installation (machine-id(5)).
pub const MACHINE_ID: &str = "/etc/machine-id";

/// What the file says before the first boot of an installation (machine-id(5)); every such machine has it.
const UNINITIALIZED: &str = "uninitialized";

/// The ID of the installation (machine-id(5)); `None` where it has none, or one that other machines have too.
///
/// # Errors
///
/// The ID exists and cannot be read.
pub fn installation_id() -> Result<Option<String>> {
    let id = match read(MACHINE_ID) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.with_context(|| format!("reading {MACHINE_ID}"))?,
    };
    let is_none = id == UNINITIALIZED || id.bytes().all(|byte| byte == b'0');
    Ok((!is_none).then_some(id))
}

/// The ID of the installation (machine-id(5)), or the host's name where it has none.
///
/// # Errors
///
/// The ID exists and cannot be read. The name must not replace it then: this host would not recognise its own volumes.
pub fn machine_id() -> Result<String> {
    Ok(installation_id()?.unwrap_or_else(name))
}

/// The ID of the present boot: it changes when the host is restarted.
pub fn boot_id() -> Result<String> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    read(PATH).with_context(|| format!("reading {PATH}"))
}

/// The name of this host; empty where it is not known.
pub fn name() -> String {
    read("/proc/sys/kernel/hostname").unwrap_or_default()
}

/// The release of the running kernel, such as `6.1.0-35-amd64`.
pub fn release() -> Option<String> {
    read("/proc/sys/kernel/osrelease").ok()
}

/// Whether a host's name tells it from other hosts, unlike those that hosts have until they are given one.
pub fn is_own_name(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    !matches!(
        first.to_ascii_lowercase().as_str(),
        "" | "(none)" | "localhost"
    )
}

/// The number of the mount namespace. In another one, a mount has another ID, or does not exist.
pub fn mount_namespace() -> Result<u64> {
    namespace("mnt")
}

/// The number of the PID namespace. In another one, a process has another PID, or is not visible.
pub fn pid_namespace() -> Result<u64> {
    namespace("pid")
}

/// The number of the initial PID namespace, in which all processes are visible (Linux: `PROC_PID_INIT_INO`).
pub const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

fn namespace(kind: &str) -> Result<u64> {
    let path = format!("/proc/self/ns/{kind}");
    let found = fs::metadata(&path).with_context(|| format!("reading {path}"))?;
    Ok(found.ino())
}

/// Whether a visible process is in the namespace of that kind (a name in `/proc/PID/ns`) and number. A mount namespace ends
/// with its last process, and so do its mounts.
pub fn has_processes(kind: &str, namespace: u64) -> bool {
    #[cfg(test)]
    if let Some(found) = crate::sys::tests::fake_host::has_processes(kind, namespace) {
        return found;
    }
    let link = format!("ns/{kind}");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut namespaces =
        processes.filter_map(|process| fs::metadata(process.path().join(&link)).ok());
    namespaces.any(|found| found.ino() == namespace)
}

/// The text of a file without surrounding blanks.
fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path).map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_host_may_have() {
        for name in [
            "",
            "(none)",
            "localhost",
            "localhost.localdomain",
            "LOCALHOST",
        ] {
            assert!(!is_own_name(name), "{name:?}");
        }
        for name in ["a", "localhost2", "web.localhost", "my-localhost"] {
            assert!(is_own_name(name), "{name:?}");
        }
    }
}

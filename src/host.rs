//! What tells this host from others, and this boot from earlier ones.

use std::fs;

/// Of the installation (machine-id(5)); where there is none, the host's name has to do.
pub fn machine_id() -> String {
    [read("/etc/machine-id"), name()]
        .into_iter()
        .find(|id| !id.is_empty())
        .unwrap_or_default()
}

/// Of the running system; another one after each boot.
pub fn boot_id() -> String {
    read("/proc/sys/kernel/random/boot_id")
}

/// For messages.
pub fn name() -> String {
    read("/proc/sys/kernel/hostname")
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

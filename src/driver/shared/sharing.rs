//! Whether other hosts may reach a store as well, and whether they can tell this host from themselves.

use std::os::unix::fs::MetadataExt;

use anyhow::{Result, bail};

use crate::driver::shared::store::Store;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::host;

/// File systems that are on one host at a time. Every other one may be on several: network and cluster file systems, those of
/// programs (FUSE), and those that a virtual machine shares with its host.
const OF_ONE_HOST: [&str; 20] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos",
    "nilfs2", "ntfs3", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs", "vfat", "xfs", "zfs",
];

/// Refuses to claim, make or remove a volume where other hosts may work too and could not tell this host from themselves: each
/// would take the other's claims and leftovers for its own. Storage may be shared if its file system may be on several hosts, or
/// if the administrator has chosen its place (`dvdcli.root`).
pub fn refuse_unknown_host(store: &Store, is_chosen: bool) -> Result<()> {
    let Some(lack) = lack()? else {
        return Ok(());
    };
    if may_be_reached(store, is_chosen)? {
        let place = store.root().display();
        bail!("{place} may be shared with other hosts, and this host {lack}");
    }
    Ok(())
}

/// Whether other hosts may reach the store as well.
pub fn may_be_reached(store: &Store, is_chosen: bool) -> Result<bool> {
    Ok(is_chosen || may_be_shared(&MountTable::read()?, store))
}

/// The owner of a store on which root has no rights, as on some network file systems: what root makes there is that user's.
pub fn owner_for_root(store: &Store) -> Result<Option<u32>> {
    let found = store.root().metadata().map(|found| found.uid());
    match found.ok().filter(|owner| *owner != 0) {
        Some(owner) if may_be_shared(&MountTable::read()?, store) => Ok(Some(owner)),
        _ => Ok(None),
    }
}

/// What this host lacks to be told from others, and the repair.
fn lack() -> Result<Option<&'static str>> {
    Ok(if host::installation_id()?.is_none() {
        Some("has no ID of its own in /etc/machine-id; give it one (systemd-machine-id-setup)")
    } else if !host::is_own_name(&host::name()) {
        Some("has no name of its own; give it one (hostnamectl set-hostname)")
    } else {
        None
    })
}

fn may_be_shared(table: &MountTable, store: &Store) -> bool {
    let mount = table.covering(store.root());
    mount.is_none_or(|mount| !OF_ONE_HOST.contains(&mount.fs_type.as_str()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_file_system_that_is_not_known_may_be_shared() {
        const TABLE: &[u8] = b"\
22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:41 / /nfs rw - nfs4 server:/x rw
41 22 0:42 / /fuse rw - fuse.glusterfs x rw
42 22 0:43 / /new rw - newfs x rw
43 40 0:44 / /nfs/own rw - xfs /dev/sdb rw
";
        let table = MountTable::parse(TABLE);
        let is_shared = |path: &str| may_be_shared(&table, &Store::new(Path::new(path), "m"));
        for path in ["/nfs", "/nfs/a", "/fuse/a/b", "/new"] {
            assert!(is_shared(path), "{path}");
        }
        for path in ["/none/a", "/nfs/own", "/nfs/own/a"] {
            assert!(!is_shared(path), "{path}");
        }
    }
}

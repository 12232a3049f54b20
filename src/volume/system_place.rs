//! Which directories a plugin may not hand out as a volume: those of the operating system.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::invocation::Invocation;
use crate::sys::files::id::FileId;
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::files::system;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// Directories that are the system's with all that is in them, beside those that are for everybody.
const WHOLE: [&str; 3] = ["/run/systemd", "/run/dvdcli", "/run/docker/plugins"];

/// One in which plugins mount below, and so the system's only by itself.
const STATE: &str = "/var/lib";

/// It lies in one of them, and is used as `/tmp` is.
const MEMORY: &str = "/dev/shm";

/// Directories that are no volumes themselves, where plugins mount somewhere below.
const THEMSELVES: [&str; 11] = [
    "/home",
    "/opt",
    "/run",
    "/run/docker",
    "/tmp",
    "/var/cache",
    "/var/lib/docker",
    "/var/lib/dvdcli",
    "/var/log",
    "/var/spool",
    "/var/tmp",
];

/// Where the built-in drivers keep their volumes, below the directory of both.
const STORES: [&str; 2] = ["local", "loop"];

/// Those of them that are looked for where they are bound. Others may be on a server that does not answer.
const BOUND: [&str; 3] = ["/", "/etc", "/usr"];

/// Refuses a plugin's mount point that is a directory of the system, by its name, by where that leads (`real`), or by what is mounted
/// there: whoever gets it may change owner and mode, and write. So is one among the volumes of the built-in drivers.
pub fn refuse(invocation: &Invocation, path: &Path, real: &Path) -> Result<()> {
    let is_system = [path, real].into_iter().any(is_named) || is_bound(real);
    if is_system || is_part_bound(real, &MountTable::read()?) {
        bail!(
            "mount point {} is a directory of the operating system",
            path.display()
        );
    }
    let state = invocation.config.root.as_ref();
    let state = canonical_as_far_as_it_exists(state.unwrap_or(&invocation.paths.state));
    if is_store(real, &state) {
        bail!(
            "mount point {}: a built-in driver keeps its volumes there",
            path.display()
        );
    }
    Ok(())
}

/// Whether a path is the directory `state` of the built-in drivers, or that of one of them with all that is in it.
fn is_store(real: &Path, state: &Path) -> bool {
    real == state || STORES.iter().any(|it| real.starts_with(state.join(it)))
}

/// Whether a path, which has no links, is a directory of the system.
pub fn is_named(path: &Path) -> bool {
    // Without `.` and slashes too many; `..` is looked at where links are resolved.
    let path: PathBuf = path.components().collect();
    let is_below = |above: &str| path.starts_with(above) && path != Path::new(above);
    system::directory_at(&path).is_some() && !is_below(STATE) && !is_below(MEMORY)
        || WHOLE.iter().any(|system| path.starts_with(system))
        || THEMSELVES.iter().any(|system| path == Path::new(system))
}

/// Whether a directory is one of the system's that is bound there.
fn is_bound(real: &Path) -> bool {
    let Ok(found) = FileId::at(real) else {
        return false;
    };
    BOUND
        .iter()
        .any(|system| FileId::at(Path::new(system)).is_ok_and(|id| id == found))
}

/// Whether a directory is a part of the system that is bound there: the same directory of the same file system has a name of the
/// system's as well.
fn is_part_bound(real: &Path, table: &MountTable) -> bool {
    let inside = |mount: &Mount| {
        let below = real.strip_prefix(&mount.mount_point).ok()?;
        Some(mount.root.join(below))
    };
    let Some((mount, inside)) = table
        .covering(real)
        .and_then(|mount| Some((mount, inside(mount)?)))
    else {
        return false;
    };
    let others = table.iter().filter(|other| other.device == mount.device);
    let mut names = others.filter_map(|other| {
        let below = inside.strip_prefix(&other.root).ok()?;
        Some(other.mount_point.join(below))
    });
    names.any(|name| is_named(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_systems() {
        for path in [
            "/",
            "//",
            "/usr",
            "/usr/local/volumes",
            "/etc/",
            "/./etc",
            "/lib64/x",
            "/libx32",
            "/dev/shm",
            "/run/systemd/x",
            "/home",
            "/var/lib",
            "/var/lib/docker",
            "/tmp",
            "/root/x",
        ] {
            assert!(is_named(Path::new(path)), "{path}");
        }
        for path in [
            "/mnt",
            "/mnt/db",
            "/media/db",
            "/srv/db",
            "/opt/db",
            "/home/db",
            "/data",
            "/flocker/db",
            "/var/lib/rexray/volumes/db",
            "/var/lib/docker/plugins/x/rootfs",
            "/run/docker/quobyte",
            "/var/run/x",
            "/etcetera",
            "/usrx",
            "/tmp/db",
            "/dev/shm/db",
            "/var/log/db",
            "/users",
            "/var/lib/dvdcli/x",
        ] {
            assert!(!is_named(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_part_of_the_system_is_found_where_it_is_bound() {
        let table = MountTable::parse(
            b"20 1 8:1 / / rw - ext4 /dev/vda1 rw\n\
              21 20 8:1 /etc /mnt/all rw - ext4 /dev/vda1 rw\n\
              22 20 8:1 /etc/cron.d /mnt/part rw - ext4 /dev/vda1 rw\n\
              23 20 8:1 /srv/a /mnt/a rw - ext4 /dev/vda1 rw\n\
              24 20 8:2 / /mnt/disk rw - ext4 /dev/vdb rw\n\
              25 20 0:5 /@/usr /usr rw - btrfs /dev/vdc rw\n\
              26 20 0:5 /@/usr/bin /mnt/bin rw - btrfs /dev/vdc rw\n",
        );
        for (path, expected) in [
            ("/mnt/all", true),
            ("/mnt/all/cron.d", true),
            ("/mnt/part", true),
            ("/mnt/part/x", true),
            ("/mnt/bin", true),
            ("/mnt/a", false),
            ("/mnt/disk/etc", false),
            ("/mnt", false),
        ] {
            assert_eq!(is_part_bound(Path::new(path), &table), expected, "{path}");
        }
    }

    #[test]
    fn a_driver_s_store_is_no_volume_of_a_plugin() {
        let state = Path::new("/var/lib/dvdcli");
        for (path, expected) in [
            ("/var/lib/dvdcli", true),
            ("/var/lib/dvdcli/loop", true),
            ("/var/lib/dvdcli/local/db/_data", true),
            ("/var/lib/dvdcli/x", false),
            ("/var/lib/dvdcli2", false),
        ] {
            assert_eq!(is_store(Path::new(path), state), expected, "{path}");
        }
    }

    #[test]
    fn a_link_to_the_system_is_found_by_where_it_leads() {
        let is_bound = |path: &str| is_bound(Path::new(path));
        assert!(!is_bound("/mnt"));
        assert!(is_named(Path::new("/etc/db")));
        // As another path leads to what is bound there.
        assert!(is_bound("/proc/self/root/etc"));
    }
}

//! Which directories a plugin may not hand out as a volume: those of the operating system.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::sys::files::id::FileId;
use crate::sys::files::system;

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

/// Those of them that are looked for where they are bound. Others may be on a server that does not answer.
const BOUND: [&str; 3] = ["/", "/etc", "/usr"];

/// Refuses a plugin's mount point that is a directory of the system, by its name, by where that leads (`real`), or by what is mounted
/// there: whoever gets it may change owner and mode, and write.
pub fn refuse(path: &Path, real: &Path) -> Result<()> {
    let is_system = [path, real].into_iter().any(is_named) || is_bound(real);
    if is_system {
        bail!(
            "mount point {} is a directory of the operating system",
            path.display()
        );
    }
    Ok(())
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
    fn a_link_to_the_system_is_found_by_where_it_leads() {
        refuse(Path::new("/mnt/db"), Path::new("/mnt/db")).expect("a volume");
        refuse(Path::new("/mnt/db"), Path::new("/etc/db")).expect_err("the system's");
        // As another path leads to what is bound there.
        refuse(Path::new("/mnt/db"), Path::new("/proc/self/root/etc")).expect_err("the system's");
    }
}

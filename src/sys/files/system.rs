//! The directories that belong to the operating system.

use std::path::{Component, Path, PathBuf};

/// All but those that begin with `/lib`, of which there are several.
const SYSTEM: [&str; 10] = [
    "/usr", "/bin", "/sbin", "/etc", "/root", "/boot", "/dev", "/proc", "/sys", "/var/lib",
];

/// Directories for everybody in which system services keep some of their own: systemd(1), snap(1) and X make them at boot.
const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];

/// The system's directory that an absolute path is, lies in, or lies above.
pub fn directory_at(path: &Path) -> Option<PathBuf> {
    let mut known = SYSTEM.iter().map(Path::new);
    let known = known.find(|system| path.starts_with(system) || system.starts_with(path));
    let known = known.map(Path::to_owned);
    known
        .or_else(|| libraries(path))
        .or_else(|| of_a_service(path))
}

/// `/tmp/systemd-private-ID-httpd.service-ID` and the like, where the path is there: a mount in it appears in the service's own `/tmp`.
fn of_a_service(path: &Path) -> Option<PathBuf> {
    let shared = SHARED.iter().find(|shared| path.starts_with(shared))?;
    let name = path.strip_prefix(shared).ok()?.components().next()?;
    let bytes = name.as_os_str().as_encoded_bytes();
    let is_sockets = bytes.starts_with(b".") && bytes.ends_with(b"-unix");
    let begins = |prefix: &str| bytes.starts_with(prefix.as_bytes());
    let is_own = is_sockets || begins("systemd-private-") || begins("snap-private-tmp");
    is_own.then(|| Path::new(shared).join(name))
}

/// `/lib`, `/lib64` and the like, where the path is there.
fn libraries(path: &Path) -> Option<PathBuf> {
    match path.components().nth(1)? {
        Component::Normal(name) if name.as_encoded_bytes().starts_with(b"lib") => {
            Some(Path::new("/").join(name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_system() {
        for (path, directory) in [
            ("/usr/local/bin", "/usr"),
            ("/etc", "/etc"),
            ("/lib", "/lib"),
            ("/lib64/x", "/lib64"),
            ("/libx32", "/libx32"),
            ("/", "/usr"),
            ("/var", "/var/lib"),
            ("/var/lib/mesos", "/var/lib"),
            ("/tmp/.X11-unix", "/tmp/.X11-unix"),
            (
                "/var/tmp/systemd-private-x/tmp",
                "/var/tmp/systemd-private-x",
            ),
            ("/tmp/snap-private-tmp/snap.x/tmp", "/tmp/snap-private-tmp"),
        ] {
            let found = directory_at(Path::new(path));
            assert_eq!(found.as_deref(), Some(Path::new(directory)), "{path}");
        }
        for path in [
            "/tmp",
            "/srv/usr",
            "/var/log",
            "/usrx",
            "/var/library",
            "/home/lib",
            "/tmp/.x",
            "/tmp/x-unix",
            "/srv/systemd-private-x",
        ] {
            assert_eq!(directory_at(Path::new(path)), None, "{path}");
        }
    }
}

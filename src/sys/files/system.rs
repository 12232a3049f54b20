//! The directories that belong to the operating system.

use std::path::{Component, Path, PathBuf};

/// All but those that begin with `/lib`, of which there are several.
const SYSTEM: [&str; 10] = [
    "/usr", "/bin", "/sbin", "/etc", "/root", "/boot", "/dev", "/proc", "/sys", "/var/lib",
];

/// The system's directory that an absolute path is, lies in, or lies above.
pub fn directory_at(path: &Path) -> Option<PathBuf> {
    let mut known = SYSTEM.iter().map(Path::new);
    let known = known.find(|system| path.starts_with(system) || system.starts_with(path));
    let known = known.map(Path::to_owned);
    known.or_else(|| libraries(path))
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
        ] {
            assert_eq!(directory_at(Path::new(path)), None, "{path}");
        }
    }
}

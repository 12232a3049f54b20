//! Paths without symbolic links, also of what does not exist yet.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The path without symbolic links as far as it exists, followed by the rest as it is.
///
/// Where a part of the path cannot be looked at for another reason than that it is missing, the path stays as it is.
pub fn canonical_as_far_as_it_exists(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        match fs::canonicalize(above) {
            // Joining an empty rest would append a slash.
            Ok(real) if above == path => return real,
            Ok(real) => return real.join(path.strip_prefix(above).unwrap_or(path)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => break,
        }
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_are_resolved_in_the_part_that_exists() {
        let base = tempfile::tempdir().expect("a directory");
        let real = fs::canonicalize(base.path()).expect("its path");
        let at = |name: &str| base.path().join(name);
        fs::create_dir(at("there")).expect("a directory");
        fs::write(at("file"), "").expect("a file");
        symlink("there", at("link")).expect("a link");
        symlink("nowhere", at("dangling")).expect("a link");
        for (path, expected) in [
            ("link", "there"),
            ("link/a", "there/a"),
            ("link/a/b/", "there/a/b"),
            ("a/link", "a/link"),
            ("dangling", "dangling"),
            ("dangling/a", "dangling/a"),
        ] {
            let found = canonical_as_far_as_it_exists(&at(path));
            assert_eq!(found.as_os_str(), real.join(expected).as_os_str(), "{path}");
        }
    }

    #[test]
    fn a_path_that_cannot_be_looked_at_stays() {
        let base = tempfile::tempdir().expect("a directory");
        fs::write(base.path().join("file"), "").expect("a file");
        let below = base.path().join("file/a");
        assert_eq!(canonical_as_far_as_it_exists(&below), below);
        let relative = Path::new("no/such");
        assert_eq!(canonical_as_far_as_it_exists(relative), relative);
    }
}

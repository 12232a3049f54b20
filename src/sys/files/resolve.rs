//! Paths without symbolic links, also of what does not exist yet.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf, absolute};

use nix::errno::Errno;
use nix::unistd::geteuid;

/// As many links as the kernel follows in one path.
const MOST_LINKS: usize = 40;

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

/// The path without symbolic links as far as it exists, followed by the rest as it is.
///
/// Links are an administrator's, who is root: one that belongs to somebody else, or lies in a directory in which others can replace it,
/// could lead to any place by now.
///
/// # Errors
///
/// Permission denied: there is such a link.
pub fn trusted(path: &Path) -> io::Result<PathBuf> {
    let mut todo = names(&absolute(path)?);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = todo.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(name);
        match next.symlink_metadata() {
            Ok(found) if found.is_symlink() => {
                refuse_of_others(&next, &at)?;
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                let leads = fs::read_link(&next)?;
                if leads.is_absolute() {
                    at = PathBuf::from("/");
                }
                todo.extend(names(&leads));
            }
            Ok(_) => at = next,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                todo.reverse();
                return Ok(next
                    .join(todo.iter().collect::<PathBuf>())
                    .components()
                    .collect());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

/// The names in a path, last one first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    names.rev().collect()
}

/// Refuses a symbolic link that others than root, or who runs this, could have made.
fn refuse_of_others(link: &Path, directory: &Path) -> io::Result<()> {
    let found = link.symlink_metadata()?;
    let around = directory.symlink_metadata()?;
    let us = [0, geteuid().as_raw()];
    let group = if around.gid() == 0 { 0 } else { 0o020 };
    // Where the sticky bit is set, only its owner can replace it.
    let is_writable = around.mode() & (group | 0o002) != 0 && around.mode() & 0o1000 == 0;
    let is_of_others = !us.contains(&found.uid()) || !us.contains(&around.uid());
    if is_of_others || is_writable {
        let shown = link.display();
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!(
                "{shown} is a symbolic link that others than root could have made; name the directory itself"
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

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
    fn links_that_others_cannot_make_are_followed() {
        let base = tempfile::tempdir().expect("a directory");
        let real = fs::canonicalize(base.path()).expect("its path");
        let at = |name: &str| real.join(name);
        fs::create_dir_all(at("there/a")).expect("a directory");
        symlink("there", at("link")).expect("a link");
        symlink(at("link/a"), at("there/absolute")).expect("a link");
        symlink("../link", at("there/up")).expect("a link");
        symlink("round", at("round")).expect("a link");
        for (path, expected) in [
            ("link", "there"),
            ("link/b/c", "there/b/c"),
            ("there/absolute/b", "there/a/b"),
            ("there/up/a", "there/a"),
            ("link/../there", "there"),
            ("none", "none"),
        ] {
            assert_eq!(trusted(&at(path)).expect(path), at(expected), "{path}");
        }
        trusted(&at("round")).expect_err("it leads to itself");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).expect("a mode");
        let refused = trusted(&at("link/a")).expect_err("others can make it");
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        assert_eq!(trusted(&at("there/a")).expect("no link"), at("there/a"));
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

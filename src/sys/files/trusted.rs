//! Whether nobody but root, or who runs this program, can have written or replaced a file.

use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::unistd::{Uid, geteuid};

use crate::sys::files::small;

const GROUP_OR_OTHERS_WRITE: u32 = 0o022;
const GROUP_OR_OTHERS: u32 = 0o077;
const OTHERS_READ: u32 = 0o004;
const STICKY: u32 = 0o1000;

/// What lets another user change what is at a path. It is shown behind that path, with the repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    Owner(u32),
    Writable(u32),
    /// Of a secret only.
    Readable(u32),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Flaw::Owner(uid) => write!(
                f,
                "it belongs to user {uid}; run chown root on it if it is to be trusted"
            ),
            Flaw::Writable(mode) => write!(
                f,
                "other users can write to it (mode {mode:04o}); run chmod go-w on it"
            ),
            Flaw::Readable(mode) => write!(
                f,
                "other users can read it (mode {mode:04o}); run chmod 600 on it"
            ),
        }
    }
}

/// Whether this process acts as root, and so must not act on what another user has written.
pub fn acts_as_root() -> bool {
    geteuid().is_root()
}

/// The flaw of what this metadata is of. Who may write to a socket can connect to it, and no more: only its owner counts. A device or
/// a pipe has none, since nobody reads it.
///
/// `also` is a user who counts as root.
pub fn flaw(metadata: &Metadata, also: Option<u32>) -> Option<Flaw> {
    let kind = metadata.file_type();
    if !kind.is_file() && !kind.is_dir() && !kind.is_socket() {
        return None;
    }
    let owner = metadata.uid();
    if owner != 0 && Some(owner) != also && Uid::from_raw(owner) != geteuid() {
        return Some(Flaw::Owner(owner));
    }
    let mode = metadata.mode() & 0o7777;
    let is_writable = mode & GROUP_OR_OTHERS_WRITE != 0;
    (is_writable && !kind.is_socket()).then_some(Flaw::Writable(mode))
}

/// The same of the directory that a file is in. From one with the sticky bit others can take nothing away.
fn flaw_above(metadata: &Metadata, also: Option<u32>) -> Option<Flaw> {
    flaw(metadata, also).filter(|flaw| !matches!(flaw, Flaw::Writable(mode) if mode & STICKY != 0))
}

/// The flaw of what is at a path, or of a directory that holds it or the link to it; then that directory is named. Of what is missing,
/// the directory tells who could make it.
///
/// # Errors
///
/// It cannot be looked at, as where the directory is missing.
pub fn flaw_at(path: &Path, also: Option<u32>) -> io::Result<Option<String>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        found => {
            if let Some(flaw) = flaw(&found?, also) {
                return Ok(Some(flaw.to_string()));
            }
        }
    }
    let real = match path.is_symlink() {
        true => fs::canonicalize(path)?,
        false => path.to_owned(),
    };
    let led_to = real.parent().filter(|above| Some(*above) != path.parent());
    let above = path.parent().into_iter().chain(led_to);
    for above in above.filter(|above| !above.as_os_str().is_empty()) {
        if let Some(flaw) = flaw_above(&fs::metadata(above)?, also) {
            return Ok(Some(format!("{}: {flaw}", above.display())));
        }
    }
    Ok(None)
}

/// What lets others than root move a directory on the way to a path, or put another one in its place: with the directory's path.
/// `None` where nothing does, so that the path leads to the same place until root changes that.
///
/// `also` is a user who counts as root.
pub fn on_the_way(path: &Path, also: Option<u32>) -> io::Result<Option<String>> {
    let mut directories: Vec<&Path> = path.ancestors().skip(1).collect();
    // Outermost first: what is below a directory of others may change while it is looked at.
    directories.reverse();
    for directory in directories {
        let found = directory.symlink_metadata()?;
        let flaw = match Some(directory) == path.parent() {
            // The sticky bit does not keep others from making the last one.
            true => flaw(&found, also),
            false => flaw_above(&found, also),
        };
        if let Some(flaw) = flaw {
            return Ok(Some(format!("{}: {flaw}", directory.display())));
        }
        if !found.is_dir() {
            return Ok(Some(format!("{} is no directory", directory.display())));
        }
    }
    Ok(None)
}

/// Whether every user can read what this metadata is of.
pub fn readable_by_all(metadata: &Metadata) -> Option<Flaw> {
    let mode = metadata.mode() & 0o7777;
    (mode & OTHERS_READ != 0).then_some(Flaw::Readable(mode))
}

/// Whether other users can read what this metadata is of.
pub fn readable_by_others(metadata: &Metadata) -> Option<Flaw> {
    let mode = metadata.mode() & 0o7777;
    (mode & GROUP_OR_OTHERS != 0).then_some(Flaw::Readable(mode))
}

/// Reads a file that holds a secret.
///
/// # Errors
///
/// It is no small regular file, or others could have read, written or replaced it.
pub fn read_secret(path: &Path) -> io::Result<String> {
    let (text, metadata) = small::read_with_metadata(path)?;
    let flaw = flaw(&metadata, None).or_else(|| readable_by_others(&metadata));
    if let Some(flaw) = flaw {
        return Err(io::Error::other(flaw.to_string()));
    }
    match flaw_at(path, None)? {
        Some(flaw) => Err(io::Error::other(flaw)),
        None => String::from_utf8(text).map_err(|_| io::Error::other("it is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a new mode");
    }

    #[test]
    fn what_others_could_have_written_is_found() {
        let base = tempfile::tempdir().expect("a directory");
        let at = |name: &str| base.path().join(name);
        fs::create_dir(at("dir")).expect("a directory");
        fs::write(at("dir/file"), "x").expect("a file");
        symlink("dir/file", at("link")).expect("a link");
        let _socket = UnixListener::bind(at("dir/socket")).expect("a socket");
        for (directory, file, expected) in [
            (0o755, 0o644, None),
            (0o700, 0o600, None),
            (0o1777, 0o644, None),
            (0o755, 0o664, Some("dir/file")),
            (0o755, 0o602, Some("dir/file")),
            (0o775, 0o644, Some("dir")),
        ] {
            chmod(&at("dir"), directory);
            chmod(&at("dir/file"), file);
            chmod(&at("dir/socket"), 0o777);
            for name in ["dir/file", "link", "dir/socket", "dir/missing"] {
                let found = flaw_at(&at(name), None).expect("looked at");
                let expected = match (expected, name) {
                    (Some("dir/file"), "dir/socket" | "dir/missing") => None,
                    (Some("dir/file"), _) => Some("other".to_owned()),
                    (Some(place), _) => Some(format!("{}: other", at(place).display())),
                    (None, _) => None,
                };
                let fits = match (&found, &expected) {
                    (Some(found), Some(expected)) => found.starts_with(expected),
                    (found, expected) => found == expected,
                };
                assert!(fits, "{directory:o} {file:o} {name}: {found:?}");
            }
        }
    }

    #[test]
    fn who_can_move_a_directory_on_the_way_is_found() {
        if !geteuid().is_root() {
            return;
        }
        let base = tempfile::tempdir().expect("a directory");
        let at = |name: &str| base.path().join(name);
        fs::create_dir_all(at("a/b/c")).expect("directories");
        symlink("a", at("link")).expect("a link");
        let found = |name: &str| on_the_way(&at(name), Some(7)).expect("looked at");
        for (outer, inner, owner, expected) in [
            (0o755, 0o755, 0, None),
            (0o755, 0o755, 7, None),
            (0o1777, 0o755, 0, None),
            (0o777, 0o755, 0, Some("a")),
            (0o755, 0o1777, 0, Some("a/b")),
            (0o755, 0o755, 8, Some("a")),
        ] {
            chmod(&at("a"), outer);
            chmod(&at("a/b"), inner);
            chown(at("a"), Some(owner), None).expect("an owner");
            let flaw = found("a/b/c");
            let place = flaw.as_deref().and_then(|flaw| flaw.split(": ").next());
            let expected = expected.map(|name| at(name).display().to_string());
            assert_eq!(place, expected.as_deref(), "{outer:o} {inner:o} {owner}");
        }
        assert!(found("link/b").is_some());
    }

    #[test]
    fn a_user_can_count_as_root() {
        let base = tempfile::tempdir().expect("a directory");
        let path = base.path().join("file");
        fs::write(&path, "").expect("a file");
        if !geteuid().is_root() {
            return;
        }
        chown(&path, Some(7), None).expect("another owner");
        assert_eq!(flaw_at(&path, Some(7)).expect("looked at"), None);
        let flaw = flaw_at(&path, Some(8)).expect("looked at");
        assert_eq!(flaw, Some(Flaw::Owner(7).to_string()));
    }

    #[test]
    fn a_secret_is_read_where_nobody_else_can_read_it() {
        let base = tempfile::tempdir().expect("a directory");
        let path = base.path().join("secret");
        fs::write(&path, "x\n").expect("a file");
        for mode in [0o640, 0o604, 0o644, 0o620] {
            chmod(&path, mode);
            read_secret(&path).expect_err("readable");
        }
        for mode in [0o600, 0o400] {
            chmod(&path, mode);
            assert_eq!(read_secret(&path).expect("read"), "x\n");
        }
        read_secret(base.path()).expect_err("a directory");
    }
}

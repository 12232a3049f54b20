//! Paths that nobody but root can make lead to another place.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, geteuid};

use crate::sys::files::trusted::{Flaw, flaw};

const STICKY: u32 = 0o1000;

/// Why another user can make an absolute path lead elsewhere: a symbolic link is in it, or a directory above it is not root's alone.
/// What is at its end may be anybody's.
///
/// # Errors
///
/// A part of it cannot be looked at, as where it is missing.
pub fn looseness(path: &Path) -> io::Result<Option<String>> {
    let mut above: Option<PathBuf> = None;
    let parts: Vec<&Path> = path.ancestors().collect();
    for part in parts.into_iter().rev() {
        let found = part.symlink_metadata()?;
        let shown = part.display();
        if found.is_symlink() {
            return Ok(Some(format!("{shown} is a symbolic link")));
        }
        if let Some(directory) = above {
            let around = directory.symlink_metadata()?;
            // From a directory with the sticky bit others can take nothing away that is root's.
            let is_roots = found.uid() == 0 || Uid::from_raw(found.uid()) == geteuid();
            let is_kept = is_roots && around.mode() & STICKY != 0;
            match flaw(&around, None) {
                Some(Flaw::Writable(_)) if is_kept => {}
                Some(flaw) => return Ok(Some(format!("{}: {flaw}", directory.display()))),
                None => {}
            }
        }
        above = Some(part.to_owned());
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn links_and_directories_of_others_are_found() {
        let base = tempfile::tempdir().expect("a directory");
        let base = base.path().canonicalize().expect("its path");
        let at = |name: &str| base.join(name);
        fs::create_dir_all(at("a/b/c")).expect("directories");
        symlink("a", at("link")).expect("a link");
        let found = |name: &str| looseness(&at(name)).expect("looked at");
        assert_eq!(found("a/b/c"), None);
        let link = format!("{} is a symbolic link", at("link").display());
        assert_eq!(found("link"), Some(link.clone()));
        assert_eq!(found("link/b"), Some(link));
        looseness(&at("none")).expect_err("missing");
        for (mode, is_loose) in [(0o777, true), (0o1777, false), (0o755, false)] {
            fs::set_permissions(at("a/b"), Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(found("a/b/c").is_some(), is_loose, "{mode:o}");
        }
        // What is at the end may be anybody's.
        fs::set_permissions(at("a/b/c"), Permissions::from_mode(0o777)).expect("a mode");
        assert_eq!(found("a/b/c"), None);
    }
}

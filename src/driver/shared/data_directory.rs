//! The directory that users of a volume get, inside what is mounted: making it, and setting its owner and mode once.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::fsync;

use crate::driver::shared::options::NormalOptions;
use crate::sys::files::directory::{self, IfMissing, Obstacle, arrive, descend_from};
use crate::sys::files::ownership::Ownership;

/// A file in the volume's directory. Where it exists, owner and mode have been set; users may have changed them since.
const MARK: &str = "prepared";

/// Owner and mode of the directory, as far as the options give them.
pub fn ownership(options: &NormalOptions) -> Ownership {
    Ownership {
        uid: options.id("uid"),
        gid: options.id("gid"),
        mode: options.mode("mode"),
    }
}

/// Whether there is anything to set.
pub fn is_given(ownership: Ownership) -> bool {
    ownership.uid.is_some() || ownership.gid.is_some() || ownership.mode.is_some()
}

/// Whether the volume is for another user than root, who then reaches it by its path.
pub fn is_for_a_user(options: &NormalOptions) -> bool {
    is_given(ownership(options))
}

/// Sets the owner and mode of a directory.
pub fn set_ownership(directory: &Path, ownership: Ownership) -> Result<()> {
    let given = directory::open(directory)
        .and_then(directory::readable)
        .and_then(|handle| ownership.apply_to(handle));
    given.with_context(|| format!("setting the owner of {}", directory.display()))
}

/// Makes the directory `inside` a mount, if it is missing, sets its owner and mode, if that was not done before, and returns its
/// path. `inside` begins with a slash, or is empty. `volume` is the volume's own directory, which remembers what was done.
///
/// Symbolic links are not followed: a user of the volume could have made one to get a directory outside of the volume.
pub fn prepare(
    mount_point: &Path,
    inside: &str,
    ownership: Ownership,
    volume: &Path,
) -> Result<PathBuf> {
    let names = names(inside)?;
    let path = names
        .iter()
        .fold(mount_point.to_owned(), |path, name| path.join(name));
    let root = arrive(mount_point)
        .map_err(|stopped| stopped.error)
        .with_context(|| format!("preparing {}", path.display()))?;
    prepare_in(root.directory, inside, ownership, volume)?;
    Ok(path)
}

/// The same in a mount that is open at its root.
pub fn prepare_in(root: OwnedFd, inside: &str, ownership: Ownership, volume: &Path) -> Result<()> {
    let doing = || format!("preparing {inside} in {}", volume.display());
    let mut made = Vec::new();
    let make = IfMissing::Make(&mut made);
    let start = root.try_clone().with_context(doing)?;
    let directory = descend_from(start, Path::new("/"), Path::new(inside), make)
        .map_err(|stopped| stopped.error)
        .with_context(doing)?
        .directory;
    let mark = volume.join(MARK);
    let is_to_give = is_given(ownership) && mark.symlink_metadata().is_err();
    if !names(inside)?.is_empty() && (is_to_give || !made.is_empty()) {
        open_to_user(&root, is_given(ownership)).with_context(doing)?;
    }
    if is_to_give {
        let directory = directory::readable(&directory).with_context(doing)?;
        ownership.apply_to(&directory).with_context(doing)?;
        // Without this, a power cut could keep the mark and lose owner and mode.
        fsync(&directory).with_context(doing)?;
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&mark)
            .with_context(doing)?;
    }
    Ok(())
}

/// Whether the directory `inside` a mount is there. Symbolic links are not followed.
pub fn is_there(mount_point: &Path, inside: &str) -> Result<bool> {
    let reached = arrive(mount_point).and_then(|root| {
        let inside = Path::new(inside);
        descend_from(root.directory, mount_point, inside, IfMissing::Stop)
    });
    match reached {
        Ok(_) => Ok(true),
        Err(stopped) if stopped.obstacle == Obstacle::Missing => Ok(false),
        Err(stopped) => {
            Err(stopped.error).with_context(|| format!("entering {}", stopped.path.display()))
        }
    }
}

/// Lets users pass through the root of a mount to their directory in it, or nobody but root.
fn open_to_user(root: &OwnedFd, is_for_a_user: bool) -> io::Result<()> {
    let mode = match is_for_a_user {
        true => Mode::from_bits_truncate(0o711),
        false => Mode::S_IRWXU,
    };
    Ok(fchmod(directory::readable(root)?, mode)?)
}

/// The names in the path `inside`.
///
/// # Errors
///
/// One of them leads up, and so perhaps out of the volume.
pub fn names(inside: &str) -> Result<Vec<&OsStr>> {
    let mut names = Vec::new();
    for component in Path::new(inside).components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => names.push(name),
            _ => bail!("rootPath {inside}: leads out of the volume"),
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn none() -> Ownership {
        ownership(&NormalOptions::default())
    }

    #[test]
    fn the_directory_is_made_inside() {
        let (mount, volume) = (
            tempfile::tempdir().expect("a directory"),
            tempfile::tempdir().expect("a directory"),
        );
        let prepare = |inside| prepare(mount.path(), inside, none(), volume.path());
        assert_eq!(prepare("/data").expect("made"), mount.path().join("data"));
        assert_eq!(prepare("/a//b/").expect("made"), mount.path().join("a/b"));
        assert_eq!(prepare("/").expect("there"), mount.path());
        assert_eq!(prepare("").expect("there"), mount.path());
        assert!(mount.path().join("a/b").is_dir());
        prepare("/../x").expect_err("leads out");
    }

    #[test]
    fn symbolic_links_are_not_followed() {
        let (mount, volume) = (
            tempfile::tempdir().expect("a directory"),
            tempfile::tempdir().expect("a directory"),
        );
        symlink("/etc", mount.path().join("data")).expect("a link");
        prepare(mount.path(), "/data", none(), volume.path()).expect_err("a link");
    }

    #[test]
    fn the_mode_is_set_once() {
        let (mount, volume) = (
            tempfile::tempdir().expect("a directory"),
            tempfile::tempdir().expect("a directory"),
        );
        let ownership = ownership(&vec![("mode".into(), "0700".into())].into());
        let prepare =
            || prepare(mount.path(), "/data", ownership, volume.path()).expect("prepared");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
        let path = prepare();
        assert_eq!(mode(&path), 0o700);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("changed by its user");
        prepare();
        assert_eq!(mode(&path), 0o755);
    }
}

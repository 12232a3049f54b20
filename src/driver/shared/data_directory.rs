//! The directory that is handed out, inside what is mounted: that it is there, and whose it is.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::unistd::fsync;

use crate::driver::shared::options::{self, NormalOptions};
use crate::sys::files::directory::{self, IfMissing, descend};
use crate::sys::files::ownership::Ownership;

/// Says in the volume's directory that owner and mode have been set: they are set once, and are the user's from then on.
const MARK: &str = "prepared";

/// What the options say of the directory's owner and mode.
pub fn ownership(options: &NormalOptions) -> Ownership {
    let mode = options::get(options, "mode").and_then(|mode| u32::from_str_radix(mode, 8).ok());
    Ownership {
        uid: options::number_in(options, "uid"),
        gid: options::number_in(options, "gid"),
        mode,
    }
}

pub fn is_given(ownership: Ownership) -> bool {
    ownership.uid.is_some() || ownership.gid.is_some() || ownership.mode.is_some()
}

pub fn set_ownership(directory: &Path, ownership: Ownership) -> Result<()> {
    let given = directory::open(directory)
        .and_then(directory::readable)
        .and_then(|handle| ownership.apply_to(handle));
    given.with_context(|| format!("setting the owner of {}", directory.display()))
}

/// The path of a directory inside a mount, which is made where it is missing. `inside` begins with a slash, or is empty.
///
/// Symbolic links are not followed: users of the volume could have made them, to be handed out what is outside.
/// `volume` is the volume's own directory, where it is marked that owner and mode have been set.
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
    let doing = || format!("preparing {}", path.display());
    let reached = descend(
        mount_point,
        Path::new(inside),
        IfMissing::Make(&mut Vec::new()),
    );
    let directory = reached
        .map_err(|stopped| stopped.error)
        .with_context(doing)?
        .directory;
    let mark = volume.join(MARK);
    if is_given(ownership) && mark.symlink_metadata().is_err() {
        let directory = directory::readable(&directory).with_context(doing)?;
        ownership.apply_to(&directory).with_context(doing)?;
        // Else a power cut could keep the mark and lose what it stands for.
        fsync(&directory).with_context(doing)?;
        File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&mark)
            .with_context(doing)?;
    }
    Ok(path)
}

/// The names on the way to the directory, of which none may lead up.
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
        ownership(&vec![])
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
        let ownership = ownership(&vec![("mode".into(), "0700".into())]);
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

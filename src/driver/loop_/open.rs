//! Opening the image of a volume: nothing but the regular file that was made for it.
//!
//! A link, a device or the file of another user could be somebody else's data, mounted already perhaps.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, Error, Result, bail};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use nix::unistd::geteuid;

/// Opens an image for reading.
pub fn to_read(path: &Path) -> Result<File> {
    open(path, File::options().read(true))
}

/// Opens an image for reading and writing.
pub fn to_write(path: &Path) -> Result<File> {
    open(path, File::options().read(true).write(true))
}

/// Opens an image that is to be removed, whoever owns it; `None` where it is no regular file, or missing.
pub fn to_remove(path: &Path) -> Result<Option<File>> {
    if_regular(path, File::options().read(true).write(true))
}

/// Opens an image for looking at what uses it, whoever owns it; `None` where it is no regular file, or missing.
pub fn to_look_at(path: &Path) -> Result<Option<File>> {
    if_regular(path, File::options().read(true))
}

fn if_regular(path: &Path, options: &mut OpenOptions) -> Result<Option<File>> {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => match without_following(path, options) {
            // Removed meanwhile.
            Err(error) if is_missing(&error) => Ok(None),
            file => file.map(Some),
        },
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

/// The length of an image, and the disk space that it takes, both in bytes.
pub fn lengths(path: &Path) -> Result<(u64, u64)> {
    Ok(lengths_of(&look(path)?))
}

/// The same of what this is the metadata of.
pub fn lengths_of(found: &Metadata) -> (u64, u64) {
    (found.len(), found.blocks() * 512)
}

fn open(path: &Path, options: &mut OpenOptions) -> Result<File> {
    // Before it is opened, since opening some devices does something; and again, since it may have been replaced.
    let found = look(path)?;
    let file = without_following(path, options)?;
    let opened = file
        .metadata()
        .with_context(|| format!("reading {}", path.display()))?;
    if (found.dev(), found.ino()) != (opened.dev(), opened.ino()) {
        bail!("{} was replaced meanwhile", path.display());
    }
    Ok(file)
}

fn is_missing(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn without_following(path: &Path, options: &mut OpenOptions) -> Result<File> {
    options
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

/// Refuses what is no image.
fn look(path: &Path) -> Result<Metadata> {
    let doing = || format!("reading {}", path.display());
    let found = path.symlink_metadata().with_context(doing)?;
    if !found.is_file() {
        let what = match found.is_symlink() {
            true => "a symbolic link",
            false => "no regular file",
        };
        bail!(
            "{} is {what}, and so no image; move it away",
            path.display()
        );
    }
    // Where root has no rights, as on some network file systems, it owns neither.
    let directory = path.parent().unwrap_or(path).symlink_metadata();
    let owners = [0, geteuid().as_raw(), directory.with_context(doing)?.uid()];
    if !owners.contains(&found.uid()) {
        bail!(
            "{} belongs to user {}; if it is the image of this volume, run chown root on it",
            path.display(),
            found.uid()
        );
    }
    if found.mode() & 0o022 != 0 {
        bail!(
            "{} can be written by other users (mode {:04o}); run chmod 600 on it",
            path.display(),
            found.mode() & 0o7777
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_regular_file_is_opened() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        fs::write(at("image"), "image").expect("a file");
        assert_eq!(lengths(&at("image")).expect("a length").0, 5);
        to_read(&at("image")).expect("opened");
        to_write(&at("image")).expect("opened");
        assert!(to_remove(&at("image")).expect("opened").is_some());
        symlink("image", at("link")).expect("a link");
        mkfifo(&at("fifo"), Mode::S_IRWXU).expect("a pipe");
        for (name, what) in [
            ("link", "a symbolic link"),
            ("fifo", "no regular file"),
            (".", "no regular file"),
        ] {
            let error = to_write(&at(name)).expect_err(name);
            let text = chain(&error);
            assert!(
                text.ends_with(&format!("is {what}, and so no image; move it away")),
                "{text}"
            );
            to_read(&at(name)).expect_err(name);
            lengths(&at(name)).expect_err(name);
            assert!(to_remove(&at(name)).expect(name).is_none());
        }
    }
}

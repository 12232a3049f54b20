//! Reading small files that other programs or users have written, and replacing our own.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::AtFlags;
use nix::libc::{O_NOFOLLOW, O_NONBLOCK, c_int};
use nix::sys::stat::{SFlag, fstatat};

/// The most that is read, in bytes. Specs, records, keys and configurations are far smaller.
pub const LIMIT: u64 = 1 << 20;

/// Reads the whole of a regular file.
///
/// # Errors
///
/// It is no regular file: a pipe or a device could block or never end. It is longer than 1 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    Ok(read_with_metadata(path)?.0)
}

/// Reads a file of our own as [`read`] does. A symbolic link in its place is refused: another host could have made it in storage that
/// both have, and it would show what only this host's root may read.
pub fn read_own(path: &Path) -> Result<Vec<u8>> {
    Ok(read_regular(path, &fs::symlink_metadata(path)?, O_NOFOLLOW)?.0)
}

/// Reads a file as [`read`] does, and returns what kind of file it was that was read.
pub fn read_with_metadata(path: &Path) -> Result<(Vec<u8>, Metadata)> {
    read_regular(path, &fs::metadata(path)?, 0)
}

/// Whether there is a regular file with something in it, which [`read_own`] would read. It is not opened.
pub fn has_content(directory: &File, path: &Path) -> bool {
    let found = fstatat(directory, path, AtFlags::AT_SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| {
        let is_regular = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
        is_regular && (1..=LIMIT).contains(&found.st_size.unsigned_abs())
    })
}

/// `found` is what was seen at the path before it is opened.
fn read_regular(path: &Path, found: &Metadata, flags: c_int) -> Result<(Vec<u8>, Metadata)> {
    // Opening some devices does something: a watchdog is started by it.
    refuse_irregular(found)?;
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK | flags)
        .open(path)?;
    let metadata = file.metadata()?;
    refuse_irregular(&metadata)?;
    // Grown bit by bit, it would be read in many small pieces.
    let mut content = Vec::with_capacity(metadata.len().min(LIMIT) as usize + 1);
    file.take(LIMIT + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LIMIT {
        return Err(Error::other("it is longer than 1 MiB"));
    }
    Ok((content, metadata))
}

fn refuse_irregular(metadata: &Metadata) -> Result<()> {
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(Error::other("it is no regular file"));
    }
    Ok(())
}

/// Replaces a file in one step, by way of `aside` beside it. Neither is followed where it is a symbolic link: another host could
/// have made that in storage that both have. No fsync.
pub fn replace(path: &Path, aside: &Path, content: &[u8]) -> Result<()> {
    // What is left of a call that was killed, or was put there.
    let _ = fs::remove_file(aside);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let file = options.custom_flags(O_NOFOLLOW | O_NONBLOCK).open(aside);
    let written = file
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(aside, path));
    if written.is_err() {
        let _ = fs::remove_file(aside);
    }
    written
}

/// The text of a file, and whose word it is.
pub struct SmallText {
    pub text: String,
    /// Whether the file is root's, and nobody else can write it.
    pub is_roots_alone: bool,
}

/// Reads the whole of a regular file as [`read`] does; it has to be UTF-8.
pub fn read_text(path: &Path) -> Result<SmallText> {
    let (content, metadata) = read_with_metadata(path)?;
    let text = String::from_utf8(content).map_err(|_| Error::other("it is not UTF-8"))?;
    Ok(SmallText {
        text,
        is_roots_alone: metadata.uid() == 0 && metadata.mode() & 0o022 == 0,
    })
}

//! Reading small files that others have written.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc::O_NONBLOCK;

/// No spec, record, key or configuration is longer, in bytes.
const LIMIT: u64 = 1 << 20;

/// The whole of a regular file. Anything else, such as a pipe, might keep us waiting or never end.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(Error::other("it is no regular file"));
    }
    let mut content = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LIMIT {
        return Err(Error::other("it is longer than 1 MiB"));
    }
    Ok(content)
}

pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|_| Error::other("it is not UTF-8"))
}

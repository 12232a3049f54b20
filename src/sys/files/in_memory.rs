//! A file in memory, which no other process can open unless it inherits it.

use std::fs::File;
use std::io::{self, Seek, Write};

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file with this text, to be read from its beginning.
pub fn holding(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"secret", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

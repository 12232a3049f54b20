//! Error numbers of the kernel.

use std::io;

use anyhow::Error;
use nix::errno::Errno;

/// The number of an error; `None` for one that is not the kernel's.
pub fn errno_of(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// Whether something could not be changed because its file system is read-only.
pub fn is_read_only(error: &Error) -> bool {
    number_of(error) == Some(Errno::EROFS)
}

/// The kernel's number of an error with its contexts; `None` for one that is not the kernel's.
pub fn number_of(error: &Error) -> Option<Errno> {
    error.downcast_ref().and_then(errno_of)
}

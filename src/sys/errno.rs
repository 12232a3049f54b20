//! Error numbers of the kernel.

use std::io;

use nix::errno::Errno;

/// The number of an error; `None` for one that is not the kernel's.
pub fn errno_of(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

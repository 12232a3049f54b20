//! The marks by which an import that was cut off is known: an extended attribute that only root of this host can set (trusted in
//! xattr(7)), so that a user of the volume, or root in a container, can pass nothing of his own off as one.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, lgetxattr};
use rustix::io::Errno;

use crate::sys::archive::{COMPLETE, STAGED};

/// On the top directory, with the import's number as its value, and on the hidden directory of that import.
pub const MARK: &str = "trusted.dvdcli.import";

/// More than a number has.
const MOST: usize = 64;

/// What a directory says.
#[derive(Debug, PartialEq, Eq)]
pub enum Mark {
    /// The number of an import.
    Of(OsString),
    Missing,
    /// The file system has no such attributes.
    Unknown,
}

impl Mark {
    fn from(value: &[u8], found: rustix::io::Result<usize>) -> io::Result<Mark> {
        match found {
            Ok(length) => Ok(Mark::Of(OsString::from_vec(value[..length].to_vec()))),
            Err(Errno::NODATA | Errno::RANGE) => Ok(Mark::Missing),
            Err(Errno::OPNOTSUPP) => Ok(Mark::Unknown),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is not one is missing as well.
pub fn of(directory: &OwnedFd) -> io::Result<Mark> {
    let mut value = [0; MOST];
    let found = fgetxattr(directory, MARK, &mut value);
    Mark::from(&value, found)
}

/// Whether a directory has one, by a single call; a link is not followed.
pub fn is_at(path: &Path) -> bool {
    let mut value = [0; MOST];
    let found = lgetxattr(path, MARK, &mut value);
    matches!(Mark::from(&value, found), Ok(Mark::Of(_)))
}

/// Sets it, where the file system and the rights of this process allow that.
pub fn set(directory: &OwnedFd, number: &OsStr) -> io::Result<()> {
    match fsetxattr(directory, MARK, number.as_bytes(), XattrFlags::empty()) {
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        set => Ok(set?),
    }
}

pub fn clear(directory: &OwnedFd) -> io::Result<()> {
    match fremovexattr(directory, MARK) {
        Err(Errno::OPNOTSUPP | Errno::PERM | Errno::NODATA) => Ok(()),
        cleared => Ok(cleared?),
    }
}

/// The names that the hidden directory of an import can have: while it is filled, and when it is complete.
pub fn names(number: &OsStr) -> [OsString; 2] {
    [STAGED, COMPLETE].map(|prefix| with_prefix(prefix, number))
}

fn with_prefix(prefix: &str, number: &OsStr) -> OsString {
    let mut name = OsString::from(prefix);
    name.push(number);
    name
}

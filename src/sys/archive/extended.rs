//! Extended attributes of files (xattr(7)), with the access control lists.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use anyhow::{Context, Result};
use rustix::fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

use crate::sys::archive::acl;
use crate::sys::archive::mark::MARK;

/// The most that the kernel gives: of a list, and of a value.
const MOST: usize = 64 << 10;

/// What most lists and values fit into.
const OFTEN: usize = 512;

/// Names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extended(pub Vec<(CString, Vec<u8>)>);

impl Extended {
    /// Those of an open file.
    pub fn of(file: &OwnedFd) -> io::Result<Extended> {
        let names = ask(|buffer| flistxattr(file, buffer))?;
        collect(&names, |name| ask(|buffer| fgetxattr(file, name, buffer)))
    }

    /// Those of what is called `name` in an open directory; a link is not followed.
    pub fn of_name(parent: &OwnedFd, name: &OsStr) -> io::Result<Extended> {
        let path = path(parent, name);
        let names = ask(|buffer| llistxattr(&path, buffer))?;
        collect(&names, |name| ask(|buffer| lgetxattr(&path, name, buffer)))
    }

    /// Sets them; returns the names of those that the file system does not know.
    pub fn give(&self, file: &OwnedFd) -> Result<Vec<String>> {
        self.set(|name, value| fsetxattr(file, name, value, XattrFlags::empty()))
    }

    pub fn give_to_name(&self, parent: &OwnedFd, name: &OsStr) -> Result<Vec<String>> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let path = path(parent, name);
        self.set(|name, value| lsetxattr(&path, name, value, XattrFlags::empty()))
    }

    fn set(&self, set: impl Fn(&CStr, &[u8]) -> rustix::io::Result<()>) -> Result<Vec<String>> {
        let mut left_out = Vec::new();
        for (name, value) in &self.0 {
            match set(name, value) {
                Ok(()) => {}
                // It says no more than the mode.
                Err(Errno::OPNOTSUPP) if is_list(name) && acl::is_plain(value) => {}
                Err(Errno::OPNOTSUPP) => left_out.push(name.to_string_lossy().into_owned()),
                Err(error) => {
                    let doing = || format!("setting {}", name.to_string_lossy());
                    return Err(io::Error::from(error)).with_context(doing);
                }
            }
        }
        Ok(left_out)
    }
}

fn is_list(name: &CStr) -> bool {
    acl::KEYS
        .iter()
        .any(|(key, _)| key.as_bytes() == name.to_bytes())
}

/// Whether it belongs to the file, and not to this host: a label of SELinux or what IMA has measured is made anew where the file is
/// made, and of the file system's own attributes only the lists are the file's. No archive brings the mark of an import.
pub fn travels(name: &[u8]) -> bool {
    const OF_HOST: [&[u8]; 4] = [
        b"security.selinux",
        b"security.ima",
        b"security.evm",
        MARK.as_bytes(),
    ];
    let is_list = acl::KEYS.iter().any(|(key, _)| key.as_bytes() == name);
    is_list || !name.starts_with(b"system.") && !OF_HOST.contains(&name)
}

fn collect(names: &[u8], value: impl Fn(&CStr) -> io::Result<Vec<u8>>) -> io::Result<Extended> {
    let mut all = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else {
            continue;
        };
        if !travels(name.to_bytes()) {
            continue;
        }
        match value(name) {
            Ok(value) => all.push((name.to_owned(), value)),
            // It has just been taken away.
            Err(error) if error.raw_os_error() == Some(Errno::NODATA.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Extended(all))
}

/// A list or a value; nothing where the file system knows none.
fn ask(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut few = [0; OFTEN];
    match call(&mut few) {
        Ok(length) => return Ok(few[..length].to_vec()),
        Err(Errno::OPNOTSUPP) => return Ok(Vec::new()),
        Err(Errno::RANGE) => {}
        Err(error) => return Err(error.into()),
    }
    let mut many = vec![0; MOST];
    let length = call(&mut many)?;
    many.truncate(length);
    Ok(many)
}

/// A path by which the calls that take none relative to a directory reach a name in it, and nothing else.
fn path(parent: &OwnedFd, name: &OsStr) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", parent.as_raw_fd())).join(name)
}

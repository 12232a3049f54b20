//! Owner and mode of a directory that is open.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use nix::sys::stat::{Mode, fchmod, fstat};
use nix::unistd::{Gid, Uid, fchown};
use serde::{Deserialize, Serialize};

/// Owner, group and mode of a directory. `None` is what stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// Permissions and set-ID bits, at most 0o7777.
    pub mode: Option<u32>,
}

impl Ownership {
    /// The present ownership of a directory, with no part left out.
    pub fn of(directory: impl AsFd) -> io::Result<Ownership> {
        let status = fstat(directory)?;
        Ok(Ownership {
            uid: Some(status.st_uid),
            gid: Some(status.st_gid),
            mode: Some(status.st_mode & 0o7777),
        })
    }

    /// Changes a directory, which has to be [`readable`](crate::sys::files::directory::readable).
    pub fn apply_to(self, directory: impl AsFd) -> io::Result<()> {
        // The owner first: changing it clears set-ID bits.
        if self.uid.is_some() || self.gid.is_some() {
            fchown(
                &directory,
                self.uid.map(Uid::from_raw),
                self.gid.map(Gid::from_raw),
            )?;
        }
        if let Some(mode) = self.mode {
            fchmod(directory, Mode::from_bits_truncate(mode))?;
        }
        Ok(())
    }
}

/// `1000:1000 0750`, with `-` for what stays as it is.
impl fmt::Display for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let id = |id: Option<u32>| id.map_or("-".to_owned(), |id| id.to_string());
        let mode = self
            .mode
            .map_or("-".to_owned(), |mode| format!("{mode:04o}"));
        write!(f, "{}:{} {mode}", id(self.uid), id(self.gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::files::directory;

    #[test]
    fn what_is_not_given_stays() {
        let base = tempfile::tempdir().expect("a directory");
        let handle = directory::open(base.path()).expect("open");
        let handle = directory::readable(handle).expect("readable");
        let before = Ownership::of(&handle).expect("its ownership");
        let change = Ownership {
            uid: None,
            gid: None,
            mode: Some(0o2750),
        };
        assert_eq!(change.to_string(), "-:- 2750");
        change.apply_to(&handle).expect("changed");
        let after = Ownership::of(&handle).expect("its ownership");
        assert_eq!((after.uid, after.gid), (before.uid, before.gid));
        assert_eq!(after.mode, Some(0o2750));
    }
}

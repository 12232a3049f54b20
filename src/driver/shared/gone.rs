//! A mount that has been taken away, and how it is recognized where it is not.

use std::os::fd::OwnedFd;

use crate::sys::mount::mountinfo::Mount;
use crate::sys::mount::{apart, identity};

pub struct Gone {
    pub mount: Mount,
    /// Where it is in memory: so that no other file system gets its number while this is open.
    pub kept: Option<OwnedFd>,
}

impl Gone {
    /// To be called while it is still there.
    pub fn of(mount: &Mount) -> Gone {
        let is_kept = identity::is_in_memory(mount);
        let kept = is_kept.then(|| apart::keep_file_system(&mount.mount_point));
        Gone {
            mount: mount.clone(),
            kept: kept.and_then(Result::ok),
        }
    }
}

//! A volume of a built-in driver that exists: what differs between the kinds of drivers.

use std::path::PathBuf;

use anyhow::Result;

use crate::base::finding::{Care, Finding};
use crate::driver::interface::{Usage, VolumeInfo};
use crate::driver::shared::gone::Gone;
use crate::driver::shared::told::Loss;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// What keeps a volume in use after it was unmounted.
#[derive(Debug)]
pub struct Keeper {
    /// `bound to /dev/loop0, which is open in PID 7 (sleep)`.
    pub words: String,
}

/// A volume that exists.
pub trait Existing {
    /// Where it is mounted in this mount namespace, and its mount.
    fn mounted<'t>(&self, table: &'t MountTable) -> Result<Option<(PathBuf, &'t Mount)>>;

    /// The directory that users get; `None` where it has to be mounted first, and is not.
    fn path(&self, table: &MountTable) -> Result<Option<PathBuf>>;

    /// What is shown of it, apart from its name and its record.
    fn describe(&self, table: &MountTable) -> Result<VolumeInfo>;

    /// The space that it takes, as far as that can be known while it is not mounted.
    fn usage(&self) -> Result<Usage>;

    /// Mounts it and returns the directory that users get. The caller knows of no mount; one that is there all the same was left by
    /// a call that was killed.
    fn mount(&self, read_only: bool) -> Result<PathBuf>;

    /// Takes away this mount of it. If it is busy, the error names its users.
    fn unmount(&self, mount: &Mount, lazy: bool) -> Result<()>;

    /// Makes it ready, mounted as it is, for one more who wants to write.
    ///
    /// # Errors
    ///
    /// Its file system takes nothing more that is written.
    fn join(&self) -> Result<()> {
        Ok(())
    }

    /// What is wrong with it. To have it fixed, the caller holds its lock.
    fn examine(&self, table: &MountTable, care: Care) -> Result<Vec<Finding>>;

    /// Whether dvdcli has made the directory that users get, so that it can be given an owner.
    fn may_be_given_owner(&self) -> bool {
        true
    }

    /// Why data may not have reached the disk, to be appended to a message; or an empty text.
    fn why_lost(&self) -> &'static str {
        ""
    }

    /// Why what was written to a mount, which is still there, is lost or may be, though the kernel has reported no error to this call;
    /// `None` where all of it is on the disk.
    fn doubt(&self, _: &Mount) -> Option<Loss> {
        None
    }

    /// Called when it is not mounted in its place any more, with the mounts that have been taken away. Returns what keeps it in use on
    /// this host all the same.
    fn after_unmount(&self, gone: &[Gone]) -> Result<Option<Keeper>>;

    /// Removes it with its data, unless it is mounted anywhere.
    fn remove(&self) -> Result<()>;
}

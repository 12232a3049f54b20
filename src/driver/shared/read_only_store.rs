//! A store that cannot be written: what is in it can still be read.

use anyhow::{Result, bail};

use crate::driver::shared::home::Home;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// Why nothing can be written to a driver's store, and the repair; `None` where nothing is known against it.
pub fn problem(home: &Home) -> Result<Option<String>> {
    let table = MountTable::read()?;
    let Some(mount) = table.covering(home.store.root()) else {
        return Ok(None);
    };
    let place = mount.mount_point.display();
    let words = if mount.is_read_only() {
        format!("is read-only; make it writable (mount -o remount,rw {place})")
    } else if has_given_up(mount) {
        format!(
            "was made read-only by the kernel, after an error; repair the file system at {place}"
        )
    } else {
        return Ok(None);
    };
    Ok(Some(format!(
        "its store {} {words}",
        home.store.root().display()
    )))
}

/// Whether the kernel has made the file system of the store read-only.
pub fn is_given_up(home: &Home) -> Result<bool> {
    let table = MountTable::read()?;
    let mount = table.covering(home.store.root());
    Ok(mount.is_some_and(|mount| !mount.is_read_only() && has_given_up(mount)))
}

/// Whether the file system of a writable mount is read-only.
fn has_given_up(mount: &Mount) -> bool {
    let mut options = mount.fs_options.split(',');
    options.any(|option| matches!(option, "ro" | "emergency_ro"))
}

/// Refuses what would have to be written to the store. `more` is what can be done instead, or an empty text.
pub fn refuse(home: &Home, more: &str) -> Result<()> {
    match problem(home)? {
        Some(problem) => bail!("{problem}{more}"),
        None => Ok(()),
    }
}

/// What can be done instead of mounting a volume.
pub const READ_ONLY: &str = ", or mount it with --read-only";

//! What is wrong with `local` on this host, and with one of its volumes.

use anyhow::Result;

use crate::base::finding::Finding;
use crate::driver::local::on_disk::OnDisk;
use crate::driver::local::source::Source;
use crate::driver::shared::examine::{cannot_mount, subject};
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::{by_program, file_systems, health};

/// One volume.
pub fn volume(on_disk: &OnDisk, table: &MountTable) -> Result<Vec<Finding>> {
    let subject = subject(on_disk.place);
    let mut found = Vec::new();
    let source = on_disk.source.as_ref();
    let mounted = on_disk.mounted(table);
    if let Some(source) = source.filter(|source| !source.is_bind()) {
        if mounted.is_none() {
            found.extend(cannot(&subject, source));
        }
        let problem = mounted.and_then(|(_, mount)| health::problem(mount));
        let repair = format!("unmount it, and repair {}", source.device());
        found.extend(problem.map(|problem| Finding::new(&subject, problem, repair)));
    } else if let Some(source) = source {
        let exists = source.check_exists_before(on_disk.place.home.ends());
        found.extend(exists.err().map(|error| Finding::of(&subject, &error)));
    } else {
        let missing = on_disk.refuse_missing().err();
        found.extend(missing.map(|error| Finding::of(&subject, &error)));
    }
    Ok(found)
}

/// Why its type cannot be mounted here.
fn cannot(subject: &str, source: &Source) -> Option<Finding> {
    let fs_type = source.fs_type();
    if by_program::program_for(fs_type).is_some() {
        return None;
    }
    match fs_type.split_once('.') {
        // Of a program, which the kernel does not know.
        Some((family, _)) => Some(Finding::new(
            subject,
            format!("neither mount.{fs_type} nor mount.{family} is installed in /sbin"),
            "install it",
        )),
        None => (file_systems::can_mount(fs_type) == Some(false))
            .then(|| cannot_mount(subject, fs_type)),
    }
}

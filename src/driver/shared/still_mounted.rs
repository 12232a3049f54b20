//! The check before a volume's directory is deleted: nothing is mounted in it, and no part of it is mounted in another place.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::failure::Failure;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// The location of a directory, which is the same in all mount namespaces.
#[derive(Debug, PartialEq, Eq)]
struct Location {
    /// The device of its file system, `MAJOR:MINOR`.
    device: String,
    /// Its path in that file system.
    path: PathBuf,
}

/// Refuses to go on while something is mounted at or below `directory`, or while a part of it is mounted in another place (a
/// bind), in this mount namespace or another one. Otherwise, the data there would be deleted with it.
///
/// # Errors
///
/// In use: where it is mounted, and in the other case also the process whose mount namespace has the mount.
pub fn refuse_if_mounted(directory: &Path) -> Result<()> {
    let table = MountTable::read()?;
    if let Some(mount) = table.below(directory).next() {
        let (source, place) = (&mount.source, mount.mount_point.display());
        return Err(in_use(&format!("{source} is mounted at {place}")));
    }
    let Some(location) = locate(&table, directory) else {
        return Ok(());
    };
    if let Some(bind) = binds(&table, &location).next() {
        let place = bind.mount_point.display();
        return Err(in_use(&format!("it is bound to {place}")));
    }
    let search = |table: &MountTable| {
        let bind = binds(table, &location).next();
        let inside = || {
            table
                .iter()
                .find(|mount| is_inside(table, mount, &location))
        };
        bind.or_else(inside).cloned()
    };
    match busy::mounted_elsewhere(search) {
        None => Ok(()),
        Some((process, mount)) => {
            let place = mount.mount_point.display();
            Err(in_use(&format!(
                "mounted at {place} in the mount namespace of {process}"
            )))
        }
    }
}

/// What is mounted at a directory, if it is that very directory.
pub fn bound_to_itself<'t>(table: &'t MountTable, directory: &Path) -> Option<&'t Mount> {
    let mount = table.at(directory)?;
    let above = locate(table, directory.parent()?)?;
    let own = above.path.join(directory.file_name()?);
    (mount.device == above.device && mount.root == own).then_some(mount)
}

fn in_use(fact: &str) -> anyhow::Error {
    Failure::in_use(format!("{fact}; unmount it first")).into()
}

/// The mounts that show the location, or a part of it.
fn binds<'a>(table: &'a MountTable, location: &'a Location) -> impl Iterator<Item = &'a Mount> {
    table
        .iter()
        .filter(|mount| mount.device == location.device && mount.root.starts_with(&location.path))
}

/// Whether a mount point is at the location or below it. Its path cannot tell: in another mount namespace, the same path may lead
/// to another location.
fn is_inside(table: &MountTable, mount: &Mount, location: &Location) -> bool {
    let parent = mount.mount_point.parent();
    let place = parent
        .zip(mount.mount_point.file_name())
        .and_then(|(parent, name)| {
            let parent = locate(table, parent)?;
            Some(Location {
                path: parent.path.join(name),
                device: parent.device,
            })
        });
    place.is_some_and(|place| {
        place.device == location.device && place.path.starts_with(&location.path)
    })
}

/// The location of a path: in the file system that is mounted nearest above it, and last if several are mounted there.
fn locate(table: &MountTable, path: &Path) -> Option<Location> {
    let above = table
        .iter()
        .filter(|mount| path.starts_with(&mount.mount_point));
    let mount = above.max_by_key(|mount| mount.mount_point.components().count())?;
    let below = path.strip_prefix(&mount.mount_point).ok()?;
    Some(Location {
        device: mount.device.clone(),
        path: mount.root.join(below),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw - ext4 /dev/vda rw
40 22 0:41 /sub /srv rw - tmpfs tmpfs rw
41 40 0:42 / /srv/db/mnt rw - tmpfs tmpfs rw
42 22 0:41 /sub/db/_data /else rw - tmpfs tmpfs rw
";

    #[test]
    fn places_are_found_through_binds() {
        let table = MountTable::parse(TABLE);
        let location = locate(&table, Path::new("/srv/db")).expect("a mount above");
        assert_eq!(
            location,
            Location {
                device: "0:41".into(),
                path: "/sub/db".into()
            }
        );
        let bound: Vec<_> = binds(&table, &location).map(|mount| mount.id).collect();
        assert_eq!(bound, [42]);
        let inside: Vec<_> = table
            .iter()
            .filter(|m| is_inside(&table, m, &location))
            .map(|m| m.id)
            .collect();
        assert_eq!(inside, [41]);
        let other = locate(&table, Path::new("/srv/db2")).expect("a mount above");
        assert_eq!(binds(&table, &other).count(), 0);
        assert!(!table.iter().any(|mount| is_inside(&table, mount, &other)));
    }
}

//! What must not be so when a volume's directory is deleted: that something is mounted in it, or that it is mounted elsewhere.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::base::failure::Failure;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};

/// Where a directory is, whatever the mount namespace calls it: its file system's device, and its path in there.
#[derive(Debug, PartialEq, Eq)]
struct Location {
    device: String,
    path: PathBuf,
}

/// Refuses where something is mounted at or below `directory`, or where a part of it is mounted elsewhere (a bind), in
/// this mount namespace or another one.
pub fn refuse_if_mounted(directory: &Path) -> Result<()> {
    let table = MountTable::read()?;
    if let Some(mount) = table.below(directory).next() {
        return Err(in_use(&format!(
            "{} is mounted at {}",
            mount.source,
            mount.mount_point.display()
        )));
    }
    let Some(location) = locate(&table, directory) else {
        return Ok(());
    };
    if let Some(bind) = binds(&table, &location).next() {
        return Err(in_use(&format!(
            "it is bound to {}",
            bind.mount_point.display()
        )));
    }
    let elsewhere = busy::mounted_elsewhere(|table| {
        let bind = binds(table, &location).next();
        bind.or_else(|| {
            table
                .iter()
                .find(|mount| is_inside(table, mount, &location))
        })
        .cloned()
    });
    match elsewhere {
        None => Ok(()),
        Some((process, mount)) => {
            let place = mount.mount_point.display();
            Err(in_use(&format!(
                "mounted at {place} in the mount namespace of {process}"
            )))
        }
    }
}

fn in_use(fact: &str) -> anyhow::Error {
    Failure::in_use(format!("{fact}; unmount it first")).into()
}

/// Mounts that show the place, or a part of it.
fn binds<'a>(table: &'a MountTable, location: &'a Location) -> impl Iterator<Item = &'a Mount> {
    table
        .iter()
        .filter(|mount| mount.device == location.device && mount.root.starts_with(&location.path))
}

/// Whether a mount's mount point is in the place. Names do not tell: two mount namespaces may call two places the same.
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

/// By the last of the mounts whose mount point is nearest above.
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

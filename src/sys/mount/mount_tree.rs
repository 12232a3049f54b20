//! A mount with all those inside it: looked at, and taken away, as a whole.

use std::collections::HashSet;
use std::path::Path;

use crate::sys::mount::busy::{self, Place};
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::take_away::{self, How, Stuck};

/// The mount that is seen at a place, and those inside it, in this mount namespace.
pub struct MountTree<'t> {
    table: &'t MountTable,
    top: &'t Mount,
    /// Outermost first.
    inside: Vec<&'t Mount>,
}

/// Where the tree is seen beside its own place.
#[derive(Default)]
struct Elsewhere {
    /// Copies in other mount namespaces that come and go with it.
    copies: Vec<Place>,
    /// Somebody has bound it to another place, and would lose the mounts inside it as well.
    is_bound: bool,
}

impl<'t> MountTree<'t> {
    /// `None` where the mount with this ID has gone.
    pub fn of(table: &'t MountTable, id: u32) -> Option<MountTree<'t>> {
        let top = table.iter().find(|mount| mount.id == id)?;
        let mut ids = HashSet::from([top.id]);
        let mut inside = Vec::new();
        // A mount may stand before the one that it is mounted on, where that was moved.
        while let Some(found) = table
            .iter()
            .find(|mount| ids.contains(&mount.parent) && !ids.contains(&mount.id))
        {
            ids.insert(found.id);
            inside.push(found);
        }
        inside.sort_by_key(|mount| mount.mount_point.components().count());
        Some(MountTree { table, top, inside })
    }

    pub fn place(&self) -> &Path {
        &self.top.mount_point
    }

    pub fn inside(&self) -> &[&'t Mount] {
        &self.inside
    }

    /// Whether a file system is seen outside of the tree as well, at least as much of it.
    pub fn is_outside(&self, mount: &Mount) -> bool {
        let has = |other: &Mount| {
            other.device == mount.device && mount.root.starts_with(&other.root) && !self.has(other)
        };
        self.table.iter().any(has)
    }

    /// The users of the tree other than the mounts inside it, separated by commas; empty where none is found.
    pub fn users(&self) -> String {
        let mut places = self.elsewhere().copies;
        places.push(Place::here(&self.top.mount_point));
        busy::users_at(&places)
    }

    /// Takes the whole tree away in one step, whoever uses it, in all mount namespaces where it came by itself.
    pub fn take_away(&self) -> Result<(), Stuck> {
        if self.elsewhere().is_bound {
            let made = take_away::open(self.top).and_then(|root| calls::make_open_private(&root));
            made.map_err(Stuck::Failed)?;
        }
        take_away::take_away(self.top, How::Detach)
    }

    fn has(&self, mount: &Mount) -> bool {
        let ids = self.inside.iter().map(|mount| mount.id);
        mount.id == self.top.id || ids.into_iter().any(|id| id == mount.id)
    }

    fn elsewhere(&self) -> Elsewhere {
        let mut found = Elsewhere::default();
        let Some(group) = self.top.peer_group else {
            return found;
        };
        let outside = |mount: &&Mount| !self.has(mount);
        found.is_bound = receivers(self.table, group).any(|mount| outside(&mount));
        let by_id = |table: &MountTable, id| table.iter().find(|mount| mount.id == id).cloned();
        let above = by_id(self.table, self.top.parent).and_then(|above| above.peer_group);
        for (_, namespace, table) in busy::others() {
            for mount in receivers(&table, group) {
                let parent = by_id(&table, mount.parent);
                let is_copy = above
                    .zip(parent)
                    .is_some_and(|(above, parent)| receives(&parent, above));
                match is_copy {
                    true => found.copies.push(Place {
                        namespace: namespace.clone(),
                        path: mount.mount_point.clone(),
                    }),
                    false => found.is_bound = true,
                }
            }
        }
        found
    }
}

/// The mounts from which a mount is unmounted that is unmounted from one of the peer group.
fn receivers(table: &MountTable, group: u32) -> impl Iterator<Item = &Mount> {
    table.iter().filter(move |mount| receives(mount, group))
}

fn receives(mount: &Mount, group: u32) -> bool {
    mount.peer_group == Some(group) || mount.master == Some(group)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw - ext4 /dev/vda rw
44 43 0:42 / /v/a/b rw - tmpfs deep rw
43 42 0:41 / /v/a rw - tmpfs sub rw
41 22 0:40 / /v rw - tmpfs hidden rw
45 41 0:43 / /v/old rw - tmpfs hidden rw
42 41 254:0 /source /v rw - ext4 /dev/vda rw
46 22 0:41 / /source/a rw - tmpfs sub rw
47 42 254:0 /else /v/else rw - ext4 /dev/vda rw
";

    #[test]
    fn what_is_inside_is_known_by_the_mount_that_it_is_on() {
        let table = MountTable::parse(TABLE);
        let tree = MountTree::of(&table, 42).expect("a mount");
        let ids: Vec<_> = tree.inside().iter().map(|mount| mount.id).collect();
        assert_eq!(ids, [43, 47, 44]);
        let outside: Vec<_> = tree.inside().iter().map(|it| tree.is_outside(it)).collect();
        assert_eq!(outside, [true, true, false]);
        assert!(MountTree::of(&table, 99).is_none());
    }
}

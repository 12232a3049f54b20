//! Mounts that keep another one from being seen at its place.

use crate::sys::mount::mountinfo::{Mount, MountTable};

/// A mount that hides another one.
#[derive(Debug, Clone, Copy)]
pub struct Cover<'t> {
    pub mount: &'t Mount,
    /// Whether it lies on top of the hidden mount, and not over a directory above, where it may hide more.
    is_on_top: bool,
    /// Whether a user of the host has made it.
    pub is_users: bool,
}

impl<'t> Cover<'t> {
    fn new(mount: &'t Mount, is_on_top: bool) -> Cover<'t> {
        Cover {
            mount,
            is_on_top,
            is_users: is_users(mount),
        }
    }

    /// Whether it is taken away with the hidden mount, if that is to go whatever lies on top of it.
    pub fn may_go(&self) -> bool {
        self.is_on_top || self.is_users
    }

    /// `X of type fuse is mounted over the volume at PLACE; ...`
    pub fn words(&self, hidden: &Mount) -> String {
        let (source, fs_type) = (&self.mount.source, &self.mount.fs_type);
        let place = hidden.mount_point.display();
        let what = format!("{source} of type {fs_type} is mounted over the volume at {place}");
        match self.may_go() {
            true => format!("{what}; unmount --lazy takes that away as well"),
            false => {
                let at = self.mount.mount_point.display();
                format!("{what}, at {at}; unmount that first")
            }
        }
    }
}

/// What hides a mount: the last of all that has to be taken away before the mount is seen again, and so the first to go.
pub fn over<'t>(table: &'t MountTable, hidden: &'t Mount) -> Option<Cover<'t>> {
    if let Some(hiding) = above(table, hidden) {
        return Some(Cover::new(topmost(table, hiding), false));
    }
    on_top(table, hidden).map(|mount| Cover::new(mount, true))
}

/// What is seen where this mount is mounted now, if that is another one, which lies on top of it.
pub fn on_top<'t>(table: &'t MountTable, mount: &Mount) -> Option<&'t Mount> {
    let mount = table.iter().find(|it| it.id == mount.id)?;
    Some(topmost(table, mount)).filter(|top| top.id != mount.id)
}

/// The last one of this mount and those that lie on top of it.
fn topmost<'t>(table: &'t MountTable, mount: &'t Mount) -> &'t Mount {
    let is_on = |it: &&Mount, top: &Mount| {
        it.parent == top.id && it.id != top.id && it.mount_point == top.mount_point
    };
    let mut top = mount;
    while let Some(next) = table.iter().find(|it| is_on(it, top)) {
        top = next;
    }
    top
}

/// The outermost mount over a directory on the way to this one.
fn above<'t>(table: &'t MountTable, mount: &'t Mount) -> Option<&'t Mount> {
    let (mut inner, mut found) = (mount, None);
    while let Some(outer) = table
        .iter()
        .find(|it| it.id == inner.parent && it.id != inner.id)
    {
        let is_over = |it: &&Mount| {
            it.parent == outer.id
                && it.id != inner.id
                && it.mount_point != inner.mount_point
                && inner.mount_point.starts_with(&it.mount_point)
        };
        let depth = |it: &&Mount| it.mount_point.components().count();
        found = table.iter().filter(is_over).min_by_key(depth).or(found);
        inner = outer;
    }
    found
}

/// Whether a user of the host has made it, other than root: the kernel names the user that it is for.
fn is_users(mount: &Mount) -> bool {
    let user = |option: &str| option.strip_prefix("user_id=").is_some_and(|id| id != "0");
    let is_fuse = mount.fs_type == "fuse" || mount.fs_type.starts_with("fuse.");
    is_fuse && mount.fs_options.split(',').any(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
1 0 254:0 / / rw - ext4 /dev/vda rw
10 1 0:40 / /srv rw - tmpfs srv rw
11 10 7:0 /data /srv/job/db rw - ext4 view rw
12 11 0:41 / /srv/job/db rw - tmpfs over rw
13 12 0:42 / /srv/job/db rw - fuse top rw,user_id=0
20 10 7:0 /data /srv/bob/db rw - ext4 covered rw
21 10 0:43 / /srv/bob rw - fuse.x users rw,user_id=7,group_id=7
22 21 0:44 / /srv/bob rw - fuse roots rw,user_id=0,group_id=0
30 1 7:0 /data /home/db rw - ext4 free rw
31 30 0:45 / /home/db/inside rw - tmpfs inside rw
40 1 7:0 /data /x/y/db rw - ext4 deep rw
41 1 0:46 / /x/y rw - fuse inner rw,user_id=7
42 1 0:47 / /x rw - fuse outer rw,user_id=7
43 1 0:48 / /x/y/db2 rw - tmpfs beside rw
";

    #[test]
    fn what_hides_a_mount_is_found_by_what_it_is_mounted_on() {
        let table = MountTable::parse(TABLE);
        for (source, cover) in [
            ("view", Some(("top", true))),
            ("over", Some(("top", true))),
            ("top", None),
            ("covered", Some(("roots", false))),
            ("free", None),
            ("inside", None),
            ("beside", Some(("outer", true))),
        ] {
            let mount = table.iter().find(|it| it.source == source);
            let found = over(&table, mount.expect("a mount"));
            let found = found.map(|it| (it.mount.source.as_str(), it.may_go()));
            assert_eq!(found, cover, "{source}");
        }
    }

    #[test]
    fn the_outermost_goes_first() {
        let mut text = String::from_utf8_lossy(TABLE).into_owned();
        for expected in [Some("outer"), Some("inner"), None] {
            let table = MountTable::parse(text.as_bytes());
            let deep = table.iter().find(|it| it.source == "deep").expect("there");
            let found = over(&table, deep).map(|it| it.mount.source.clone());
            assert_eq!(found.as_deref(), expected);
            if let Some(gone) = found {
                let is_other = |line: &&str| !line.contains(&format!(" {gone} "));
                let left: Vec<&str> = text.lines().filter(is_other).collect();
                text = left.join("\n");
            }
        }
    }
}

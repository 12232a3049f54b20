//! Bind mounts for which umount(8) calls dvdcli. mount(8) makes them, and lists them in libmount's own table, utab.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{by_program, mountinfo};

const TABLE: &str = "/run/mount/utab";

/// The option `helper=` of mount(8) with this makes umount(8) call `/sbin/umount.dvdcli`. (`uhelper=` would be ignored for root.)
const OURS: &str = "dvdcli";

/// Binds `source` to `target` by mount(8), and has it listed.
///
/// `options` are words of mount(8) that a bind mount can have, with commas between.
pub fn bind(source: &Path, target: &Path, options: &str, ends: Instant) -> Result<()> {
    let source = source
        .to_str()
        .context("a path that is not UTF-8 cannot be bound")?;
    let separator = if options.is_empty() { "" } else { "," };
    let options = format!("bind,helper={OURS}{separator}{options}");
    by_program::mount(source, target, "none", &options, None, ends)
}

/// Whether umount(8) calls dvdcli for what is mounted at `target`. A table that cannot be read lists nothing.
pub fn lists(target: &Path) -> bool {
    #[cfg(test)]
    if let Some(listed) = crate::sys::tests::fake_host::lists(target) {
        return listed;
    }
    helper_at(target).is_some_and(|helper| helper == OURS.as_bytes())
}

/// Whether umount(8) calls a helper other than dvdcli for what is mounted at `target`.
pub fn lists_other_helper(target: &Path) -> bool {
    helper_at(target).is_some_and(|helper| helper != OURS.as_bytes())
}

/// The name of the helper, `TYPE` in `umount.TYPE`, that umount(8) calls for what is mounted at `target`.
fn helper_at(target: &Path) -> Option<Vec<u8>> {
    let table = fs::read(TABLE).ok()?;
    let mounts = MountTable::read().ok()?;
    helper(&table, mounts.at(target)?).map(<[u8]>::to_vec)
}

/// As umount(8), this passes over entries of what was mounted there before: not every unmount removes them.
fn helper<'t>(table: &'t [u8], mount: &Mount) -> Option<&'t [u8]> {
    table.split(|byte| *byte == b'\n').find_map(|line| {
        let field = |name: &[u8]| {
            line.split(|byte| *byte == b' ')
                .find_map(|field| field.strip_prefix(name))
        };
        field(b"TARGET=").filter(|path| mountinfo::path(path) == mount.mount_point)?;
        field(b"ROOT=").filter(|path| mountinfo::path(path) == mount.root)?;
        let mut options = field(b"OPTS=")?.split(|byte| *byte == b',');
        options.find_map(|option| option.strip_prefix(b"helper="))
    })
}

/// Unmounts by umount(8), which removes the target from the table.
pub fn unmount(target: &Path, lazy: bool, ends: Instant) -> Result<()> {
    // It must not call dvdcli again, nor look at the path, which may hang.
    by_program::unmount(
        target,
        &["--internal-only", "--no-canonicalize"],
        lazy,
        ends,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_found_by_what_is_mounted_and_where() {
        let table = b"\
SRC=/dev/vda TARGET=/srv/a\\040b ROOT=/x BINDSRC=/x OPTS=_netdev,helper=dvdcli\n\
SRC=/dev/vda TARGET=/srv/other ROOT=/old OPTS=helper=old\n\
SRC=/dev/vda TARGET=/srv/other ROOT=/x OPTS=uhelper=x,helper=udisks2\n\
SRC=/dev/vda TARGET=/srv/none ROOT=/x OPTS=x-helper=a\n\
garbage\n";
        for (target, root, expected) in [
            ("/srv/a\\040b", "/x", Some("dvdcli")),
            ("/srv/a\\040b", "/", None),
            ("/srv/other", "/x", Some("udisks2")),
            ("/srv/none", "/x", None),
            ("/srv/a", "/x", None),
            ("/srv/a\\134040b", "/x", None),
        ] {
            let line = format!("7 1 0:5 {root} {target} rw - ext4 /dev/vda rw\n");
            let mounts = MountTable::parse(line.as_bytes());
            let found = helper(table, mounts.iter().next().expect("a mount"));
            assert_eq!(found, expected.map(str::as_bytes), "{target} {root}");
        }
    }
}

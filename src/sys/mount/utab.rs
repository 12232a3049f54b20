//! Bind mounts for which umount(8) calls dvdcli. mount(8) makes them, and lists them in libmount's own table, utab.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::sys::mount::{by_program, mountinfo};
use crate::sys::process::child;

const TABLE: &str = "/run/mount/utab";

/// An option of mount(8) that makes umount(8) call `/sbin/umount.dvdcli`. (`uhelper=` would be ignored for root.)
const HELPER: &str = "helper=dvdcli";

/// Binds `source` to `target` by mount(8), and has it listed.
///
/// `options` are words of mount(8) that a bind mount can have, with commas between.
pub fn bind(source: &Path, target: &Path, options: &str, ends: Instant) -> Result<()> {
    let source = source
        .to_str()
        .context("a path that is not UTF-8 cannot be bound")?;
    let separator = if options.is_empty() { "" } else { "," };
    let options = format!("bind,{HELPER}{separator}{options}");
    by_program::mount(source, target, "none", &options, ends)
}

/// Whether umount(8) calls dvdcli for what is mounted at `target`. A table that cannot be read lists nothing.
pub fn lists(target: &Path) -> bool {
    #[cfg(test)]
    if let Some(listed) = crate::sys::tests::fake_host::lists(target) {
        return listed;
    }
    fs::read(TABLE).is_ok_and(|table| is_in(&table, target))
}

fn is_in(table: &[u8], target: &Path) -> bool {
    table.split(|byte| *byte == b'\n').any(|line| {
        let field = |name: &[u8]| {
            line.split(|byte| *byte == b' ')
                .find_map(|field| field.strip_prefix(name))
        };
        let is_ours = |options: &[u8]| {
            options
                .split(|byte| *byte == b',')
                .any(|option| option == HELPER.as_bytes())
        };
        field(b"TARGET=").is_some_and(|path| mountinfo::path(path) == target)
            && field(b"OPTS=").is_some_and(is_ours)
    })
}

/// Unmounts by umount(8), which removes the target from the table.
pub fn unmount(target: &Path, lazy: bool, ends: Instant) -> Result<()> {
    let program = child::find("umount", "mount")?;
    // It must not call dvdcli again, nor look at the path, which may hang.
    let mut arguments = vec!["--internal-only".as_ref(), "--no-canonicalize".as_ref()];
    if lazy {
        arguments.push("--lazy".as_ref());
    }
    arguments.extend(["--".as_ref(), target.as_os_str()]);
    child::run(&program, &arguments, None, ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_listed_by_its_whole_name_and_our_helper() {
        let table = b"\
SRC=/dev/vda TARGET=/srv/a\\040b ROOT=/x BINDSRC=/x OPTS=_netdev,helper=dvdcli\n\
SRC=/dev/vda TARGET=/srv/other ROOT=/x OPTS=helper=udisks2\n\
garbage\n";
        assert!(is_in(table, Path::new("/srv/a b")));
        for other in ["/srv/a", "/srv/other", "/srv/a\\040b", ""] {
            assert!(!is_in(table, Path::new(other)), "{other}");
        }
    }
}

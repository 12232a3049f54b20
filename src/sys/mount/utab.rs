//! Bind mounts for which umount(8) calls dvdcli. mount(8) makes them, and lists them in libmount's own table, utab.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{by_program, mountinfo};

const TABLE: &str = "/run/mount/utab";

/// libmount's lock for it.
const LOCK: &str = "/run/mount/utab.lock";

/// How long that is waited for.
const LOCKED: Duration = Duration::from_secs(1);

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

/// The name of the helper other than dvdcli, `TYPE` in `umount.TYPE`, that umount(8) calls for a mount.
pub fn other_helper(mount: &Mount) -> Option<String> {
    let table = fs::read(TABLE).ok()?;
    let helper = helper(&table, mount).filter(|helper| *helper != OURS.as_bytes())?;
    Some(String::from_utf8_lossy(helper).into_owned())
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
        let entry = Entry::parse(line)?;
        let is_here = entry.target == mount.mount_point && entry.root == mount.root;
        entry.helper.filter(|_| is_here)
    })
}

/// A line of the table, as far as it matters.
struct Entry<'l> {
    target: PathBuf,
    root: PathBuf,
    helper: Option<&'l [u8]>,
}

impl Entry<'_> {
    fn parse(line: &[u8]) -> Option<Entry<'_>> {
        let field = |name: &[u8]| {
            let mut fields = line.trim_ascii_end().split(|byte| *byte == b' ');
            fields.find_map(|field| field.strip_prefix(name))
        };
        let mut options = field(b"OPTS=")?.split(|byte| *byte == b',');
        Some(Entry {
            target: mountinfo::path(field(b"TARGET=")?),
            root: mountinfo::path(field(b"ROOT=")?),
            helper: options.find_map(|option| option.strip_prefix(b"helper=")),
        })
    }
}

/// Drops what is listed for a mount of ours that has gone, by the places where it was. Where that is not possible the entry stays,
/// which umount(8) passes over.
pub fn forget(places: &[&Path], root: &Path) {
    #[cfg(test)]
    if crate::sys::tests::fake_host::forget(places).is_some() {
        return;
    }
    drop_all(|entry| is_of(entry, places, root));
}

/// Whether it is an entry of ours for a mount that was at one of these places.
fn is_of(entry: &Entry, places: &[&Path], root: &Path) -> bool {
    let is_here = places.contains(&entry.target.as_path()) && entry.root == root;
    is_here && entry.helper == Some(OURS.as_bytes())
}

/// The same for any mount, whatever helper is listed.
pub fn forget_all(mount: &Mount) {
    drop_all(|entry| entry.target == mount.mount_point && entry.root == mount.root);
}

fn drop_all(is_gone: impl Fn(&Entry) -> bool) {
    let is_listed = || fs::read(TABLE).is_ok_and(|table| without(&table, &is_gone).is_some());
    if is_listed() {
        let _ = rewrite(|table| without(table, &is_gone));
    }
}

/// Changes the table as libmount does: under its lock, and by renaming a new file.
fn rewrite(change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
    let mut open = File::options();
    let lock = open.create(true).append(true).mode(0o644).open(LOCK)?;
    // Every user can hold it.
    let ends = Instant::now() + LOCKED;
    while lock.try_lock().is_err() {
        if Instant::now() >= ends {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(LOCKED / 100);
    }
    let Some(changed) = change(&fs::read(TABLE)?) else {
        return Ok(());
    };
    let new = format!("{TABLE}.{}", std::process::id());
    let mut open = File::options();
    let file = open.write(true).create_new(true).mode(0o644).open(&new);
    file.and_then(|mut file| file.write_all(&changed))
        .and_then(|()| fs::rename(&new, TABLE))
        .inspect_err(|_| drop(fs::remove_file(&new)))
}

/// The table without the entries that `is_gone` names; `None` where it has none.
fn without(table: &[u8], is_gone: impl Fn(&Entry) -> bool) -> Option<Vec<u8>> {
    let stays = |line: &&[u8]| Entry::parse(line).is_none_or(|entry| !is_gone(&entry));
    let lines = table.split_inclusive(|byte| *byte == b'\n');
    let left: Vec<u8> = lines.filter(stays).flatten().copied().collect();
    (left.len() < table.len()).then_some(left)
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

    #[test]
    fn the_entries_of_a_mount_that_has_gone_are_dropped() {
        let entry = |target: &str, root: &str, helper: &str| {
            format!(
                "SRC=/dev/vda TARGET={target} ROOT={root} BINDSRC=/x OPTS=_netdev,helper={helper}\n"
            )
        };
        let [ours, twin, other, elsewhere] = [
            entry("/srv/a\\040b", "/x", OURS),
            entry("/srv/was", "/x", OURS),
            entry("/srv/a\\040b", "/x", "udisks2"),
            entry("/srv/a\\040b", "/y", OURS),
        ];
        let table = [&*ours, &other, "garbage\n", &twin, &elsewhere].concat();
        let places = [Path::new("/srv/a b"), Path::new("/srv/was")];
        let is_gone = |entry: &Entry| is_of(entry, &places, Path::new("/x"));
        let left = without(table.as_bytes(), is_gone).expect("changed");
        let expected = [&*other, "garbage\n", &elsewhere].concat();
        assert_eq!(String::from_utf8_lossy(&left), expected);
        assert_eq!(without(&left, is_gone), None);
    }
}

//! Mounting by mount(8) and unmounting by umount(8), for file systems that need a program of their own. Neither is believed:
//! the mount table tells what they have done.

use std::ffi::OsStr;
use std::fs;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::sys::mount::calls::{self, doing};
use crate::sys::mount::held::HeldDirectory;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::process::child::{self, Group};
use crate::sys::process::interruption;

/// How long a mount may come after its program has ended, as with a daemon that goes into the background before it mounts. It
/// never gets more than half of the time left, so that the rest is enough to undo what else was done.
const LATEST: Duration = Duration::from_secs(10);

/// How often the mount table is read meanwhile.
const PAUSE: Duration = Duration::from_millis(10);

/// A word that most programs of file systems do not know, and refuse: it is set when they have mounted.
const NOT_FOR_PROGRAMS: &str = "nosymfollow";

/// The program by which mount(8) mounts file systems of this type; `None` where the system call does.
///
/// mount(8) looks for `mount.fuse.sshfs` and then for `mount.fuse`, if the type is `fuse.sshfs`.
pub fn program_for(fs_type: &str) -> Option<PathBuf> {
    let family = fs_type.split_once('.').map(|(family, _)| family);
    let program = |name: &str| Path::new("/sbin").join(format!("mount.{name}"));
    [Some(fs_type), family]
        .into_iter()
        .flatten()
        .map(program)
        .find(|program| program.is_file())
}

/// Mounts by mount(8). `options` are passed on as they are written, but for [`NOT_FOR_PROGRAMS`]; `input` is what the program can read on
/// its standard input.
///
/// # Errors
///
/// It fails, or has ended without an error and nothing was mounted, or a symbolic link leads to the target. Something may be mounted at
/// the target then.
pub fn mount(
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &str,
    input: Option<&File>,
    ends: Instant,
) -> Result<()> {
    let program = child::find("mount", "mount")?;
    let target_text = target.to_str().context("a mount point that is not UTF-8")?;
    let mut arguments = vec!["-t", fs_type];
    // mount(8) binds by itself.
    let is_passed = |word: &&str| fs_type == "none" || *word != NOT_FOR_PROGRAMS;
    let passed: Vec<&str> = options.split(',').filter(is_passed).collect();
    let passed = passed.join(",");
    if !passed.is_empty() {
        arguments.extend(["-o", &passed]);
    }
    arguments.extend(["--", source, target_text]);
    let table = MountTable::read()?;
    let before = table.at(target).map(|mount| mount.id);
    let group = group_for(target, &table);
    // The program goes by the name.
    let held = HeldDirectory::open(target)?;
    interruption::finishing(|| child::run_in(group, &program, &arguments, input, ends))
        .and_then(|()| wait_for_mount(target, before, ends))
        .and_then(|mount| complete_flags(&mount, options))
        .inspect_err(|_| take_away_strays(&held, target, &table))
        .with_context(|| doing(source, target, fs_type, options))
}

/// Takes away what has been mounted since `before` in another place than was asked for: the directory was moved, or a link put in its
/// place.
fn take_away_strays(held: &HeldDirectory, target: &Path, before: &MountTable) {
    let Ok(now) = MountTable::read() else { return };
    let places = [fs::read_link(held.way()), fs::canonicalize(target)];
    for place in places.into_iter().flatten().filter(|place| place != target) {
        let is_new = |mount: &&Mount| before.iter().all(|old| old.id != mount.id);
        if now.at(&place).filter(is_new).is_some() {
            let _ = calls::unmount(&place, true);
        }
    }
}

/// Unmounts by umount(8), which goes by the name: nobody but root may have it lead to another mount meanwhile.
///
/// # Errors
///
/// It fails, or has ended without an error and what was mounted there still is.
pub fn unmount(mount_point: &Path, lazy: bool, ends: Instant) -> Result<()> {
    let program = child::find("umount", "mount")?;
    let words: &[&str] = if lazy { &["--lazy", "--"] } else { &["--"] };
    let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    arguments.push(mount_point.as_os_str());
    let seen = |table: &MountTable| table.at(mount_point).map(|mount| mount.id);
    let table = MountTable::read()?;
    let group = group_for(mount_point, &table);
    interruption::finishing(|| child::run_in(group, &program, &arguments, None, ends))?;
    let before = seen(&table);
    if before.is_some() && seen(&MountTable::read()?) == before {
        bail!(
            "umount has ended without an error, but {} is still mounted",
            mount_point.display()
        );
    }
    Ok(())
}

fn group_for(mount_point: &Path, table: &MountTable) -> Group {
    match table.has_trigger_at(mount_point) {
        true => Group::Ours,
        false => Group::Own,
    }
}

/// The mount that a program has made, which may come a moment after the program has ended.
///
/// # Errors
///
/// It does not come.
fn wait_for_mount(target: &Path, before: Option<u32>, ends: Instant) -> Result<Mount> {
    let left = ends.saturating_duration_since(Instant::now());
    let ends = Instant::now() + LATEST.min(left / 2);
    loop {
        let table = MountTable::read()?;
        if let Some(mount) = table.at(target)
            && Some(mount.id) != before
        {
            return Ok(mount.clone());
        }
        if interruption::is_over(ends) {
            let otherwise = "mount has ended without an error, but nothing is mounted there";
            bail!(interruption::reason_or(otherwise));
        }
        thread::sleep(PAUSE);
    }
}

/// Sets the flags of the mount that are among the options and that were not set: busybox's mount and some helpers lose them.
fn complete_flags(mount: &Mount, options: &str) -> Result<()> {
    let wanted = MountOptions::parse(options).of_the_mount();
    let found = MountOptions::parse(&mount.options);
    if found.of_the_mount().contains(wanted) {
        return Ok(());
    }
    calls::remount(&mount.mount_point, found.of_the_mount() | wanted)
        .context("setting the mount options that mount has left out")
}

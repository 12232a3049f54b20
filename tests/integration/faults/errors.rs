//! Lets the system calls of the built-in drivers' commands fail, one after the other, and runs the commands again.

use std::collections::HashMap;

use crate::harness::interrupted::{VERBS, Verb};
use crate::harness::points::calls;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::ensure;
use crate::harness::scene::{Archived, Scene};
use crate::harness::strace::{CHANGING, Point, Process, step};
use crate::harness::waiting::at_once;
use crate::harness::workers::play;

/// Calls that open, make, change, move, delete, bind, mount or start something.
const CALLS: [&str; 44] = [
    "chmod",
    "clone",
    "clone3",
    "copy_file_range",
    "fallocate",
    "fchmod",
    "fchown",
    "fchownat",
    "flock",
    "fremovexattr",
    "fsetxattr",
    "fstatfs",
    "fsync",
    "ftruncate",
    "getdents64",
    "ioctl",
    "linkat",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "mount",
    "openat",
    "openat2",
    "pidfd_open",
    "pipe2",
    "pread64",
    "pwrite64",
    "read",
    "readlink",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "sendfile",
    "statfs",
    "symlink",
    "symlinkat",
    "syncfs",
    "umount2",
    "unlink",
    "unlinkat",
    "utimensat",
    "vfork",
    "write",
];

/// The errors that a call can meet: any of them a broken disk, those that write a full one, those that open a limit.
fn errors(name: &str) -> &'static [&'static str] {
    match name {
        "getdents64" | "pread64" | "read" | "readlink" | "unlink" | "unlinkat" | "rmdir" => {
            &["EIO"]
        }
        "openat" | "openat2" => &["ENOSPC", "EIO", "EMFILE"],
        "clone" | "clone3" | "memfd_create" | "pidfd_open" | "pipe2" | "vfork" => {
            &["EIO", "EMFILE"]
        }
        _ => &["ENOSPC", "EIO"],
    }
}

/// A `remove` reads the mount tables of all processes; of calls that only look, these many of each name are tried.
const LOOKS: usize = 40;

/// How often dvdcli itself makes each call.
fn own_counts(points: &[Point]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for point in points
        .iter()
        .filter(|point| point.process == Process::Dvdcli)
    {
        *counts.entry(point.name.clone()).or_default() += 1;
    }
    counts
}

/// More calls of one name than it takes to clean up.
const CLEANING_UP: usize = 8;

fn is_tried(point: &Point, own: &HashMap<String, usize>) -> bool {
    // Calls are counted for each process by itself, so that dvdcli would meet the error, too, perhaps while it cleans up.
    let own = own.get(&point.name).copied().unwrap_or(0);
    if point.process == Process::Child && own > 0 && point.ordinal <= own + CLEANING_UP {
        return false;
    }
    let looks = ["openat", "pread64", "read", "readlink"].contains(&point.name.as_str());
    CALLS.contains(&point.name.as_str()) && !(looks && point.ordinal > LOOKS)
}

/// Whether the command had begun: what the loader and the runtime fail to read before is not ours to word.
fn began(found: &Output) -> bool {
    !(found.code == 127
        || found
            .stderr
            .contains("error while loading shared libraries"))
}

/// One failure: from nothing, through the error, to nothing. Whether the command failed.
fn survives(scene: &Scene, verb: &Verb, point: &Point, error: &str) -> Result<bool, String> {
    scene.begin(verb)?;
    let found = point.inject(scene, verb.line, &format!("error={error}"));
    let failed = found.code != 0;
    if failed && verb.is("doctor") {
        // An error is a finding.
        ensure(found.code == 1 || !began(&found), || format!("{found:?}"))?;
    } else if failed && began(&found) {
        scene.is_an_error(verb, &found)?;
        scene.was_undone(verb)?;
        scene.says_what_stays(verb, &found)?;
    } else if !failed {
        let path = verb.is("mount") == found.stdout.starts_with("$ROOT/");
        ensure(path && is_warnings(&found.stderr), || {
            format!("succeeds: {found:?}")
        })?;
    }
    if verb.is("export") {
        scene.archive_is(if failed {
            Archived::Old
        } else {
            Archived::Whole
        })?;
    }
    scene.agrees()?;
    scene
        .again(verb)
        .map_err(|why| format!("{why} after {found:?}"))?;
    scene
        .finish(verb)
        .map_err(|why| format!("{why} after {found:?}"))?;
    Ok(failed)
}

fn errors_anywhere(name: &str) {
    let verb = VERBS.iter().find(|verb| verb.name == name).unwrap();
    let points = at_once([verb], calls).remove(0);
    let Some(points) = points else { return };
    let own = own_counts(&points);
    let points: Vec<_> = points
        .into_iter()
        .filter(|point| is_tried(point, &own))
        .filter(|point| !verb.is_long() || step() == 1 || CHANGING.contains(&point.name.as_str()))
        .collect();
    let cases = points.iter();
    let cases =
        cases.flat_map(|point| errors(&point.name).iter().map(move |error| (point, *error)));
    let every = if step() == 1 { 1 } else { verb.every() };
    let cases = cases.step_by(every).collect();
    let failed = play(verb, cases, |scene, (point, error)| {
        survives(scene, verb, point, error)
    });
    assert!(!failed.is_empty(), "{name}: no error had any effect");
}

#[test]
fn create_meets_errors_anywhere() {
    errors_anywhere("create");
}

#[test]
fn mount_of_an_existing_volume_meets_errors_anywhere() {
    errors_anywhere("mount");
}

#[test]
fn mount_of_a_new_volume_meets_errors_anywhere() {
    errors_anywhere("mount new");
}

#[test]
fn unmount_meets_errors_anywhere() {
    errors_anywhere("unmount");
}

#[test]
fn doctor_meets_errors_anywhere() {
    errors_anywhere("doctor");
}

#[test]
fn remove_meets_errors_anywhere() {
    errors_anywhere("remove");
}

#[test]
fn run_meets_errors_anywhere() {
    errors_anywhere("run");
}

#[test]
fn mount_of_a_tmpfs_meets_errors_anywhere() {
    errors_anywhere("mount tmpfs");
}

#[test]
fn unmount_of_a_tmpfs_meets_errors_anywhere() {
    errors_anywhere("unmount tmpfs");
}

#[test]
fn resize_meets_errors_anywhere() {
    errors_anywhere("resize");
}

#[test]
fn snapshot_meets_errors_anywhere() {
    errors_anywhere("snapshot");
}

#[test]
fn restore_meets_errors_anywhere() {
    errors_anywhere("restore");
}

#[test]
fn export_meets_errors_anywhere() {
    errors_anywhere("export");
}

/// The volume is as it was, and what could not be taken away is said.
#[test]
fn import_meets_errors_anywhere() {
    errors_anywhere("import");
}

#[test]
fn trim_meets_errors_anywhere() {
    errors_anywhere("trim");
}

#[test]
fn prune_meets_errors_anywhere() {
    errors_anywhere("prune");
}

#[test]
fn run_on_a_copy_meets_errors_anywhere() {
    errors_anywhere("run clone");
}

#[test]
fn mount_from_a_snapshot_meets_errors_anywhere() {
    errors_anywhere("mount from snapshot");
}

#[test]
fn copy_meets_errors_anywhere() {
    errors_anywhere("copy");
}

/// What is not mounted is not taken.
#[test]
fn mount_that_takes_a_volume_from_another_host_meets_errors_anywhere() {
    errors_anywhere("take");
}

#[test]
fn mount_on_a_full_disk_meets_errors_anywhere() {
    errors_anywhere("mount on full disk");
}

#[test]
fn unmount_on_a_full_disk_meets_errors_anywhere() {
    errors_anywhere("unmount on full disk");
}

#[test]
fn remove_on_a_full_disk_meets_errors_anywhere() {
    errors_anywhere("remove on full disk");
}

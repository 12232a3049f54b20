//! Kills commands of the built-in drivers at their system calls, one after the other, and runs them again.

use crate::harness::interrupted::{VERBS, Verb};
use crate::harness::points::calls;
use crate::harness::scenario::ensure;
use crate::harness::scene::Scene;
use crate::harness::strace::{CHANGING, Point, Process, step};
use crate::harness::waiting::at_once;
use crate::harness::workers::play;

/// Of each verb, every point up to this one; a `remove` asks every process on the host for its mounts, hundreds of times
/// the same calls with nothing changed in between, and a full run takes minutes. Beyond it, every point that changes
/// something, and of those that only look, every seventh, or as `DVDCLI_TEST_STEP` says: 1 leaves none out.
const DENSE: usize = 150;

/// Those that are tried. Where that takes long, only those that change something.
fn chosen(verb: &Verb, points: Vec<Point>) -> Vec<(usize, Point)> {
    let numbered = points.into_iter().enumerate();
    if !verb.is_long() || step() == 1 {
        let is_chosen =
            |point: &(usize, Point)| is_reached(point) || point.0.is_multiple_of(step());
        return numbered.filter(is_chosen).collect();
    }
    numbered.filter(changes).step_by(verb.every()).collect()
}

/// One point: from nothing, through the kill, to nothing.
fn survives(scene: &Scene, verb: &Verb, at: usize, point: &Point) -> Result<bool, String> {
    scene.begin(verb)?;
    let cut = point.inject(scene, verb.line, "signal=KILL");
    let was_killed = cut.code == 137;
    ensure(
        was_killed || cut.code == 0 || point.process != Process::Dvdcli,
        || format!("not killed: {cut:?}"),
    )?;
    if !was_killed && cut.code != 0 {
        // A process that it needed was killed: an error like any other.
        scene.is_an_error(verb, &cut)?;
        scene.was_undone(verb)?;
    }
    if verb.is("export") {
        scene.archive_is_whole_or_old()?;
    }
    if verb.is("run") && !verb.clones() && at.is_multiple_of(2) {
        scene.does("unmount -d loop -n db")?;
        scene.was_undone(verb)?;
    }
    if verb.is("import") && at.is_multiple_of(2) {
        scene.has_all_or_nothing()?;
    }
    let exists = scene.agrees()?;
    if exists && at.is_multiple_of(2) && verb.changes_existence() {
        scene.is_whole(verb)?;
    }
    scene.again(verb)?;
    scene.finish(verb)?;
    Ok(was_killed || cut.code != 0)
}

fn killed_anywhere(name: &str) {
    let verb = VERBS.iter().find(|verb| verb.name == name).unwrap();
    let points = at_once([verb], calls).remove(0);
    let Some(points) = points else { return };
    let points = chosen(verb, points);
    let needed = points.iter().filter(|point| is_reached(point)).count();
    let reached = play(verb, points, |scene, (at, point)| {
        survives(scene, verb, *at, point)
    });
    let reached = reached.iter().filter(|point| is_reached(point)).count();
    // Who waits for a busy machine asks more often.
    assert!(
        reached * 2 >= needed,
        "{name}: killed at {reached} of {needed} points"
    );
}

/// Of the calls that only look, how many there are depends on what else runs on the host.
fn is_reached(point: &(usize, Point)) -> bool {
    point.0 < DENSE || changes(point)
}

fn changes((_, point): &(usize, Point)) -> bool {
    CHANGING.contains(&point.name.as_str())
}

#[test]
fn create_is_killed_anywhere() {
    killed_anywhere("create");
}

#[test]
fn mount_of_an_existing_volume_is_killed_anywhere() {
    killed_anywhere("mount");
}

#[test]
fn mount_of_a_new_volume_is_killed_anywhere() {
    killed_anywhere("mount new");
}

/// What was written stays, whatever the options ask for.
#[test]
fn mount_that_would_overwrite_is_killed_anywhere() {
    killed_anywhere("mount overwriting");
}

#[test]
fn unmount_is_killed_anywhere() {
    killed_anywhere("unmount");
}

#[test]
fn doctor_is_killed_anywhere() {
    killed_anywhere("doctor");
}

#[test]
fn remove_is_killed_anywhere() {
    killed_anywhere("remove");
}

/// It has one of both sizes then, and what was in it.
#[test]
fn resize_is_killed_anywhere() {
    killed_anywhere("resize");
}

#[test]
fn snapshot_is_killed_anywhere() {
    killed_anywhere("snapshot");
}

#[test]
fn restore_is_killed_anywhere() {
    killed_anywhere("restore");
}

/// The archive has its name when it is whole; before that the old one has it.
#[test]
fn export_is_killed_anywhere() {
    killed_anywhere("export");
}

/// All of it is in the volume then, or nothing, as soon as that is mounted.
#[test]
fn import_is_killed_anywhere() {
    killed_anywhere("import");
}

#[test]
fn trim_is_killed_anywhere() {
    killed_anywhere("trim");
}

#[test]
fn prune_is_killed_anywhere() {
    killed_anywhere("prune");
}

/// A copy that is left is pruned.
#[test]
fn run_on_a_copy_is_killed_anywhere() {
    killed_anywhere("run clone");
}

#[test]
fn mount_from_a_snapshot_is_killed_anywhere() {
    killed_anywhere("mount from snapshot");
}

/// With a target, which goes with the one who was killed. Also where it is the command that is killed.
#[test]
fn run_is_killed_anywhere() {
    killed_anywhere("run");
}

#[test]
fn mount_of_a_tmpfs_is_killed_anywhere() {
    killed_anywhere("mount tmpfs");
}

#[test]
fn unmount_of_a_tmpfs_is_killed_anywhere() {
    killed_anywhere("unmount tmpfs");
}

#[test]
fn remove_of_a_directory_is_killed_anywhere() {
    killed_anywhere("remove directory");
}

#[test]
fn copy_is_killed_anywhere() {
    killed_anywhere("copy");
}

/// Then either of them has it, and this host gets it again.
#[test]
fn mount_that_takes_a_volume_from_another_host_is_killed_anywhere() {
    killed_anywhere("take");
}

#[test]
fn mount_on_a_full_disk_is_killed_anywhere() {
    killed_anywhere("mount on full disk");
}

#[test]
fn unmount_on_a_full_disk_is_killed_anywhere() {
    killed_anywhere("unmount on full disk");
}

#[test]
fn remove_on_a_full_disk_is_killed_anywhere() {
    killed_anywhere("remove on full disk");
}

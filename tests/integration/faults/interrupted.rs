//! Sends SIGTERM to commands of the built-in drivers at their system calls, one after the other, and runs them again.

use crate::harness::interrupted::{VERBS, Verb};
use crate::harness::points::calls;
use crate::harness::process::is_warnings;
use crate::harness::scenario::ensure;
use crate::harness::scene::Scene;
use crate::harness::strace::{CHANGING, Point, Process, step};
use crate::harness::waiting::at_once;
use crate::harness::workers::play;

/// What 128 and the number of SIGTERM is.
const INTERRUPTED: i32 = 143;

/// Calls of dvdcli's own that change something, and of the others every seventh, or as `DVDCLI_TEST_STEP` says.
fn chosen(mut points: Vec<Point>) -> Vec<Point> {
    points.retain(|point| point.process == Process::Dvdcli);
    let is_chosen = |(at, point): &(usize, Point)| {
        CHANGING.contains(&point.name.as_str()) || at.is_multiple_of(step())
    };
    let chosen = points.into_iter().enumerate().filter(is_chosen);
    chosen.map(|(_, point)| point).collect()
}

/// Either it is done, or it is interrupted and undone.
fn survives(scene: &Scene, verb: &Verb, point: &Point) -> Result<bool, String> {
    scene.begin(verb)?;
    let found = point.inject(scene, verb.line, "signal=TERM");
    let is_interrupted = found.code == INTERRUPTED;
    let is_right = match is_interrupted {
        true => found.stdout.is_empty(),
        false => found.code == 0 && is_warnings(&found.stderr),
    };
    ensure(is_right, || format!("{found:?}"))?;
    let after = |why| format!("{why} after {found:?}");
    if verb.is("run") && scene.nothing_is_mounted().is_err() {
        // A disk that writes for longer than a signal leaves it.
        let is_said = is_interrupted && found.stderr.contains("to the disk: not done 1 s after");
        ensure(is_said, || format!("mounted after {found:?}"))?;
        scene.does("unmount -d loop -n db")?;
    }
    if is_interrupted {
        scene.was_undone(verb).map_err(after)?;
    }
    scene.agrees()?;
    scene.again(verb).map_err(after)?;
    scene.finish(verb).map_err(after)?;
    Ok(is_interrupted)
}

fn interrupted_anywhere(name: &str) {
    let verb = VERBS.iter().find(|verb| verb.name == name).unwrap();
    let points = at_once([verb], calls).remove(0);
    let Some(points) = points else { return };
    let interrupted = play(verb, chosen(points), |scene, point| {
        survives(scene, verb, point)
    });
    assert!(!interrupted.is_empty(), "{name}: it was never interrupted");
}

#[test]
fn create_is_interrupted_anywhere() {
    interrupted_anywhere("create");
}

#[test]
fn mount_of_a_new_volume_is_interrupted_anywhere() {
    interrupted_anywhere("mount new");
}

#[test]
fn unmount_is_interrupted_anywhere() {
    interrupted_anywhere("unmount");
}

#[test]
fn run_is_interrupted_anywhere() {
    interrupted_anywhere("run");
}

#[test]
fn copy_is_interrupted_anywhere() {
    interrupted_anywhere("copy");
}

#[test]
fn mount_that_takes_a_volume_from_another_host_is_interrupted_anywhere() {
    interrupted_anywhere("take");
}

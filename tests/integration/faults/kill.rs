//! Kills commands of the built-in drivers at their system calls, one after the other, and runs them again.

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::interrupted::{VERBS, Verb};
use crate::harness::process::Output;
use crate::harness::scenario::ensure;
use crate::harness::scene::Scene;
use crate::harness::strace::{CHANGING, Point, Process, read, step, under_strace};
use crate::harness::waiting::at_once;
use crate::harness::workers::play;

/// Of each verb, every point up to this one; a `remove` asks every process on the host for its mounts, hundreds of times
/// the same calls with nothing changed in between, and a full run takes minutes. Beyond it, every point that changes
/// something, and of those that only look, every seventh, or as `DVDCLI_TEST_STEP` says: 1 leaves none out.
const DENSE: usize = 150;

impl Point {
    /// What strace has to be told to have something done there: `signal=KILL`, `error=EIO`.
    pub fn injecting(&self, what: &str) -> [String; 6] {
        let trace = format!("trace={}", self.name);
        let inject = format!("inject={}:{what}:when={}", self.name, self.ordinal);
        ["-e", &trace, "-e", &inject, "-o", "/dev/null"].map(str::to_owned)
    }

    /// Runs the command, with something done to it there.
    pub fn inject(&self, scene: &Scene, line: &str, what: &str) -> Output {
        let args = self.injecting(what);
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        let run = scene.env.dvdcli(line);
        match self.process {
            Process::Dvdcli => under_strace(run, &args).output(),
            // Calls are counted for each process by itself.
            Process::Child => {
                args.push("-f");
                under_strace(run, &args).output()
            }
            Process::Mkfs => scene.mkfs_under_strace(run, &args).output(),
        }
    }
}

/// Every call that the command makes, in order: those of dvdcli first. `None` where the test does not run as root.
///
/// To be called on a thread of its own: the test's must not mount anything, or every worker's namespace would begin with it.
pub fn calls(verb: &Verb) -> Option<Vec<Point>> {
    let scene = Scene::new(Env::isolated()?).unwrap();
    let log = scene.env.path("strace");
    let log_text = log.display().to_string();
    let args = ["-f", "-o", &log_text];
    let listed = |of_mkfs: bool| {
        scene.begin(verb).unwrap();
        let run = scene.env.dvdcli(verb.line);
        let run = if of_mkfs {
            scene.mkfs_under_strace(run, &args)
        } else {
            under_strace(run, &args)
        };
        let done = run.output();
        assert_eq!(done.code, 0, "{done:?}");
        let text = fs::read_to_string(&log).unwrap();
        fs::remove_file(&log).unwrap();
        scene.finish(verb).unwrap();
        text
    };
    let makes = verb.makes_a_file_system();
    let mut points = read(&listed(false), Process::Dvdcli);
    points.retain(|point| point.process == Process::Dvdcli || !makes);
    if makes {
        points.extend(read(&listed(true), Process::Mkfs));
    }
    Some(points)
}

/// Those that are tried.
fn chosen(points: Vec<Point>) -> Vec<(usize, Point)> {
    let numbered = points.into_iter().enumerate();
    let chosen = numbered.filter(|point| is_reached(point) || point.0 % step() == 0);
    chosen.collect()
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
        scene.is_an_error(&cut)?;
        scene.was_undone(verb)?;
    }
    if verb.is("run") && at.is_multiple_of(2) {
        scene.does("unmount -d loop -n db")?;
        scene.was_undone(verb)?;
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
    let points = chosen(points);
    let needed = points.iter().filter(|point| is_reached(point)).count();
    let reached = play(name, points, |scene, (at, point)| {
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
fn is_reached((at, point): &(usize, Point)) -> bool {
    *at < DENSE || CHANGING.contains(&point.name.as_str())
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
fn remove_is_killed_anywhere() {
    killed_anywhere("remove");
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

//! Kills commands of the built-in drivers at their system calls, one after the other, and runs them again.

use std::fs;
use std::sync::Mutex;
use std::thread;

use crate::harness::env::Env;
use crate::harness::interrupted::{VERBS, Verb};
use crate::harness::process::Output;
use crate::harness::scenario::{ensure, note};
use crate::harness::scene::Scene;
use crate::harness::strace::{CHANGING, Point, Process, read, step, under_strace};

/// Workers for each verb: the tests themselves run side by side as well.
const WORKERS: usize = 2;

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
        for line in verb.before {
            scene.does(line).unwrap();
        }
        scene.keep_data(verb).unwrap();
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
fn chosen(points: Vec<Point>) -> Vec<Point> {
    let is_chosen = |(at, point): &(usize, Point)| {
        *at < DENSE || at % step() == 0 || CHANGING.contains(&point.name.as_str())
    };
    let numbered = points.into_iter().enumerate();
    numbered.filter(is_chosen).map(|(_, point)| point).collect()
}

/// One point: from nothing, through the kill, to nothing.
fn survives(scene: &Scene, verb: &Verb, at: usize, point: &Point) -> Result<bool, String> {
    for line in verb.before {
        scene.does(line)?;
    }
    scene.keep_data(verb)?;
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
    let points = thread::scope(|scope| scope.spawn(|| calls(verb)).join().unwrap());
    let Some(points) = points else { return };
    let points = chosen(points);
    let total = points.len();
    let left = Mutex::new(points.into_iter().enumerate());
    let failures = Mutex::new(vec![]);
    let reached = Mutex::new(0);
    let work = || {
        let mut scene = Scene::new(Env::isolated().unwrap()).unwrap();
        loop {
            // Not in the loop's head: the lock would last as long as its body.
            let Some((at, point)) = left.lock().unwrap().next() else {
                break;
            };
            match survives(&scene, verb, at, &point) {
                Ok(true) => *reached.lock().unwrap() += 1,
                Ok(false) => {}
                Err(why) => {
                    failures.lock().unwrap().push(format!("{point:?}: {why}"));
                    scene.end();
                    scene = Scene::new(Env::isolated().unwrap()).unwrap();
                }
            }
        }
        if let Err(why) = scene.others_data() {
            failures.lock().unwrap().push(why);
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    let reached = reached.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{name}: {} of {total} points fail\n{}",
        failures.len(),
        failures[..failures.len().min(40)].join("\n")
    );
    // Some calls depend on what else runs on the host.
    assert!(reached * 10 >= total * 9, "{name}: {reached} of {total}");
    note(&format!("{name}: killed at {reached} of {total} points"));
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

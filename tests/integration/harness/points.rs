//! The system calls of a command, at each of which a test has something done to it.

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::interrupted::Verb;
use crate::harness::process::Output;
use crate::harness::scene::Scene;
use crate::harness::strace::{Point, Process, read, under_strace};

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
    let scene = Scene::of(verb, Env::isolated()?).unwrap();
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

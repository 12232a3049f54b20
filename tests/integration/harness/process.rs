//! One run of a program: what is expected of it, and its exit code, stdout and stderr compared together.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::waiting::KILL_AFTER;

/// One run, and what is expected of it.
#[must_use = "nothing runs before `succeeds`, `fails`, `output` or `start`"]
pub struct Run<'a> {
    env: &'a Env,
    pub command: Command,
    stdout: String,
    stderr: String,
}

/// What a run left, for a comparison of everything at once.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What a shell would say: 128 and the signal's number where one ended the process.
    code: i32,
    stdout: Lines,
    stderr: Lines,
}

/// A text that a failed comparison shows line by line.
#[derive(PartialEq, Eq)]
struct Lines(String);

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_list()
            .entries(self.0.split_inclusive('\n'))
            .finish()
    }
}

/// The end of a run, for a test that looks at it in its own way.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl<'a> Run<'a> {
    pub fn new(env: &'a Env, command: Command) -> Run<'a> {
        Run {
            env,
            command,
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Run<'a> {
        self.command.env(name, value);
        self
    }

    /// Expects this text on stdout.
    pub fn prints(mut self, stdout: &str) -> Run<'a> {
        self.stdout = stdout.to_owned();
        self
    }

    /// Expects this text on stderr, of a run that succeeds.
    pub fn warns(mut self, stderr: &str) -> Run<'a> {
        self.stderr = stderr.to_owned();
        self
    }

    #[track_caller]
    pub fn succeeds(self) {
        self.ends(0);
    }

    #[track_caller]
    pub fn fails(mut self, code: i32, stderr: &str) {
        self.stderr = stderr.to_owned();
        self.ends(code);
    }

    #[track_caller]
    fn ends(self, code: i32) {
        let shown = self.env.with_root(&format!("{:?}", self.command));
        let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
        let found = self.output();
        let expected = Outcome {
            code,
            stdout: Lines(filled(&stdout, &found.stdout)),
            stderr: Lines(filled(&stderr, &found.stderr)),
        };
        let found = Outcome {
            code: found.code,
            stdout: Lines(found.stdout),
            stderr: Lines(found.stderr),
        };
        assert_eq!(found, expected, "\n{shown}");
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn output(self) -> Output {
        self.start().output()
    }

    /// Starts it, and leaves it to the test.
    pub fn start(mut self) -> Running<'a> {
        let mut child = self
            .command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Running {
            env: self.env,
            child,
            stdout,
            stderr,
        }
    }
}

/// The expectation with what `[..]` stands for in `found`, or as it is where that does not fit.
fn filled(expected: &str, found: &str) -> String {
    let fits = || {
        let (first, others) = expected.split_once("[..]")?;
        let (middle, last) = others.rsplit_once("[..]").unwrap_or(("", others));
        let mut rest = found.strip_prefix(first)?.strip_suffix(last)?;
        for part in middle.split("[..]") {
            let (gap, after) = rest.split_once(part)?;
            if gap.contains('\n') {
                return None;
            }
            rest = after;
        }
        (!rest.contains('\n')).then(|| found.to_owned())
    };
    fits().unwrap_or_else(|| expected.to_owned())
}

/// A run under way. It never outlives its test.
pub struct Running<'a> {
    env: &'a Env,
    pub child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running<'_> {
    /// Waits for its end.
    #[track_caller]
    pub fn output(mut self) -> Output {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > KILL_AFTER {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                let (stdout, stderr) = self.texts();
                panic!("killed after {KILL_AFTER:?}\nstdout: {stdout}\nstderr: {stderr}");
            }
            thread::sleep(Duration::from_millis(1));
        };
        let code = status
            .code()
            .unwrap_or_else(|| 128 + status.signal().unwrap());
        let (stdout, stderr) = self.texts();
        Output {
            code,
            stdout,
            stderr,
        }
    }

    /// Ends it as an agent does whose patience is over.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn texts(&mut self) -> (String, String) {
        let text = |of: Option<JoinHandle<String>>| {
            self.env
                .with_root(&of.map(|thread| thread.join().unwrap()).unwrap_or_default())
        };
        let stdout = text(self.stdout.take());
        (stdout, text(self.stderr.take()))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = Vec::new();
        from.read_to_end(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    })
}

pub const WARNING: &str = "dvdcli: warning: ";

pub fn is_warnings(stderr: &str) -> bool {
    stderr.lines().all(|line| line.starts_with(WARNING))
}

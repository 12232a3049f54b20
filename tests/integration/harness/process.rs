//! One run of a program: what is expected of it, and its exit code, stdout and stderr compared together.
//!
//! `$ROOT` in an expectation stands for the environment's directory, and `[..]` for anything within a line. Where a test says
//! nothing of stdout or stderr, it expects nothing there.

use std::fmt;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use pretty_assertions::assert_eq;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::{program_at, spawn};
use crate::harness::waiting::KILL_AFTER;

/// One run, and what is expected of it.
#[must_use = "nothing runs before `succeeds`, `fails`, `output` or `start`"]
pub struct Run<'a> {
    env: &'a Env,
    pub command: Command,
    /// Where its stdout and its stderr go, which are then not compared.
    sinks: [Option<Stdio>; 2],
    stdout: String,
    stderr: String,
}

/// What a run left, for a comparison of everything at once.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    code: i32,
    stdout: Lines,
    stderr: Lines,
}

/// A text that a failed comparison shows line by line.
#[derive(PartialEq, Eq)]
struct Lines(String);

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines = self.0.split_inclusive('\n');
        f.debug_list().entries(lines).finish()
    }
}

/// The end of a run, for a test that looks at it in its own way.
#[derive(Debug)]
#[must_use = "a test says what it expects of a run"]
pub struct Output {
    /// What a shell would say: 128 and the signal's number where one ended the process.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// All three, for a comparison.
    pub fn parts(&self) -> (i32, &str, &str) {
        (self.code, &self.stdout, &self.stderr)
    }
}

impl<'a> Run<'a> {
    pub fn new(env: &'a Env, command: Command) -> Run<'a> {
        Run {
            env,
            command,
            sinks: [None, None],
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Run<'a> {
        self.command.env(name, value);
        self
    }

    /// The same run, by a program that gets it as its last arguments: the same variables, the same directory, no input.
    pub fn through(mut self, program: &str, args: &[&str]) -> Run<'a> {
        let mut command = Command::new(program_at(program));
        command.args(args).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear();
        let variables = self.command.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        if let Some(directory) = self.command.get_current_dir() {
            command.current_dir(directory);
        }
        command.stdin(Stdio::null());
        self.command = command;
        self
    }

    /// A stdout that takes nothing.
    pub fn into_full_device(self) -> Run<'a> {
        let full = fs::File::options().write(true).open("/dev/full");
        self.prints_into(full.unwrap())
    }

    pub fn prints_into(mut self, stdout: impl Into<Stdio>) -> Run<'a> {
        self.sinks[0] = Some(stdout.into());
        self
    }

    pub fn says_into(mut self, stderr: impl Into<Stdio>) -> Run<'a> {
        self.sinks[1] = Some(stderr.into());
        self
    }

    /// Expects this text on stdout.
    pub fn prints(mut self, stdout: &str) -> Run<'a> {
        stdout.clone_into(&mut self.stdout);
        self
    }

    /// Expects this text on stderr, of a run that succeeds.
    pub fn warns(mut self, stderr: &str) -> Run<'a> {
        stderr.clone_into(&mut self.stderr);
        self
    }

    #[track_caller]
    pub fn succeeds(self) {
        self.start().succeeds();
    }

    #[track_caller]
    pub fn fails(self, code: i32, stderr: &str) {
        self.start().fails(code, stderr);
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn output(self) -> Output {
        self.start().output()
    }

    /// Starts it, and leaves it to the test.
    #[track_caller]
    pub fn start(mut self) -> Running<'a> {
        let [stdout, stderr] = self.sinks.each_mut().map(Option::take);
        self.command.stdout(stdout.unwrap_or_else(Stdio::piped));
        self.command.stderr(stderr.unwrap_or_else(Stdio::piped));
        let mut child = spawn(&mut self.command).unwrap();
        // Or the writing ends of pipes would stay open here.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        let stdout = child.stdout.take().map(collect);
        let stderr = child.stderr.take().map(collect);
        Running {
            run: self,
            child,
            stdout,
            stderr,
        }
    }
}

/// The expectation with what `[..]` stands for in `found`, or as it is where that does not fit.
pub fn filled(expected: &str, found: &str) -> String {
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
#[must_use = "a run that nobody waits for is killed"]
pub struct Running<'a> {
    run: Run<'a>,
    pub child: Child,
    stdout: Option<JoinHandle<String>>,
    stderr: Option<JoinHandle<String>>,
}

impl Running<'_> {
    #[track_caller]
    pub fn succeeds(self) {
        self.ends(0);
    }

    #[track_caller]
    pub fn fails(mut self, code: i32, stderr: &str) {
        stderr.clone_into(&mut self.run.stderr);
        self.ends(code);
    }

    #[track_caller]
    fn ends(mut self, code: i32) {
        let shown = self.run.env.with_root(&format!("{:?}", self.run.command));
        let found = self.wait();
        let expected = Outcome {
            code,
            stdout: Lines(filled(&self.run.stdout, &found.stdout)),
            stderr: Lines(filled(&self.run.stderr, &found.stderr)),
        };
        let found = Outcome {
            code: found.code,
            stdout: Lines(found.stdout),
            stderr: Lines(found.stderr),
        };
        assert_eq!(found, expected, "\n{shown}");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn output(mut self) -> Output {
        self.wait()
    }

    #[track_caller]
    fn wait(&mut self) -> Output {
        let has_ended = ends_in_time(&self.child);
        if !has_ended {
            self.child.kill().unwrap();
        }
        let status = self.child.wait().unwrap();
        let stdout = self.text(|running| &mut running.stdout);
        let stderr = self.text(|running| &mut running.stderr);
        assert!(
            has_ended,
            "killed after {KILL_AFTER:?}\nstdout: {stdout}\nstderr: {stderr}"
        );
        let code = status.code();
        let code = code.unwrap_or_else(|| 128 + status.signal().unwrap());
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

    fn text(&mut self, of: impl Fn(&mut Self) -> &mut Option<JoinHandle<String>>) -> String {
        let text = of(self).take().map(|thread| thread.join().unwrap());
        self.run.env.with_root(&text.unwrap_or_default())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ends_in_time(child: &Child) -> bool {
    let pid = Pid::from_child(child);
    let process = pidfd_open(pid, PidfdFlags::empty()).unwrap();
    let limit = Timespec::try_from(KILL_AFTER).unwrap();
    let mut process = [PollFd::new(&process, PollFlags::IN)];
    poll(&mut process, Some(&limit)).unwrap() == 1
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

/// Fills a pipe or a socket, so that it takes nothing any more, and leaves it in its mode.
pub fn fill(file: OwnedFd) -> fs::File {
    let flags = fcntl(&file, FcntlArg::F_GETFL).unwrap();
    let flags = OFlag::from_bits_retain(flags);
    fcntl(&file, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    let mut file = fs::File::from(file);
    for piece in [4096, 1] {
        while file.write(&vec![b'x'; piece]).is_ok() {}
    }
    fcntl(&file, FcntlArg::F_SETFL(flags)).unwrap();
    file
}

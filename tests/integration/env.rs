//! What a test runs in: a directory of its own as `DVDCLI_ROOT`, the real binary, and its exit code, stdout and stderr
//! compared together.
//!
//! `$ROOT` in an argument or an expectation stands for the directory, and `[..]` in an expectation for anything within a
//! line. Where a test says nothing of stdout or stderr, it expects nothing there.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use pretty_assertions::assert_eq;
use tempfile::TempDir;

/// After which a run is killed, so that a hang is a failure. No test says how fast anything is.
const KILL_AFTER: Duration = Duration::from_secs(60);

/// The program that is tested.
pub const DVDCLI: &str = env!("CARGO_BIN_EXE_dvdcli");

pub struct Env {
    /// Last mounted, first unmounted: everything below it is gone when the test ends.
    dir: TempDir,
    isolated: bool,
}

impl Env {
    pub fn new() -> Env {
        // Not below TMPDIR: the path of a managed plugin's socket has to fit into 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("dv")
            .tempdir_in("/tmp")
            .unwrap();
        Env {
            dir,
            isolated: false,
        }
    }

    /// An environment whose mounts nobody else sees: the thread and its children get a mount namespace of their own.
    /// `None`, and a word about it, where the test does not run as root.
    pub fn isolated() -> Option<Env> {
        if !geteuid().is_root() {
            assert!(
                std::env::var_os("CI").is_none(),
                "under CI no test may be left out: this one needs root"
            );
            // Not by a macro: what those print is shown of failed tests only.
            let test = thread::current().name().unwrap_or_default().to_owned();
            let _ =
                std::io::stderr().write_all(format!("{test}: skipped: needs root\n").as_bytes());
            return None;
        }
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let mut env = Env::new();
        env.isolated = true;
        Some(env)
    }

    /// The path of something in the environment, which need not exist.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A directory in the environment, made where it is missing.
    pub fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A file in the environment, with the directories above it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Mounts a small tmpfs, in an isolated environment.
    pub fn mount_tmpfs(&self, at: &Path) {
        assert!(self.isolated, "mounts belong into an isolated environment");
        mount(
            Some("tmpfs"),
            at,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=1m"),
        )
        .unwrap();
    }

    /// The mount points below the environment, in the order in which they were mounted.
    pub fn mounts(&self) -> Vec<PathBuf> {
        let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let points = table
            .lines()
            .map(|line| PathBuf::from(line.split(' ').nth(4).unwrap()));
        points
            .filter(|point| point.starts_with(self.dir.path()))
            .collect()
    }

    /// A run of `dvdcli` with arguments that are split at blanks.
    pub fn dvdcli(&self, args: &str) -> Run<'_> {
        self.dvdcli_with(args.split_whitespace())
    }

    /// A run of `dvdcli` with arguments that are passed as they are.
    pub fn dvdcli_with(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run<'_> {
        self.program(DVDCLI, args)
    }

    /// A run of any program, as one of `dvdcli`.
    pub fn program(
        &self,
        name: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Run<'_> {
        let mut command = Command::new(name);
        let root = self.dir.path().to_str().unwrap();
        for arg in args {
            match arg.as_ref().to_str() {
                Some(text) => command.arg(text.replace("$ROOT", root)),
                None => command.arg(arg),
            };
        }
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .env("DVDCLI_ROOT", root)
            .current_dir(root)
            .stdin(Stdio::null());
        Run {
            env: self,
            command,
            stdout: String::new(),
            stderr: String::new(),
        }
    }

    fn with_root(&self, text: &str) -> String {
        text.replace(self.dir.path().to_str().unwrap(), "$ROOT")
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if self.isolated {
            for point in self.mounts().iter().rev() {
                let _ = umount2(point, MntFlags::MNT_DETACH);
            }
        }
    }
}

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

/// Waits until `done`, and gives up where that takes so long that it never will.
#[track_caller]
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < KILL_AFTER, "still waiting for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

//! What a test runs in: a directory of its own as `DVDCLI_ROOT`, the real binary, and its exit code, stdout and stderr
//! compared together.
//!
//! `$ROOT` in an argument or an expectation stands for the directory, and `[..]` in an expectation for anything within a
//! line. Where a test says nothing of stdout or stderr, it expects nothing there.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::harness::process::Run;

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

    /// Writes the configuration file, in which `$ROOT` stands for the environment's directory.
    pub fn configure(&self, settings: &str) {
        let root = self.dir.path().to_str().unwrap();
        self.write("etc/rexray/config.yml", settings.replace("$ROOT", root));
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
        Run::new(self, command)
    }

    pub fn with_root(&self, text: &str) -> String {
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

//! What a test runs in: a directory of its own, which is `DVDCLI_ROOT` to the real binary, and for those who mount a mount
//! namespace of its own.
//!
//! `$ROOT` in an argument stands for the directory. It is gone when the test ends, and kept where it fails.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use pretty_assertions::assert_eq;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::{bind, mount_type, mounted_below};
use crate::harness::process::Run;
use crate::harness::programs::{processes_of, program_at};
use crate::harness::scenario::{Done, ensure};
use crate::harness::waiting::comes_true;

/// The program that is tested.
pub const DVDCLI: &str = env!("CARGO_BIN_EXE_dvdcli");

/// Where programs are, whatever the PATH of whoever runs the tests.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where plugins are looked for beside `/run`.
const HIDDEN: [&str; 3] = ["/etc/docker", "/usr/lib/docker", "/var/lib/docker"];

pub struct Env {
    /// Last mounted, first unmounted: everything below it is gone when the test ends.
    dir: TempDir,
    isolated: bool,
    /// Whether the host's own places are hidden by those of the environment.
    poses_as_host: Once,
    has_failed: AtomicBool,
}

/// Whoever runs the tests may ignore signals, as a shell does for a job in the background, and programs inherit that.
fn heed_signals() {
    const OFTEN_IGNORED: [Signal; 9] = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGALRM,
        Signal::SIGCHLD,
        Signal::SIGTSTP,
    ];
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for kind in OFTEN_IGNORED {
            // SAFETY: no handler is set.
            #[allow(unsafe_code)]
            unsafe { signal(kind, SigHandler::SigDfl) }.unwrap();
        }
    });
}

impl Env {
    pub fn new() -> Env {
        // The same modes for whoever runs the tests.
        umask(Mode::from_bits_truncate(0o022));
        heed_signals();
        // Not below TMPDIR, and not named after its test: the path of a managed plugin's socket has to fit into 107 bytes.
        let dir = tempfile::Builder::new()
            .prefix("dv")
            .tempdir_in("/tmp")
            .unwrap();
        Env {
            dir,
            isolated: false,
            poses_as_host: Once::new(),
            has_failed: AtomicBool::new(false),
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
            say("skipped: needs root");
            return None;
        }
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        let mut env = Env::new();
        env.isolated = true;
        Some(env)
    }

    /// Puts `/run` of the environment in place of the machine's, and hides Docker's places: for runs that `DVDCLI_ROOT` means nothing
    /// to.
    pub fn pose_as_host(&self) {
        assert!(self.isolated, "mounts belong into an isolated environment");
        self.poses_as_host.call_once(|| {
            bind(&self.dir("run"), Path::new("/run"));
            for directory in HIDDEN.map(Path::new) {
                if directory.exists() {
                    mount_type("tmpfs", directory, "size=1m");
                }
            }
        });
    }

    /// The path of the directory, as `$ROOT` stands for it.
    pub fn root(&self) -> &str {
        self.dir.path().to_str().unwrap()
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

    /// The names of what is in a directory of the environment, which has to be there.
    #[track_caller]
    pub fn names(&self, directory: &str) -> Vec<String> {
        let names = fs::names(self.path(directory)).into_iter();
        names.map(|name| name.into_string().unwrap()).collect()
    }

    /// The files of `/run/dvdcli`, but for what is remembered of volumes that nobody holds.
    pub fn records(&self) -> Vec<String> {
        let mut names = match self.path("run/dvdcli").exists() {
            true => self.names("run/dvdcli"),
            false => Vec::new(),
        };
        names.retain(|name| !name.ends_with(".seen"));
        names
    }

    /// Mounts a small tmpfs, in an isolated environment.
    pub fn mount_tmpfs(&self, at: &Path) {
        assert!(self.isolated, "mounts belong into an isolated environment");
        mount_type("tmpfs", at, "size=1m");
    }

    /// The mount points below the environment, in the order in which they were mounted.
    pub fn mounts(&self) -> Vec<PathBuf> {
        mounted_below(self.dir.path())
    }

    /// Writes the configuration file, in which `$ROOT` stands for the environment's directory.
    pub fn configure(&self, settings: &str) {
        self.write(
            "etc/rexray/config.yml",
            settings.replace("$ROOT", self.root()),
        );
    }

    /// Lets `loop` volumes be larger than the machine's disk, in silence.
    pub fn overcommit(&self) {
        self.configure("dvdcli.allow.loop.overcommit: true\n");
    }

    /// A run of `dvdcli` with arguments that are split at blanks.
    pub fn dvdcli(&self, args: &str) -> Run<'_> {
        self.dvdcli_with(args.split_whitespace())
    }

    /// A run of `mount` for a volume that is created first, with the same options: who only mounts may not choose all of them.
    #[track_caller]
    pub fn mount_created(&self, line: &str) -> Run<'_> {
        let mut words = line.split_whitespace().skip(1);
        let mut create = vec!["create"];
        while let Some(word) = words.next() {
            match word {
                "--id" | "--target" => drop(words.next()),
                "--read-only" => {}
                word => create.push(word),
            }
        }
        let made = self.dvdcli_with(create).output();
        assert_eq!(made.code, 0, "{made:?}");
        self.dvdcli(line)
    }

    /// A run of `dvdcli` with arguments that are passed as they are.
    pub fn dvdcli_with(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Run<'_> {
        self.program(DVDCLI, args)
    }

    /// A run of any program, as one of `dvdcli`: whatever variables are set where the tests run, it has none of them.
    pub fn program(
        &self,
        name: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Run<'_> {
        let mut command = Command::new(program_at(name));
        for arg in args {
            match arg.as_ref().to_str() {
                Some(text) => command.arg(text.replace("$ROOT", self.root())),
                None => command.arg(arg),
            };
        }
        command.env_clear().env("PATH", PATH);
        command.env("DVDCLI_ROOT", self.root());
        command.current_dir(self.root()).stdin(Stdio::null());
        Run::new(self, command)
    }

    /// Mounts the volume `db` of the plugin `fake`.
    #[track_caller]
    pub fn mount_db(&self) {
        self.dvdcli("mount -d fake -n db")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
    }

    /// What `dvdcli` prints as JSON, without a word beside it.
    #[track_caller]
    pub fn json(&self, args: &str) -> Value {
        let found = self.dvdcli(args).output();
        assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{args}");
        serde_json::from_str(&found.stdout).unwrap()
    }

    pub fn with_root(&self, text: &str) -> String {
        text.replace(self.root(), "$ROOT")
    }

    /// Nothing is mounted any more, and no loop device has a file of this environment. Whoever looks at a device that has
    /// just been unmounted, as udev does, keeps it for a moment.
    pub fn nothing_is_mounted(&self) -> Done {
        let mounts = self.mounts();
        ensure(mounts.is_empty(), || format!("mounted: {mounts:?}"))?;
        let is_free = comes_true(|| bound_below(self).is_empty());
        ensure(is_free, || format!("loop devices: {:?}", bound_below(self)))
    }

    /// Nothing is mounted any more, nobody holds a volume, and no process is left behind.
    pub fn nothing_is_left(&self) -> Done {
        self.nothing_is_mounted()?;
        let records = self.records();
        ensure(records.is_empty(), || format!("records: {records:?}"))?;
        self.no_process_is_left()
    }

    fn no_process_is_left(&self) -> Done {
        let have_ended = comes_true(|| processes_of(self).is_empty());
        ensure(have_ended, || {
            format!("processes: {:?}", processes_of(self))
        })
    }

    #[track_caller]
    pub fn assert_nothing_is_mounted(&self) {
        assert_eq!(self.nothing_is_mounted(), Ok(()));
    }

    #[track_caller]
    pub fn assert_nothing_is_left(&self) {
        assert_eq!(self.nothing_is_left(), Ok(()));
    }

    /// The directory outlives the test, which goes on to fail.
    pub fn keep(&self) {
        self.has_failed.store(true, SeqCst);
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if self.poses_as_host.is_completed() {
            for directory in HIDDEN.iter().rev().chain(&["/run"]) {
                let _ = umount2(*directory, MntFlags::MNT_DETACH);
            }
        }
        if self.isolated {
            for point in self.mounts().iter().rev() {
                let _ = umount2(point, MntFlags::MNT_DETACH);
            }
        }
        if thread::panicking() || self.has_failed.load(SeqCst) {
            let kept = PathBuf::from(format!("/tmp/dvdcli.{}", test().replace("::", ".")));
            let _ = fs::remove_dir_all(&kept);
            if fs::rename(self.dir.path(), &kept).is_ok() {
                say(&format!("its directory is kept: {}", kept.display()));
            }
        } else {
            // Nobody lives on who has been started in it.
            assert_eq!(self.no_process_is_left(), Ok(()));
        }
    }
}

/// The name of the test that runs.
fn test() -> String {
    thread::current().name().unwrap_or("unknown").to_owned()
}

/// Says something of the test that runs. Not by a macro: what those print is shown of failed tests only.
pub fn say(what: &str) {
    let line = format!("{}: {what}\n", test());
    let _ = std::io::stderr().write_all(line.as_bytes());
}

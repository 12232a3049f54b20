//! Tests of the core: how a volume stands, times what is asked for, times what its driver answers.
//!
//! Nothing is mounted: the driver, the mount table and stderr are on paper. Directories and the ledger are real, in a directory of
//! the test's own. What happens to one volume is a [`Seen`], which a test compares as a whole with what its tables say.

mod create;
mod dead;
mod fake_driver;
mod invariants;
mod ledger;
mod lock;
mod mount;
mod records;
mod release;
mod remove;
mod shared;
mod standings;
mod targets;
mod undo;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use serde_json::Value;
use tempfile::TempDir;

use crate::base::failure::ErrorKind;
use crate::base::hash::hash;
use crate::base::options::Options;
use crate::base::text::chain;
use crate::driver::interface::{Chooser, Driver, Volume};
use crate::invocation::Invocation;
use crate::invocation::budget::Budget;
use crate::invocation::config::Config;
use crate::invocation::log::Log;
use crate::invocation::paths::Paths;
use crate::sys::process::host;
use crate::sys::tests::fake_host::{self, FakeHost, Installed};
use crate::volume::bind::view::View;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::record::Holder;
use crate::volume::mount as mounting;
use crate::volume::mount::Outcome;
use crate::volume::release::unmount;
use crate::volume::request::{MountRequest, Release};
use crate::volume::tests::fake_driver::{FakeDriver, Plan};

/// The volume `db` of a driver, on a host of its own.
struct Scene {
    _host: Installed,
    _directory: TempDir,
    root: PathBuf,
    invocation: Invocation,
    plan: Arc<Mutex<Plan>>,
}

/// What came of a call. Paths begin at the scene's root.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    /// What was printed, or the error's kind and words.
    result: String,
    /// What the driver was asked, in order.
    calls: Vec<String>,
    /// `settled /mnt/db: a, b at /target`.
    record: String,
    /// Where something is mounted, and in which mode, oldest first.
    mounts: Vec<String>,
    warnings: Vec<String>,
}

/// The ID of a boot that is not this one.
const ANOTHER_BOOT: &str = "another";

/// What a record says where there is none.
const NO_RECORD: &str = "no record";

impl Scene {
    fn new() -> Scene {
        // In memory where there is such a place: on a disk, replacing a record takes a hundred times as long.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = directory.expect("a directory");
        let root = fs::canonicalize(directory.path()).expect("its path");
        for name in ["mnt/db", "plain/db", "target"] {
            fs::create_dir_all(root.join(name)).expect("a directory");
            let mode = fs::Permissions::from_mode(0o755);
            fs::set_permissions(root.join(name), mode).expect("a mode");
        }
        fs::write(root.join("file"), "").expect("a file");
        Scene {
            _host: Installed::new(),
            invocation: Invocation {
                paths: Paths::below(&root),
                config: Config::default(),
                budget: Budget::new(Duration::from_secs(60)),
                wait: Duration::ZERO,
                log: Log::default(),
            },
            plan: Arc::new(Mutex::new(Plan::new(&root))),
            _directory: directory,
            root,
        }
    }

    /// As new, in the same directory: making one takes longer than most tests.
    fn again(&mut self) {
        let _ = fs::remove_dir_all(&self.invocation.paths.holders);
        fake_host::with(|host| *host = FakeHost::new());
        *self.plan() = Plan::new(&self.root);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name.trim_start_matches('/'))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("no test panics in it")
    }

    fn volume(&self) -> Box<dyn Volume> {
        self.volume_of("fake", "db")
    }

    fn volume_of(&self, driver: &'static str, name: &str) -> Box<dyn Volume> {
        let driver = Box::new(FakeDriver::new(driver, &self.plan));
        driver.volume(name, &Options::new()).expect("a volume")
    }

    /// The ID under which the volume is mounted.
    fn mount_id() -> String {
        hash(&[&host::machine_id().expect("an ID"), "fake", "db"])
    }

    /// The file of the volume's record, or of its lock.
    fn file(&self, extension: &str) -> PathBuf {
        let path = self.invocation.paths.holders.join(hash(&["fake", "db"]));
        path.with_extension(extension)
    }

    fn mount(&self, request: MountRequest) -> Result<Outcome> {
        mounting::mount(&self.invocation, self.volume().as_ref(), request)
    }

    fn unmount(&self, holder: Holder, how: Release) -> Result<()> {
        unmount(&self.invocation, self.volume().as_ref(), holder, how)
    }

    /// Does something, and says what came of it.
    fn see(&self, act: impl FnOnce() -> Result<String>) -> Seen {
        let done = act();
        let calls = std::mem::take(&mut self.plan().calls);
        let result = match done {
            Ok(text) => text,
            Err(error) => format!("{:?}: {}", ErrorKind::of(&error), chain(&error)),
        };
        let warnings = fake_host::with(|host| std::mem::take(&mut host.stderr));
        let warning = |line: &String| {
            let line = line.strip_prefix("dvdcli: warning: ").unwrap_or(line);
            self.shorten(line.trim_end())
        };
        Seen {
            result: self.shorten(&result),
            calls,
            record: self.record(),
            mounts: self.mounts(),
            warnings: warnings.iter().map(warning).collect(),
        }
    }

    /// The text without the scene's root, which is another one in each test.
    fn shorten(&self, text: &str) -> String {
        text.replace(&*self.root.to_string_lossy(), "")
    }

    fn mounts(&self) -> Vec<String> {
        let line = |(at, options): (&Path, &str)| {
            let mode = options.split(',').next().unwrap_or_default();
            format!("{} {mode}", self.shorten(&at.to_string_lossy()))
        };
        fake_host::with(|host| host.mounted().map(line).collect())
    }

    /// The record as the file says it: a line for a comparison.
    fn record(&self) -> String {
        let Ok(text) = fs::read(self.file("json")) else {
            return NO_RECORD.to_owned();
        };
        let Ok(record) = serde_json::from_slice::<Value>(&text) else {
            return "damaged".to_owned();
        };
        if record["boot"] == ANOTHER_BOOT {
            return NO_RECORD.to_owned();
        }
        let settled = if record["settled"] == true {
            "settled"
        } else {
            "unsettled"
        };
        let mount = &record["mounted"];
        let path = mount["path"].as_str().unwrap_or("nowhere");
        let asked = if mount["read_only"] == true {
            " asked"
        } else {
            ""
        };
        let mode = if mount["is_read_only"] == true {
            " ro"
        } else {
            ""
        };
        let holders = self.holders(&record);
        self.shorten(&format!("{settled} {path}{asked}{mode}: {holders}"))
    }

    fn holders(&self, record: &Value) -> String {
        let mut names = Vec::new();
        for (name, hold) in record["holders"].as_object().expect("holders") {
            let name = match &hold["run"]["id"] {
                Value::String(id) => format!("run {id}"),
                _ if name.is_empty() => "anonymous".to_owned(),
                _ => self.shorten(name.split_once(' ').expect("a kind").1),
            };
            names.extend(Some(name.clone()).filter(|_| hold["plain"] == true));
            let targets = hold["targets"].as_object().expect("targets").keys();
            names.extend(targets.map(|target| format!("{name} at {}", self.shorten(target))));
        }
        listed(names.into_iter().collect())
    }

    /// The names of the files in the ledger, by what they are: `json`, `lock`.
    fn ledger_files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.invocation.paths.holders);
        let entries = entries.into_iter().flatten().flatten();
        let kind = |path: PathBuf| Some(path.extension()?.to_string_lossy().into_owned());
        let files = entries.filter_map(|entry| kind(entry.path()));
        // One of another boot counts as none; the next mount replaces it.
        let files = files.filter(|kind| kind != "seen");
        files
            .filter(|kind| kind != "json" || self.record() != NO_RECORD)
            .collect()
    }
}

/// Holders, as a record's line has them.
fn listed(names: BTreeSet<String>) -> String {
    match names.is_empty() {
        true => "nobody".to_owned(),
        false => names.into_iter().collect::<Vec<_>>().join(", "),
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// A holder by its ID.
fn named(id: &str) -> Holder {
    Holder {
        id: Some(id.into()),
        ..Holder::default()
    }
}

/// A holder whose process has ended: no process has such a number.
fn dead(id: &str) -> Holder {
    Holder {
        process: Some(HolderProcess {
            pid: i32::MAX,
            started: 1,
            namespace: host::pid_namespace().expect("proc"),
        }),
        ..named(id)
    }
}

/// A holder whose process lives: this one.
fn living(id: &str) -> Holder {
    Holder {
        process: Some(HolderProcess::current().expect("proc")),
        ..named(id)
    }
}

/// What `mount` asks for unless a caller says otherwise.
fn request(holder: Holder) -> MountRequest<'static> {
    MountRequest {
        create: Some(Chooser::Caller),
        holder,
        view: View::Plain(""),
    }
}

//! A driver whose answers a test chooses, and which notes what it is asked. It counts mounts by ID, as some plugins do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Error, Result, anyhow};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::options::Options;
use crate::driver::interface::{
    Chooser, Created, Driver, Lookup, MountMode, Next, Scope, Unmounted, Volume, VolumeInfo,
    Whereabouts,
};
use crate::sys::tests::fake_host;

/// What `mount` answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mounting {
    Mounts,
    /// It is mounted, read-only by an option of its own.
    MountsReadOnly,
    /// A plain directory, and nothing is mounted.
    HandsOut,
    /// A path that is not good, with nothing mounted there.
    Path(&'static str),
    Fails(ErrorKind),
    /// It is mounted, and the answer got lost.
    MountsAndIsLost,
}

/// What `unmount` answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unmounting {
    /// As it is: `Done`, or `WasNot` where it is not mounted for this ID.
    Unmounts,
    /// `Done`, but for another caller it stays mounted.
    KeepsForAnother,
    /// `WasNot`, whatever is mounted.
    KnowsNothing,
    Fails(ErrorKind),
    /// It is unmounted, and the answer got lost.
    UnmountsAndIsLost,
}

/// What `get` answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Getting {
    /// It exists, with options that the driver tells or not.
    Found {
        tells_options: bool,
    },
    Absent,
    CannotSay,
    Fails(ErrorKind),
}

/// All that the driver knows and answers.
#[derive(Debug)]
pub struct Plan {
    pub mounting: Mounting,
    pub unmounting: Unmounting,
    pub getting: Getting,
    pub creating: Result<Created, ErrorKind>,
    pub removing: Result<(), ErrorKind>,
    /// Whether `path` tells where it is mounted; `None`: it fails.
    pub tells_path: Option<bool>,
    /// How `path` fails, before anything else.
    pub path_fails: Option<ErrorKind>,
    pub wrong_options: bool,
    pub has_options: bool,
    pub can_mount_read_only: bool,
    pub is_shared: bool,
    /// Where it mounts.
    pub place: PathBuf,
    /// A directory that it may hand out.
    pub plain: PathBuf,
    /// How many of the next mounts answer with the place, and mount nothing.
    pub bare_mounts: usize,
    /// How many of the next unmounts find it busy.
    pub busy_unmounts: usize,
    /// How often it is mounted, by ID.
    pub counts: BTreeMap<String, usize>,
    /// What it was asked, without the IDs.
    pub calls: Vec<String>,
    /// The IDs that it was given.
    pub ids: BTreeSet<String>,
}

impl Plan {
    pub fn new(root: &Path) -> Plan {
        Plan {
            mounting: Mounting::Mounts,
            unmounting: Unmounting::Unmounts,
            getting: Getting::Found {
                tells_options: false,
            },
            creating: Ok(Created::New),
            removing: Ok(()),
            tells_path: Some(false),
            path_fails: None,
            wrong_options: false,
            has_options: false,
            can_mount_read_only: true,
            is_shared: false,
            place: root.join("mnt/db"),
            plain: root.join("plain/db"),
            bare_mounts: 0,
            busy_unmounts: 0,
            counts: BTreeMap::new(),
            calls: Vec::new(),
            ids: BTreeSet::new(),
        }
    }

    /// Mounts it, whoever asks: once, however often.
    pub fn mount(&mut self, id: &str, options: &str) {
        let count = self.counts.entry(id.to_owned()).or_default();
        *count += 1;
        if *count == 1 {
            fake_host::with(|host| host.add("8:0", "/".as_ref(), &self.place, options));
        }
    }

    /// Whether it was mounted for the ID.
    fn unmount(&mut self, id: &str) -> bool {
        let Some(count) = self.counts.get_mut(id) else {
            return false;
        };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(id);
            fake_host::with(|host| host.take(&self.place));
        }
        true
    }

    fn note(&mut self, call: &str, id: &str, mode: &str) {
        self.calls.push(format!("{call}{mode}"));
        self.ids.insert(id.to_owned());
    }
}

/// The answer of a method that fails: `get: refused`.
pub fn failure(method: &str, kind: ErrorKind) -> Error {
    match kind {
        ErrorKind::Other => anyhow!("{method}: Other"),
        kind => Failure::new(kind, format!("{method}: {kind:?}")).into(),
    }
}

#[derive(Debug, Clone)]
pub struct FakeDriver {
    pub plan: Arc<Mutex<Plan>>,
    pub name: &'static str,
    can_mount_read_only: bool,
    is_shared: bool,
}

impl FakeDriver {
    pub fn new(name: &'static str, plan: &Arc<Mutex<Plan>>) -> FakeDriver {
        let known = plan.lock().expect("no test panics in it");
        FakeDriver {
            plan: Arc::clone(plan),
            name,
            can_mount_read_only: known.can_mount_read_only,
            is_shared: known.is_shared,
        }
    }
}

impl Driver for FakeDriver {
    fn name(&self) -> &str {
        self.name
    }

    fn label(&self) -> String {
        format!("driver {}", self.name)
    }

    fn volume<'a>(self: Box<Self>, name: &str, _: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(FakeVolume {
            driver: *self,
            name: name.to_owned(),
        }))
    }

    fn list(&self) -> Result<Vec<VolumeInfo>> {
        Err(anyhow!("nobody lists"))
    }

    fn capabilities(&self) -> Result<Scope> {
        Ok(Scope::Local)
    }

    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn can_mount_read_only(&self) -> bool {
        self.can_mount_read_only
    }
}

#[derive(Debug)]
pub struct FakeVolume {
    driver: FakeDriver,
    name: String,
}

impl FakeVolume {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.driver.plan.lock().expect("no test panics in it")
    }
}

impl Volume for FakeVolume {
    fn driver(&self) -> &dyn Driver {
        &self.driver
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn copy_source(&self, _chooser: Chooser) -> Result<Option<String>> {
        match self.plan().wrong_options {
            true => Err(failure("options", ErrorKind::Usage)),
            false => Ok(None),
        }
    }

    fn create(&self, _chooser: Chooser, _next: Next) -> Result<Created> {
        let mut plan = self.plan();
        plan.calls.push("create".into());
        let created = plan.creating.clone();
        created.map_err(|kind| failure("create", kind))
    }

    fn get(&self) -> Result<Lookup> {
        let mut plan = self.plan();
        plan.calls.push("get".into());
        match plan.getting {
            Getting::Found { tells_options } => Ok(Lookup::Found(Box::new(VolumeInfo {
                name: self.name.clone(),
                options: tells_options.then(Options::new),
                ..VolumeInfo::default()
            }))),
            Getting::Absent => Ok(Lookup::Absent),
            Getting::CannotSay => Ok(Lookup::CannotSay),
            Getting::Fails(kind) => Err(failure("get", kind)),
        }
    }

    fn path(&self) -> Result<Whereabouts> {
        let mut plan = self.plan();
        plan.calls.push("path".into());
        if let Some(kind) = plan.path_fails {
            return Err(failure("path", kind));
        }
        match plan.tells_path {
            Some(tells) => Ok(Some(plan.place.clone()).filter(|_| tells).into()),
            None => Err(failure("path", ErrorKind::Refused)),
        }
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        let mut plan = self.plan();
        plan.note("mount", mode.id, if mode.read_only { " ro" } else { "" });
        let options = if mode.read_only { "ro" } else { "rw" };
        if plan.bare_mounts > 0 {
            plan.bare_mounts -= 1;
            return Ok(plan.place.clone());
        }
        match plan.mounting {
            Mounting::Mounts => plan.mount(mode.id, options),
            Mounting::MountsReadOnly => plan.mount(mode.id, "ro"),
            Mounting::HandsOut => return Ok(plan.plain.clone()),
            Mounting::Path(path) => return Ok(path.into()),
            Mounting::Fails(kind) => return Err(failure("mount", kind)),
            Mounting::MountsAndIsLost => {
                plan.mount(mode.id, options);
                return Err(failure("mount", ErrorKind::Unsure));
            }
        }
        Ok(plan.place.clone())
    }

    fn unmount(&self, id: &str, lazy: bool) -> Result<Unmounted> {
        let mut plan = self.plan();
        plan.note("unmount", id, if lazy { " lazy" } else { "" });
        if plan.busy_unmounts > 0 {
            plan.busy_unmounts -= 1;
            return Err(failure("unmount", ErrorKind::InUse));
        }
        let was_not = || Unmounted::WasNot("driver fake: it is not mounted".into());
        let unmounting = plan.unmounting;
        match unmounting {
            Unmounting::Unmounts if plan.unmount(id) => Ok(Unmounted::Done),
            Unmounting::Unmounts | Unmounting::KnowsNothing => Ok(was_not()),
            Unmounting::KeepsForAnother => {
                plan.counts.remove(id);
                Ok(Unmounted::Done)
            }
            Unmounting::Fails(kind) => Err(failure("unmount", kind)),
            Unmounting::UnmountsAndIsLost => {
                plan.unmount(id);
                Err(failure("unmount", ErrorKind::Unsure))
            }
        }
    }

    fn remove(&self) -> Result<()> {
        let mut plan = self.plan();
        plan.calls.push("remove".into());
        plan.removing.map_err(|kind| failure("remove", kind))
    }

    fn has_options(&self) -> bool {
        self.plan().has_options
    }
}

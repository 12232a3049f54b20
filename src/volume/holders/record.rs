//! What is remembered about a mounted volume: its mount, and who holds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::volume::holders::hold::{Hold, Run, listed, now};
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::mounts::Mounts;
use crate::volume::holders::name::Name;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::views::{Target, ViewRecord};

/// A holder of a volume, as a caller names it.
#[derive(Debug, Clone, Default)]
pub struct Holder {
    pub id: Option<String>,
    /// The extra directory (`--target`) at which this holder sees the volume; absolute.
    pub target: Option<PathBuf>,
    /// Of `run`: the holder is this process, and holds the volume for as long as the process lives. The ID is only a label then.
    pub process: Option<HolderProcess>,
    /// Of an engine: the `serve` through which it calls. Its mounts under one ID count.
    pub server: Option<HolderProcess>,
}

impl Holder {
    /// Whether it is a caller that says nothing of itself.
    pub fn is_anonymous(&self) -> bool {
        matches!(self.name(), Name::Anonymous)
    }

    /// The name under which the holder is recorded: its process, else its ID, else its target.
    fn name(&self) -> Name {
        match (&self.process, &self.id, &self.target) {
            (Some(process), _, _) => Name::Run(*process),
            (None, Some(id), _) if self.server.is_some() => Name::Engine(id.clone()),
            (None, Some(id), _) => Name::Id(id.clone()),
            (None, None, Some(target)) => Name::Target(target.clone()),
            (None, None, None) => Name::Anonymous,
        }
    }
}

/// The record of one volume. It counts only as far as the mount table agrees ([`HolderRecord::live`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HolderRecord {
    /// The ID of the boot in which it was written. Mounts end with the boot, but a record in a persistent `/run` survives it.
    pub boot: String,
    /// With `volume`, for people who read the file: its name is a hash.
    pub driver: String,
    pub volume: String,
    /// False while a mount or unmount is under way. A call that finds it false knows that an earlier one was cut off.
    pub settled: bool,
    /// The ID under which the driver was asked to mount. It is computed from the host's identity, which may change meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When the driver was asked to mount, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<u64>,
    /// The mount; while the record is unsettled, the last one known.
    #[serde(rename = "mounted")]
    pub mount: Option<MountRecord>,
    /// What the anonymous holder has called the volume when it mounted it, and not unmounted yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    holders: BTreeMap<Name, Hold>,
}

/// A holder whose process has died.
#[derive(Debug)]
pub struct Dead {
    name: Name,
    /// For people.
    pub shown: String,
}

impl HolderRecord {
    /// The record of a volume about which nothing is known.
    pub fn new(boot: &str, driver: &str, volume: &str) -> HolderRecord {
        HolderRecord {
            boot: boot.into(),
            driver: driver.into(),
            volume: volume.into(),
            settled: false,
            id: None,
            begun: None,
            mount: None,
            names: BTreeSet::new(),
            holders: BTreeMap::new(),
        }
    }

    /// The record while a mount or unmount is under way.
    pub fn unsettled(mut self) -> HolderRecord {
        self.settled = false;
        self
    }

    /// The mount, if the mount table shows that it is still there.
    pub fn live(&self, table: &MountTable) -> Option<&MountRecord> {
        self.mount
            .as_ref()
            .filter(|mounted| self.settled && mounted.is_live(table))
    }

    /// Whether the volume is still seen at any holder's target.
    pub fn is_seen(&self, table: &MountTable) -> bool {
        let mounted = self.mount.as_ref();
        let is_seen = |(target, view): (&PathBuf, &ViewRecord)| {
            mounted.is_some_and(|it| it.is_seen_at(target, table)) || view.find(table).is_some()
        };
        self.views().any(is_seen)
    }

    /// Whether a mount is the volume's own, or what a holder has at a target.
    pub fn has_mount(&self, mount: &Mount) -> bool {
        self.mount.as_ref().is_some_and(|it| it.is_own(mount))
            || self.views().any(|(_, view)| view.is(mount))
    }

    fn views(&self) -> impl Iterator<Item = (&PathBuf, &ViewRecord)> {
        self.holders.values().flat_map(|hold| &hold.targets)
    }

    /// The target under which a directory is recorded that a caller names: it is the target, or the view is there now, or the
    /// target was named so. In the form of the mount table it is `path`.
    pub fn target_of(&self, asked: &Path, path: &Path, table: &MountTable) -> Option<PathBuf> {
        let here = table.at(path);
        let found = self
            .views()
            .find(|(target, _)| *target == path)
            .or_else(|| {
                self.views()
                    .find(|(_, view)| here.is_some_and(|it| view.is(it)))
            })
            .or_else(|| {
                self.views()
                    .find(|(_, view)| view.asked.as_deref() == Some(asked))
            });
        found.map(|(target, _)| target.clone())
    }

    /// What is remembered of a target.
    pub fn target(&self, path: &Path) -> Target {
        let known = self.views().find(|(target, _)| *target == path);
        Target {
            path: path.to_owned(),
            view: known.map(|(_, view)| view.clone()).unwrap_or_default(),
        }
    }

    /// How many holders there are.
    pub fn count(&self) -> usize {
        self.holders.len()
    }

    /// The mount, if it is held in another mount namespace and not seen in this one.
    pub fn held_elsewhere(&self, table: &MountTable) -> Option<&MountRecord> {
        let mounted = self
            .mount
            .as_ref()
            .filter(|_| self.settled && !self.holders.is_empty());
        mounted.filter(|mounted| !mounted.is_live(table) && mounted.is_used_elsewhere())
    }

    /// Whether anybody holds it.
    pub fn is_held(&self) -> bool {
        !self.holders.is_empty()
    }

    /// Adds the holder, or its target. False if it was there already.
    pub fn hold(&mut self, holder: &Holder) -> bool {
        let hold = self.holders.entry(holder.name()).or_default();
        hold.since = hold.since.or_else(now);
        hold.run = holder.process.map(|process| Run {
            process,
            id: holder.id.clone(),
        });
        if let Some(server) = holder.server {
            hold.mounts.get_or_insert_default().begin(server);
            hold.plain = true;
            return true;
        }
        match &holder.target {
            Some(target) if hold.targets.contains_key(target) => false,
            Some(target) => {
                hold.targets.insert(target.clone(), ViewRecord::default());
                true
            }
            None => !std::mem::replace(&mut hold.plain, true),
        }
    }

    /// The mounts of an engine under the holder's ID.
    pub fn mounts_of(&mut self, holder: &Holder) -> Option<&mut Mounts> {
        let hold = self.holders.get_mut(&holder.name())?;
        hold.mounts.as_mut()
    }

    /// Whether a `serve` that has died owes an engine the answer to a mount.
    pub fn has_unanswered(&self) -> bool {
        let mut mounts = self
            .holders
            .values()
            .filter_map(|hold| hold.mounts.as_ref());
        mounts.any(Mounts::has_unanswered)
    }

    /// Takes those back: no engine knows them.
    pub fn drop_unanswered(&mut self) {
        let mounts = self.holders.values_mut();
        let mounts = mounts.filter_map(|hold| hold.mounts.as_mut());
        mounts.for_each(Mounts::drop_unanswered);
        let is_empty = |hold: &Hold| hold.mounts.as_ref().is_some_and(|it| it.count() == 0);
        self.holders.retain(|_, hold| !is_empty(hold));
    }

    /// Notes the view that the holder has at its target now.
    pub fn note_view(&mut self, holder: &Holder, view: ViewRecord) {
        if let Some(target) = &holder.target
            && let Some(hold) = self.holders.get_mut(&holder.name())
        {
            hold.targets.insert(target.clone(), view);
        }
    }

    /// Whether the holder is recorded, with its target if it has one.
    pub fn has(&self, holder: &Holder) -> bool {
        let hold = self.holders.get(&holder.name());
        hold.is_some_and(|hold| match &holder.target {
            Some(target) => hold.targets.contains_key(target),
            None => hold.plain,
        })
    }

    /// Removes the holder, or `all` of them, and returns the targets to unmount: those that no other holder has. If the holder
    /// names a target, only that target is removed, and the holder itself once nothing else is left of it.
    pub fn release(&mut self, holder: &Holder, all: bool) -> Vec<Target> {
        if all {
            let gone = std::mem::take(&mut self.holders).into_values();
            let targets: BTreeMap<PathBuf, ViewRecord> =
                gone.flat_map(|hold| hold.targets).collect();
            return self.unheld(targets);
        }
        let name = holder.name();
        if let Some(server) = holder.server
            && self.mounts_of(holder).is_some_and(|mounts| {
                mounts.end(server);
                mounts.count() > 0
            })
        {
            return Vec::new();
        }
        let Some(target) = &holder.target else {
            let gone = self.holders.remove(&name).unwrap_or_default();
            return self.unheld(gone.targets);
        };
        let Some(hold) = self.holders.get_mut(&name) else {
            return Vec::new();
        };
        let had = hold.targets.remove_entry(target);
        if !hold.plain && hold.targets.is_empty() {
            self.holders.remove(&name);
        }
        self.unheld(had)
    }

    fn unheld(&self, targets: impl IntoIterator<Item = (PathBuf, ViewRecord)>) -> Vec<Target> {
        let is_held = |path: &PathBuf| {
            let mut holds = self.holders.values();
            holds.any(|hold| hold.targets.contains_key(path))
        };
        let unheld = targets.into_iter().filter(|(path, _)| !is_held(path));
        unheld.map(|(path, view)| Target { path, view }).collect()
    }

    /// A holder that sees the volume at the target.
    pub fn holder_at(&self, target: &Path) -> Option<Holder> {
        let mut holders = self.holders.iter();
        let (name, hold) = holders.find(|(_, hold)| hold.targets.contains_key(target))?;
        let (id, process) = match name {
            Name::Id(id) => (Some(id.clone()), None),
            Name::Run(process) => (
                hold.run.as_ref().and_then(|run| run.id.clone()),
                Some(*process),
            ),
            Name::Target(_) | Name::Engine(_) | Name::Anonymous => (None, None),
        };
        Some(Holder {
            id,
            target: Some(target.to_owned()),
            process,
            server: None,
        })
    }

    /// The holders whose processes have died.
    pub fn dead(&self) -> Vec<Dead> {
        let dead = self.holders.iter().filter(|(_, hold)| hold.has_died());
        let dead = dead.map(|(name, hold)| Dead {
            name: name.clone(),
            shown: hold.shown(name),
        });
        dead.collect()
    }

    /// Removes a dead holder, and returns the targets to unmount as [`HolderRecord::release`] does.
    pub fn remove_dead(&mut self, dead: &Dead) -> Vec<Target> {
        let gone = self.holders.remove(&dead.name).unwrap_or_default();
        self.unheld(gone.targets)
    }

    /// The holders' names, for a message.
    pub fn names(&self) -> String {
        match self.holders.is_empty() {
            true => "nobody any more".to_owned(),
            false => self.names_but(None),
        }
    }

    /// The names of the other holders, for a message; empty where there are none.
    pub fn others(&self, holder: &Holder) -> String {
        self.names_but(Some(&holder.name()))
    }

    fn names_but(&self, left_out: Option<&Name>) -> String {
        let others = self.holders.iter();
        let others = others.filter(|(name, _)| left_out != Some(*name));
        listed(others.collect())
    }

    /// The names of the holders that are alive.
    pub fn living(&self) -> Vec<String> {
        let living = self.holders.iter().filter(|(_, hold)| !hold.has_died());
        living.map(|(name, hold)| hold.shown(name)).collect()
    }
}

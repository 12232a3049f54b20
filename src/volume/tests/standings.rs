//! How a volume may stand before something is asked for.

use std::fs;

use nix::errno::Errno;
use serde_json::Value;

use crate::sys::mount::mountinfo::MountTable;
use crate::sys::tests::fake_host;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::Holder;
use crate::volume::tests::{ANOTHER_BOOT, Scene, dead, living, named};

/// The number of a mount namespace that has processes, and of one that has none.
const USED_NAMESPACE: u64 = 7;
const EMPTY_NAMESPACE: u64 = 8;

/// What is remembered of the mount, and what has become of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mounted {
    Never,
    Writable,
    ReadOnly,
    /// It turned out to be read-only, without being asked to be.
    ReadOnlyByItself,
    /// The mount table does not show it any more.
    Vanished,
    /// The table shows it, but nobody serves it any more.
    Dead,
    /// The driver handed out a plain directory.
    Directory,
    /// In another mount namespace, which has processes.
    Elsewhere,
    /// In another mount namespace, which has none left.
    ElsewhereGone,
    /// The driver mounted it, and nobody could write that down.
    Unknown,
}

/// What the ledger has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Remembered {
    Nothing,
    Settled,
    Unsettled,
    Damaged,
    OfAnotherBoot,
}

#[derive(Debug, Clone, Copy)]
pub struct Standing {
    pub name: &'static str,
    pub remembered: Remembered,
    pub mounted: Mounted,
    /// `other`, `anonymous`, `dead`, `run task`, `me at /target`.
    pub holders: &'static [&'static str],
}

/// The holder of such a name.
pub fn holder(scene: &Scene, name: &str) -> Holder {
    let (name, target) = match name.split_once(" at ") {
        Some((name, target)) => (name, Some(scene.at(target))),
        None => (name, None),
    };
    let holder = match name {
        "anonymous" => Holder::default(),
        "dead" => dead("dead"),
        "run task" => living("task"),
        id => named(id),
    };
    Holder { target, ..holder }
}

impl Standing {
    /// Makes it so, by what the product itself writes.
    pub fn arrange(&self, scene: &Scene) {
        if self.remembered == Remembered::Nothing {
            return;
        }
        let volume = scene.volume();
        let mut ledger = Ledger::lock(&scene.invocation, volume.as_ref()).expect("a lock");
        let mut record = ledger.new_record();
        record.settled = self.remembered != Remembered::Unsettled;
        record.mount = self.mount(scene);
        for name in self.holders {
            let holder = holder(scene, name);
            record.hold(&holder);
            if let Some(target) = &holder.target {
                fake_host::with(|host| {
                    if host.mounted().all(|(at, _)| at != target) {
                        host.add("8:0", "/".as_ref(), target, "rw");
                    }
                });
            }
        }
        ledger.save(record).expect("a record");
        self.spoil(scene);
    }

    fn mount(&self, scene: &Scene) -> Option<MountRecord> {
        let mut path = scene.at("/mnt/db");
        match self.mounted {
            Mounted::Never => return None,
            Mounted::Directory => path = scene.at("/plain/db"),
            Mounted::ReadOnly | Mounted::ReadOnlyByItself => {
                scene.plan().mount(&Scene::mount_id(), "ro");
            }
            _ => scene.plan().mount(&Scene::mount_id(), "rw"),
        }
        let table = MountTable::read().expect("a mount table");
        let read_only = self.mounted == Mounted::ReadOnly;
        let mount = MountRecord::of(path.clone(), "db", read_only, &table, None).expect("a mount");
        fake_host::with(|host| match self.mounted {
            Mounted::Vanished | Mounted::Elsewhere | Mounted::ElsewhereGone => {
                host.namespaces.push(USED_NAMESPACE);
                host.take(&path);
            }
            Mounted::Dead => drop(host.dead.insert(path, Errno::ENOTCONN)),
            _ => {}
        });
        Some(mount).filter(|_| self.mounted != Mounted::Unknown)
    }

    /// What no release would write, or not on this host.
    fn spoil(&self, scene: &Scene) {
        let is_elsewhere = matches!(self.mounted, Mounted::Elsewhere | Mounted::ElsewhereGone);
        let is_whole = matches!(self.remembered, Remembered::Settled | Remembered::Unsettled);
        if is_whole && !is_elsewhere {
            return;
        }
        let path = scene.file("json");
        let text = fs::read_to_string(&path).expect("a record");
        let mut json: Value = serde_json::from_str(&text).expect("a record");
        match self.mounted {
            Mounted::Elsewhere => json["mounted"]["namespace"] = USED_NAMESPACE.into(),
            Mounted::ElsewhereGone => json["mounted"]["namespace"] = EMPTY_NAMESPACE.into(),
            _ => {}
        }
        if self.remembered == Remembered::OfAnotherBoot {
            json["boot"] = ANOTHER_BOOT.into();
        }
        let text = match self.remembered {
            Remembered::Damaged => text[..text.len() / 2].to_owned(),
            _ => json.to_string(),
        };
        fs::write(path, text).expect("a record");
    }
}

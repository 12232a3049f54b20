//! What is remembered of a volume while nobody holds it: how its driver handed it out. It is kept until the volume is removed, or
//! the host restarts.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::sys::files::ownership::Ownership;
use crate::sys::files::small;
use crate::sys::mount::identity::MountIdentity;
use crate::sys::mount::mountinfo::Mount;
use crate::volume::holders::mount_record::MountRecord;

/// In the file `HASH.seen`, beside the volume's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    boot: String,
    /// With `volume`, for people who read the file: its name is a hash.
    driver: String,
    volume: String,
    /// Whether anything was ever mounted where the driver handed it out. A plain directory is a mistake from then on.
    pub was_mount: bool,
    /// Whether the driver was seen to name no directory while the volume was not mounted. Others always name one.
    #[serde(default)]
    pub is_silent: bool,
    /// What was mounted there before, and stayed.
    pub foreign: Option<MountIdentity>,
    /// The names under which the anonymous holder has still to unmount it, though it is not mounted any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// Owner and mode of the container path that a plugin's volume has taken over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_over: Option<Ownership>,
}

impl Memory {
    /// Whether both are of the same volume in the same boot.
    fn is_of(&self, other: &Memory) -> bool {
        (&self.boot, &self.volume) == (&other.boot, &other.volume)
    }

    /// Whether a directory that the driver names is where the volume is, though nothing is mounted there.
    pub fn hands_out(&self) -> bool {
        self.is_silent && !self.was_mount
    }

    /// Whether this mount was there before ours, and stayed, and may be the administrator's own. Where the driver names no directory
    /// while the volume is not mounted, what is mounted there was mounted by the driver, for another caller.
    pub fn is_foreign(&self, mount: &Mount) -> bool {
        let mut foreign = self.foreign.iter();
        !self.is_silent && foreign.any(|foreign| foreign.is_at_place(mount))
    }
}

/// Where the memory of one volume is kept.
#[derive(Debug)]
pub struct MemoryFile {
    path: PathBuf,
    empty: Memory,
}

impl MemoryFile {
    pub fn new(record: &Path, boot: &str, driver: &str, volume: &str) -> MemoryFile {
        MemoryFile {
            path: record.with_extension("seen"),
            empty: Memory {
                boot: boot.into(),
                driver: driver.into(),
                volume: volume.into(),
                was_mount: false,
                is_silent: false,
                foreign: None,
                names: BTreeSet::new(),
                taken_over: None,
            },
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A damaged file counts as none.
    pub fn read(&self) -> Memory {
        let text = small::read_own(&self.path).unwrap_or_default();
        serde_json::from_slice(&text)
            .ok()
            .filter(|memory: &Memory| memory.is_of(&self.empty))
            .unwrap_or_else(|| self.empty.clone())
    }

    /// Remembers how the volume has been handed out.
    pub fn remember(&self, mount: &MountRecord) -> Result<()> {
        self.change(|before| Memory {
            was_mount: before.was_mount || !mount.is_bare(),
            foreign: mount.foreign().cloned(),
            ..before
        })
    }

    /// Remembers that the driver names no directory while the volume is not mounted.
    pub fn learn_silence(&self) -> Result<()> {
        self.change(|before| Memory {
            is_silent: true,
            ..before
        })
    }

    /// Remembers by which names it has still to be unmounted.
    pub fn await_names(&self, names: BTreeSet<String>) -> Result<()> {
        self.change(|before| Memory { names, ..before })
    }

    pub fn take_over(&self, ownership: Option<Ownership>) -> Result<()> {
        self.change(|before| Memory {
            taken_over: ownership,
            ..before
        })
    }

    fn change(&self, change: impl FnOnce(Memory) -> Memory) -> Result<()> {
        let before = self.read();
        let memory = change(before.clone());
        if memory == before {
            return Ok(());
        }
        let writing = || format!("writing {}", self.path.display());
        let text = serde_json::to_vec(&memory).with_context(writing)?;
        small::replace(&self.path, &self.aside(), &text).with_context(writing)
    }

    fn aside(&self) -> PathBuf {
        self.path.with_extension("seen-new")
    }

    /// Removes what a call has left that was killed while it wrote.
    pub fn sweep(&self) {
        let _ = fs::remove_file(self.aside());
    }

    pub fn forget(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

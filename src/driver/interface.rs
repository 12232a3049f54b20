//! What a driver and a volume can do, in the words of Docker's volume plugin protocol (protocol: Volume plugins).

use std::path::{Path, PathBuf};

use anyhow::{Error, Result, bail};
use serde_json::{Map, Value};

use crate::base::failure::Failure;
use crate::base::finding::{Care, Finding};
use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::driver::image::{ImageVolume, SnapshotInfo};
use crate::sys::files::ownership::Ownership;
use crate::sys::mount::mountinfo::MountTable;

/// A source of volumes: a Docker volume plugin, or a built-in driver that behaves like one.
///
/// It is opened once for each volume, or once to be listed.
pub trait Driver: Send {
    /// Its own name: not an alias, and of a managed plugin with its tag, not its ID.
    fn name(&self) -> &str;

    /// The name under which its volumes are locked and recorded. It is the same for all names that callers use for it.
    fn key(&self) -> &str {
        self.name()
    }

    /// What it is, and its name, for messages: `plugin rexray`.
    fn label(&self) -> String;

    /// The volume of that name, with the options for `create`. The driver is not called yet, and the volume need not exist.
    ///
    /// # Errors
    ///
    /// Wrong usage: a name that no volume of this driver can have.
    fn volume<'a>(self: Box<Self>, name: &str, options: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a;

    /// All volumes (protocol: `List`), in no order.
    fn list(&self) -> Result<Vec<VolumeInfo>>;

    /// The names of all volumes, in no order, for those who want no more: a built-in driver reads no record for them, and what was
    /// half removed is not among them.
    fn names(&self) -> Result<Vec<String>> {
        let volumes = self.list()?.into_iter();
        let whole = volumes.filter(|volume| !volume.is_half_removed);
        Ok(whole.map(|volume| volume.name).collect())
    }

    /// Deletes what killed calls have left, and warns of what is half removed then, as [`list`](Driver::list) does.
    fn tell_of_half_removed(&self) {}

    /// Whether it keeps the labels of its volumes; the protocol has none.
    fn keeps_labels(&self) -> bool {
        false
    }

    /// What the driver knows of the space that a volume takes; the caller asks the file system of a mounted one itself.
    fn usage(&self, _name: &str) -> Result<Usage> {
        Ok(Usage::default())
    }

    /// From where its volumes can be reached (protocol: `Capabilities`).
    fn capabilities(&self) -> Result<Scope>;

    /// What is wrong with it, its volumes apart. Nothing is changed, unless it is to be fixed.
    ///
    /// # Errors
    ///
    /// It cannot be looked at.
    fn examine(&self, _care: Care) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// The names of the volumes that can be examined.
    fn examinable(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// What is wrong with one of these volumes. To have it fixed, the caller holds its lock.
    fn examine_volume(&self, _name: &str, _care: Care) -> Result<Examined> {
        Ok(Examined::default())
    }

    /// Whether another host has mounted the volume of this name, as far as that is known.
    fn is_on_another_host(&self, _name: &str) -> bool {
        false
    }

    /// The snapshots of one of its volumes, or of all.
    ///
    /// # Errors
    ///
    /// Wrong usage: its volumes have none.
    fn snapshots(&self, _volume: Option<&str>) -> Result<Vec<SnapshotInfo>> {
        Err(no_image(&self.label()))
    }

    /// Whether others than dvdcli use it as well, as Docker does with a plugin. What they have mounted is not ours to unmount, and a
    /// mount goes on there after its caller was killed, so that it may appear later.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether it can make the mount itself read-only. Otherwise only the views of the volume at its targets can be read-only.
    fn can_mount_read_only(&self) -> bool {
        false
    }
}

/// The error that a driver's volumes have no images.
pub fn no_image(label: &str) -> Error {
    let words = "only volumes of the driver loop can grow, be trimmed and have snapshots";
    Failure::usage(format!("{label}: {words}")).into()
}

/// One volume of a driver, whether it exists or not. Its name and options have been parsed.
///
/// The caller holds the volume's lock, knows its holders, and checks the path that it gets. An error that means that the volume
/// is absent or in use has that [`crate::base::failure::ErrorKind`].
pub trait Volume: Send {
    /// Its driver.
    fn driver(&self) -> &dyn Driver;

    /// Its canonical name, without options that the caller wrote into the name. It is locked and recorded under this name.
    fn name(&self) -> &str;

    /// The name as the caller wrote it, which may have options in it.
    fn called(&self) -> &str {
        self.name()
    }

    /// Sets the labels that `create` gives it.
    ///
    /// # Errors
    ///
    /// Wrong usage: the driver keeps no labels, as the plugin protocol has none.
    fn set_labels(&mut self, labels: Labels) -> Result<()> {
        if !labels.is_empty() {
            bail!(Failure::usage(format!(
                "--label: {} keeps no labels, only the built-in drivers do",
                self.driver().label()
            )));
        }
        Ok(())
    }

    /// The canonical name of the volume of the same driver that `create` would copy, if any. Nothing is created or mounted.
    ///
    /// # Errors
    ///
    /// Wrong usage: options that `create` would refuse, as far as that can be told now.
    fn copy_source(&self, chooser: Chooser) -> Result<Option<String>>;

    /// Creates it (protocol: `Create`), unless it exists.
    ///
    /// # Errors
    ///
    /// Wrong usage: options that it cannot have, even where it exists; options that are not allowed to who chooses them, where it does
    /// not.
    fn create(&self, chooser: Chooser, next: Next) -> Result<Created>;

    /// Whether it exists, and what is known about it (protocol: `Get`).
    fn get(&self) -> Result<Lookup>;

    /// The directory that users get, on this host (protocol: `Path`). Only the mount table tells whether anything is mounted there.
    ///
    /// # Errors
    ///
    /// It is absent.
    fn path(&self) -> Result<Whereabouts>;

    /// Where it is mounted in this mount namespace, where the driver knows: what a plugin has mounted is found by the path that it
    /// names.
    fn mount_point(&self, _table: &MountTable) -> Result<Option<PathBuf>> {
        Ok(None)
    }

    /// Mounts it (protocol: `Mount`) and returns the directory that users get, on this host, as the driver names it.
    ///
    /// # Errors
    ///
    /// It is absent, or in use by another host, or cannot be mounted.
    fn mount(&self, mode: MountMode) -> Result<PathBuf>;

    /// Unmounts it (protocol: `Unmount`) for the ID that it was mounted with. `lazy` detaches a busy mount; the protocol has no
    /// such request, and plugins do not get it.
    ///
    /// # Errors
    ///
    /// It is busy, which is of the kind in use, or cannot be unmounted.
    fn unmount(&self, id: &str, lazy: bool) -> Result<Unmounted>;

    /// Removes it with its data (protocol: `Remove`).
    ///
    /// # Errors
    ///
    /// It is absent, or in use.
    fn remove(&self) -> Result<()>;

    /// Refuses a directory, by its path without links, that lies outside of where the driver's volumes are, as far as that is known.
    fn refuse_outside(&self, _directory: &Path) -> Result<()> {
        Ok(())
    }

    /// Makes it ready, mounted as it is, for one more who wants to write: finishes what a call that was killed had begun.
    ///
    /// # Errors
    ///
    /// Its file system takes nothing more that is written.
    fn join(&self) -> Result<()> {
        Ok(())
    }

    /// Whether it can be mounted read-only at most. A holder who sees it read-only at a target gets such a mount.
    fn must_be_read_only(&self) -> Result<bool> {
        Ok(false)
    }

    /// Whether its directory is dvdcli's own, so that it can be given an owner.
    fn may_be_given_owner(&self) -> Result<bool> {
        Ok(true)
    }

    /// Owner and mode of the container path that it has taken over, where its driver remembers that.
    fn taken_over(&self) -> Result<Option<Ownership>> {
        Ok(None)
    }

    fn remember_taken_over(&self, _ownership: Option<Ownership>) -> Result<()> {
        Ok(())
    }

    /// What it can do where it has an image of its own.
    ///
    /// # Errors
    ///
    /// Wrong usage: it has none.
    fn image(&self) -> Result<Box<dyn ImageVolume + '_>> {
        Err(no_image(&self.driver().label()))
    }

    /// Whether options or labels were given beside its name.
    fn has_options(&self) -> bool;

    /// Closes what is open between two calls; the next call opens it again. A plugin may serve one connection at a time, so
    /// none may stay open while another volume is at work.
    fn disconnect(&mut self) {}
}

/// A volume as its driver describes it (protocol: `Get`, `List`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeInfo {
    pub name: String,
    /// The directory that users get, on this host. `None` where it is not mounted, or the driver does not say.
    pub mountpoint: Option<PathBuf>,
    /// Any JSON object that the driver shows.
    pub status: Option<Map<String, Value>>,
    /// When it was created: RFC 3339, as the driver wrote it.
    pub created_at: Option<String>,
    /// The options that it was created with, where the driver knows them.
    pub options: Option<Options>,
    pub labels: Labels,
    /// Keys that `inspect` shows beside Docker's own: `Size`, `FsType`, `Device` and the like.
    pub details: Map<String, Value>,
    /// It is no volume any more: its removal was cut off. Only lists have such ones.
    pub is_half_removed: bool,
}

impl VolumeInfo {
    /// Whether it is mounted where its driver says that it is: there or above, at a mount with the volume's name in its path.
    pub fn is_mounted(&self, table: &MountTable) -> bool {
        let mountpoint = self.mountpoint.as_deref();
        let mount = mountpoint.and_then(|path| table.covering(path));
        let mut names = mount.iter().flat_map(|mount| mount.mount_point.iter());
        names.any(|part| part == self.name.as_str())
    }
}

/// What is found where a volume is examined.
#[derive(Debug, Default)]
pub struct Examined {
    pub findings: Vec<Finding>,
    /// Where it is mounted in this mount namespace.
    pub mounted: Option<PathBuf>,
}

/// The space that a volume has and takes, in bytes; `None` where that is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// What it was given.
    pub size: Option<u64>,
    /// What it takes on the disk below.
    pub allocated: Option<u64>,
    /// What is used in its file system.
    pub used: Option<u64>,
    /// What is free in its file system.
    pub free: Option<u64>,
}

/// What a driver knows about the existence of one volume.
#[derive(Debug, Clone)]
pub enum Lookup {
    Found(Box<VolumeInfo>),
    /// Known to be absent.
    Absent,
    /// The driver cannot tell: it has neither `Get` nor `List`.
    CannotSay,
}

impl From<Option<VolumeInfo>> for Lookup {
    fn from(found: Option<VolumeInfo>) -> Lookup {
        found.map_or(Lookup::Absent, |info| Lookup::Found(Box::new(info)))
    }
}

/// Where a driver says that a volume is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    At(PathBuf),
    /// It is not mounted, or the driver has no directory to name.
    Nowhere,
    /// The driver cannot tell: it has no `Path`.
    CannotSay,
}

impl From<Option<PathBuf>> for Whereabouts {
    fn from(path: Option<PathBuf>) -> Whereabouts {
        path.map_or(Whereabouts::Nowhere, Whereabouts::At)
    }
}

/// From where a driver's volumes can be reached (protocol: `Capabilities`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// From one host.
    Local,
    /// From every host of a cluster.
    Global,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Local => "local",
            Scope::Global => "global",
        }
    }
}

/// Who chooses the options of a volume that is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chooser {
    /// The host's owner, by `create` or in fstab: all that the driver can make.
    Owner,
    /// Whoever mounts it, who need not be root: what the owner allows (setting `allow`).
    Caller,
}

/// What becomes of a volume that is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same call mounts it, to write to it.
    WritableMount,
    /// It may be mounted read-only first, which writes nothing to it.
    Unknown,
}

/// How a volume is to be mounted.
#[derive(Debug, Clone, Copy)]
pub struct MountMode<'a> {
    /// The ID of the caller: one per volume and host, the same for mount and unmount, never empty.
    pub id: &'a str,
    /// True only for a driver that [can do so](Driver::can_mount_read_only).
    pub read_only: bool,
}

/// What `create` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It did not exist, and was created.
    New,
    /// It existed, with options that are not known.
    Existed,
    /// It existed, and has the options that were asked for.
    Same,
    /// It existed, and differs from what was asked for in these options or labels.
    Otherwise(Vec<String>),
}

/// What `unmount` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmounted {
    Done,
    /// It is unmounted, but what was written to it is not on the disk. The text says what and why.
    Lost(String),
    /// It is not mounted here, but something keeps it in use on this host. The text says what.
    InUse(String),
    /// There was nothing to unmount. The text says who says so: `driver loop: it is not mounted`.
    WasNot(String),
}

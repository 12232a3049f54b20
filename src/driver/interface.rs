//! What a driver is, and what a volume of it is, in the words of Docker's volume plugin protocol.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::base::options::Options;

/// A source of volumes: a Docker volume plugin, or a built-in of the same behaviour.
///
/// It is opened once for each volume, or once to be listed.
pub trait Driver: Send {
    /// The name by which holders and users know it; aliases, tags and IDs are resolved.
    fn name(&self) -> &str;

    /// The name under which its volumes are locked and recorded. It is the same however a caller names the driver.
    fn key(&self) -> &str {
        self.name()
    }

    /// What it is and its name, for messages: `plugin rexray`.
    fn label(&self) -> String;

    /// The volume of that name, with the options that `create` is to give it. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// Wrong usage: a name that no volume of this driver can have.
    fn volume<'a>(self: Box<Self>, name: &str, options: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a;

    /// All volumes (protocol: `List`).
    fn list(&self) -> Result<Vec<VolumeInfo>>;

    /// Where its volumes can be reached from (protocol: `Capabilities`).
    fn capabilities(&self) -> Result<Scope>;

    /// Whether a mount goes on after its caller was killed, so that it may be there only later.
    fn may_finish_later(&self) -> bool {
        false
    }

    /// Whether it can make the mount itself read-only; otherwise only a view at a target can be.
    fn can_mount_read_only(&self) -> bool {
        false
    }
}

/// One volume of a driver: its name and options have been read, whether it exists or not.
///
/// The caller holds the volume's lock, knows its holders, and checks the path that comes back. An error that says the volume is
/// absent or in use is a [`crate::base::failure::Failure`] of that kind.
pub trait Volume: Send {
    /// The driver that it was opened with.
    fn driver(&self) -> &dyn Driver;

    /// The volume's canonical name, without options that the caller wrote into it; it is locked and recorded by this one.
    fn name(&self) -> &str;

    /// The canonical name of the volume of the same driver that `create` would copy. Nothing is done.
    ///
    /// # Errors
    ///
    /// Wrong usage: options that `create` would refuse, as far as the driver knows them.
    fn copy_source(&self) -> Result<Option<String>>;

    /// Creates it (protocol: `Create`), unless it exists.
    fn create(&self) -> Result<Created>;

    /// Whether it exists, and what is known of it (protocol: `Get`).
    fn get(&self) -> Result<Lookup>;

    /// Its mount point on this host (protocol: `Path`); `None` where it is not mounted or the driver does not say.
    fn path(&self) -> Result<Option<PathBuf>>;

    /// Mounts it (protocol: `Mount`) and returns its mount point on this host as the driver says it.
    fn mount(&self, mode: MountMode) -> Result<PathBuf>;

    /// Unmounts it (protocol: `Unmount`) for the ID that it was mounted with. `lazy` detaches a busy mount, which a plugin cannot
    /// be told.
    fn unmount(&self, id: &str, lazy: bool) -> Result<Unmounted>;

    /// Removes it with its data (protocol: `Remove`).
    fn remove(&self) -> Result<()>;

    /// Whether options were given with it, in its name or beside.
    fn has_options(&self) -> bool;
}

/// A volume as its driver describes it (protocol: `Get`, `List`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VolumeInfo {
    pub name: String,
    /// Where it is mounted on this host. `None` where the driver does not say, even of a mounted volume.
    pub mountpoint: Option<PathBuf>,
    /// Whatever the driver wants to show, any JSON object.
    pub status: Option<Map<String, Value>>,
    /// RFC 3339, as the driver wrote it.
    pub created_at: Option<String>,
    /// The options it was made with, where the driver knows them.
    pub options: Option<Options>,
    /// Our own keys beside Docker's in `inspect`, such as `Size`, `FsType`, `Device`.
    pub details: Map<String, Value>,
}

/// What a driver knows about the existence of one volume.
#[derive(Debug, Clone)]
pub enum Lookup {
    Found(Box<VolumeInfo>),
    /// Known to be absent.
    Absent,
    /// The driver has no means to tell (neither `Get` nor `List`).
    CannotSay,
}

/// Where a driver's volumes can be reached from (protocol: `Capabilities`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Local,
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

/// How a volume is to be mounted.
#[derive(Debug, Clone, Copy)]
pub struct MountMode<'a> {
    /// Who mounts: one ID per volume and host, the same for mount and unmount, never empty.
    pub id: &'a str,
    /// Asked only of a driver that [`Driver::can_mount_read_only`].
    pub read_only: bool,
}

/// What `create` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// It did not exist, and was created.
    New,
    /// It existed, and nobody can tell with which options.
    Existed,
    /// It existed, with the options that are asked for.
    Same,
    /// It existed, and has other values for these options.
    Otherwise(Vec<String>),
}

/// What `unmount` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmounted {
    Done,
    /// There was nothing to unmount; the text says how that is known.
    WasNot(String),
}

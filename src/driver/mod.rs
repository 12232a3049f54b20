//! What a volume driver is, in the words of Docker's volume plugin protocol, and which driver a name means.

mod local;
mod loop_;
pub mod overview;
pub mod plugin;
pub mod shared;

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::driver::plugin::Plugin;
use crate::driver::shared::Base;
use crate::invocation::Invocation;

pub use crate::base::options::Options;

/// A volume as its driver tells it (protocol: `Get`, `List`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volume {
    pub name: String,
    /// Where it is mounted on this host. `None` where the driver does not say, even of a mounted volume.
    pub mountpoint: Option<PathBuf>,
    /// Whatever the driver wants to show, any JSON object.
    pub status: Option<Map<String, Value>>,
    /// RFC 3339, as the driver wrote it.
    pub created_at: Option<String>,
    /// The options it was made with, where the driver knows them.
    pub options: Option<Options>,
    /// Keys of ours beside Docker's in `inspect`, such as `Size`, `FsType`, `Device`.
    pub details: Map<String, Value>,
}

/// What a driver knows about the existence of one volume.
#[derive(Debug)]
pub enum Lookup {
    Found(Box<Volume>),
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
pub struct MountRequest<'a> {
    /// Who mounts: one ID per volume and host, the same for mount and unmount, never empty.
    pub id: &'a str,
    /// Asked only of a driver that [`Driver::mounts_read_only`].
    pub read_only: bool,
}

/// A source of volumes: a Docker volume plugin, or a built-in of the same behaviour.
///
/// The caller holds the volume's lock, has asked the holders, and checks the path that comes back.
/// An error that says the volume is absent or in use is a [`crate::base::failure::Failure`] of that kind.
pub trait Driver {
    /// The name by which holders and users know it; aliases, tags and IDs are resolved.
    fn name(&self) -> &str;
    /// What it is and its name, for messages: `plugin rexray`.
    fn label(&self) -> String;
    /// The volume's own name, where callers may write options into it; by this, it is locked and recorded.
    fn plain_name(&self, volume: &str) -> Result<String> {
        Ok(volume.to_owned())
    }
    fn create(&self, volume: &str, options: &Options) -> Result<Created>;
    /// The volume that `create` would copy, by its plain name. Nothing is done; options that `create` would refuse are, as
    /// far as the driver knows them.
    fn original(&self, _volume: &str, _options: &Options) -> Result<Option<String>> {
        Ok(None)
    }
    fn remove(&self, volume: &str) -> Result<()>;
    /// The mount point on this host, as the driver says it: the caller checks it.
    fn mount(&self, volume: &str, request: MountRequest) -> Result<PathBuf>;
    /// `lazy` detaches a busy mount; a plugin cannot be told so.
    fn unmount(&self, volume: &str, id: &str, lazy: bool) -> Result<Unmounted>;
    /// The mount point on this host, `None` where it is not mounted or the driver does not say.
    fn path(&self, volume: &str) -> Result<Option<PathBuf>>;
    fn get(&self, volume: &str) -> Result<Lookup>;
    fn list(&self) -> Result<Vec<Volume>>;
    fn capabilities(&self) -> Result<Scope>;
    /// Whether a mount goes on after its caller was killed, so that it may be there only later.
    fn outlives_its_caller(&self) -> bool {
        false
    }
    /// Whether it can make the mount itself read-only; otherwise only a target can be.
    fn mounts_read_only(&self) -> bool {
        false
    }
}

/// The names of the built-in drivers.
pub const BUILT_INS: [&str; 2] = ["local", "loop"];

/// The driver where neither the caller nor the configuration names one.
const DEFAULT: &str = "local";

/// The driver of that name, else the configured one, else the default.
pub fn open_or_default<'a>(
    invocation: &'a Invocation,
    name: Option<&str>,
) -> Result<Box<dyn Driver + 'a>> {
    let configured = invocation.config.driver.as_deref();
    open(invocation, name.or(configured).unwrap_or(DEFAULT))
}

/// The driver of that name, an alias resolved. Nothing is asked of it yet.
pub fn open<'a>(invocation: &'a Invocation, name: &str) -> Result<Box<dyn Driver + 'a>> {
    let name = invocation
        .config
        .aliases
        .get(name)
        .map_or(name, String::as_str);
    open_exactly(invocation, name)
}

/// The driver of that very name, whatever the aliases are. A built-in's name wins over a plugin's.
pub fn open_exactly<'a>(invocation: &'a Invocation, name: &str) -> Result<Box<dyn Driver + 'a>> {
    match name {
        "local" => Ok(Box::new(local::Local(Base::new(name, invocation)?))),
        "loop" => Ok(Box::new(loop_::Loop(Base::new(name, invocation)?))),
        _ => Ok(Box::new(Plugin::named(invocation, name)?)),
    }
}

/// What `create` came upon.
#[derive(Debug, PartialEq, Eq)]
pub enum Created {
    New,
    /// It was there already, and nobody can tell with which options.
    Existed,
    /// It was there already, with the options that are asked for.
    Same,
    /// It was there already, and these options are others.
    Otherwise(Vec<String>),
}

/// What `unmount` came upon.
#[derive(Debug, PartialEq, Eq)]
pub enum Unmounted {
    Done,
    /// There was nothing to unmount, and why that is known.
    WasNot(String),
}

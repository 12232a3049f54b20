//! A Docker volume plugin as a driver: the methods of the protocol, and what their answers mean.

mod calls;
pub mod discovery;
mod managed;
mod refusals;

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;

use anyhow::{Context, Error, Result, anyhow, bail};
use serde_json::{Map, Value};

use crate::base::failure::{Failure, Kind};
use crate::driver::plugin::discovery::Endpoint;
use crate::driver::plugin::managed::Managed;
use crate::driver::plugin::refusals::Meaning;
use crate::driver::{Created, Driver, Lookup, MountRequest, Options, Scope, Unmounted, Volume};
use crate::invocation::Invocation;
use crate::protocol::client::Client;
use crate::protocol::messages as wire;
use crate::protocol::messages::{Object, Refusal, WireVolume};
use crate::sys::mount::mountinfo::MountTable;

/// A plugin by its name. It is looked for, connected to and activated at the first call.
pub struct Plugin<'a> {
    invocation: &'a Invocation,
    /// Its own name where it is a managed plugin, however a caller names it: holders know it by that.
    name: String,
    /// What the first look for it came upon; each further look is a new one.
    found: Cell<Option<Result<Option<Endpoint>>>>,
    link: OnceCell<Link>,
}

struct Link {
    client: Client,
    managed: Option<Managed>,
}

impl<'a> Plugin<'a> {
    /// # Errors
    ///
    /// A name that is none (wrong usage). Whether there is such a plugin, the first call tells.
    pub fn named(invocation: &'a Invocation, name: &str) -> Result<Plugin<'a>> {
        discovery::check_name(name)?;
        let found = discovery::find(&invocation.paths, name);
        let name = match &found {
            Ok(Some(Endpoint {
                managed: Some(plugin),
                ..
            })) => plugin.name.clone(),
            _ => name.to_owned(),
        };
        Ok(Plugin {
            invocation,
            name,
            found: Cell::new(Some(found)),
            link: OnceCell::new(),
        })
    }

    /// A plugin's refusal as an error, of the kind that its words mean.
    fn refused(&self, method: &str, volume: &str, refusal: Refusal) -> Error {
        let kind = if refusal.means(Meaning::Absent, volume) {
            Kind::Absent
        } else if refusal.means(Meaning::InUse, volume) {
            Kind::InUse
        } else {
            Kind::Refused
        };
        Error::from(Failure::new(kind, refusal.words))
            .context(format!("VolumeDriver.{method}"))
            .context(self.label())
    }

    /// A path from an answer, on this host. What is no absolute path is handed on as it is, for the caller to refuse.
    fn on_host(&self, path: String) -> PathBuf {
        let path = PathBuf::from(path);
        match self.link.get().and_then(|link| link.managed.as_ref()) {
            Some(managed) if path.is_absolute() => managed.on_host(&path),
            _ => path,
        }
    }

    fn volume(&self, asked: Option<&str>, wire: WireVolume) -> Volume {
        let name = wire.name.filter(|name| !name.is_empty());
        Volume {
            name: name
                .or_else(|| asked.map(str::to_owned))
                .unwrap_or_default(),
            mountpoint: wire
                .mountpoint
                .filter(|path| !path.is_empty())
                .map(|path| self.on_host(path)),
            status: wire.status.and_then(|status| match status {
                Value::Object(status) => Some(status),
                _ => None,
            }),
            created_at: wire
                .created_at
                .and_then(|at| at.as_str().map(str::to_owned))
                .filter(|at| !at.is_empty()),
            ..Volume::default()
        }
    }

    /// Every volume, or `None` where the plugin has no `List`.
    fn try_list(&self) -> Result<Option<Vec<Volume>>> {
        match self.call::<wire::ListAnswer>("List", &wire::EmptyMessage {})? {
            Ok(answer) => {
                let volumes = answer.volumes.unwrap_or_default().into_iter();
                Ok(Some(
                    volumes
                        .map(|Object(volume)| self.volume(None, volume))
                        .collect(),
                ))
            }
            Err(refusal) if refusal.unimplemented => Ok(None),
            Err(refusal) => Err(self.refused("List", "", refusal)),
        }
    }

    /// The plugin says that it is mounted already under our ID (after its own restart, or ours): then its path will do,
    /// if the mount table has a mount there.
    fn adopt(&self, volume: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.path(volume)? else {
            return Ok(None);
        };
        let is_mounted = MountTable::read()?.of_volume(&path, volume).is_some();
        Ok(is_mounted.then_some(path))
    }

    /// The plugin says that there is nothing to unmount; the mount table has the last word.
    fn is_gone(&self, volume: &str) -> Result<()> {
        let path = self.path(volume).ok().flatten();
        if let Some(path) = path
            && MountTable::read()?.of_volume(&path, volume).is_some()
        {
            bail!(Failure::in_use(format!(
                "but {} is mounted; another caller holds it",
                path.display()
            )));
        }
        Ok(())
    }
}

impl Driver for Plugin<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn label(&self) -> String {
        format!("plugin {}", self.name)
    }

    /// Names are the plugin's affair, but for those that would lead out of any directory that it keeps its volumes in.
    fn plain_name(&self, volume: &str) -> Result<String> {
        let bad = volume
            .split('/')
            .any(|part| matches!(part, "" | "." | ".."));
        if bad {
            bail!(Failure::usage(format!(
                "--volumename: '{}' is no name of a volume",
                volume.escape_debug()
            )));
        }
        Ok(volume.to_owned())
    }

    fn create(&self, volume: &str, options: &Options) -> Result<Created> {
        let opts: Map<String, Value> = options
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        match self
            .call::<wire::EmptyAnswer>("Create", &wire::CreateMessage { name: volume, opts })?
        {
            Ok(_) => Ok(Created::New),
            Err(refusal) if refusal.means(Meaning::AlreadyExists, volume) => Ok(Created::Existed),
            Err(refusal) => Err(self.refused("Create", volume, refusal)),
        }
    }

    /// Plugins have removed what is mounted, with the data behind it, so that is asked first.
    fn remove(&self, volume: &str) -> Result<()> {
        match self.get(volume)? {
            Lookup::Absent => {
                return Err(Error::from(Failure::absent("no such volume")).context(self.label()));
            }
            Lookup::Found(found) => {
                let table = MountTable::read()?;
                if let Some(mount) = found
                    .mountpoint
                    .and_then(|path| table.of_volume(&path, volume))
                {
                    let place = mount.mount_point.display();
                    bail!(Failure::in_use(format!(
                        "it is mounted at {place}; unmount it first"
                    )));
                }
            }
            Lookup::CannotSay => {}
        }
        match self.call::<wire::EmptyAnswer>("Remove", &wire::NameMessage { name: volume })? {
            Ok(_) => Ok(()),
            Err(refusal) => Err(self.refused("Remove", volume, refusal)),
        }
    }

    fn mount(&self, volume: &str, request: MountRequest) -> Result<PathBuf> {
        let request = wire::MountMessage {
            name: volume,
            id: request.id,
        };
        match self.call::<wire::MountpointAnswer>("Mount", &request)? {
            Ok(answer) => Ok(self.on_host(answer.mountpoint.unwrap_or_default())),
            Err(refusal) if refusal.means(Meaning::AlreadyMounted, volume) => {
                match self.adopt(volume) {
                    Ok(Some(path)) => Ok(path),
                    _ => Err(self.refused("Mount", volume, refusal)),
                }
            }
            Err(refusal) => Err(self.refused("Mount", volume, refusal)),
        }
    }

    fn unmount(&self, volume: &str, id: &str, _lazy: bool) -> Result<Unmounted> {
        match self.call::<wire::EmptyAnswer>("Unmount", &wire::MountMessage { name: volume, id })? {
            Ok(_) => Ok(Unmounted::Done),
            Err(refusal) => {
                let nothing = [Meaning::NotMounted, Meaning::Absent]
                    .iter()
                    .any(|meaning| refusal.means(*meaning, volume));
                if !nothing {
                    return Err(self.refused("Unmount", volume, refusal));
                }
                let said = || format!("{}: VolumeDriver.Unmount: {}", self.label(), refusal.words);
                self.is_gone(volume).with_context(said)?;
                Ok(Unmounted::WasNot(said()))
            }
        }
    }

    fn path(&self, volume: &str) -> Result<Option<PathBuf>> {
        match self.call::<wire::MountpointAnswer>("Path", &wire::NameMessage { name: volume })? {
            Ok(answer) => Ok(answer
                .mountpoint
                .filter(|path| !path.is_empty())
                .map(|path| self.on_host(path))),
            Err(refusal) if refusal.means(Meaning::NotMounted, volume) => Ok(None),
            Err(refusal) => Err(self.refused("Path", volume, refusal)),
        }
    }

    fn get(&self, volume: &str) -> Result<Lookup> {
        match self.call::<wire::GetAnswer>("Get", &wire::NameMessage { name: volume })? {
            Ok(answer) => {
                let known = answer.volume.map(|Object(known)| known);
                let known = known
                    .filter(|volume| volume.name.as_deref().is_some_and(|name| !name.is_empty()));
                Ok(known.map_or(Lookup::Absent, |known| {
                    Lookup::Found(Box::new(self.volume(Some(volume), known)))
                }))
            }
            Err(refusal) if refusal.means(Meaning::Absent, volume) => Ok(Lookup::Absent),
            Err(refusal) if refusal.unimplemented => match self.try_list()? {
                None => Ok(Lookup::CannotSay),
                Some(volumes) => Ok(volumes
                    .into_iter()
                    .find(|known| known.name == volume)
                    .map_or(Lookup::Absent, |known| Lookup::Found(Box::new(known)))),
            },
            Err(refusal) => Err(self.refused("Get", volume, refusal)),
        }
    }

    fn list(&self) -> Result<Vec<Volume>> {
        let volumes = self.try_list()?;
        volumes.ok_or_else(|| anyhow!("{}: it has no VolumeDriver.List", self.label()))
    }

    fn outlives_its_caller(&self) -> bool {
        true
    }

    fn capabilities(&self) -> Result<Scope> {
        self.link()?;
        let answer = self.call::<wire::CapabilitiesAnswer>("Capabilities", &wire::EmptyMessage {});
        let scope = match &answer {
            Ok(Ok(answer)) => answer
                .capabilities
                .as_ref()
                .and_then(|known| known.get("Scope")?.as_str()),
            _ => None,
        };
        Ok(if scope == Some("global") {
            Scope::Global
        } else {
            Scope::Local
        })
    }
}

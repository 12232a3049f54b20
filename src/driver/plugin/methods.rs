//! The methods of the plugin protocol (protocol: Volume plugins), and what their answers mean.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, bail};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::options::Options;
use crate::driver::interface::{Created, Lookup, Scope, Unmounted, VolumeInfo};
use crate::driver::plugin::connection::Connection;
use crate::driver::plugin::refusals::Meaning;
use crate::protocol::messages as wire;
use crate::protocol::messages::{Refusal, WireVolume};
use crate::sys::mount::mountinfo::MountTable;

/// A plugin's methods, each called over its connection.
pub struct Methods<'a> {
    pub connection: Connection<'a>,
}

impl Methods<'_> {
    pub fn create(&self, volume: &str, options: &Options) -> Result<Created> {
        let opts: Map<String, Value> = options
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        let request = wire::CreateMessage { name: volume, opts };
        match self.empty("Create", &request)? {
            Ok(()) => Ok(Created::New),
            Err(refusal) if refusal.means(Meaning::AlreadyExists, volume) => Ok(Created::Existed),
            Err(refusal) => Err(self.refused("Create", volume, refusal)),
        }
    }

    /// A mounted volume is not removed: some plugins delete its data while it is in use.
    pub fn remove(&self, volume: &str) -> Result<()> {
        match self.get(volume)? {
            Lookup::Absent => {
                let absent = Error::from(Failure::absent("no such volume"));
                return Err(absent.context(self.connection.label()));
            }
            Lookup::Found(found) => {
                let table = MountTable::read()?;
                let mount = found
                    .mountpoint
                    .and_then(|path| table.of_volume(&path, volume));
                if let Some(mount) = mount {
                    let place = mount.mount_point.display();
                    bail!(Failure::in_use(format!(
                        "it is mounted at {place}; unmount it first"
                    )));
                }
            }
            Lookup::CannotSay => {}
        }
        self.empty("Remove", &wire::NameMessage { name: volume })?
            .map_err(|refusal| self.refused("Remove", volume, refusal))
    }

    pub fn mount(&self, volume: &str, id: &str) -> Result<PathBuf> {
        let request = wire::MountMessage { name: volume, id };
        let answer = self.connection.call("Mount", &request)?;
        match answer {
            Ok(wire::MountpointAnswer { mountpoint }) => {
                Ok(self.connection.on_host(mountpoint.unwrap_or_default()))
            }
            Err(refusal) if refusal.means(Meaning::AlreadyMounted, volume) => {
                match self.existing_mount(volume) {
                    Ok(Some(path)) => Ok(path),
                    _ => Err(self.refused("Mount", volume, refusal)),
                }
            }
            Err(refusal) => Err(self.refused("Mount", volume, refusal)),
        }
    }

    pub fn unmount(&self, volume: &str, id: &str) -> Result<Unmounted> {
        let request = wire::MountMessage { name: volume, id };
        let Err(refusal) = self.empty("Unmount", &request)? else {
            return Ok(Unmounted::Done);
        };
        let is_nothing_to_do = [Meaning::NotMounted, Meaning::Absent]
            .iter()
            .any(|meaning| refusal.means(*meaning, volume));
        if !is_nothing_to_do {
            return Err(self.refused("Unmount", volume, refusal));
        }
        let label = self.connection.label();
        let said = format!("{label}: VolumeDriver.Unmount: {}", refusal.words);
        self.check_not_mounted(volume)
            .with_context(|| said.clone())?;
        Ok(Unmounted::WasNot(said))
    }

    pub fn path(&self, volume: &str) -> Result<Option<PathBuf>> {
        let request = wire::NameMessage { name: volume };
        let answer = self.connection.call("Path", &request)?;
        match answer {
            Ok(wire::MountpointAnswer { mountpoint }) => Ok(self.mount_point(mountpoint)),
            Err(refusal) if refusal.means(Meaning::NotMounted, volume) => Ok(None),
            Err(refusal) => Err(self.refused("Path", volume, refusal)),
        }
    }

    /// Where the plugin has no `Get`, its `List` tells.
    pub fn get(&self, volume: &str) -> Result<Lookup> {
        let found = |info: Option<VolumeInfo>| {
            info.map_or(Lookup::Absent, |info| Lookup::Found(Box::new(info)))
        };
        let request = wire::NameMessage { name: volume };
        let answer = self.connection.call("Get", &request)?;
        match answer {
            Ok(wire::GetAnswer { volume: known }) => {
                let known = known.map(|known| self.info(known));
                Ok(found(known.filter(|info| !info.name.is_empty())))
            }
            Err(refusal) if refusal.means(Meaning::Absent, volume) => Ok(Lookup::Absent),
            Err(refusal) if refusal.unimplemented => match self.list()? {
                None => Ok(Lookup::CannotSay),
                Some(volumes) => Ok(found(volumes.into_iter().find(|info| info.name == volume))),
            },
            Err(refusal) => Err(self.refused("Get", volume, refusal)),
        }
    }

    /// All volumes; `None` where the plugin has no `List`.
    pub fn list(&self) -> Result<Option<Vec<VolumeInfo>>> {
        let answer = self.connection.call("List", &wire::EmptyMessage {})?;
        match answer {
            Ok(wire::ListAnswer { volumes }) => {
                let volumes = volumes.unwrap_or_default().into_iter();
                let volumes = volumes.map(|volume| self.info(volume));
                Ok(Some(volumes.collect()))
            }
            Err(refusal) if refusal.unimplemented => Ok(None),
            Err(refusal) => Err(self.refused("List", "", refusal)),
        }
    }

    /// A plugin that does not say it reaches further is local, as with Docker.
    pub fn capabilities(&self) -> Result<Scope> {
        self.connection.open()?;
        let answer = self.connection.call("Capabilities", &wire::EmptyMessage {});
        let scope = match &answer {
            Ok(Ok(wire::CapabilitiesAnswer { capabilities })) => capabilities
                .as_ref()
                .and_then(|known| known.scope.as_deref()),
            _ => None,
        };
        Ok(match scope {
            Some(scope) if scope.eq_ignore_ascii_case("global") => Scope::Global,
            _ => Scope::Local,
        })
    }

    /// Calls a method whose answer has no content.
    fn empty(&self, method: &str, request: &impl Serialize) -> Result<Result<(), Refusal>> {
        let answer = self.connection.call::<wire::EmptyAnswer>(method, request)?;
        Ok(answer.map(drop))
    }

    /// Where the volume is mounted already, for a plugin that refuses to mount it again under our ID after a restart of its own
    /// or of dvdcli. Its path counts only if the mount table has a mount there.
    fn existing_mount(&self, volume: &str) -> Result<Option<PathBuf>> {
        let Some(path) = self.path(volume)? else {
            return Ok(None);
        };
        let is_mounted = MountTable::read()?.of_volume(&path, volume).is_some();
        Ok(is_mounted.then_some(path))
    }

    /// Refuses to believe a plugin that says there is nothing to unmount while the mount table still has the mount.
    fn check_not_mounted(&self, volume: &str) -> Result<()> {
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

    /// A plugin's refusal as an error, of the kind that its words mean.
    fn refused(&self, method: &str, volume: &str, refusal: Refusal) -> Error {
        let kind = if refusal.means(Meaning::Absent, volume) {
            ErrorKind::Absent
        } else if refusal.means(Meaning::InUse, volume) {
            ErrorKind::InUse
        } else {
            ErrorKind::Refused
        };
        Error::from(Failure::new(kind, refusal.words))
            .context(format!("VolumeDriver.{method}"))
            .context(self.connection.label())
    }

    /// A mount point on this host; an empty one means none.
    fn mount_point(&self, answered: Option<String>) -> Option<PathBuf> {
        answered
            .filter(|path| !path.is_empty())
            .map(|path| self.connection.on_host(path))
    }

    /// A volume as the plugin describes it; its name is empty where the plugin gives none.
    fn info(&self, volume: WireVolume) -> VolumeInfo {
        VolumeInfo {
            name: volume.name.unwrap_or_default(),
            mountpoint: self.mount_point(volume.mountpoint),
            status: volume.status.and_then(|status| match status {
                Value::Object(status) => Some(status),
                _ => None,
            }),
            created_at: volume
                .created_at
                .and_then(|at| at.as_str().map(str::to_owned))
                .filter(|at| !at.is_empty()),
            ..VolumeInfo::default()
        }
    }
}

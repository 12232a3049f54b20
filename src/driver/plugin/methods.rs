//! The methods of the plugin protocol (protocol: Volume plugins), and what their answers mean.

use std::path::PathBuf;

use anyhow::{Error, Result};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::failure::{ErrorKind, Failure, with_undo_error};
use crate::base::options::Options;
use crate::driver::interface::{Created, Lookup, Scope, Unmounted, VolumeInfo, Whereabouts};
use crate::driver::plugin::connection::Connection;
use crate::driver::plugin::refusals::Meaning;
use crate::protocol::messages as wire;
use crate::protocol::messages::{Refusal, WireVolume};
use crate::sys::process::interruption;

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
            Err(refusal) if self.has_been_created(volume, &refusal)? => Ok(Created::Existed),
            Err(refusal) => Err(self.refused("Create", volume, refusal)),
        }
    }

    /// Whether `Create` was refused because the volume exists. Something else may exist already, so the plugin is asked again.
    fn has_been_created(&self, volume: &str, refusal: &Refusal) -> Result<bool> {
        if !refusal.speaks_of_existence(volume) {
            return Ok(false);
        }
        Ok(match self.get(volume) {
            Ok(Lookup::Found(_)) => true,
            Ok(Lookup::CannotSay) => refusal.means(Meaning::AlreadyExists, volume),
            Ok(Lookup::Absent) => false,
            Err(error) if ErrorKind::of(&error) == ErrorKind::Refused => false,
            Err(error) => return Err(error),
        })
    }

    pub fn remove(&self, volume: &str) -> Result<()> {
        self.empty("Remove", &wire::NameMessage { name: volume })?
            .map_err(|refusal| self.refused("Remove", volume, refusal))
    }

    pub fn mount(&self, volume: &str, id: &str) -> Result<PathBuf> {
        let request = wire::MountMessage { name: volume, id };
        match self.connection.call("Mount", &request)? {
            Ok(wire::MountpointAnswer { mountpoint }) => {
                let path = self.connection.on_host(mountpoint.unwrap_or_default());
                path.map_err(|error| {
                    let undone = interruption::undoing(|| self.unmount(volume, id)).map(drop);
                    with_undo_error(error.context(self.connection.label()), undone)
                })
            }
            Err(refusal) => Err(self.refused("Mount", volume, refusal)),
        }
    }

    /// Words that there is nothing to unmount are not proof: the caller looks at the mount table.
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
        Ok(Unmounted::WasNot(said))
    }

    /// REX-Ray refuses in words of absence where a volume is not attached.
    pub fn path(&self, volume: &str) -> Result<Whereabouts> {
        let request = wire::NameMessage { name: volume };
        match self.connection.call("Path", &request)? {
            Ok(wire::MountpointAnswer { mountpoint }) => match self.mount_point(mountpoint) {
                Ok(path) => Ok(path.into()),
                // A path that cannot be followed tells as little as none.
                Err(_) => Ok(Whereabouts::CannotSay),
            },
            Err(refusal) if refusal.unimplemented => Ok(Whereabouts::CannotSay),
            Err(refusal) if refusal.means(Meaning::NotMounted, volume) => Ok(Whereabouts::Nowhere),
            Err(refusal) if refusal.means(Meaning::Absent, volume) => match self.get(volume)? {
                Lookup::Found(_) => Ok(Whereabouts::Nowhere),
                _ => Err(self.refusal("Path", ErrorKind::Absent, refusal)),
            },
            Err(refusal) => match self.get(volume) {
                Ok(Lookup::Absent) => Err(self.refusal("Path", ErrorKind::Absent, refusal)),
                _ => Err(self.refused("Path", volume, refusal)),
            },
        }
    }

    /// Words that do not mean absence as a whole decide nothing: then `List` tells, as it does where there is no `Get`.
    pub fn get(&self, volume: &str) -> Result<Lookup> {
        let request = wire::NameMessage { name: volume };
        match self.connection.call("Get", &request)? {
            Ok(wire::GetAnswer { volume: known }) => match known.map(|known| self.info(known)) {
                Some(info) if info.name.is_empty() => self.named_by_list(volume, info),
                known => Ok(known.into()),
            },
            Err(refusal) if refusal.means(Meaning::Absent, volume) => Ok(Lookup::Absent),
            Err(refusal) => self.get_from_list(volume, refusal),
        }
    }

    /// The volume that `Get` answers without a name: some plugins do so for each, others for what they do not have. `List` tells.
    fn named_by_list(&self, volume: &str, info: VolumeInfo) -> Result<Lookup> {
        let listed = self.list()?.unwrap_or_default();
        let is_listed = listed.iter().any(|known| known.name == volume);
        let named = VolumeInfo {
            name: volume.to_owned(),
            ..info
        };
        Ok(is_listed.then_some(named).into())
    }

    /// What `List` has, where `Get` was refused. Only a list without the volume is an answer then.
    fn get_from_list(&self, volume: &str, refusal: Refusal) -> Result<Lookup> {
        let listed = match self.list() {
            Err(error) if refusal.unimplemented => return Err(error),
            listed => listed.ok().flatten(),
        };
        let found = listed.map(|volumes| volumes.into_iter().find(|info| info.name == volume));
        match found {
            Some(found) if refusal.unimplemented => Ok(found.into()),
            Some(None) => Ok(Lookup::Absent),
            None if refusal.unimplemented => Ok(Lookup::CannotSay),
            _ => Err(self.refused_in_words("Get", volume, refusal)),
        }
    }

    /// All volumes; `None` where the plugin has no `List`.
    pub fn list(&self) -> Result<Option<Vec<VolumeInfo>>> {
        let answer = self.connection.call("List", &wire::EmptyMessage {})?;
        match answer {
            Ok(wire::ListAnswer { volumes }) => {
                let volumes = volumes.unwrap_or_default().0.into_iter();
                let volumes = volumes.map(|wire::ListedVolume { name, mountpoint }| {
                    self.info(WireVolume {
                        name: Some(name),
                        mountpoint,
                        ..WireVolume::default()
                    })
                });
                Ok(Some(volumes.collect()))
            }
            Err(refusal) if refusal.unimplemented => Ok(None),
            Err(refusal) => Err(self.refused_in_words("List", "", refusal)),
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

    /// A plugin's refusal as an error, of the kind that its words mean. Words of absence count where `Get` does not have the volume
    /// either.
    fn refused(&self, method: &str, volume: &str, refusal: Refusal) -> Error {
        if refusal.means(Meaning::Absent, volume)
            && matches!(self.get(volume), Ok(Lookup::Absent | Lookup::CannotSay))
        {
            return self.refusal(method, ErrorKind::Absent, refusal);
        }
        self.refused_in_words(method, volume, refusal)
    }

    fn refused_in_words(&self, method: &str, volume: &str, refusal: Refusal) -> Error {
        let kind = if refusal.means(Meaning::AlreadyMounted, volume) {
            ErrorKind::AlreadyMounted
        } else if refusal.means(Meaning::InUse, volume) {
            ErrorKind::InUse
        } else {
            ErrorKind::Refused
        };
        self.refusal(method, kind, refusal)
    }

    fn refusal(&self, method: &str, kind: ErrorKind, refusal: Refusal) -> Error {
        Error::from(Failure::new(kind, refusal.words))
            .context(format!("VolumeDriver.{method}"))
            .context(self.connection.label())
    }

    /// A mount point on this host; an empty one means none.
    fn mount_point(&self, answered: Option<String>) -> Result<Option<PathBuf>> {
        answered
            .filter(|path| !path.is_empty())
            .map(|path| self.connection.on_host(path))
            .transpose()
    }

    /// A volume as the plugin describes it; its name is empty where the plugin gives none.
    fn info(&self, volume: WireVolume) -> VolumeInfo {
        VolumeInfo {
            name: volume.name.unwrap_or_default(),
            mountpoint: self.mount_point(volume.mountpoint).ok().flatten(),
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

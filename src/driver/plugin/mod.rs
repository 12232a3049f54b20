//! A Docker volume plugin as a driver: the methods of the protocol, and what their answers mean.

mod calls;
pub mod discovery;
mod managed;
mod refusals;
mod volume;

use std::cell::{Cell, OnceCell};
use std::path::PathBuf;

use anyhow::{Error, Result, anyhow, bail};
use serde_json::Value;

use crate::base::failure::{ErrorKind, Failure};
use crate::base::options::Options;
use crate::driver::interface::{Driver, Scope, Volume, VolumeInfo};
use crate::driver::plugin::discovery::Endpoint;
use crate::driver::plugin::managed::Managed;
use crate::driver::plugin::refusals::Meaning;
use crate::driver::plugin::volume::PluginVolume;
use crate::invocation::Invocation;
use crate::protocol::client::Client;
use crate::protocol::messages as wire;
use crate::protocol::messages::{Object, Refusal, WireVolume};

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
            ErrorKind::Absent
        } else if refusal.means(Meaning::InUse, volume) {
            ErrorKind::InUse
        } else {
            ErrorKind::Refused
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

    fn info(&self, asked: Option<&str>, wire: WireVolume) -> VolumeInfo {
        let name = wire.name.filter(|name| !name.is_empty());
        VolumeInfo {
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
            ..VolumeInfo::default()
        }
    }

    /// Every volume, or `None` where the plugin has no `List`.
    fn try_list(&self) -> Result<Option<Vec<VolumeInfo>>> {
        match self.call::<wire::ListAnswer>("List", &wire::EmptyMessage {})? {
            Ok(answer) => {
                let volumes = answer.volumes.unwrap_or_default().into_iter();
                Ok(Some(
                    volumes
                        .map(|Object(volume)| self.info(None, volume))
                        .collect(),
                ))
            }
            Err(refusal) if refusal.unimplemented => Ok(None),
            Err(refusal) => Err(self.refused("List", "", refusal)),
        }
    }
}

impl Driver for Plugin<'_> {
    fn name(&self) -> &str {
        &self.name
    }

    fn label(&self) -> String {
        format!("plugin {}", self.name)
    }

    /// A managed plugin may be named with its tag or without, also before it is there to be asked.
    fn key(&self) -> &str {
        self.name.strip_suffix(":latest").unwrap_or(&self.name)
    }

    /// Names are the plugin's affair, but for those that would lead out of any directory that it keeps its volumes in.
    fn volume<'a>(self: Box<Self>, name: &str, options: &Options) -> Result<Box<dyn Volume + 'a>>
    where
        Self: 'a,
    {
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            bail!(Failure::usage(format!(
                "--volumename: '{}' is no name of a volume",
                name.escape_debug()
            )));
        }
        Ok(Box::new(PluginVolume {
            plugin: *self,
            name: name.to_owned(),
            options: options.clone(),
        }))
    }

    fn list(&self) -> Result<Vec<VolumeInfo>> {
        let volumes = self.try_list()?;
        volumes.ok_or_else(|| anyhow!("{}: it has no VolumeDriver.List", self.label()))
    }

    fn may_finish_later(&self) -> bool {
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

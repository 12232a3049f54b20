//! One volume of a plugin: the methods of the protocol, and what their answers mean.

use std::path::PathBuf;

use anyhow::{Context, Error, Result, bail};
use serde_json::{Map, Value};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::driver::interface::{Created, Driver, Lookup, MountMode, Unmounted, Volume};
use crate::driver::plugin::Plugin;
use crate::driver::plugin::refusals::Meaning;
use crate::protocol::messages as wire;
use crate::protocol::messages::Object;
use crate::sys::mount::mountinfo::MountTable;

pub struct PluginVolume<'a> {
    pub plugin: Plugin<'a>,
    /// As the caller wrote it; a plugin gets all of it.
    pub name: String,
    pub options: Options,
}

impl Volume for PluginVolume<'_> {
    fn driver(&self) -> &dyn Driver {
        &self.plugin
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn has_options(&self) -> bool {
        !self.options.is_empty()
    }

    /// A plugin's options are its own affair.
    fn copy_source(&self) -> Result<Option<String>> {
        Ok(None)
    }

    fn create(&self) -> Result<Created> {
        let volume = self.name.as_str();
        let opts: Map<String, Value> = self
            .options
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        match self
            .plugin
            .call::<wire::EmptyAnswer>("Create", &wire::CreateMessage { name: volume, opts })?
        {
            Ok(_) => Ok(Created::New),
            Err(refusal) if refusal.means(Meaning::AlreadyExists, volume) => Ok(Created::Existed),
            Err(refusal) => Err(self.plugin.refused("Create", volume, refusal)),
        }
    }

    /// Plugins have removed what is mounted, with the data behind it, so that is asked first.
    fn remove(&self) -> Result<()> {
        let volume = self.name.as_str();
        match self.get()? {
            Lookup::Absent => {
                return Err(
                    Error::from(Failure::absent("no such volume")).context(self.plugin.label())
                );
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
        match self
            .plugin
            .call::<wire::EmptyAnswer>("Remove", &wire::NameMessage { name: volume })?
        {
            Ok(_) => Ok(()),
            Err(refusal) => Err(self.plugin.refused("Remove", volume, refusal)),
        }
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        let volume = self.name.as_str();
        let request = wire::MountMessage {
            name: volume,
            id: mode.id,
        };
        match self
            .plugin
            .call::<wire::MountpointAnswer>("Mount", &request)?
        {
            Ok(answer) => Ok(self.plugin.on_host(answer.mountpoint.unwrap_or_default())),
            Err(refusal) if refusal.means(Meaning::AlreadyMounted, volume) => match self.adopt() {
                Ok(Some(path)) => Ok(path),
                _ => Err(self.plugin.refused("Mount", volume, refusal)),
            },
            Err(refusal) => Err(self.plugin.refused("Mount", volume, refusal)),
        }
    }

    fn unmount(&self, id: &str, _lazy: bool) -> Result<Unmounted> {
        let volume = self.name.as_str();
        match self
            .plugin
            .call::<wire::EmptyAnswer>("Unmount", &wire::MountMessage { name: volume, id })?
        {
            Ok(_) => Ok(Unmounted::Done),
            Err(refusal) => {
                let nothing = [Meaning::NotMounted, Meaning::Absent]
                    .iter()
                    .any(|meaning| refusal.means(*meaning, volume));
                if !nothing {
                    return Err(self.plugin.refused("Unmount", volume, refusal));
                }
                let said = || {
                    format!(
                        "{}: VolumeDriver.Unmount: {}",
                        self.plugin.label(),
                        refusal.words
                    )
                };
                self.is_gone().with_context(said)?;
                Ok(Unmounted::WasNot(said()))
            }
        }
    }

    fn path(&self) -> Result<Option<PathBuf>> {
        let volume = self.name.as_str();
        match self
            .plugin
            .call::<wire::MountpointAnswer>("Path", &wire::NameMessage { name: volume })?
        {
            Ok(answer) => Ok(answer
                .mountpoint
                .filter(|path| !path.is_empty())
                .map(|path| self.plugin.on_host(path))),
            Err(refusal) if refusal.means(Meaning::NotMounted, volume) => Ok(None),
            Err(refusal) => Err(self.plugin.refused("Path", volume, refusal)),
        }
    }

    fn get(&self) -> Result<Lookup> {
        let volume = self.name.as_str();
        match self
            .plugin
            .call::<wire::GetAnswer>("Get", &wire::NameMessage { name: volume })?
        {
            Ok(answer) => {
                let known = answer.volume.map(|Object(known)| known);
                let known = known
                    .filter(|volume| volume.name.as_deref().is_some_and(|name| !name.is_empty()));
                Ok(known.map_or(Lookup::Absent, |known| {
                    Lookup::Found(Box::new(self.plugin.info(Some(volume), known)))
                }))
            }
            Err(refusal) if refusal.means(Meaning::Absent, volume) => Ok(Lookup::Absent),
            Err(refusal) if refusal.unimplemented => match self.plugin.try_list()? {
                None => Ok(Lookup::CannotSay),
                Some(volumes) => Ok(volumes
                    .into_iter()
                    .find(|known| known.name == volume)
                    .map_or(Lookup::Absent, |known| Lookup::Found(Box::new(known)))),
            },
            Err(refusal) => Err(self.plugin.refused("Get", volume, refusal)),
        }
    }
}

impl PluginVolume<'_> {
    /// The plugin says that it is mounted already under our ID (after its own restart, or ours): then its path will do,
    /// if the mount table has a mount there.
    fn adopt(&self) -> Result<Option<PathBuf>> {
        let volume = self.name.as_str();
        let Some(path) = self.path()? else {
            return Ok(None);
        };
        let is_mounted = MountTable::read()?.of_volume(&path, volume).is_some();
        Ok(is_mounted.then_some(path))
    }

    /// The plugin says that there is nothing to unmount; the mount table has the last word.
    fn is_gone(&self) -> Result<()> {
        let volume = self.name.as_str();
        let path = self.path().ok().flatten();
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

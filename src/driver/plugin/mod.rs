//! A Docker volume plugin as a driver.

mod cautions;
mod connection;
pub mod discovery;
mod examine;
pub mod managed;
mod methods;
mod refusals;
mod shown;
mod similar;
mod tree;
mod wait;

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::finding::{Care, Finding};
use crate::base::options::Options;
use crate::driver::interface::{
    Chooser, Created, Driver, Lookup, MountMode, Next, Scope, Unmounted, Volume, VolumeInfo,
    Whereabouts,
};
use crate::driver::plugin::connection::Connection;
use crate::driver::plugin::methods::Methods;
use crate::invocation::Invocation;

/// A plugin by its name. The first call of a method searches for it, connects and activates it.
pub struct Plugin<'a> {
    methods: Methods<'a>,
}

impl<'a> Plugin<'a> {
    /// # Errors
    ///
    /// Wrong usage: a name that no plugin can have. Only the first call reports that there is no such plugin.
    pub fn named(invocation: &'a Invocation, name: &str) -> Result<Plugin<'a>> {
        let connection = Connection::new(invocation, name)?;
        Ok(Plugin {
            methods: Methods { connection },
        })
    }
}

impl Driver for Plugin<'_> {
    fn name(&self) -> &str {
        self.methods.connection.name()
    }

    fn label(&self) -> String {
        self.methods.connection.label()
    }

    /// The name without `:latest`: a managed plugin may be named with this tag or without, even while it is not there to be asked.
    fn key(&self) -> &str {
        let name = self.name();
        name.strip_suffix(":latest").unwrap_or(name)
    }

    /// Only the plugin can tell which names are good. A name that leads out of a directory is refused all the same, because the
    /// plugin may use it as a path.
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
        let volumes = self.methods.list()?;
        volumes.ok_or_else(|| anyhow!("{}: it has no VolumeDriver.List", self.label()))
    }

    fn capabilities(&self) -> Result<Scope> {
        self.methods.capabilities()
    }

    fn examine(&self, _care: Care) -> Result<Vec<Finding>> {
        let connection = &self.methods.connection;
        let finding = |error| examine::finding(connection.invocation(), self.name(), &error);
        let error = self.capabilities().err();
        let error = error.filter(|error| ErrorKind::of(error) != ErrorKind::Served);
        Ok(error.map(finding).into_iter().collect())
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// One volume of a plugin.
struct PluginVolume<'a> {
    plugin: Plugin<'a>,
    /// As the caller wrote it; the plugin gets all of it.
    name: String,
    options: Options,
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

    /// Always `None`: what a plugin's options mean is not known here.
    fn copy_source(&self, _chooser: Chooser) -> Result<Option<String>> {
        Ok(None)
    }

    /// A plugin sees to its options itself.
    fn create(&self, _chooser: Chooser, _next: Next) -> Result<Created> {
        self.plugin.methods.create(&self.name, &self.options)
    }

    fn get(&self) -> Result<Lookup> {
        self.plugin.methods.get(&self.name)
    }

    fn path(&self) -> Result<Whereabouts> {
        self.plugin.methods.path(&self.name)
    }

    fn mount(&self, mode: MountMode) -> Result<PathBuf> {
        self.plugin.methods.mount(&self.name, mode.id)
    }

    fn unmount(&self, id: &str, _lazy: bool) -> Result<Unmounted> {
        self.plugin.methods.unmount(&self.name, id)
    }

    fn remove(&self) -> Result<()> {
        self.plugin.methods.remove(&self.name)
    }

    fn refuse_outside(&self, directory: &Path) -> Result<()> {
        self.plugin.methods.connection.refuse_outside(directory)
    }

    fn disconnect(&mut self) {
        self.plugin.methods.connection.close();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;
    use crate::invocation::budget::Budget;
    use crate::invocation::config::Config;
    use crate::invocation::log::Log;
    use crate::invocation::paths::Paths;

    #[test]
    fn a_name_that_leads_out_of_a_directory_is_refused() {
        let root = tempfile::tempdir().expect("a directory");
        let invocation = Invocation {
            paths: Paths::below(root.path()),
            config: Config::default(),
            budget: Budget::new(Duration::from_secs(60)),
            wait: Duration::ZERO,
            log: Log::default(),
        };
        for (name, refusal) in [
            ("/", "--volumename: '/' is no name of a volume"),
            ("////", "--volumename: '////' is no name of a volume"),
            ("..", "--volumename: '..' is no name of a volume"),
            (".", "--volumename: '.' is no name of a volume"),
            ("a/../b", "--volumename: 'a/../b' is no name of a volume"),
            ("/etc", "--volumename: '/etc' is no name of a volume"),
            ("a//b", "--volumename: 'a//b' is no name of a volume"),
            ("a/", "--volumename: 'a/' is no name of a volume"),
        ] {
            let plugin = Plugin::named(&invocation, "fake").expect("a good name");
            let opened = Box::new(plugin).volume(name, &Options::new());
            let error = opened.err().expect(name);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{name}");
            assert_eq!(chain(&error), refusal);
        }
    }
}

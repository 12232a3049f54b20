//! Which driver a name means: a built-in driver, else a plugin.

pub mod allowed;
pub mod image;
pub mod interface;
mod local;
mod loop_;
pub mod overview;
mod plugin;
mod shared;

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::driver::interface::{Driver, Volume};
use crate::driver::plugin::Plugin;
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::opened::BuiltIn;
use crate::invocation::Invocation;

/// The built-in drivers. Their names win over those of plugins.
const BUILT_INS: &[&dyn BuiltInKind] = &[&local::Local, &loop_::Loop];

/// The names of the built-in drivers.
pub fn built_ins() -> impl Iterator<Item = &'static str> {
    BUILT_INS.iter().map(|kind| kind.name())
}

/// Opens the driver of that name, else the configured one.
///
/// # Errors
///
/// Wrong usage: no driver is named; and as those of [`open_exactly`].
pub fn open_or_configured<'a>(
    invocation: &'a Invocation,
    name: Option<&str>,
) -> Result<Box<dyn Driver + 'a>> {
    let configured = invocation.config.driver.as_deref();
    let Some(name) = name.or(configured) else {
        // Any default would make a volume on this host for whoever has forgotten to name the driver.
        bail!(Failure::usage(
            "no driver is named; give --volumedriver (in fstab: DRIVER/VOLUME), or set dvdcli.driver"
        ))
    };
    open(invocation, name)
}

/// Opens the driver of that name, which may be an alias from the configuration.
///
/// # Errors
///
/// As those of [`open_exactly`].
pub fn open<'a>(invocation: &'a Invocation, name: &str) -> Result<Box<dyn Driver + 'a>> {
    let aliased = invocation.config.aliases.get(name);
    open_exactly(invocation, aliased.map_or(name, String::as_str))
}

/// Opens the driver of that very name, even if it is an alias too. A plugin is not called yet, and need not be there.
///
/// # Errors
///
/// Wrong usage: a name that no driver can have, or a configuration that a built-in driver cannot work with.
pub fn open_exactly<'a>(invocation: &'a Invocation, name: &str) -> Result<Box<dyn Driver + 'a>> {
    let Some(kind) = BUILT_INS.iter().copied().find(|kind| kind.name() == name) else {
        return Ok(Box::new(Plugin::named(invocation, name)?));
    };
    // A wrong setting of one built-in driver is found whichever of them is used first.
    invocation.config.check_for_built_ins()?;
    for kind in BUILT_INS {
        kind.check_configuration(&invocation.config)?;
    }
    Ok(Box::new(BuiltIn::open(kind, invocation)?))
}

/// Opens a volume of the driver of that name, as [`open_or_configured`] does. Neither the driver nor the volume is looked at yet.
///
/// # Errors
///
/// As those of [`open_or_configured`] and [`Driver::volume`].
pub fn open_volume<'a>(
    invocation: &'a Invocation,
    driver: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<Box<dyn Volume + 'a>> {
    open_or_configured(invocation, driver)?.volume(name, options)
}

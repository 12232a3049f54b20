//! Which driver a name means: a built-in, else a plugin.

pub mod interface;
mod local;
mod loop_;
pub mod overview;
mod plugin;
mod shared;

use anyhow::Result;

use crate::base::options::Options;
use crate::driver::interface::{Driver, Volume};
use crate::driver::plugin::Plugin;
use crate::driver::shared::{BuiltIn, BuiltInKind};
use crate::invocation::Invocation;

/// The built-in drivers. A name of one of these wins over a plugin's.
const BUILT_INS: [&dyn BuiltInKind; 2] = [&local::Local, &loop_::Loop];

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
    let aliased = invocation.config.aliases.get(name);
    open_exactly(invocation, aliased.map_or(name, String::as_str))
}

/// The driver of that very name, whatever the aliases are.
pub fn open_exactly<'a>(invocation: &'a Invocation, name: &str) -> Result<Box<dyn Driver + 'a>> {
    match BUILT_INS.into_iter().find(|kind| kind.name() == name) {
        Some(kind) => Ok(Box::new(BuiltIn::new(kind, invocation)?)),
        None => Ok(Box::new(Plugin::named(invocation, name)?)),
    }
}

/// A volume of the driver of that name, as [`open_or_default`] finds it. Nothing is asked yet.
pub fn open_volume<'a>(
    invocation: &'a Invocation,
    driver: Option<&str>,
    name: &str,
    options: &Options,
) -> Result<Box<dyn Volume + 'a>> {
    open_or_default(invocation, driver)?.volume(name, options)
}

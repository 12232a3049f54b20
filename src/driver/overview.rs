//! Questions to every driver, side by side, so that one that does not answer delays no other.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::base::failure::ErrorKind;
use crate::base::side_by_side::side_by_side;
use crate::driver::allowed::{self, is_allowed, refusal};
use crate::driver::interface::{Driver, Scope};
use crate::driver::plugin::Plugin;
use crate::driver::plugin::discovery::{self, Origin};
use crate::driver::plugin::managed;
use crate::driver::shared::home;
use crate::driver::{BUILT_INS, open_exactly};
use crate::invocation::Invocation;
use crate::sys::block::fill;

/// The answer of every driver: the built-in ones first, then the plugins by name. One that an administrator has disabled is left out,
/// with a warning; one that is a `dvdcli serve`, without.
///
/// # Errors
///
/// The plugins cannot be searched for. That one driver fails is its own answer.
pub fn ask_all<T: Send>(
    invocation: &Invocation,
    ask: impl Fn(&dyn Driver) -> Result<T> + Sync,
) -> Result<Vec<(String, Result<T>)>> {
    let built_ins = BUILT_INS.iter().map(|kind| kind.name().to_owned());
    let (disabled, plugins): (Vec<_>, Vec<_>) = plugins(invocation)?
        .into_iter()
        .partition(|(_, origin)| *origin == Origin::Disabled);
    for (name, _) in disabled {
        let why = managed::is_disabled(&name);
        invocation.log.warn(&format!("plugin {name}: {why}"));
    }
    let plugins = plugins.into_iter().map(|(name, _)| name);
    let names = built_ins.chain(plugins).collect();
    let mut answers = side_by_side(names, |name: &mut String| {
        open_exactly(invocation, name).and_then(|driver| ask(driver.as_ref()))
    });
    answers.retain(|(_, answer)| !is_served_by_us(answer));
    Ok(answers)
}

/// Whether a plugin is a `dvdcli serve`, whose volumes are those of another driver.
fn is_served_by_us<T>(answer: &Result<T>) -> bool {
    answer
        .as_ref()
        .is_err_and(|error| ErrorKind::of(error) == ErrorKind::Served)
}

/// The names of the drivers to examine: the one that is meant by `only`, or all that may be used and are not disabled, and those that
/// the configuration names, whether they are found or not.
///
/// # Errors
///
/// Wrong usage: a name that no driver can have. The plugins cannot be searched for.
pub fn to_examine(invocation: &Invocation, only: Option<&str>) -> Result<Vec<String>> {
    if let Some(name) = only {
        let name = meant(invocation, name);
        discovery::check_name(name)?;
        return Ok(vec![name.to_owned()]);
    }
    let plugins = plugins(invocation)?.into_iter();
    let enabled = plugins.filter(|(_, origin)| *origin != Origin::Disabled);
    let built_ins = BUILT_INS.iter().map(|kind| kind.name().to_owned());
    let mut names: Vec<String> = built_ins.collect();
    let config = &invocation.config;
    let default = config.driver.iter().map(|name| meant(invocation, name));
    let named = default.chain(config.aliases.values().map(String::as_str));
    let all = enabled
        .map(|(name, _)| name)
        .chain(named.map(str::to_owned));
    for name in all.filter(|name| is_allowed(invocation, name)) {
        include(&mut names, name);
    }
    Ok(names)
}

/// Adds a driver, unless it is there; of a managed plugin, the tag `latest` may be left out.
pub fn include(drivers: &mut Vec<String>, name: String) {
    let key = |name: &str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    if drivers.iter().all(|other| key(other) != key(&name)) {
        drivers.push(name);
    }
}

/// The driver that a name means, which may be an alias.
fn meant<'n>(invocation: &'n Invocation, name: &'n str) -> &'n str {
    invocation.config.aliases.get(name).map_or(name, |it| it)
}

/// Where a built-in driver of this name has its volumes; `None` for a plugin.
pub fn store(invocation: &Invocation, name: &str) -> Option<PathBuf> {
    is_built_in(name).then(|| home::directory(name, invocation))
}

fn is_built_in(name: &str) -> bool {
    BUILT_INS.iter().any(|kind| kind.name() == name)
}

/// What a driver of this name is called in messages.
pub fn label(name: &str) -> String {
    match is_built_in(name) {
        true => format!("driver {name}"),
        false => format!("plugin {name}"),
    }
}

/// A driver as `drivers` lists it.
#[derive(Debug)]
pub struct DriverInfo {
    pub name: String,
    /// `built-in`, `managed` or `legacy`.
    pub kind: &'static str,
    /// Where a plugin listens, or the directory of a built-in driver's volumes.
    pub address: String,
    /// Whether it may be used (setting `allow.drivers`).
    pub is_allowed: bool,
    /// What the other settings below `allow` say of it.
    pub policy: Map<String, Value>,
    /// Its scope, or why it does not answer; one that may not be used is not asked.
    pub answer: Result<Scope>,
}

/// Every driver that is found, in the order of [`ask_all`].
///
/// # Errors
///
/// The plugins cannot be searched for.
pub fn drivers(invocation: &Invocation) -> Result<Vec<DriverInfo>> {
    let built_ins = BUILT_INS.iter().map(|kind| DriverInfo {
        is_allowed: is_allowed(invocation, kind.name()),
        policy: allowed::shown(&invocation.config.allow, kind.name()),
        name: kind.name().to_owned(),
        kind: "built-in",
        address: home::directory(kind.name(), invocation)
            .display()
            .to_string(),
        answer: unless_refused(invocation, "driver", kind.name(), || {
            open_exactly(invocation, kind.name()).map(|_| Scope::Local)
        }),
    });
    let ask = |(name, origin): &mut (String, Origin)| {
        let endpoint = discovery::find(&invocation.paths, name).ok().flatten();
        DriverInfo {
            name: name.clone(),
            kind: match origin {
                Origin::Managed | Origin::Disabled => "managed",
                Origin::Legacy => "legacy",
            },
            address: endpoint.map_or_else(|| "-".into(), |endpoint| endpoint.address.to_string()),
            is_allowed: is_allowed(invocation, name),
            policy: allowed::shown(&invocation.config.allow, name),
            answer: unless_refused(invocation, "plugin", name, || {
                Plugin::named(invocation, name).and_then(|plugin| plugin.capabilities())
            }),
        }
    };
    let plugins = side_by_side(plugins(invocation)?, ask);
    let plugins = plugins.into_iter().map(|(_, row)| row);
    let plugins = plugins.filter(|row| !is_served_by_us(&row.answer));
    Ok(built_ins.chain(plugins).collect())
}

/// The names of the drivers that may be used, in the order of [`ask_all`], and then the aliases. None of them is asked.
///
/// # Errors
///
/// The plugins cannot be searched for.
pub fn names(invocation: &Invocation) -> Result<Vec<String>> {
    let built_ins = BUILT_INS.iter().map(|kind| kind.name().to_owned());
    let plugins = plugins(invocation)?.into_iter();
    let plugins = plugins.filter(|(_, origin)| *origin != Origin::Disabled);
    let found = built_ins.chain(plugins.map(|(name, _)| name));
    let allowed = found.filter(|name| is_allowed(invocation, name));
    Ok(allowed
        .chain(invocation.config.aliases.keys().cloned())
        .collect())
}

/// What is free on the disk where the built-in drivers have their volumes, in bytes.
pub fn left_for_built_ins(invocation: &Invocation) -> Option<u64> {
    let root = home::root(invocation);
    let existing = root.ancestors().find(|path| path.is_dir())?;
    let fill = fill::mounted(existing).ok().flatten();
    fill.map(|fill| fill.free)
}

fn unless_refused<T>(
    invocation: &Invocation,
    kind: &str,
    name: &str,
    ask: impl FnOnce() -> Result<T>,
) -> Result<T> {
    match is_allowed(invocation, name) {
        true => ask(),
        false => Err(refusal(format!("{kind} {name}"))),
    }
}

/// The plugins that are found, by name. One with the name of a built-in driver is left out, because the name means that driver.
fn plugins(invocation: &Invocation) -> Result<Vec<(String, Origin)>> {
    let mut found = discovery::all(&invocation.paths)?;
    found.retain(|(name, _)| BUILT_INS.iter().all(|kind| kind.name() != name));
    Ok(found)
}

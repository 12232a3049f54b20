//! Which drivers may be used (setting `allow.drivers`), and what the policy says of each.

use anyhow::{Error, Result};
use serde_json::{Map, Value};

use crate::base::failure::Failure;
use crate::base::pattern;
use crate::driver::interface::Driver;
use crate::invocation::Invocation;
use crate::invocation::config::allow::{Allow, AllowLocal, Overcommit, Reserve};

/// What stands behind the name of a managed plugin that has no other tag; a pattern need not have it.
const USUAL_TAG: &str = ":latest";

/// Whether a driver of this name may be used. An alias is not its name.
pub fn is_allowed(invocation: &Invocation, name: &str) -> bool {
    let patterns = &invocation.config.allow.drivers;
    let untagged = name.strip_suffix(USUAL_TAG).unwrap_or(name);
    pattern::fits_one(patterns, name) || pattern::fits_one(patterns, untagged)
}

/// Refuses a driver that may not be used: wrong usage. What it has made and mounted can still be looked at, unmounted and removed.
pub fn refuse(invocation: &Invocation, driver: &dyn Driver) -> Result<()> {
    match is_allowed(invocation, driver.name()) {
        true => Ok(()),
        false => Err(refusal(driver.label())),
    }
}

/// What the settings below `allow` say that counts for a driver, each by its name there.
pub fn shown(allow: &Allow, driver: &str) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut show = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    show("views", allow.views.as_str().into());
    match driver {
        "local" => {
            let AllowLocal {
                types,
                devices,
                helpers,
                mount_options,
            } = &allow.local;
            show("types", types.as_slice().into());
            show("devices", devices.as_slice().into());
            show("helpers", (*helpers).into());
            show("mountopts", mount_options.as_slice().into());
        }
        "loop" => {
            let rules = &allow.loop_;
            show("maxsize", rules.max_size.into());
            show("reserve", reserve(rules.reserve));
            show("overcommit", overcommit(rules.overcommit));
            show("copies", rules.copies.into());
            show("mountopts", rules.mount_options.as_slice().into());
        }
        _ => {}
    }
    shown
}

fn reserve(reserve: Reserve) -> Value {
    match reserve {
        Reserve::Percent(percent) => format!("{percent}%").into(),
        Reserve::Bytes(bytes) => bytes.into(),
    }
}

fn overcommit(overcommit: Overcommit) -> Value {
    match overcommit {
        Overcommit::Allowed => true.into(),
        Overcommit::Said => Value::Null,
        Overcommit::Refused => false.into(),
    }
}

pub fn refusal(label: String) -> Error {
    Error::from(Failure::usage(
        "it may not be used here (setting dvdcli.allow.drivers)",
    ))
    .context(label)
}

//! Which drivers may be used (setting `allow.drivers`).

use anyhow::{Error, Result};

use crate::base::failure::Failure;
use crate::base::pattern;
use crate::driver::interface::Driver;
use crate::invocation::Invocation;

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

pub fn refusal(label: String) -> Error {
    Error::from(Failure::usage(
        "it may not be used here (setting dvdcli.allow.drivers)",
    ))
    .context(label)
}

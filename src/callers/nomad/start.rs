//! What every call begins with: its time, and the holder that Nomad is.

use std::time::Duration;

use anyhow::Result;

use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits};
use crate::volume::holders::record::Holder;

/// Nomad waits for a minute, and for 5 s where it only asks for the version.
pub const TIMEOUT: Duration = Duration::from_secs(55);
pub const SHORT_TIMEOUT: Duration = Duration::from_secs(4);

/// What a call works with.
pub fn start(most: Duration, log: &Log) -> Result<Invocation> {
    let limits = Limits {
        timeout: None,
        default_timeout: most,
        wait: None,
    };
    let invocation = Invocation::new(None, limits, log.clone())?;
    let budget = invocation.budget.within(most, "Nomad's own limit is near");
    invocation.log.set_end(budget.ends());
    Ok(Invocation {
        budget,
        ..invocation
    })
}

/// The holder of a volume of Nomad: one, however often it creates it.
pub fn holder(id: &str) -> Holder {
    Holder {
        id: Some(format!("nomad {id}")),
        ..Holder::default()
    }
}

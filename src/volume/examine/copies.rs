//! Throw-away copies that runs, which were killed, have left behind.

use anyhow::Result;

use crate::base::finding::{Care, Finding};
use crate::base::options::Options;
use crate::driver::interface::{Driver, Lookup, Volume};
use crate::driver::open_exactly;
use crate::invocation::Invocation;
use crate::volume::Locked;
use crate::volume::holders::ledger;
use crate::volume::holders::record::Holder;
use crate::volume::throw_away::{left_behind, may_be_copy};

/// That a volume is such a copy, unless anybody else holds it by now.
pub fn left(
    invocation: &Invocation,
    driver: &dyn Driver,
    name: &str,
    care: Care,
) -> Result<Option<Finding>> {
    if !driver.keeps_labels() || !may_be_copy(name) {
        return Ok(None);
    }
    let volume = open_exactly(invocation, driver.name())?.volume(name, &Options::new())?;
    let Some(of) = original(volume.as_ref())? else {
        return Ok(None);
    };
    let record = ledger::peek(invocation, volume.as_ref())?;
    if record.is_some_and(|record| !record.living().is_empty()) {
        return Ok(None);
    }
    let problem = format!("it is a throw-away copy of {of}, and its run has ended");
    let repair = format!("remove it (dvdcli remove -d {} -n {name})", driver.name());
    let finding = Finding::new(format!("{}/{name}", driver.name()), problem, repair);
    Ok(Some(finding.mended(care, "removed the copy", || {
        let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
        match original(volume.as_ref())? {
            Some(_) => locked.remove_if_unheld(),
            None => Ok(()),
        }
    })))
}

/// The volume of which this one is a copy that was left behind.
fn original(volume: &dyn Volume) -> Result<Option<String>> {
    let Lookup::Found(found) = volume.get()? else {
        return Ok(None);
    };
    let of = left_behind(volume.name(), &found.labels)?;
    Ok(of.map(str::to_owned))
}

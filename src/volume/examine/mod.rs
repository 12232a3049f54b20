//! Looking for what is wrong on this host: with drivers, with their volumes, and with what is recorded of those.

mod copies;
mod looking;
mod mending;
mod records;

use std::io;
use std::path::Path;

use anyhow::{Error, Result};

use crate::base::failure::ErrorKind;
use crate::base::finding::{Care, Finding, Remedy};
use crate::base::options::Options;
use crate::base::side_by_side::side_by_side;
use crate::driver::interface::Driver;
use crate::driver::{self, open_exactly, overview};
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::sys::files::trusted::acts_as_root;
use crate::volume::Locked;
use crate::volume::examine::looking::{at_work, confirmed, or_finding};
use crate::volume::examine::records::{Records, unheld};
use crate::volume::holders::ledger;
use crate::volume::holders::record::Holder;
use crate::volume::mount_point;

/// What is examined at the same time as the others, so that one that does not answer delays nothing else.
enum Part {
    Driver(String),
    Records,
}

/// Everything, or one driver with its volumes. Nothing is changed, unless it is to be fixed.
///
/// # Errors
///
/// Wrong usage: a name that no driver can have.
pub fn examine(invocation: &Invocation, only: Option<&str>, care: Care) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut drivers = match overview::to_examine(invocation, only) {
        Err(error) if ErrorKind::of(&error) != ErrorKind::Usage => {
            found.push(Finding::of("plugins", &error));
            driver::built_ins().map(str::to_owned).collect()
        }
        drivers => drivers?,
    };
    let records = Records::read(invocation, only.and(drivers.first()));
    let records = or_finding("holders", records, &mut found);
    if only.is_none() {
        // The plugin of a volume that is held may be gone.
        for name in records.drivers() {
            overview::include(&mut drivers, name);
        }
    }
    let mut parts = vec![Part::Records];
    let mut rounds = Vec::new();
    if care == Care::Fix {
        // Not at once: both would lock the same volumes.
        rounds.push(std::mem::take(&mut parts));
    }
    parts.extend(drivers.into_iter().map(Part::Driver));
    rounds.push(parts);
    let examine = |part: &mut Part| match part {
        Part::Driver(name) => of_driver(invocation, name, &records, care),
        Part::Records => records.examine(invocation, care),
    };
    let found_by_part = rounds
        .into_iter()
        .flat_map(|parts| side_by_side(parts, examine));
    for finding in found_by_part.flat_map(|(_, found)| found) {
        // A wrong setting is one of both built-in drivers.
        if !found.contains(&finding) {
            found.push(finding);
        }
    }
    found.retain(|finding| !is_for_root(&invocation.log, finding));
    Ok(found)
}

fn of_driver(invocation: &Invocation, name: &str, records: &Records, care: Care) -> Vec<Finding> {
    let label = overview::label(name);
    if let Some(silent) = overview::store(invocation, name).and_then(|it| silent(invocation, &it)) {
        return vec![Finding::of(&label, &silent)];
    }
    let driver = match open_exactly(invocation, name) {
        Ok(driver) => driver,
        Err(error) if ErrorKind::of(&error) == ErrorKind::Usage => {
            return vec![Finding::of("configuration", &error)];
        }
        Err(error) => return vec![Finding::of(&label, &error)],
    };
    let mut found = Vec::new();
    let of_itself = or_finding(&label, driver.examine(care), &mut found);
    found.extend(of_itself);
    let volumes = or_finding(&label, driver.examinable(), &mut found);
    for volume in volumes {
        let subject = format!("{name}/{volume}");
        if !records.is_held_elsewhere(&subject) {
            let result = of_volume(invocation, driver.as_ref(), &volume, care);
            let of_volume = or_finding(&subject, result, &mut found);
            found.extend(of_volume);
            // A record that cannot be read was found above.
            let copy = copies::left(invocation, driver.as_ref(), &volume, care);
            found.extend(copy.ok().flatten());
        }
    }
    found
}

/// Why a store does not answer, as on a server that is gone; all else would wait for it. One that is missing is none of these.
fn silent(invocation: &Invocation, store: &Path) -> Option<Error> {
    let error = mount_point::answers(invocation, store).err()?;
    let is_silent = matches!(
        error.kind(),
        io::ErrorKind::TimedOut
            | io::ErrorKind::NotConnected
            | io::ErrorKind::StaleNetworkFileHandle
    );
    let doing = format!("its store {} does not answer", store.display());
    is_silent.then(|| Error::from(error).context(doing))
}

fn of_volume(
    invocation: &Invocation,
    driver: &dyn Driver,
    name: &str,
    care: Care,
) -> Result<Vec<Finding>> {
    let look = |care| -> Result<Vec<Finding>> {
        let examined = driver.examine_volume(name, care)?;
        let unheld = unheld(invocation, driver.name(), name, &examined);
        Ok(examined.findings.into_iter().chain(unheld).collect())
    };
    // What is left of a snapshot is a matter of its volume.
    let locked = name.split('@').next().unwrap_or(name);
    let is_at_work = || ledger::is_at_work(invocation, driver.key(), locked);
    let Some(found) = confirmed(is_at_work, || look(Care::Look))? else {
        let subject = format!("{}/{name}", driver.name());
        return Ok(at_work(&invocation.log, &subject));
    };
    let is_fixable = |finding: &Finding| finding.remedy == Remedy::Fixable;
    if care == Care::Look || !found.iter().any(is_fixable) {
        return Ok(found);
    }
    let volume = open_exactly(invocation, driver.name())?.volume(locked, &Options::new())?;
    let _locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    look(Care::Fix)
}

/// Whether only root can look there; a warning says so.
fn is_for_root(log: &Log, finding: &Finding) -> bool {
    let is_denied = !acts_as_root() && finding.problem.ends_with("permission denied");
    if is_denied {
        let Finding {
            subject, problem, ..
        } = finding;
        log.warn(&format!("{subject} was not looked at: {problem}; root can"));
    }
    is_denied
}

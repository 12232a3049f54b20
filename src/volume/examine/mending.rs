//! Releasing a volume for holders that have died, as they would have done it themselves.

use anyhow::{Result, bail};

use crate::base::finding::{Care, Finding};
use crate::base::options::Options;
use crate::driver::{self, open_exactly};
use crate::invocation::Invocation;
use crate::volume::Locked;
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::request::Release;

/// Has the dead holders released. Once nobody holds it, a volume of a built-in driver is unmounted unless it is busy; a plugin may count
/// otherwise than we do, and is left alone. Other findings stay as they are.
pub fn released(
    invocation: &Invocation,
    record: &HolderRecord,
    finding: Finding,
    care: Care,
) -> Finding {
    let is_built_in = driver::built_ins().any(|name| name == record.driver);
    let done = match (record.dead().is_empty(), record.is_held()) {
        (false, _) => "released it for its dead holders",
        (true, false) if record.settled && is_built_in => "unmounted it, as nobody held it",
        _ => return finding,
    };
    finding.mended(care, done, || release(invocation, record))
}

fn release(invocation: &Invocation, record: &HolderRecord) -> Result<()> {
    let driver = open_exactly(invocation, &record.driver)?;
    let is_shared = driver.is_shared();
    let volume = driver.volume(&record.volume, &Options::new())?;
    let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    locked.release_dead(false)?;
    let record = locked.record();
    if record.is_some_and(|record| !record.dead().is_empty()) {
        bail!("it is mounted in another mount namespace, and can be unmounted there only");
    }
    match record.is_some_and(HolderRecord::is_held) || is_shared {
        true => Ok(()),
        false => locked.release(Release::ONE),
    }
}

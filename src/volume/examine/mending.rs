//! Releasing a volume for holders that have died, as they would have done it themselves.

use anyhow::{Result, bail};

use crate::base::finding::{Care, Finding};
use crate::base::options::Options;
use crate::driver::interface::Volume;
use crate::driver::{self, open_exactly};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
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
        (true, false) if is_built_in && record.settled => "unmounted it, as nobody held it",
        (true, false) if is_built_in && is_unmounted(invocation, record).unwrap_or(false) => {
            "forgot the call that was cut off, as nothing was mounted"
        }
        _ => return finding,
    };
    finding.mended(care, done, || release(invocation, record))
}

/// Whether nothing of it is mounted in this mount namespace.
fn is_unmounted(invocation: &Invocation, record: &HolderRecord) -> Result<bool> {
    let volume = open(invocation, record)?;
    let mounted = volume.mount_point(&MountTable::read()?)?;
    Ok(mounted.is_none())
}

fn open<'a>(invocation: &'a Invocation, record: &HolderRecord) -> Result<Box<dyn Volume + 'a>> {
    open_exactly(invocation, &record.driver)?.volume(&record.volume, &Options::new())
}

fn release(invocation: &Invocation, record: &HolderRecord) -> Result<()> {
    let volume = open(invocation, record)?;
    let is_shared = volume.driver().is_shared();
    let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    locked.release_dead(false)?;
    let Some(now) = locked.record() else {
        return Ok(());
    };
    if !now.dead().is_empty() {
        bail!("it is mounted in another mount namespace, and can be unmounted there only");
    }
    if now.is_held() || is_shared {
        return Ok(());
    }
    if !now.settled && volume.mount_point(&MountTable::read()?)?.is_some() {
        bail!("it is mounted by now");
    }
    locked.release(Release::ONE)
}

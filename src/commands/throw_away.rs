//! The throw-away copy of a volume that `run --clone` gives its command.

use anyhow::{Context, Result};

use crate::base::hash::hash;
use crate::base::labels::Labels;
use crate::driver;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::sys::process::host;
use crate::volume::Locked;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::record::Holder;

/// The labels of a copy: prune removes one that was left by a run that was killed.
const LABELS: [&str; 2] = ["dvdcli.clone-of", "dvdcli.prune"];

/// Makes a copy of a volume and returns it. No other run has its name.
///
/// # Errors
///
/// Wrong usage: its driver makes no copies. Absent: there is no such volume. In use: it is mounted, and cannot be copied in one moment.
pub fn make<'i>(invocation: &'i Invocation, volume: &dyn Volume) -> Result<Box<dyn Volume + 'i>> {
    volume.image()?;
    let (driver, of) = (volume.driver().name(), volume.name());
    let process = format!("{:?}", HolderProcess::current()?);
    let unique = hash(&[&host::boot_id()?, &process]);
    let name = format!("{of}.clone.{}", &unique[..12]);
    let options = vec![("volumeName".to_owned(), of.to_owned())];
    let mut copy = driver::open_exactly(invocation, driver)?.volume(&name, &options)?;
    let values = [of.to_owned(), "true".to_owned()];
    copy.set_labels(Labels::from_iter(
        LABELS.map(str::to_owned).into_iter().zip(values),
    ))?;
    Locked::lock(invocation, copy.as_ref(), Holder::default())
        .and_then(|locked| locked.create())
        .context("copying it")?;
    Ok(copy)
}

/// Removes a copy that nobody holds any more.
pub fn remove(invocation: &Invocation, copy: &dyn Volume) -> Result<()> {
    Locked::lock(invocation, copy, Holder::default())
        .and_then(|mut locked| locked.remove())
        .context("removing its copy")
}

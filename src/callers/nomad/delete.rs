//! `delete`: unmounts the volume, and removes it with its data.

use anyhow::{Context, Result, bail};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::options::Options;
use crate::base::text::escape_unprintable;
use crate::callers::nomad::described;
use crate::callers::nomad::start::{TIMEOUT, holder, start};
use crate::driver;
use crate::invocation::log::Log;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::{inherited, interruption};
use crate::volume::Locked;
use crate::volume::request::Release;

pub fn delete(driver: &str, log: &Log) -> Result<()> {
    interruption::catch().context("taking over the signals")?;
    let id = described::id()?;
    let doing = || format!("deleting volume {id}");
    let invocation = start(TIMEOUT, log)?;
    let volume = driver::open(&invocation, driver)?.volume(&id, &Options::new());
    let volume = volume.with_context(doing)?;
    inherited::leave_directory();
    let deleted = Locked::lock(&invocation, volume.as_ref(), holder(&id))
        .and_then(|mut locked| delete_locked(&mut locked, &id));
    match deleted {
        // An earlier call has done it.
        Err(error) if ErrorKind::of(&error) == ErrorKind::Absent => Ok(()),
        done => done.with_context(doing),
    }
}

/// While others hold it, all stays as it is: Nomad still has the volume.
fn delete_locked(locked: &mut Locked, id: &str) -> Result<()> {
    locked.release_dead(false)?;
    let table = MountTable::read()?;
    if let (Some(mount), Some(record)) = (locked.live(&table), locked.record()) {
        let others = record.others(&holder(id));
        if !others.is_empty() {
            bail!(Failure::in_use(format!(
                "it is held by {others}; unmount it first"
            )));
        }
        if let Some(created) = described::created_path().filter(|it| *it != mount.path) {
            let created = escape_unprintable(&created.to_string_lossy());
            let path = mount.path.display();
            bail!(Failure::usage(format!(
                "DHV_CREATED_PATH: it is {created}, but the volume is mounted at {path}"
            )));
        }
    }
    if locked.is_held() {
        locked.release(Release::ONE)?;
    }
    locked.remove_if_unheld()
}

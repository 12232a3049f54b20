//! Where a plugin's volume is still mounted after the plugin has unmounted it.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::invocation::Invocation;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::interruption;
use crate::volume::holders::ledger;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::HolderRecord;

/// How long to wait for a mount to go: a mount namespace that is being made for a container has a copy of every mount for a moment.
const FREED: Duration = Duration::from_secs(1);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What still shows the volume whose mount has gone: `mounted at /x in the mount namespace of PID 7 (sleep)`.
pub fn find(invocation: &Invocation, mount: &MountRecord) -> Result<Option<String>> {
    if !mount.is_mount {
        return Ok(None);
    }
    let known = ledger::all(invocation)?;
    let began = Instant::now();
    loop {
        let found = here(mount, &known)?.or_else(|| elsewhere(mount));
        let is_over = began.elapsed() >= FREED || interruption::is_over(invocation.budget.ends());
        if found.is_none() || is_over {
            return Ok(found);
        }
        thread::sleep(PAUSE);
    }
}

/// What other volumes have is theirs.
fn here(mount: &MountRecord, known: &[HolderRecord]) -> Result<Option<String>> {
    let table = MountTable::read()?;
    let is_known = |it: &Mount| known.iter().any(|record| record.has_mount(it));
    let mut kept = table.iter().filter(|it| mount.is_kept_by(it, &table));
    let kept = kept.find(|it| !is_known(it));
    Ok(kept.map(|it| format!("mounted at {}", it.mount_point.display())))
}

fn elsewhere(mount: &MountRecord) -> Option<String> {
    if !mount.may_be_kept_elsewhere() {
        return None;
    }
    let shown = |table: &MountTable| {
        let mut kept = table.iter().filter(|it| mount.is_kept_elsewhere_by(it));
        kept.next().cloned()
    };
    let (process, kept) = busy::mounted_elsewhere(shown)?;
    let place = kept.mount_point.display();
    Some(format!(
        "mounted at {place} in the mount namespace of {process}"
    ))
}

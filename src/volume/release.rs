//! A holder releases a volume; the last one unmounts it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::base::failure::{Failure, Kind};
use crate::base::text::chain;
use crate::driver::{Driver, Unmounted};
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::targets;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::mounted::Mounted;
use crate::volume::holders::record::{Holder, Record};
use crate::volume::mountpoint;

/// What `unmount` is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    pub volume: &'a str,
    pub holder: Holder<'a>,
    /// Release every holder.
    pub all: bool,
    pub lazy: bool,
}

/// Releases the holder, and unmounts when no holder is left.
pub fn unmount(invocation: &Invocation, driver: &dyn Driver, request: Release) -> Result<()> {
    let target = request
        .holder
        .target
        .map(|target| targets::name(invocation, target));
    let holder = Holder {
        target: target.as_deref(),
        ..request.holder
    };
    let name = driver.plain_name(request.volume)?;
    let mut ledger = Ledger::lock(invocation, driver.name(), &name)?;
    let record = ledger.record().cloned();
    let at_target = record
        .as_ref()
        .filter(|record| !record.has(holder))
        .zip(holder.target)
        .and_then(|(record, target)| record.holder_at(target));
    // Who gives no ID means whoever has the volume there.
    let id = match holder.process {
        None => holder.id.or(at_target),
        Some(_) => holder.id,
    };
    let holder = Holder { id, ..holder };
    let request = Release { holder, ..request };
    let record = record.as_ref();
    if let Some(target) = holder.target {
        let known = record.and_then(|record| record.mounted.as_ref());
        let other = targets::refuse_other(target, known, &MountTable::read()?);
        match record.is_some_and(|record| record.has(holder)) {
            true => other?,
            // Nothing of ours was ever there, as after a mount that was refused.
            false => other.unwrap_or_else(|error| invocation.log.warn(&chain(&error))),
        }
    }
    if holder.process.is_some() && !record.is_some_and(|record| record.has(holder)) {
        // Whatever is mounted by now may be another's, in use by those whom we do not know.
        invocation.log.warn(&format!(
            "volume {name} is not held by this run any more, as after unmount --force, and left as it is"
        ));
        return Ok(());
    }
    let has_dead = record.is_some_and(|record| !record.dead().is_empty());
    if holder.process.is_none() && !has_dead {
        return release(invocation, driver, &mut ledger, request);
    }
    let stuck = patiently(invocation, || {
        release_dead(invocation, &mut ledger, request.lazy)
    });
    patiently(invocation, || {
        release(invocation, driver, &mut ledger, request)
    })?;
    match (stuck, ledger.record()) {
        (Err(error), Some(record)) if record.listed().is_empty() => Err(error),
        _ => Ok(()),
    }
}

/// How long processes that die along with another one may take to let go of a volume.
const DYING: Duration = Duration::from_secs(2);

/// Tries again for a moment where it is busy.
fn patiently(invocation: &Invocation, mut act: impl FnMut() -> Result<()>) -> Result<()> {
    let ends = Instant::now() + DYING.min(invocation.budget.left());
    let mut backoff = Backoff::new();
    loop {
        match act() {
            Err(error)
                if Kind::of(&error) == Kind::InUse
                    && backoff.sleep(ends.saturating_duration_since(Instant::now())) => {}
            other => return other,
        }
    }
}

/// Releases the holders whose processes have died.
///
/// # Errors
///
/// One whose target cannot be unmounted stays a holder; the others are released all the same.
pub fn release_dead(invocation: &Invocation, ledger: &mut Ledger, lazy: bool) -> Result<()> {
    let Some(mut record) = ledger.record().cloned() else {
        return Ok(());
    };
    let dead = record.dead();
    if dead.is_empty() {
        return Ok(());
    }
    let table = MountTable::read()?;
    if record.held_elsewhere(&table).is_some() {
        // Its targets are where we do not see them.
        return Ok(());
    }
    let mounted = record.mounted.clone();
    let mut stuck = Ok(());
    for holder in dead {
        let shown = &holder.shown;
        let mut after = record.clone();
        let ends = invocation.budget.ends();
        let unbind = |target| targets::unbind(target, mounted.as_ref(), &table, lazy, ends);
        match after
            .bury(&holder)
            .iter()
            .try_for_each(|target| unbind(target))
        {
            Ok(()) => {
                let volume = ledger.volume();
                let step = || format!("volume {volume} is released for {shown}, which has died");
                invocation.log.step(step);
                record = after;
            }
            Err(error) => {
                stuck = Err(error.context(format!("releasing it for {shown}, which has died")))
            }
        }
    }
    ledger.save(record)?;
    stuck
}

/// As [`unmount`], with the lock held already and the target's name resolved. What else is mounted at the target stays.
pub fn release(
    invocation: &Invocation,
    driver: &dyn Driver,
    ledger: &mut Ledger,
    request: Release,
) -> Result<()> {
    let table = MountTable::read()?;
    let before = ledger.record().cloned();
    let known = before.as_ref().and_then(|record| record.mounted.as_ref());
    if let Some(record) = &before {
        let live = record.live(&table).is_some()
            || record.held_elsewhere(&table).is_some()
            || record.is_seen(&table);
        let mut after = record.clone();
        // A mount that has gone has gone for all.
        for target in after.release(request.holder, request.all || !live) {
            targets::unbind(
                &target,
                known,
                &table,
                request.lazy,
                invocation.budget.ends(),
            )?;
        }
        if !after.holders.is_empty() {
            let (volume, names) = (ledger.volume(), after.names());
            let stays = || format!("volume {volume} stays mounted, it is held by {names}");
            if after == *record {
                invocation.log.warn(&format!(
                    "volume {volume} was not held by this caller; it is held by {names}"
                ));
            } else if request.holder.process.is_some() {
                invocation.log.step(stays);
            } else {
                invocation.log.warn(&stays());
            }
            return ledger.save(after);
        }
        if record.settled {
            // Whoever finds it so knows that this call was cut off. Where there is no room to write it, unmounting matters more.
            if let Err(error) = ledger.save(Record {
                settled: false,
                ..after
            }) {
                invocation.log.warn(&chain(&error));
            }
        }
    }
    let was_directory = known.is_some_and(|mounted| !mounted.is_mount && mounted.is_live(&table));
    let outcome = match driver.unmount(request.volume, &ledger.mount_id()?, request.lazy) {
        Ok(outcome) => outcome,
        Err(error) => {
            if let Some(record) = before
                && Kind::of(&error) != Kind::Unsure
            {
                let _ = ledger.save(record);
            }
            return Err(error);
        }
    };
    let table = MountTable::read()?;
    let may_be_mounted_later = driver.outlives_its_caller()
        && matches!(outcome, Unmounted::WasNot(_))
        && before
            .as_ref()
            .is_some_and(|record| !record.settled && record.mounted.is_none());
    let still = before.clone().and_then(|record| record.mounted);
    match (outcome, still.filter(|mounted| mounted.is_mount && mounted.is_live(&table))) {
        (Unmounted::Done, None) => {}
        (Unmounted::Done, Some(mounted)) => invocation.log.warn(&format!(
            "volume {}: the driver has released it, but {} is still mounted; another caller may hold it",
            ledger.volume(),
            mounted.path.display()
        )),
        // A plain directory that was held has nothing to unmount.
        (Unmounted::WasNot(_), None) if was_directory => {}
        (Unmounted::WasNot(why), None) => {
            let volume = ledger.volume();
            invocation.log.warn(&format!("unmounting volume {volume}: {why}; nothing was left to do"));
        }
        (Unmounted::WasNot(why), Some(mounted)) if is_abandoned(invocation, &mounted) => {
            let place = mounted.mount_point();
            calls::unmount(place, true).with_context(|| format!("unmounting {}", place.display()))?;
            let (volume, place) = (ledger.volume(), place.display());
            invocation.log.warn(&format!(
                "unmounting volume {volume}: {why}; nobody served {place} any more, and it is unmounted"
            ));
        }
        (Unmounted::WasNot(why), Some(mounted)) => {
            if let Some(record) = before {
                ledger.save(record)?;
            }
            let place = mounted.path.display();
            bail!(Failure::in_use(format!(
                "{why}, but {place} is still mounted; where the driver has lost it, run umount --lazy {place}"
            )));
        }
    }
    if may_be_mounted_later {
        // The mount was cut off, and the plugin may still be at work on it: who mounts next unmounts first, so that it ends up
        // mounted once.
        return ledger.save(ledger.fresh());
    }
    ledger.clear()
}

/// Whether the process that served the mount has ended: it never answers again, and no plugin that was started anew knows it.
fn is_abandoned(invocation: &Invocation, mounted: &Mounted) -> bool {
    let answer = mountpoint::answers(invocation, &mounted.path);
    answer.is_err_and(|error| error.raw_os_error() == Some(Errno::ENOTCONN as i32))
}

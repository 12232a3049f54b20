//! Releasing the holders whose processes have died.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::base::failure::ErrorKind;
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::take_away::How;
use crate::volume::Locked;
use crate::volume::bind::unbind::unbind;
use crate::volume::holders::record::{Dead, HolderRecord};
use crate::volume::holders::views::Target;

/// How long processes that die along with another one may take to let go of a volume.
const DYING: Duration = Duration::from_secs(2);

impl Locked<'_> {
    /// Releases the holders whose processes have died.
    ///
    /// # Errors
    ///
    /// A holder whose target cannot be unmounted stays; the others are released all the same.
    pub fn release_dead(&mut self, lazy: bool) -> Result<()> {
        let Some(mut record) = self.record().cloned() else {
            return Ok(());
        };
        let dead = record.dead();
        if dead.is_empty() {
            return Ok(());
        }
        let table = MountTable::read()?;
        if record.held_elsewhere(&table).is_some() {
            // Mounted in another mount namespace: its targets cannot be unmounted from here.
            return Ok(());
        }
        let mut stuck = Ok(());
        for holder in dead {
            match self.without_dead(&record, &holder, lazy) {
                Ok(after) => record = after,
                Err(error) => {
                    let doing = format!("releasing it for {}, which has died", holder.shown);
                    stuck = Err(error.context(doing));
                }
            }
        }
        self.ledger.save(record)?;
        stuck
    }

    fn without_dead(
        &self,
        record: &HolderRecord,
        holder: &Dead,
        lazy: bool,
    ) -> Result<HolderRecord> {
        let mut after = record.clone();
        for target in after.remove_dead(holder) {
            self.unbind(&target, record, lazy)?;
        }
        let (name, shown) = (self.volume.name(), &holder.shown);
        let step = || format!("volume {name} is released for {shown}, which has died");
        self.invocation.log.step(step);
        Ok(after)
    }

    /// Takes the volume away from a target; what else is mounted there stays, but for what lies on top of it, where it is to go
    /// lazily.
    pub(super) fn unbind(&self, target: &Target, record: &HolderRecord, lazy: bool) -> Result<()> {
        unbind(target, record.mount.as_ref(), How::lazy(lazy))
    }
}

/// Tries again for a moment where it is busy: processes that die along with another one are about to let go.
pub(super) fn patiently(
    invocation: &Invocation,
    mut act: impl FnMut() -> Result<()>,
) -> Result<()> {
    let ends = Instant::now() + DYING.min(invocation.budget.left());
    let mut backoff = Backoff::new();
    loop {
        match act() {
            Err(error)
                if ErrorKind::of(&error) == ErrorKind::InUse
                    && backoff.sleep(ends.saturating_duration_since(Instant::now())) => {}
            other => return other,
        }
    }
}

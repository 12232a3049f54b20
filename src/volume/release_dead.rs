//! Releasing the holders whose processes have died.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::base::failure::ErrorKind;
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;
use crate::volume::bind::targets;
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
            match self.without_dead(&record, &holder, &table, lazy) {
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
        table: &MountTable,
        lazy: bool,
    ) -> Result<HolderRecord> {
        let mut after = record.clone();
        for target in after.remove_dead(holder) {
            self.unbind(&target, record, table, lazy)?;
        }
        let (name, shown) = (self.volume.name(), &holder.shown);
        let step = || format!("volume {name} is released for {shown}, which has died");
        self.invocation.log.step(step);
        Ok(after)
    }

    /// Takes the volume away from a target; what else is mounted there stays.
    pub(super) fn unbind(
        &self,
        target: &Target,
        record: &HolderRecord,
        table: &MountTable,
        lazy: bool,
    ) -> Result<()> {
        let ends = self.invocation.budget.ends();
        targets::unbind(target, record.mount.as_ref(), table, lazy, ends)
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

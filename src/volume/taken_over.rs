//! What is remembered of a container path's owner and mode, which a volume takes over once in its life.

use anyhow::Result;

use crate::base::text::chain;
use crate::sys::files::ownership::Ownership;
use crate::volume::bind::ownership::Handover;
use crate::volume::bind::take_over::TakeOver;
use crate::volume::bind::view::View;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::{Locked, system_place};

/// How it was before a container path's owner and mode were taken over.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    pub ownership: Ownership,
    pub remembered: Option<Ownership>,
}

impl Locked<'_> {
    /// What is known beforehand.
    pub(super) fn take_over(
        &self,
        mount: &MountRecord,
        view: View,
        others: String,
    ) -> Result<TakeOver> {
        let View::ContainerPath { chown } = view else {
            return Ok(TakeOver::default());
        };
        let is_shared = self.volume.driver().is_shared();
        let (before, is_ours) = match is_shared {
            true => {
                let is_plugins = mount.is_mount && !system_place::is_named(mount.real());
                (self.ledger.memory.read().taken_over, is_plugins)
            }
            false => (self.volume.taken_over()?, self.volume.may_be_given_owner()?),
        };
        Ok(TakeOver {
            before,
            is_plugins: is_shared,
            is_ours,
            is_asked_for: chown,
            others,
        })
    }

    /// Remembers what was taken over. Returns how it was before, if owner and mode were changed.
    pub(super) fn handed_over(
        &self,
        handover: Handover,
        remembered: Option<Ownership>,
    ) -> Option<Before> {
        if remembered != Some(handover.now) {
            self.remember_taken_over(Some(handover.now));
        }
        let ownership = handover.before?;
        Some(Before {
            ownership,
            remembered,
        })
    }

    /// Without it, what the volume has decides the next time: that is good enough to go on.
    pub(super) fn remember_taken_over(&self, ownership: Option<Ownership>) {
        let remembered = match self.volume.driver().is_shared() {
            true => self.ledger.memory.take_over(ownership),
            false => self.volume.remember_taken_over(ownership),
        };
        if let Err(error) = remembered {
            let (name, why) = (self.volume.name(), chain(&error));
            self.warn(&format!(
                "volume {name}: whose container path it was bound to is not remembered: {why}"
            ));
        }
    }
}

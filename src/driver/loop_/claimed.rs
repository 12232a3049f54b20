//! The claim of this host on a `loop` volume, while something is done with it.

use anyhow::Result;

use crate::base::text::chain;
use crate::driver::loop_::on_disk::MOUNT_POINT;
use crate::driver::loop_::volume::LoopVolume;
use crate::driver::loop_::{binding, open};
use crate::driver::shared::existing::Keeper;
use crate::driver::shared::home::Place;
use crate::driver::shared::host_claim::{self, Claim, IfForeign};
use crate::sys::mount::mountinfo::MountTable;

impl LoopVolume<'_> {
    /// What the image is bound to, and what keeps it so; `None` where it is free.
    fn user(&self) -> Result<Option<Keeper>> {
        match open::to_look_at(&self.on_disk.image())? {
            Some(image) => binding::kept_by(&image, self.on_disk.place.home.ends()),
            None => Ok(None),
        }
    }

    /// Gives up this host's claim, unless something still uses the volume here: no other host may mount it then.
    pub fn release_claim(&self) -> Result<Option<Keeper>> {
        let place = self.on_disk.place;
        let user = self.user()?;
        if user.is_some() && host_claim::is_of(&place.directory(), &place.home.host)? {
            return Ok(user);
        }
        match host_claim::release(&place.directory(), &place.home.host) {
            // It is unmounted, and this host can mount it again.
            Err(error) if host_claim::is_unwritable(&error) => {
                let (name, why) = (place.name, chain(&error));
                place.home.invocation.log.warn(&format!(
                    "volume {name} stays claimed by this host: {why}; unmount it again before another host mounts it"
                ));
            }
            released => released?,
        }
        Ok(None)
    }

    pub fn claim(&self, if_foreign: IfForeign) -> Result<Claim> {
        let Place { home, name } = self.on_disk.place;
        home.refuse_unknown_host()?;
        let claim = host_claim::claim(&self.on_disk.place.directory(), &home.host, if_foreign)?;
        if let Claim::Taken(other) = &claim {
            let host = &other.name;
            home.invocation.log.warn(&format!(
                "volume {name} was mounted on host {host}, and is taken from it (setting mount.preempt)"
            ));
        }
        Ok(claim)
    }

    /// Whether it is mounted in this mount namespace; also where another image is in the place of its own by now, or that cannot be told.
    fn is_mounted(&self) -> bool {
        let own = self.on_disk.place.mount_point(MOUNT_POINT);
        MountTable::read().map_or(true, |table| {
            let found = self.on_disk.mounted(&table);
            table.at(&own).is_some() || !matches!(found, Ok(None))
        })
    }

    /// Does something with a volume that no other host has mounted. If it fails, a claim that this call has made, or one that was
    /// killed has left, is undone, unless the volume is in use here.
    pub fn claimed<T>(&self, claim: Claim, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let place = self.on_disk.place;
        let claim = match claim {
            Claim::Kept if !self.is_mounted() => Claim::New,
            claim => claim,
        };
        let done = act();
        if done.is_err() && !matches!(self.user(), Ok(Some(_))) {
            let _ = host_claim::undo(&place.directory(), &place.home.host, claim);
        }
        done
    }

    /// Does something with a volume that no other host has mounted. This host's claim stays where it has mounted the volume, but not
    /// where a call that was killed has left it.
    pub fn claimed_here<T>(&self, act: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        let claim = self.claim(IfForeign::AlwaysRefuse)?;
        let is_mounted = claim == Claim::Kept && self.is_mounted();
        let done = self.claimed(claim, || act(self))?;
        if !is_mounted {
            self.release_claim()?;
        }
        Ok(done)
    }
}

//! Mounting a volume: once per host, for all its holders. What happens depends on how it stands.

use std::path::{Path, PathBuf, absolute};

use anyhow::{Error, Result, bail};

use crate::base::failure::{ErrorKind, Failure, with_undo_error};
use crate::base::text::chain;
use crate::driver::allowed;
use crate::driver::interface::{Chooser, Volume, Whereabouts};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::interruption;
use crate::volume::bind::targets;
use crate::volume::bind::view::{self, View, ViewRequest};
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::record::HolderRecord;
use crate::volume::holders::views::ViewRecord;
use crate::volume::request::{MountRequest, Release};
use crate::volume::taken_over::Before;
use crate::volume::{Locked, mount_point, system_place};

/// A volume that is mounted for a holder.
#[derive(Debug)]
pub struct Outcome {
    /// The path to print: the target, else the mount point.
    pub path: PathBuf,
    /// False where this holder held it already.
    pub is_new_holder: bool,
    /// What its owner and mode were, and what was remembered of them, before it took over those of a container path.
    pub taken_over: Option<Before>,
}

/// How a volume stands before it is mounted.
#[derive(Debug)]
enum Standing {
    /// Not mounted by us, or not any more.
    Unmounted,
    /// Mounted, but all its holders are dead, or it has none.
    Idle(MountRecord),
    /// Mounted and held.
    Held(MountRecord),
    /// Held in another mount namespace, and not seen in this one.
    Elsewhere(MountRecord),
}

/// Mounts the volume; if it is mounted already, adds the holder.
///
/// # Errors
///
/// Wrong usage: options, or the target. In use: it is mounted in the other mode or in another mount namespace, or something else is
/// at the target. Absent: it does not exist, and is not to be created. What was done is undone, unless the text says otherwise.
pub fn mount(
    invocation: &Invocation,
    volume: &dyn Volume,
    mut request: MountRequest,
) -> Result<Outcome> {
    if request.wants_read_only() && !volume.driver().can_mount_read_only() {
        bail!(Failure::usage(
            "--read-only needs --target: a plugin mounts for all its callers alike"
        ));
    }
    allowed::refuse(invocation, volume.driver())?;
    // Wrong options are an error even where the volume exists.
    volume.copy_source(request.create.unwrap_or(Chooser::Owner))?;
    let asked = request.holder.target.clone();
    if let (Some(target), false) = (&asked, request.view.is_resolved()) {
        request.holder.target = Some(targets::resolve(invocation, target)?);
    }
    let mut locked = Locked::lock(invocation, volume, request.holder.clone())?;
    locked.asked = asked.map(|target| absolute(&target).unwrap_or(target));
    if let Err(error) = locked.release_dead(false) {
        // Not fatal here: the next unmount reports it.
        invocation.log.step(|| chain(&error));
    }
    locked.mount(&request)
}

impl Locked<'_> {
    fn mount(&mut self, request: &MountRequest) -> Result<Outcome> {
        let found = match self.standing()? {
            Standing::Unmounted => None,
            Standing::Elsewhere(mount) => bail!(self.elsewhere_failure(&mount)),
            Standing::Idle(mount) if self.check_mode(&mount, request).is_err() => {
                // Its holders, who chose the other mode, are dead: unmount, and mount anew.
                self.release(Release::ALL)?;
                None
            }
            Standing::Idle(mount) | Standing::Held(mount) => self.join(mount, request)?,
        };
        let holders_before = match &found {
            Some(_) => self.record().filter(|record| record.is_held()).cloned(),
            None => None,
        };
        let mount = match found {
            Some(mount) => mount,
            None => self.mount_anew(request)?,
        };
        self.sweep_import(&mount);
        match self.refuse_own_place(&mount, request) {
            Ok(()) => self.hold(mount, holders_before, request),
            Err(error) => Err(self.give_up(error, mount, holders_before)),
        }
    }

    fn refuse_own_place(&self, mount: &MountRecord, request: &MountRequest) -> Result<()> {
        let what = match request.view {
            View::ContainerPath { .. } => "container path",
            _ => "target",
        };
        match &self.holder.target {
            Some(target) => targets::refuse_own(what, target, mount),
            None => Ok(()),
        }
    }

    /// Releases a mount that was made for a holder who cannot have it; where others hold it, it stays.
    fn give_up(
        &mut self,
        error: Error,
        mount: MountRecord,
        holders_before: Option<HolderRecord>,
    ) -> Error {
        if holders_before.is_some() {
            return error;
        }
        let mut record = self.ledger.record_or_new();
        record.mount = Some(mount);
        record.settled = true;
        let is_held = record.is_held();
        let undone = self.ledger.save(record).and_then(|()| match is_held {
            true => Ok(()),
            false => interruption::undoing(|| self.release(Release::ONE)),
        });
        with_undo_error(error, undone)
    }

    fn standing(&self) -> Result<Standing> {
        let record = self.record();
        // Without a record or a target there is nothing to ask the mount table.
        if record.is_none() && self.holder.target.is_none() {
            return Ok(Standing::Unmounted);
        }
        let table = MountTable::read()?;
        if let Some(target) = &self.holder.target {
            let known = record.and_then(|record| record.mount.as_ref());
            targets::refuse_other(target, known, &table)?;
        }
        let Some(record) = record else {
            return Ok(Standing::Unmounted);
        };
        Ok(match (record.held_elsewhere(&table), record.live(&table)) {
            (Some(mount), _) => Standing::Elsewhere(mount.clone()),
            (None, None) => Standing::Unmounted,
            (None, Some(mount)) if record.is_held() => Standing::Held(mount.clone()),
            (None, Some(mount)) => Standing::Idle(mount.clone()),
        })
    }

    fn elsewhere_failure(&self, mount: &MountRecord) -> Failure {
        let (place, names) = (mount.path.display(), self.holder_names());
        Failure::in_use(format!(
            "it is mounted at {place} in another mount namespace, and held by {names}"
        ))
    }

    fn holder_names(&self) -> String {
        self.record().map(HolderRecord::names).unwrap_or_default()
    }

    /// The mount that is there, if it still answers; `None` where it is dead, and the volume has to be mounted anew.
    fn join(&self, mount: MountRecord, request: &MountRequest) -> Result<Option<MountRecord>> {
        match mount_point::check(self.invocation, &mount.path) {
            Ok(_) => {
                if self.volume.driver().is_shared() {
                    system_place::refuse(self.invocation, &mount.path, mount.real())?;
                }
                self.check_mode(&mount, request)?;
                if !mount.read_only && !mount.is_read_only {
                    self.volume.join()?;
                }
                Ok(Some(mount).filter(|mount| !self.is_disowned(mount)))
            }
            Err(error) if mount_point::is_dead(&error) => {
                let (name, why) = (self.volume.name(), chain(&error));
                self.warn(&format!("volume {name} is mounted anew: {why}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the plugin does not name the directory any more that it handed out. The mount table cannot tell whether the volume is
    /// still at a plain directory.
    fn is_disowned(&self, mount: &MountRecord) -> bool {
        if mount.is_mount || !self.volume.driver().is_shared() {
            return false;
        }
        match self.volume.path() {
            Ok(Whereabouts::At(path)) => path != mount.path && !self.leads_to(&path, mount),
            Ok(Whereabouts::Nowhere) => true,
            Ok(Whereabouts::CannotSay) => false,
            Err(error) => ErrorKind::of(&error) == ErrorKind::Absent,
        }
    }

    /// Whether a path is another name of the volume's directory.
    fn leads_to(&self, path: &Path, mount: &MountRecord) -> bool {
        let real = targets::resolve_without_hanging(self.invocation, path);
        real.is_ok_and(|real| real == mount.real())
    }

    /// A caller that asks for a writable path must not get a read-only one, and the reverse.
    fn check_mode(&self, mount: &MountRecord, request: &MountRequest) -> Result<()> {
        let is_writable = !mount.read_only && !mount.is_read_only;
        if mount.read_only && !request.view.is_read_only()
            || is_writable && request.wants_read_only()
        {
            let mode = match mount.read_only {
                true => "read-only",
                false => "writable",
            };
            bail!(Failure::in_use(format!(
                "it is mounted {mode} already, and held by {}",
                self.holder_names()
            )));
        }
        Ok(())
    }

    /// Records the holder, and lets the volume appear at its target. Where that fails, all is as it was before: as
    /// `holders_before` says, or without this holder.
    fn hold(
        &mut self,
        mount: MountRecord,
        holders_before: Option<HolderRecord>,
        request: &MountRequest,
    ) -> Result<Outcome> {
        let mut record = self.ledger.record_or_new();
        let old = record.mount.replace(mount.clone());
        record.settled = true;
        let is_new_holder = record.hold(&self.holder);
        self.note_name(&mut record);
        let others = record.others(&self.holder);
        // The target is recorded before it is bound: after a kill, the next call finds it there.
        let shown = self
            .ledger
            .save(record)
            .and_then(|()| self.remember(&mount))
            .and_then(|()| self.show(&mount, old.as_ref(), request, others));
        match shown {
            Ok(taken_over) => Ok(Outcome {
                path: self.holder.target.clone().unwrap_or(mount.path),
                is_new_holder,
                taken_over,
            }),
            Err(error) => {
                let undone = match holders_before {
                    Some(before) => self.ledger.save(before),
                    None => interruption::undoing(|| self.release(Release::ONE)),
                };
                Err(with_undo_error(error, undone))
            }
        }
    }

    fn show(
        &mut self,
        mount: &MountRecord,
        old: Option<&MountRecord>,
        request: &MountRequest,
        others: String,
    ) -> Result<Option<Before>> {
        let Some(target) = &self.holder.target else {
            return Ok(None);
        };
        let take_over = self.take_over(mount, request.view, others)?;
        let asked = ViewRequest {
            target,
            view: request.view,
            is_built_in: !self.volume.driver().is_shared(),
            guard: &self.invocation.config.allow.views,
        };
        let before = MountTable::read()?;
        let handover = view::show(self.invocation, mount, old, asked, &take_over)?;
        let asked = self.asked.clone();
        let view = ViewRecord::made(target, asked, mount, &before)?;
        let mut record = self.ledger.record_or_new();
        record.note_view(&self.holder, view);
        self.ledger.save(record)?;
        Ok(handover.and_then(|handover| self.handed_over(handover, take_over.before)))
    }

    /// A plugin may hand the volume out otherwise later, and then it matters how it did so now.
    fn remember(&self, mount: &MountRecord) -> Result<()> {
        match self.volume.driver().is_shared() {
            true => self.ledger.memory.remember(mount),
            false => Ok(()),
        }
    }
}

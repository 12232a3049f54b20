//! Views: makes a mounted volume appear at a target, and checks that it does so as asked for.

use std::path::Path;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::base::failure::{Failure, with_undo_error};
use crate::invocation::Invocation;
use crate::sys::mount::calls::{bind, detach};
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::mountopts::{MountOptions, restrictions};
use crate::sys::mount::take_away::How;
use crate::sys::mount::utab;
use crate::sys::process::interruption;
use crate::volume::bind::ownership::{Handover, bind_with_ownership};
use crate::volume::bind::take_over::TakeOver;
use crate::volume::bind::targets::{self, Seen};
use crate::volume::bind::unbind::unbind;
use crate::volume::holders::lock::TargetLock;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::holders::views::Target;

/// How the volume is bound to a target. The words are mount options of mount(8) for a bind mount; they include `ro` where the
/// view is to be read-only.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    Plain(&'a str),
    /// Bound by mount(8), so that umount(8) calls dvdcli for it.
    Listed(&'a str),
    /// Bound to a task's container path, which is resolved already; the volume takes over its owner and mode once, and with `chown`
    /// again.
    ContainerPath {
        chown: bool,
    },
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy)]
pub struct ViewRequest<'a> {
    /// In the form that the mount table uses.
    pub target: &'a Path,
    pub view: View<'a>,
    /// Whether the volume is one of a built-in driver.
    pub is_built_in: bool,
    /// What it forbids unless whoever creates says otherwise (setting `allow.views`).
    pub guard: &'a str,
}

impl View<'_> {
    /// Whether the target is already in the form that the mount table uses.
    pub fn is_resolved(self) -> bool {
        matches!(self, View::ContainerPath { .. })
    }

    /// Whether the view is to be read-only.
    pub fn is_read_only(self) -> bool {
        match self {
            View::Plain(words) | View::Listed(words) => MountOptions::parse(words).read_only(),
            View::ContainerPath { .. } => false,
        }
    }

    /// The mount options that are asked for.
    fn words(&self) -> &str {
        match self {
            View::Plain(words) | View::Listed(words) => words,
            View::ContainerPath { .. } => "",
        }
    }

    pub fn of(read_only: bool) -> View<'static> {
        View::Plain(if read_only { "ro" } else { "" })
    }
}

/// Makes the volume appear at the target. A view of its `old` mount, which is dead, is unmounted first. Returns what
/// it has of a container path's owner and mode.
pub fn show(
    invocation: &Invocation,
    mounted: &MountRecord,
    old: Option<&MountRecord>,
    request: ViewRequest,
    take_over: &TakeOver,
) -> Result<Option<Handover>> {
    let target = request.target;
    let _lock = TargetLock::acquire(invocation, target)?;
    let ends = invocation.budget.ends();
    let table = MountTable::read()?;
    let is_seen = targets::look(target, Some(mounted), &table) == Seen::Volume;
    if is_seen && is_in_utab(request.view, target) {
        return check(mounted, request, &table).map(|()| None);
    }
    let gone = if is_seen { Some(mounted) } else { old };
    let here = Target::at(target);
    unbind(&here, gone, how_to_replace(is_seen))?;
    targets::refuse_other(target, None, &MountTable::read()?)?;
    if let View::ContainerPath { .. } = request.view {
        let words = options(mounted, request, &table);
        return bind_with_ownership(&invocation.log, mounted, target, &words, take_over);
    }
    let (source, place) = (mounted.path.display(), target.display());
    invocation
        .log
        .step(|| format!("binding {source} to {place}"));
    let bound = bind_view(mounted, request, &table, ends);
    if let Err(error) = bound {
        let undone = interruption::undoing(|| unbind(&here, Some(mounted), How::Detach));
        return Err(with_undo_error(error, undone));
    }
    if !is_in_utab(request.view, target) {
        invocation.log.warn(&format!(
            "umount {} will not release the volume, since mount(8) could not note that it has to; dvdcli unmount --target will",
            target.display()
        ));
    }
    Ok(None)
}

/// How a view is taken away before it is made anew: where it is one of a mount that is dead, nobody uses it to any good.
fn how_to_replace(is_alive: bool) -> How {
    match is_alive {
        true => How::Unmount,
        false => How::Detach,
    }
}

/// Whether umount(8) knows about the view, where it has to. It does not if another kind of caller made the view, or a kill came
/// before mount(8) noted it.
fn is_in_utab(view: View, target: &Path) -> bool {
    !matches!(view, View::Listed(_)) || utab::lists(target)
}

fn bind_view(
    mounted: &MountRecord,
    request: ViewRequest,
    table: &MountTable,
    ends: Instant,
) -> Result<()> {
    let target = request.target;
    let options = options(mounted, request, table);
    let root = match request.view {
        View::Listed(_) => {
            utab::bind(mounted.real(), target, &options, ends)?;
            None
        }
        View::Plain(_) => Some(bind(mounted.real(), target, &options)?),
        View::ContainerPath { .. } => None,
    };
    // The volume's own directory may have been replaced, and the program called mount may be another than util-linux's.
    let table = MountTable::read()?;
    if let Err(error) = targets::refuse_other(target, Some(mounted), &table) {
        let _ = root.map(|root| detach(&root));
        return Err(error);
    }
    check(mounted, request, &table)
}

/// The words of a view: what is asked for, and what it has to forbid as well. That is the guard, what the mount forbids in which the
/// target lies, and what the volume's own mount forbids: the kernel would drop that from a view with words of its own.
///
/// The mount of a built-in driver has the guard of the time when it was made, unless the volume was created without; its views then
/// have none either. Words that are asked for, as in fstab, take the guard back.
pub fn options(mounted: &MountRecord, request: ViewRequest, table: &MountTable) -> String {
    let asked = request.view.words();
    let guard = || request.guard.split(',').filter(|word| !word.is_empty());
    let forbidden = |mount: Option<&Mount>| {
        let options = mount.map(|mount| mount.options.as_str());
        restrictions(options.unwrap_or_default())
    };
    let has_guard = request.is_built_in && !mounted.is_bare();
    let lifted = |word: &&str| {
        let opposite = word.trim_start_matches("no");
        has_guard && guard().any(|it| it == *word) && asked.split(',').any(|it| it == opposite)
    };
    let mut words: Vec<&str> = Vec::new();
    if !has_guard {
        words.extend(guard());
    }
    let above = request
        .target
        .parent()
        .and_then(|above| table.covering(above));
    words.extend(forbidden(above).into_iter().filter(|word| *word != "ro"));
    words.extend(asked.split(',').filter(|word| !word.is_empty()));
    let inherited = forbidden(table.covering(mounted.real()));
    words.extend(inherited.into_iter().filter(|word| !lifted(word)));
    words.join(",")
}

/// Checks that the view has the words that are asked for.
///
/// # Errors
///
/// In use: the view exists, but lacks an option that was asked for.
fn check(mounted: &MountRecord, request: ViewRequest, table: &MountTable) -> Result<()> {
    let target = request.target;
    let read_only = request.view.is_read_only() || mounted.read_only || mounted.is_read_only;
    targets::check_mode(target, read_only, table)?;
    let (View::Plain(words) | View::Listed(words)) = request.view else {
        return Ok(());
    };
    let found = table
        .at(target)
        .map(|mount| restrictions(&mount.options))
        .unwrap_or_default();
    let wanted = restrictions(words);
    match wanted.iter().find(|word| !found.contains(word)) {
        None => Ok(()),
        Some(word) => bail!(Failure::in_use(format!(
            "target {}: it is there already, without {word}",
            target.display()
        ))),
    }
}

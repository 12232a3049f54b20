//! Mounts the volumes of a task: in parallel, all or none.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};

use crate::base::side_by_side::side_by_side;
use crate::callers::task::described::TaskVolume;
use crate::callers::task::plan::{self, Planned};
use crate::driver::interface::{Chooser, Next};
use crate::invocation::Invocation;
use crate::sys::process::interruption;
use crate::volume::bind::container_path;
use crate::volume::bind::view::View;
use crate::volume::mount as mounting;
use crate::volume::mount::Outcome;
use crate::volume::request::MountRequest;

/// The volumes of a task that are mounted.
pub struct MountedTask<'a> {
    pub(super) invocation: &'a Invocation,
    /// Outer container paths first; within a level in the order of the digits.
    pub(super) attempts: Vec<Attempt<'a>>,
}

/// What became of one volume.
pub(super) struct Attempt<'a> {
    pub planned: Planned<'a>,
    /// The directories that were made for its container path.
    pub made: Vec<PathBuf>,
    pub outcome: Result<Outcome>,
}

/// Mounts all volumes, or none; then the error is that of the failed volume with the lowest digit. A signal that ends the program
/// counts as a failure. With `chown`, volumes take over owner and mode of their container paths again.
pub fn mount<'a>(
    invocation: &'a Invocation,
    volumes: &'a [TaskVolume],
    id: Option<&str>,
    chown: bool,
) -> Result<MountedTask<'a>> {
    let planned = plan::to_mount(invocation, volumes, id)?;
    if planned.len() > 1 {
        invocation.budget.reserve_undo_time();
    }
    for copy in plan::copies(&planned) {
        // A volume in use can rarely be copied: a copy is made before its source is mounted.
        copy.lock(invocation)
            .and_then(|locked| locked.create_if_absent(Chooser::Caller, Next::Unknown))
            .with_context(|| copy.described.doing("creating"))?;
    }
    let mut task = MountedTask {
        invocation,
        attempts: Vec::new(),
    };
    for group in plan::groups(planned) {
        task.attempts.extend(attempt_all(invocation, group, chown));
        if task.attempts.iter().any(|it| it.outcome.is_err()) || interruption::pending().is_some() {
            break;
        }
    }
    invocation.budget.use_undo_time();
    let interrupted = || {
        interruption::pending()
            .map(|signal| anyhow!("signal {signal} came meanwhile, and nothing stays mounted"))
    };
    match task.take_first_error().or_else(interrupted) {
        None => Ok(task),
        Some(error) => Err(task.undone(error)),
    }
}

fn attempt_all<'a>(
    invocation: &Invocation,
    group: Vec<Planned<'a>>,
    chown: bool,
) -> Vec<Attempt<'a>> {
    let results = side_by_side(group, |planned| attempt(invocation, planned, chown));
    let attempts = results
        .into_iter()
        .map(|(planned, (made, outcome))| Attempt {
            planned,
            made,
            outcome,
        });
    attempts.collect()
}

fn attempt(
    invocation: &Invocation,
    planned: &mut Planned,
    chown: bool,
) -> (Vec<PathBuf>, Result<Outcome>) {
    let mut made = Vec::new();
    let mut mount = || {
        if let Some(place) = &planned.place {
            let record = planned.peek(invocation)?;
            planned
                .refuse_other(record.as_ref())
                .context("container path")?;
            container_path::prepare(place, &mut made).context("container path")?;
        }
        mounting::mount(invocation, planned.volume.as_ref(), request(planned, chown))
    };
    let outcome = mount().with_context(|| planned.described.doing("mounting"));
    planned.volume.disconnect();
    (made, outcome)
}

fn request(planned: &Planned, chown: bool) -> MountRequest<'static> {
    MountRequest {
        create: planned.create.then_some(Chooser::Caller),
        holder: planned.holder(),
        view: match planned.place {
            Some(_) => View::ContainerPath { chown },
            None => View::Plain(""),
        },
    }
}

impl MountedTask<'_> {
    /// One path a line, in the order of the digits.
    pub fn lines(&self) -> String {
        let mounted = self.attempts.iter().filter_map(|attempt| {
            let outcome = attempt.outcome.as_ref().ok()?;
            Some((attempt.planned.number, outcome.path.as_path()))
        });
        let mut paths: Vec<(usize, &Path)> = mounted.collect();
        paths.sort_unstable();
        let line = |(_, path): &(usize, &Path)| format!("{}\n", path.display());
        paths.iter().map(line).collect()
    }

    /// The error of the failed volume with the lowest digit.
    fn take_first_error(&mut self) -> Option<Error> {
        let failed = self.attempts.iter_mut().filter(|it| it.outcome.is_err());
        let first = failed.min_by_key(|attempt| attempt.planned.number)?;
        let taken = std::mem::replace(&mut first.outcome, Err(anyhow!("it is reported")));
        taken.err()
    }
}

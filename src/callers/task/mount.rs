//! The volumes of a task: mounted side by side, all or none, and unmounted as far as that goes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use rustix::fs::Mode;
use rustix::process::umask;

use crate::base::failure::with_more;
use crate::base::side_by_side::side_by_side;
use crate::base::text::chain;
use crate::callers::task::described::Wanted;
use crate::callers::task::plan as task_plan;
use crate::callers::task::plan::Planned;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::container_path;
use crate::volume::bind::ownership::give;
use crate::volume::bind::view::View;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::record::{Holder, Record};
use crate::volume::mount::{Outcome, Request};
use crate::volume::release::{Release, release, release_dead};
use crate::volume::{create as volumes, mount as mounting};

/// Volumes that are mounted.
#[derive(Debug)]
pub struct Mounted<'a> {
    invocation: Invocation,
    id: Option<&'a str>,
    /// By their levels, and within them in the order of the suffixes.
    turns: Vec<Turn<'a>>,
}

/// What has come of one volume.
#[derive(Debug)]
struct Turn<'a> {
    volume: Planned<'a>,
    made: Vec<PathBuf>,
    outcome: Result<Outcome>,
}

/// Mounts them, or none: then the error is that of the first in the order of the suffixes. A signal that is held back, of which
/// `interruption` tells, is a failure like any other.
pub fn mount<'a>(
    invocation: Invocation,
    wanted: &'a [Wanted],
    id: Option<&'a str>,
    interruption: impl Fn() -> Option<i32>,
) -> Result<Mounted<'a>> {
    // The directories that we make are to have the mode that we give them.
    umask(Mode::from_raw_mode(0o022));
    let planned = task_plan::to_mount(&invocation, wanted)?;
    if planned.len() > 1 {
        invocation.budget.reserve_undo_time();
    }
    for volume in task_plan::copies(&planned) {
        create(&invocation, volume).with_context(|| volume.wanted.doing("creating"))?;
    }
    let mut turns = Vec::new();
    for wave in task_plan::waves(planned) {
        let taken = side_by_side(&wave, |volume| take_turn(&invocation, volume, id));
        let failed = taken.iter().any(|(_, outcome)| outcome.is_err());
        let taken = wave.into_iter().zip(taken);
        turns.extend(taken.map(|(volume, (made, outcome))| Turn {
            volume,
            made,
            outcome,
        }));
        if failed || interruption().is_some() {
            break;
        }
    }
    let mut mounted = Mounted {
        invocation,
        id,
        turns,
    };
    mounted.invocation.budget.use_undo_time();
    let interrupted = || {
        interruption()
            .map(|signal| anyhow!("signal {signal} came meanwhile, and nothing stays mounted"))
    };
    match mounted.first_error().or_else(interrupted) {
        None => Ok(mounted),
        Some(error) => Err(mounted.undone(error)),
    }
}

/// What a volume is to be a copy of, and the copy, are made before either is mounted: what is in use can rarely be copied.
fn create(invocation: &Invocation, volume: &Planned) -> Result<()> {
    let driver = volume.open(invocation)?;
    let _ledger = Ledger::lock(invocation, driver.name(), &volume.name)?;
    let wanted = volume.wanted;
    volumes::ensure_exists(
        &invocation.log,
        driver.as_ref(),
        &wanted.name.value,
        &wanted.options,
    )
}

fn take_turn(
    invocation: &Invocation,
    volume: &Planned,
    id: Option<&str>,
) -> (Vec<PathBuf>, Result<Outcome>) {
    let mut made = Vec::new();
    let mut mount = || {
        let driver = volume.open(invocation)?;
        if let Some(place) = &volume.place {
            volume.refuse_other(invocation).context("container path")?;
            container_path::prepare(place, &mut made).context("container path")?;
        }
        mounting::mount(invocation, driver.as_ref(), request(volume, id))
    };
    let outcome = mount().with_context(|| volume.wanted.doing("mounting"));
    (made, outcome)
}

fn request<'a>(volume: &'a Planned, id: Option<&'a str>) -> Request<'a> {
    Request {
        volume: &volume.wanted.name.value,
        options: &volume.wanted.options,
        create: volume.create,
        holder: holder(volume, id),
        read_only: false,
        view: match volume.place {
            Some(_) => View::ContainerPath,
            None => View::Plain(""),
        },
    }
}

fn holder<'a>(volume: &'a Planned, id: Option<&'a str>) -> Holder<'a> {
    let target = volume.place.as_ref().map(|place| place.path.as_path());
    Holder {
        id,
        target,
        process: None,
    }
}

impl Mounted<'_> {
    /// A line for each, in the order of the suffixes.
    pub fn lines(&self) -> String {
        let mut paths: Vec<(usize, &Path)> = self
            .turns
            .iter()
            .filter_map(|turn| {
                Some((
                    turn.volume.number,
                    turn.outcome.as_ref().ok()?.path.as_path(),
                ))
            })
            .collect();
        paths.sort_unstable();
        paths
            .iter()
            .map(|(_, path)| format!("{}\n", path.display()))
            .collect()
    }

    /// Of those that failed, the first in the order of the suffixes.
    fn first_error(&mut self) -> Option<Error> {
        let failed = self.turns.iter_mut().filter(|turn| turn.outcome.is_err());
        let first = failed.min_by_key(|turn| turn.volume.number)?;
        let taken = std::mem::replace(&mut first.outcome, Err(anyhow!("it is reported")));
        taken.err()
    }

    /// Takes everything back, and returns the error with what could not be.
    pub fn undone(self, error: Error) -> Error {
        let (invocation, id) = (&self.invocation, self.id);
        let mut left: Vec<(usize, String)> = Vec::new();
        let mut turns = self.turns;
        // What lies inside a container path goes before it.
        while let Some(level) = turns.iter().map(|turn| turn.volume.level).max() {
            let wave = turns.extract_if(.., |turn| turn.volume.level == level);
            let wave: Vec<Turn> = wave.collect();
            let undone = side_by_side(&wave, |turn| undo(invocation, turn, id));
            let mut made = Vec::new();
            for (turn, undone) in wave.into_iter().zip(undone) {
                made.extend(turn.made);
                if let Err(second) = undone {
                    let doing = turn.volume.wanted.doing("unmounting");
                    left.push((
                        turn.volume.number,
                        format!("{doing} again: {}", chain(&second)),
                    ));
                }
            }
            container_path::remove(made);
        }
        if left.is_empty() {
            return error;
        }
        left.sort_unstable();
        let left: Vec<String> = left.into_iter().map(|(_, words)| words).collect();
        with_more(error, &left.join("; "))
    }
}

/// Takes back what has come of one volume, where this holder is new.
fn undo(invocation: &Invocation, turn: &Turn, id: Option<&str>) -> Result<()> {
    let volume = &turn.volume;
    let Some(outcome) = turn.outcome.as_ref().ok().filter(|it| it.is_new_holder) else {
        return Ok(());
    };
    let driver = volume.open(invocation)?;
    let mut ledger = Ledger::lock(invocation, driver.name(), &volume.name)?;
    let table = MountTable::read()?;
    // Who holds it as well has found it with owner and mode as they are.
    let alone = ledger
        .record()
        .filter(|record| record.others(holder(volume, id)).is_empty());
    let given_back = match (
        outcome.ownership_before,
        alone.and_then(|it| it.live(&table)),
    ) {
        (Some(before), Some(mounted)) => give(mounted.real(), before),
        _ => Ok(()),
    };
    let request = release_of(volume, id);
    release(invocation, driver.as_ref(), &mut ledger, request)?;
    given_back.context("giving it its owner and mode back")
}

fn release_of<'a>(volume: &'a Planned, id: Option<&'a str>) -> Release<'a> {
    Release {
        volume: &volume.wanted.name.value,
        holder: holder(volume, id),
        all: false,
        lazy: false,
    }
}

/// Unmounts them, and goes on where one fails. Returns what failed, in the order of the suffixes.
pub fn unmount(
    invocation: &Invocation,
    wanted: &[Wanted],
    id: Option<&str>,
    all: bool,
    lazy: bool,
) -> Result<Vec<Error>> {
    let planned = task_plan::to_unmount(invocation, wanted)?;
    let mut failed: Vec<(usize, Error)> = Vec::new();
    for wave in task_plan::waves(planned).into_iter().rev() {
        let released = side_by_side(&wave, |volume| {
            let driver = volume.open(invocation)?;
            let mut ledger = Ledger::lock(invocation, driver.name(), &volume.name)?;
            let holds = |record: &Record| record.has(holder(volume, id));
            let other = volume.refuse_other(invocation).context("container path");
            match ledger.record().is_some_and(holds) {
                true => other?,
                // Nothing of this task was ever there, as after a mount that was refused.
                false => other.unwrap_or_else(|error| invocation.log.warn(&chain(&error))),
            }
            if let Err(error) = release_dead(invocation, &mut ledger, lazy) {
                invocation.log.step(|| chain(&error));
            }
            let request = Release {
                all,
                lazy,
                ..release_of(volume, id)
            };
            release(invocation, driver.as_ref(), &mut ledger, request)
        });
        for (volume, released) in wave.iter().zip(released) {
            if let Err(error) = released.with_context(|| volume.wanted.doing("unmounting")) {
                failed.push((volume.number, error));
            }
        }
    }
    failed.sort_by_key(|(number, _)| *number);
    Ok(failed.into_iter().map(|(_, error)| error).collect())
}

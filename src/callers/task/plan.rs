//! Plans the mounts of a task: checks all that can be checked before anything is done, and finds the order.

use std::path::Path;

use anyhow::{Error, Result, bail};

use crate::base::failure::{ErrorKind, Failure};
use crate::callers::task::described::{TaskVolume, refuse_equal_paths};
use crate::driver;
use crate::driver::allowed;
use crate::driver::interface::{Chooser, Volume};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;
use crate::volume::bind::container_path::{self, ContainerPath};
use crate::volume::bind::targets;
use crate::volume::holders::ledger;
use crate::volume::holders::record::{Holder, HolderRecord};

/// A volume of the task, with all that is known before anything is done.
pub struct Planned<'a> {
    pub described: &'a TaskVolume,
    pub volume: Box<dyn Volume + 'a>,
    /// The ID of its holder.
    id: Option<String>,
    /// Its place in the order of the digits.
    pub number: usize,
    /// Whether to create it if it is absent.
    pub create: bool,
    /// The volume of the same driver that creating it would copy.
    copy_source: Option<String>,
    /// Where its container path is.
    pub place: Option<ContainerPath>,
    /// How many other container paths are above its own.
    pub level: usize,
}

impl Planned<'_> {
    /// The holder for whom it is mounted.
    pub fn holder(&self) -> Holder {
        Holder {
            id: self.id.clone(),
            target: self.place.as_ref().map(|place| place.path.clone()),
            ..Holder::default()
        }
    }

    pub fn lock<'l>(&'l self, invocation: &'l Invocation) -> Result<Locked<'l>> {
        Locked::lock(invocation, self.volume.as_ref(), self.holder())
    }

    /// What is remembered about the volume, without its lock.
    pub fn peek(&self, invocation: &Invocation) -> Result<Option<HolderRecord>> {
        ledger::peek(invocation, self.volume.as_ref())
    }

    /// Refuses a container path where something else than the volume is mounted.
    ///
    /// # Errors
    ///
    /// In use: something else is mounted there.
    pub fn refuse_other(&self, record: Option<&HolderRecord>) -> Result<()> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let shown = place.path.display().to_string();
        let mount = record.and_then(|record| record.mount.as_ref());
        targets::refuse_other_at(&shown, &place.path, mount, &MountTable::read()?)
    }
}

/// Checks everything, and changes nothing.
pub fn to_mount<'a>(
    invocation: &'a Invocation,
    volumes: &'a [TaskVolume],
    id: Option<&str>,
) -> Result<Vec<Planned<'a>>> {
    let mut planned = identify(invocation, volumes, id)?;
    refuse_drivers(invocation, &planned)?;
    for planned in planned.iter_mut().filter(|planned| planned.create) {
        let described = planned.described;
        let variable = match described.options.is_empty() {
            true => &described.name.name,
            false => &described.options_from,
        };
        planned.copy_source = planned
            .volume
            .copy_source(Chooser::Caller)
            .map_err(|error| blamed_on(variable, described, error))?;
    }
    locate(&mut planned, |path| {
        container_path::resolve(invocation, path)
    })?;
    // Two paths may be the same directory under two names.
    let places = located(&planned).map(|(_, place, variable)| (variable, place.path.as_path()));
    refuse_equal_paths(places)?;
    for (volume, place, variable) in located(&planned) {
        let outside = volume.level == 0;
        if let Some(absence) = place.absence.as_ref().filter(|_| outside) {
            bail!(Failure::usage(format!("{variable}: {absence}")));
        }
        targets::refuse_hiding(invocation, &place.path)
            .map_err(|error| error.context(variable.to_owned()))?;
        if outside {
            volume
                .refuse_other(volume.peek(invocation)?.as_ref())
                .map_err(|error| error.context(variable.to_owned()))?;
        }
    }
    Ok(planned)
}

fn refuse_drivers(invocation: &Invocation, planned: &[Planned]) -> Result<()> {
    for planned in planned {
        allowed::refuse(invocation, planned.volume.driver())
            .map_err(|error| error.context(planned.described.doing("mounting")))?;
    }
    Ok(())
}

/// As [`to_mount`], but nothing has to exist any more.
pub fn to_unmount<'a>(
    invocation: &'a Invocation,
    volumes: &'a [TaskVolume],
    id: Option<&str>,
) -> Result<Vec<Planned<'a>>> {
    let mut planned = identify(invocation, volumes, id)?;
    locate(&mut planned, |path| Ok(container_path::name(path)))?;
    Ok(planned)
}

/// Opens each volume. A volume that is described twice is opened once.
fn identify<'a>(
    invocation: &'a Invocation,
    volumes: &'a [TaskVolume],
    id: Option<&str>,
) -> Result<Vec<Planned<'a>>> {
    let mut planned: Vec<Planned> = Vec::new();
    for (number, described) in volumes.iter().enumerate() {
        let variable = &described.name.name;
        let volume = driver::open(invocation, &described.driver)
            .map_err(|error| error.context(described.doing("opening the driver of")))?
            .volume(&described.name.value, &described.options)
            .map_err(|error| error.context(variable.clone()))?;
        let is_same = |other: &&Planned| {
            let other = other.volume.as_ref();
            other.name() == volume.name() && other.driver().name() == volume.driver().name()
        };
        match (planned.iter().find(is_same), &described.container_path) {
            (None, _) => planned.push(Planned {
                described,
                volume,
                id: id.map(str::to_owned),
                number,
                create: invocation.config.creates(!described.create),
                copy_source: None,
                place: None,
                level: 0,
            }),
            (Some(_), None) => {}
            (Some(first), Some((path, _))) => {
                let first = &first.described.name.name;
                bail!(Failure::usage(format!(
                    "{path}: {variable} is the same volume as {first}, and a task has it at one place"
                )))
            }
        }
    }
    Ok(planned)
}

/// Adds the variable to the error if the variable is to blame for it, else the volume.
fn blamed_on(variable: &str, described: &TaskVolume, error: Error) -> Error {
    let blamed = match ErrorKind::of(&error) {
        ErrorKind::Usage => variable.to_owned(),
        _ => described.doing("mounting"),
    };
    error.context(blamed)
}

/// Finds the place of each container path, and its level. Outer paths come first: what is inside them does not exist yet.
fn locate(planned: &mut [Planned], find: impl Fn(&Path) -> Result<ContainerPath>) -> Result<()> {
    let mut order: Vec<&mut Planned> = planned.iter_mut().collect();
    order.sort_by_key(|volume| path_of(volume).map_or(0, |path| path.components().count()));
    let mut found: Vec<(&Path, ContainerPath)> = Vec::new();
    for volume in order {
        let Some((variable, path)) = &volume.described.container_path else {
            continue;
        };
        // Searched from the innermost one found so far.
        let outer = found
            .iter()
            .rev()
            .find(|(outer, _)| path.starts_with(outer));
        let place = match outer {
            Some((outer_path, outer)) => container_path::inside(outer, outer_path, path),
            None => find(path).map_err(|error| error.context(variable.clone()))?,
        };
        found.push((path, place.clone()));
        volume.place = Some(place);
    }
    for volume in planned {
        let Some(place) = &volume.place else { continue };
        let around = |other: &Path| other != place.path && place.path.starts_with(other);
        volume.level = found
            .iter()
            .filter(|(_, other)| around(&other.path))
            .count();
    }
    Ok(())
}

fn path_of<'a>(volume: &Planned<'a>) -> Option<&'a Path> {
    let path = volume.described.container_path.as_ref();
    path.map(|(_, path)| path.as_path())
}

/// The volumes that have a container path, each with its place and the name of its variable.
fn located<'p>(
    planned: &'p [Planned],
) -> impl Iterator<Item = (&'p Planned<'p>, &'p ContainerPath, &'p str)> {
    planned.iter().filter_map(|volume| {
        let (variable, _) = volume.described.container_path()?;
        Some((volume, volume.place.as_ref()?, variable))
    })
}

/// The volumes that must be created before any is mounted: copies, and the sources of copies, sources first.
pub fn copies<'p, 'a>(planned: &'p [Planned<'a>]) -> Vec<&'p Planned<'a>> {
    let mut order = Vec::new();
    for volume in planned
        .iter()
        .filter(|volume| source_of(volume, planned).is_some())
    {
        put_sources_first(volume, planned, planned.len(), &mut order);
    }
    order.retain(|volume| volume.create);
    order
}

fn source_of<'p, 'a>(copy: &Planned, planned: &'p [Planned<'a>]) -> Option<&'p Planned<'a>> {
    let name = copy.copy_source.as_ref()?;
    let driver = copy.volume.driver().name();
    let is_of_driver = |other: &&Planned| other.volume.driver().name() == driver;
    planned
        .iter()
        .find(|other| is_of_driver(other) && other.volume.name() == name)
}

/// Cyclic copies get any order (`depth` ends the search); the driver refuses them.
fn put_sources_first<'p, 'a>(
    volume: &'p Planned<'a>,
    planned: &'p [Planned<'a>],
    depth: usize,
    order: &mut Vec<&'p Planned<'a>>,
) {
    if let Some(source) = source_of(volume, planned).filter(|_| depth > 0) {
        put_sources_first(source, planned, depth - 1, order);
    }
    if !order.iter().any(|known| known.number == volume.number) {
        order.push(volume);
    }
}

/// Groups to be mounted one after the other; within a group, in parallel.
pub fn groups(planned: Vec<Planned>) -> Vec<Vec<Planned>> {
    let mut groups: Vec<Vec<Planned>> = Vec::new();
    for volume in planned {
        while groups.len() <= volume.level {
            groups.push(Vec::new());
        }
        groups[volume.level].push(volume);
    }
    groups
}

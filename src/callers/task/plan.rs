//! What is to be done for the volumes of a task, and in which order: all that can be checked before anything is done.

use std::path::Path;

use anyhow::{Error, Result, bail};

use crate::base::failure::{Failure, Kind};
use crate::callers::task::described as from_env;
use crate::callers::task::described::Wanted;
use crate::driver::{self, Driver};
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::bind::container_path::{self, Place};
use crate::volume::bind::targets::{self, Seen};
use crate::volume::holders::ledger as holders;

/// A volume, with all that is known of it before anything is done.
#[derive(Debug)]
pub struct Planned<'a> {
    pub wanted: &'a Wanted,
    /// Its place in the order of the suffixes.
    pub number: usize,
    /// The driver's own name, by which it is recorded.
    driver: String,
    /// The plain one.
    pub name: String,
    /// Whether to create it where it is absent.
    pub create: bool,
    /// The volume of the same driver that it is to be a copy of.
    original: Option<String>,
    /// Where it is to appear.
    pub place: Option<Place>,
    /// Inside how many other container paths that is.
    pub level: usize,
}

impl Planned<'_> {
    pub fn open<'i>(&self, invocation: &'i Invocation) -> Result<Box<dyn Driver + 'i>> {
        driver::open(invocation, &self.wanted.driver)
    }

    /// # Errors
    ///
    /// In use: something else is mounted at the container path.
    pub fn refuse_other(&self, invocation: &Invocation) -> Result<()> {
        let Some(place) = &self.place else {
            return Ok(());
        };
        let record = holders::peek(invocation, &self.driver, &self.name)?;
        let mounted = record.as_ref().and_then(|record| record.mounted.as_ref());
        if targets::look(&place.path, mounted, &MountTable::read()?) == Seen::Other {
            bail!(Failure::in_use(format!(
                "{}: something is mounted there that is not this volume",
                place.path.display()
            )));
        }
        Ok(())
    }
}

/// Checks everything, and changes nothing.
pub fn to_mount<'a>(invocation: &Invocation, wanted: &'a [Wanted]) -> Result<Vec<Planned<'a>>> {
    let mut planned = identify(invocation, wanted)?;
    for volume in planned.iter_mut().filter(|volume| volume.create) {
        let wanted = volume.wanted;
        let variable = match wanted.options.is_empty() {
            true => &wanted.name.name,
            false => &wanted.options_from,
        };
        volume.original = volume
            .open(invocation)?
            .original(&wanted.name.value, &wanted.options)
            .map_err(|error| blamed_on(variable, wanted, error))?;
    }
    locate(&mut planned, |path| {
        container_path::resolve(invocation, path)
    })?;
    refuse_same(&planned)?;
    for (volume, place, variable) in located(&planned) {
        let outside = volume.level == 0;
        if let Some(absence) = place.absence.as_ref().filter(|_| outside) {
            bail!(Failure::usage(format!("{variable}: {absence}")));
        }
        targets::refuse_hiding(invocation, &place.path)
            .map_err(|error| error.context(variable.to_owned()))?;
        if outside {
            volume
                .refuse_other(invocation)
                .map_err(|error| error.context(variable.to_owned()))?;
        }
    }
    Ok(planned)
}

/// As [`to_mount`], but for what need not be there any more.
pub fn to_unmount<'a>(invocation: &Invocation, wanted: &'a [Wanted]) -> Result<Vec<Planned<'a>>> {
    let mut planned = identify(invocation, wanted)?;
    locate(&mut planned, |path| container_path::name(invocation, path))?;
    Ok(planned)
}

/// What each volume is called, once for those that are the same.
fn identify<'a>(invocation: &Invocation, wanted: &'a [Wanted]) -> Result<Vec<Planned<'a>>> {
    let mut planned: Vec<Planned> = Vec::new();
    for (number, wanted) in wanted.iter().enumerate() {
        let variable = &wanted.name.name;
        let driver = driver::open(invocation, &wanted.driver)
            .map_err(|error| error.context(wanted.doing("opening the driver of")))?;
        let name = driver
            .plain_name(&wanted.name.value)
            .map_err(|error| error.context(variable.clone()))?;
        let same = planned
            .iter()
            .find(|other| other.name == name && other.driver == driver.name());
        match (same, &wanted.container_path) {
            (None, _) => planned.push(Planned {
                wanted,
                number,
                driver: driver.name().to_owned(),
                name,
                create: wanted.create && invocation.config.create_implicit,
                original: None,
                place: None,
                level: 0,
            }),
            (Some(_), None) => {}
            (Some(first), Some((path, _))) => {
                let first = &first.wanted.name.name;
                bail!(Failure::usage(format!(
                    "{path}: {variable} is the same volume as {first}, and a task has it at one place"
                )))
            }
        }
    }
    Ok(planned)
}

/// Names the variable where it is to blame.
fn blamed_on(variable: &str, wanted: &Wanted, error: Error) -> Error {
    let blamed = match Kind::of(&error) {
        Kind::Usage => variable.to_owned(),
        _ => wanted.doing("mounting"),
    };
    error.context(blamed)
}

/// Finds where each is to appear, and inside how many others. Outer ones come first: what is inside of them is not there yet.
fn locate(planned: &mut [Planned], find: impl Fn(&Path) -> Result<Place>) -> Result<()> {
    let mut order: Vec<&mut Planned> = planned.iter_mut().collect();
    order.sort_by_key(|volume| path_of(volume).map_or(0, |path| path.components().count()));
    let mut found: Vec<(&Path, Place)> = Vec::new();
    for volume in order {
        let Some((variable, path)) = &volume.wanted.container_path else {
            continue;
        };
        // The last of those found lies deepest.
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
    let path = volume.wanted.container_path.as_ref();
    path.map(|(_, path)| path.as_path())
}

/// Those that have a container path, with it and its variable.
fn located<'p>(
    planned: &'p [Planned],
) -> impl Iterator<Item = (&'p Planned<'p>, &'p Place, &'p str)> {
    planned.iter().filter_map(|volume| {
        let (variable, _) = volume.wanted.container_path.as_ref()?;
        Some((volume, volume.place.as_ref()?, variable.as_str()))
    })
}

/// Two names may lead to one directory.
fn refuse_same(planned: &[Planned]) -> Result<()> {
    let places: Vec<_> = located(planned).collect();
    for (at, (_, second, variable)) in places.iter().enumerate() {
        if let Some((_, _, first)) = places[..at]
            .iter()
            .find(|(_, other, _)| other.path == second.path)
        {
            bail!(from_env::same_path(first, variable));
        }
    }
    Ok(())
}

/// Those that are to be made before any is mounted, what is copied before its copies.
pub fn copies<'p, 'a>(planned: &'p [Planned<'a>]) -> Vec<&'p Planned<'a>> {
    let mut order = Vec::new();
    for volume in planned
        .iter()
        .filter(|volume| original_of(volume, planned).is_some())
    {
        put_originals_first(volume, planned, planned.len(), &mut order);
    }
    order.retain(|volume| volume.create);
    order
}

fn original_of<'p, 'a>(copy: &Planned, planned: &'p [Planned<'a>]) -> Option<&'p Planned<'a>> {
    let name = copy.original.as_ref()?;
    planned
        .iter()
        .find(|other| other.driver == copy.driver && other.name == *name)
}

/// Those that would copy each other, at most `depth` of them, come in any order: the driver refuses them.
fn put_originals_first<'p, 'a>(
    volume: &'p Planned<'a>,
    planned: &'p [Planned<'a>],
    depth: usize,
    order: &mut Vec<&'p Planned<'a>>,
) {
    if let Some(original) = original_of(volume, planned).filter(|_| depth > 0) {
        put_originals_first(original, planned, depth - 1, order);
    }
    if !order.iter().any(|known| known.number == volume.number) {
        order.push(volume);
    }
}

/// In waves of such as are independent of each other: what is inside a container path comes after it.
pub fn waves(planned: Vec<Planned>) -> Vec<Vec<Planned>> {
    let mut waves: Vec<Vec<Planned>> = Vec::new();
    for volume in planned {
        while waves.len() <= volume.level {
            waves.push(Vec::new());
        }
        waves[volume.level].push(volume);
    }
    waves
}

//! What is wrong with a built-in driver and with its volumes.

use anyhow::{Error, Result};

use crate::base::finding::{Care, Finding};
use crate::driver::interface::Examined;
use crate::driver::shared::aside::{Leftover, State, Swept};
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::read_only_store;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::process::child;

/// A driver, its volumes apart.
pub fn driver(kind: &dyn BuiltInKind, home: &Home, care: Care) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    if read_only_store::is_given_up(home)? {
        let store = home.store.root().display();
        found.push(Finding::new(
            home.label(),
            format!("the file system of its store {store} was made read-only by the kernel, after an error"),
            "unmount and repair it",
        ));
    }
    let leftovers = home.store.aside.all_leftovers();
    for leftover in leftovers.iter().filter(|leftover| !leftover.is_own) {
        home.invocation.log.warn(&format!(
            "{}/{} is half made or half removed by another host; a call of that host completes it",
            home.driver, leftover.volume
        ));
    }
    found.extend(kind.examine(home, &all_options(home)?, care)?);
    Ok(found)
}

/// Whether anybody uses the driver here: it has a store, or is the one that is meant where none is named.
pub fn is_used(home: &Home) -> bool {
    let default = home.invocation.config.driver.as_deref();
    home.store.root().exists() || default == Some(home.driver)
}

/// The options of all volumes whose records can be read.
fn all_options(home: &Home) -> Result<Vec<NormalOptions>> {
    let names = home.store.names()?.into_iter();
    let files = names.filter_map(|name| home.store.record(&name).ok().flatten());
    Ok(files.map(|file| file.options).collect())
}

/// The volumes that there are, and those of which something is left.
pub fn names(home: &Home) -> Result<Vec<String>> {
    let mut names = home.store.names()?;
    let leftovers = home.store.aside.all_leftovers().into_iter();
    names.extend(leftovers.filter(|it| it.is_own).map(|it| it.volume));
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// What a killed call has left. What a live one works on is none.
fn leftover(place: Place, leftover: &Leftover, care: Care) -> Option<Finding> {
    let home = place.home;
    if !home.store.aside.is_dead(leftover) {
        return None;
    }
    let problem = match leftover.state {
        State::New => "a call that was killed has left a part of a new volume",
        State::Gone => "its removal was cut off, and a part of it is left",
    };
    let repair = format!("any call for {} deletes it", home.label());
    let finding = Finding::new(subject(place), problem, repair);
    Some(
        finding.mended(care, "deleted what a killed call had left", || {
            home.refuse_unknown_host()?;
            match home.store.aside.sweep_dead(leftover, home.ends()) {
                Swept::Deleted => Ok(()),
                Swept::InUse => Err(Error::msg("another call is at work on it")),
                Swept::Failed(error) => Err(error),
            }
        }),
    )
}

/// One volume, and what is left of an earlier one of its name.
pub fn volume(kind: &dyn BuiltInKind, place: Place, care: Care) -> Result<Examined> {
    let leftovers = place.home.store.aside.leftovers_of(place.name);
    let found = leftovers.iter().filter_map(|it| leftover(place, it, care));
    let mut findings: Vec<Finding> = found.collect();
    let Some(file) = place.file()? else {
        return Ok(Examined {
            findings,
            mounted: None,
        });
    };
    let table = MountTable::read()?;
    let existing = kind.existing(place, &file)?;
    let mounted = existing.mounted(&table)?;
    findings.extend(existing.examine(&table, care)?);
    Ok(Examined {
        findings,
        mounted: mounted.map(|(mount_point, _)| mount_point),
    })
}

/// The subject of what is found about a volume.
pub fn subject(place: Place) -> String {
    format!("{}/{}", place.home.driver, place.name)
}

/// Programs that are missing; `need` is what they are for.
pub fn missing(
    subject: &str,
    need: &str,
    package: &str,
    programs: impl Iterator<Item = &'static str>,
) -> Vec<Finding> {
    let missing = programs.filter(|program| child::find(program, package).is_err());
    let finding = |program| {
        let problem = format!("{program} is not installed, which {need} needs");
        let repair = format!("install the Debian package {package}");
        Finding::new(subject, problem, repair)
    };
    missing.map(finding).collect()
}

/// A file system that the kernel does not have.
pub fn cannot_mount(subject: &str, fs_type: &str) -> Finding {
    Finding::new(
        subject,
        format!("the kernel has no {fs_type}, and no module for it"),
        format!("install its module (modprobe {fs_type}), or a kernel with it"),
    )
}

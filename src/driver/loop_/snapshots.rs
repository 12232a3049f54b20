//! The snapshots of `loop` volumes. Each is a directory like that of a volume, with an image and a record, called `VOLUME@SNAPSHOT`: so
//! it is made and removed as a whole, and stays when its volume goes. It is never mounted; volumes are made from it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::chain;
use crate::driver::image::{SnapshotInfo, id};
use crate::driver::loop_::image::CopySpace;
use crate::driver::loop_::on_disk::IMAGE;
use crate::driver::loop_::{binding, growth, image, open, thick};
use crate::driver::shared::given;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::host_claim;
use crate::driver::shared::names;
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::read_only_store;
use crate::driver::shared::store::{self, VolumeFile};
use crate::driver::shared::told;

/// Takes one of a volume that exists.
pub fn take(place: Place, snapshot: &str) -> Result<()> {
    let home = place.home;
    let file = place.existing_file()?;
    let taken = named(place.name, snapshot)?;
    let taken = home.place(&taken);
    home.refuse_unknown_host()?;
    read_only_store::refuse(home, "")?;
    home.store.aside.sweep(taken.name, home.ends())?;
    let existing = || anyhow::anyhow!("it has a snapshot {snapshot} already");
    if taken.file()?.is_some() {
        return Err(existing());
    }
    let source = place.directory();
    let free = host_claim::refuse_foreign(&source, &home.host)?;
    let record = VolumeFile {
        created_at: given::now(),
        ..file
    };
    let space = CopySpace::like(thick::is_asked(&record.options));
    let made = home.store.create(taken.name, &record, |directory| {
        host_claim::make_token(directory)?;
        copy(place, directory, space)?;
        growth::hand_on(&source, directory)?;
        host_claim::refuse_if_claimed_since(&free, &source, &home.host)
    })?;
    // Another call has been faster.
    if made { Ok(()) } else { Err(existing()) }
}

/// Copies the image of a volume, or of a snapshot.
fn copy(source: Place, directory: &Path, space: CopySpace) -> Result<()> {
    let home = source.home;
    let reserve = home.invocation.config.allow.loop_.reserve;
    let (from, to) = (source.directory().join(IMAGE), directory.join(IMAGE));
    image::keep(&from, &told::path(source), &to, space, reserve, home.ends())
}

/// All of a volume, or of all volumes, by name. One that cannot be read is left out, with a warning.
pub fn list(home: &Home, volume: Option<&str>) -> Result<Vec<SnapshotInfo>> {
    let mut found = Vec::new();
    for (directory, snapshot) in each(home, volume)? {
        match snapshot {
            Ok(snapshot) => found.extend(snapshot),
            Err(error) => {
                let why = chain(&error);
                let log = &home.invocation.log;
                log.warn(&format!("snapshot {directory}: {why}"));
            }
        }
    }
    Ok(found)
}

/// Those that cannot be read, with the reason.
pub fn unreadable(home: &Home) -> Result<Vec<(String, Error)>> {
    let all = each(home, None)?.into_iter();
    Ok(all
        .filter_map(|(directory, it)| it.err().map(|error| (directory, error)))
        .collect())
}

/// Each of a volume, or of all volumes, by its directory; `None` where it was removed meanwhile.
fn each(home: &Home, volume: Option<&str>) -> Result<Vec<(String, Result<Option<SnapshotInfo>>)>> {
    let mut found = Vec::new();
    for directory in home.store.snapshots()? {
        if let Some((of, name)) = directory.split_once('@')
            && volume.is_none_or(|volume| volume == of)
        {
            let snapshot = look(home.place(&directory), of, name);
            found.push((directory, snapshot));
        }
    }
    Ok(found)
}

/// `None` where it was removed meanwhile.
fn look(place: Place, volume: &str, name: &str) -> Result<Option<SnapshotInfo>> {
    let Some(file) = place.file()? else {
        return Ok(None);
    };
    let lengths = match open::lengths(&place.directory().join(IMAGE)) {
        Err(_) if place.file()?.is_none() => return Ok(None),
        lengths => lengths?,
    };
    Ok(Some(SnapshotInfo {
        volume: volume.to_owned(),
        name: name.to_owned(),
        created_at: file.created_at,
        size: lengths.0,
        allocated: lengths.1,
    }))
}

pub fn remove(place: Place, snapshot: &str) -> Result<()> {
    let home = place.home;
    let taken = named(place.name, snapshot)?;
    home.refuse_unknown_host()?;
    let was_being_removed = home.store.aside.sweep(&taken, home.ends())?;
    let taken = home.place(&taken);
    if taken.file()?.is_none() {
        return match was_being_removed {
            true => Ok(()),
            false => Err(absent(place, snapshot)),
        };
    }
    // Waits for copies that are being made of it; the lock lasts until its image is gone.
    let image = open::to_remove(&taken.directory().join(IMAGE))?;
    if let Some(image) = &image {
        binding::lock_unused(image, home.ends())?;
    }
    home.store.delete(taken.name)
}

/// Puts a copy of the snapshot's image in the place of the volume's, in one rename. The caller has claimed the volume, and has locked
/// the image that goes.
pub fn restore(place: Place, snapshot: &str, options: &NormalOptions) -> Result<()> {
    let home = place.home;
    let taken = named(place.name, snapshot)?;
    let Some(file) = home.place(&taken).file()? else {
        return Err(absent(place, snapshot));
    };
    refuse_other_file_system(&taken, &file.options, options)?;
    home.store.aside.sweep(place.name, home.ends())?;
    let held = home.store.aside.make(place.name, 0o700)?;
    let (new, volume) = (held.path.join(IMAGE), place.directory());
    let space = CopySpace::like(thick::is_asked(options));
    let restored = copy(home.place(&taken), &held.path, space).and_then(|()| {
        let old = volume.join(IMAGE);
        let replacing = || format!("putting it in the place of {}", old.display());
        fs::rename(&new, &old).with_context(replacing)?;
        // The image that was to grow is gone.
        growth::forget(&volume)?;
        growth::hand_on(&home.place(&taken).directory(), &volume)
    });
    let deleted = home.store.aside.delete(held);
    restored.and_then(|()| store::sync(&volume)).and(deleted)
}

/// A volume is mounted as what its record says, which stays; the snapshot may be of an earlier volume of that name.
fn refuse_other_file_system(
    taken: &str,
    snapshot: &NormalOptions,
    volume: &NormalOptions,
) -> Result<()> {
    let [kept, now] = [snapshot, volume].map(|it| it.text("newFsType").unwrap_or_default());
    if kept != now {
        bail!(Failure::usage(format!(
            "the snapshot is {kept}, and the volume is {now}; remove the volume, and create it with snapshotID={taken}"
        )));
    }
    Ok(())
}

/// The directory of a snapshot, whether it exists or not.
///
/// # Errors
///
/// Wrong usage: a name that no snapshot can have.
fn named(volume: &str, snapshot: &str) -> Result<String> {
    names::check_snapshot(volume, snapshot)?;
    Ok(id(volume, snapshot))
}

fn absent(place: Place, snapshot: &str) -> Error {
    let words = format!("there is no snapshot {snapshot} of volume {}", place.name);
    Error::from(Failure::absent(words)).context(place.home.label())
}

/// The directory, in the store, of the only snapshot of this name, of whichever volume; `None` where there is none.
///
/// # Errors
///
/// Wrong usage: several volumes have one.
pub fn only(home: &Home, snapshot: &str) -> Result<Option<String>> {
    let mut found = home.store.snapshots()?;
    found.retain(|directory| {
        directory
            .split_once('@')
            .is_some_and(|(_, name)| name == snapshot)
    });
    if found.len() > 1 {
        bail!(Failure::usage(format!(
            "option snapshotName: there are {}; name the volume as well, with volumeName",
            found.join(" and ")
        )));
    }
    Ok(found.pop())
}

//! What volumes are promised: they have their size at once, and take it from the disk as they are written, when it may be full.
//!
//! Nothing stops a volume from growing when dvdcli has ended. So what is promised is counted when a volume is made, and a disk that is
//! nearly full is named when a volume is mounted.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::size;
use crate::driver::interface::Chooser;
use crate::driver::loop_::on_disk::{IMAGE, OnDisk};
use crate::driver::loop_::space::{LITTLE, Space};
use crate::driver::loop_::{allowed, full_disk, open, thick};
use crate::driver::shared::home::{Home, Place};
use crate::invocation::config::allow::Overcommit;

/// What a new volume is promised.
pub struct Promise<'p> {
    pub place: Place<'p>,
    /// Where it is made.
    pub directory: &'p Path,
    /// In bytes.
    pub length: u64,
    /// Whether who makes it has said so; else it is a default.
    pub is_given: bool,
    pub chooser: Chooser,
}

impl Promise<'_> {
    /// Refuses it where it cannot be kept: wrong usage, of who only mounts.
    pub fn refuse(&self) -> Result<()> {
        let overcommit = self.overcommit();
        if self.chooser == Chooser::Owner || overcommit == Overcommit::Allowed {
            return Ok(());
        }
        let Some(space) = space_below(self.place.home, self.directory)? else {
            return Ok(());
        };
        if self.is_given && !space.has(self.length) {
            bail!(Failure::usage(format!(
                "option size: {}; create the volume first if it is to grow later",
                space.refusal(&size::show(self.length))
            )));
        }
        match overcommit {
            Overcommit::Refused => self.refuse_or_warn(),
            _ => Ok(()),
        }
    }

    /// As [`refuse`](Promise::refuse), with a warning where it is not refused, together with what all others are promised.
    pub fn refuse_or_warn(&self) -> Result<()> {
        let overcommit = self.overcommit();
        if overcommit == Overcommit::Allowed {
            return Ok(());
        }
        let Some(excess) = self.excess()? else {
            return Ok(());
        };
        if overcommit == Overcommit::Refused && self.chooser == Chooser::Caller {
            bail!(Failure::usage(format!(
                "option size: {excess}; create the volume first, or set dvdcli.allow.loop.overcommit"
            )));
        }
        let Place { home, name } = self.place;
        home.invocation.log.warn(&format!(
            "volume {name}: {excess}; writing to volumes fails when the disk is full: make space, or keep theirs by volumeType=thick"
        ));
        Ok(())
    }

    fn overcommit(&self) -> Overcommit {
        let config = &self.place.home.invocation.config;
        config.allow.loop_.overcommit
    }

    /// By what it is more than there is; `None` where the disk could hold all that is promised.
    fn excess(&self) -> Result<Option<String>> {
        let home = self.place.home;
        let Some(space) = space_below(home, self.directory)? else {
            return Ok(None);
        };
        let own = growth(self.directory).unwrap_or(self.length);
        let others = promised(home, self.directory)?;
        let is_kept = space.has(own.saturating_add(others));
        Ok((!is_kept).then(|| space.refusal(&wording(own, self.length, others))))
    }
}

/// Refuses to let a volume grow to a length, in bytes, that those cannot have who only mount: wrong usage.
pub fn refuse_growth(place: Place, length: u64) -> Result<()> {
    let (home, directory) = (place.home, place.directory());
    let rules = &home.invocation.config.allow.loop_;
    allowed::refuse_large(length, rules)?;
    let others = match rules.overcommit {
        Overcommit::Allowed => return Ok(()),
        Overcommit::Said => 0,
        Overcommit::Refused => promised(home, &directory)?,
    };
    let (_, taken) = open::lengths(&directory.join(IMAGE))?;
    let own = rest(length, taken);
    match space_below(home, &directory)? {
        Some(space) if !space.has(own.saturating_add(others)) => {
            let excess = space.refusal(&wording(own, length, others));
            bail!(Failure::usage(format!(
                "option size: {excess}; dvdcli resize lets it grow all the same"
            )))
        }
        _ => Ok(()),
    }
}

impl OnDisk<'_> {
    /// Warns of a disk that is nearly full, where the volume may take more of it.
    pub fn warn_of_little_space(&self) {
        // It is mounted all the same.
        let problem = self.space().and_then(|(space, more)| little(&space, more));
        if let Some(problem) = problem {
            let Place { home, name } = self.place;
            let repair = self.repair_of_full_disk();
            let log = &home.invocation.log;
            log.warn(&format!("volume {name}: {problem}; {repair}"));
        }
    }

    /// What is wrong where the disk is full, and the volume may take more of it.
    pub fn full_disk(&self) -> Option<String> {
        // First, since most disks are not.
        if !full_disk::is_full(&self.image()) {
            return None;
        }
        let (space, more) = self.space()?;
        little(&space, more)
    }

    /// What to do then.
    pub fn repair_of_full_disk(&self) -> String {
        let below = self.place.home.store.root().display();
        format!("make space at {below}")
    }

    /// The space on the disk, and what the volume may still take of it. One that is thick has its space.
    fn space(&self) -> Option<(Space, u64)> {
        let home = self.place.home;
        let more = growth(&self.place.directory()).filter(|more| *more > 0)?;
        if thick::is_asked(&self.file.options) {
            return None;
        }
        let space = space_below(home, home.store.root()).ok().flatten()?;
        Some((space, more))
    }
}

/// That the disk of all volumes has less space than is to stay free.
pub fn little_for_all(home: &Home) -> Result<Option<String>> {
    let root = home.store.root();
    if !root.exists() {
        return Ok(None);
    }
    let space = space_below(home, root)?.filter(|space| space.free < space.kept);
    Ok(space.map(|space| {
        format!(
            "the disk with its volumes has {} free, less than the {} that are to stay free (setting dvdcli.allow.loop.reserve)",
            size::show(space.free),
            size::show(space.kept)
        )
    }))
}

/// What is wrong with a disk of which a volume may still take so many bytes `more`.
fn little(space: &Space, more: u64) -> Option<String> {
    let problem = if space.free < LITTLE {
        "the disk with its image is full, so that writing fails".into()
    } else if space.free < space.kept {
        format!(
            "only {} are free of the disk with its image, less than the {} that stay free (setting dvdcli.allow.loop.reserve)",
            size::show(space.free),
            size::show(space.kept)
        )
    } else {
        return None;
    };
    Some(format!(
        "it may still take {}, but {problem}",
        size::show(more)
    ))
}

fn space_below(home: &Home, directory: &Path) -> Result<Option<Space>> {
    let directory = File::open(directory).context("asking for free space")?;
    Space::of(&directory, home.invocation.config.allow.loop_.reserve)
}

/// What all volumes of a store may still take of its disk, and those that are being made, but for the one in `but`. A copy that shares its
/// space with another volume seems to have taken it.
fn promised(home: &Home, but: &Path) -> Result<u64> {
    let sum = |sum: u64, path: PathBuf| sum.saturating_add(growth(&path).unwrap_or(0));
    // First, so that one that gets its name meanwhile is found there.
    let made = home.store.aside.being_made().into_iter();
    let made = made.filter(|path| path != but).fold(0, sum);
    let names = home.store.names()?.into_iter();
    let others = names.map(|name| home.store.directory(&name));
    Ok(others.filter(|path| path != but).fold(made, sum))
}

/// What the image in a directory may still take. One that is damaged, or was removed meanwhile, keeps no other volume from being made.
fn growth(directory: &Path) -> Option<u64> {
    let image = directory.join(IMAGE).symlink_metadata().ok()?;
    image
        .is_file()
        .then(|| rest(image.len(), image.blocks() * 512))
}

/// What is left of a length. The file system below may have taken some for itself.
fn rest(length: u64, taken: u64) -> u64 {
    length.saturating_sub(taken)
}

/// What is too much: what the volume of this length, and what others may still take.
fn wording(own: u64, length: u64, others: u64) -> String {
    let [length, others_shown] = [length, others].map(size::show);
    match (own, others) {
        (_, 0) => length,
        (0, _) => format!("what other volumes may still take, {others_shown},"),
        _ => format!("{length}, with the {others_shown} that other volumes may still take,"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_still_be_taken() {
        assert_eq!(rest(10, 4), 6);
        // The file system below may take some for itself.
        assert_eq!(rest(10, 11), 0);
    }

    #[test]
    fn what_is_too_much() {
        for (own, length, others, expected) in [
            (5, 5, 0, "5 B"),
            (
                4,
                5,
                7,
                "5 B, with the 7 B that other volumes may still take,",
            ),
            (0, 5, 7, "what other volumes may still take, 7 B,"),
        ] {
            assert_eq!(wording(own, length, others), expected);
        }
    }

    #[test]
    fn a_disk_is_nearly_full_or_full() {
        let little = |free, kept| little(&Space { free, kept }, 5 << 30);
        assert_eq!(little(20 << 20, 20 << 20), None);
        assert_eq!(little(LITTLE, 0), None);
        let low = "it may still take 5 GiB, but only 10 MiB are free of the disk with its image, less than the 20 MiB that stay free (setting dvdcli.allow.loop.reserve)";
        assert_eq!(little(10 << 20, 20 << 20).as_deref(), Some(low));
        let full =
            "it may still take 5 GiB, but the disk with its image is full, so that writing fails";
        assert_eq!(little(LITTLE - 1, 0).as_deref(), Some(full));
    }
}

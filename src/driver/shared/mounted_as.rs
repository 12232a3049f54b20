//! By what a volume's mount is known again: as the mount table showed it when it was made. What others have mounted at the same
//! place may look the same otherwise.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::base::text::chain;
use crate::driver::shared::home::Place;
use crate::sys::files::small;
use crate::sys::mount::identity::MountIdentity;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::process::host;

/// A mount of this host, in its present boot.
#[derive(Debug, Serialize, Deserialize)]
pub struct MountedAs {
    boot: String,
    /// The number of the mount namespace in which it was made.
    namespace: u64,
    /// Where it is made.
    place: PathBuf,
    /// `None` while it is being made: before, nothing was mounted there.
    mount: Option<MountIdentity>,
}

impl MountedAs {
    /// The mount in the table. `may_be` decides about what is mounted where a call was cut off.
    pub fn find<'t>(
        &self,
        table: &'t MountTable,
        may_be: impl Fn(&Mount) -> bool,
    ) -> Option<&'t Mount> {
        let Some(known) = &self.mount else {
            return table.at(&self.place).filter(|mount| may_be(mount));
        };
        let is_elsewhere = host::mount_namespace().is_ok_and(|it| it != self.namespace);
        table.iter().find(|mount| match is_elsewhere {
            true => known.shows_the_same(mount),
            false => known.is(mount),
        })
    }
}

/// In the volume's directory, which other hosts may share.
fn path(place: Place) -> PathBuf {
    let host = place.home.host.hash();
    place.directory().join(format!("mounted-as.{host}.json"))
}

/// Where it is kept if the volume's directory cannot be written, as on a read-only or full disk.
fn path_in_run(place: Place) -> PathBuf {
    let Place { home, name } = place;
    let directory = &home.invocation.paths.holders;
    directory.join(format!("{}.{name}.mounted", home.driver))
}

/// Remembers that something is about to be mounted there, where nothing is mounted.
pub fn begin(place: Place, mount_point: &Path) {
    remember(place, mount_point, None);
}

/// Remembers the mount that was made.
pub fn done(place: Place, mount: &Mount) {
    remember(place, &mount.mount_point, Some(MountIdentity::of(mount)));
}

/// The record of the volume's holders knows the mount as well, so that it is no error where this cannot be written.
fn remember(place: Place, mount_point: &Path, mount: Option<MountIdentity>) {
    let text = || -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(&MountedAs {
            boot: host::boot_id()?,
            namespace: host::mount_namespace()?,
            place: mount_point.to_owned(),
            mount,
        })?)
    };
    let in_run = path_in_run(place);
    let written = text().and_then(|text| match write(&path(place), &text) {
        Ok(()) => {
            let _ = fs::remove_file(&in_run);
            Ok(())
        }
        Err(_) => write(&in_run, &text),
    });
    if let Err(error) = written {
        place.home.step(|| chain(&error));
    }
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    let written = small::replace(path, &path.with_extension("new"), text);
    written.with_context(|| format!("writing {}", path.display()))
}

/// What was remembered last, in this boot. A file that cannot be read remembers nothing.
pub fn remembered(place: Place) -> Option<MountedAs> {
    let text = small::read_own(&path_in_run(place)).or_else(|_| small::read_own(&path(place)));
    let text = text.ok()?;
    let found: MountedAs = serde_json::from_slice(&text).ok()?;
    let boot = host::boot_id().ok()?;
    Some(found).filter(|found| found.boot == boot)
}

/// Called when nothing is mounted any more.
pub fn forget(place: Place) {
    for path in [path(place), path_in_run(place)] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                place.home.step(|| format!("forgetting a mount: {error}"));
            }
            _ => {}
        }
    }
}

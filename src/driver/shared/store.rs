//! The directories of a driver's volumes: each is made as a whole and removed as a whole, even if a call is killed.

use std::fmt;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::driver::shared::aside::{Aside, lacks_space};
use crate::driver::shared::data_directory;
use crate::driver::shared::names;
use crate::driver::shared::options::NormalOptions;
use crate::sys::errno::errno_of;
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::files::{small, tree};

/// The file with a volume's record. Only a directory with this file is a volume.
pub const RECORD: &str = "volume.json";

/// The mode of directories that are made: users can pass through them to their data, and cannot list them.
const MODE: u32 = 0o711;

/// The mode of a volume's directory that was made for nobody but root: who can reach what is mounted in it can bind it elsewhere,
/// and so keep it from being unmounted.
const CLOSED: u32 = 0o700;

/// A volume's record: what it was made with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFile {
    /// When it was made, in RFC 3339.
    pub created_at: String,
    /// The options as they were given.
    pub given: Options,
    /// The options that count, in normal form: those that were given, and defaults.
    pub options: NormalOptions,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// The directory of all volumes of one driver.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// Volumes that are being made or deleted.
    pub aside: Aside,
}

impl Store {
    /// `root` need not exist. `host` is 32 bytes at most, and can be a part of a file's name.
    pub fn new(root: &Path, host: &str) -> Store {
        let root = canonical_as_far_as_it_exists(root);
        Store {
            aside: Aside::new(&root, host),
            root,
        }
    }

    /// The directory itself, as the mount table writes it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The volume's directory, as the mount table writes it: without symbolic links.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The record of a volume; `None` where there is no such volume.
    ///
    /// # Errors
    ///
    /// A record that cannot be read, or something that has the volume's name and is no volume.
    pub fn record(&self, name: &str) -> Result<Option<VolumeFile>> {
        let directory = self.directory(name);
        match directory.symlink_metadata() {
            Ok(data) if data.is_dir() => {}
            Ok(_) => bail!(
                "{} is no directory, and so no volume; move it away",
                directory.display()
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("reading {}", directory.display()));
            }
        }
        let path = directory.join(RECORD);
        let text = match small::read_own(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A new volume can take the place of an empty directory.
                if !tree::is_empty(&directory)? {
                    bail!(
                        "reading {}: missing, so that this is no volume; move the directory away",
                        path.display()
                    );
                }
                return Ok(None);
            }
            // What is there is none of our records.
            Err(error) if error.raw_os_error().is_none() => return Err(unusable(&path, &error)),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let record = serde_json::from_slice(&text);
        record
            .map(Some)
            .map_err(|error| unusable(&path, &format!("it is damaged: {error}")))
    }

    /// The names of all volumes, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
        self.directories(names::is_valid)
    }

    /// The same, parted: those that have a record by its looks, and those that have to be looked at.
    pub fn names_by_record(&self) -> Result<(Vec<String>, Vec<String>)> {
        let names = self.names()?;
        let root = File::open(&self.root).ok();
        let has_record = |name: &String| {
            let record = Path::new(name).join(RECORD);
            root.as_ref()
                .is_some_and(|root| small::has_content(root, &record))
        };
        Ok(names.into_iter().partition(has_record))
    }

    /// The names of the directories of all snapshots, `VOLUME@SNAPSHOT`, sorted.
    pub fn snapshots(&self) -> Result<Vec<String>> {
        self.directories(names::is_snapshot)
    }

    fn directories(&self, is_wanted: fn(&str) -> bool) -> Result<Vec<String>> {
        let doing = || format!("reading {}", self.root.display());
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(doing),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.with_context(doing)?;
            let name = entry
                .file_name()
                .into_string()
                .ok()
                .filter(|name| is_wanted(name));
            if let Some(name) = name
                && entry.file_type().with_context(doing)?.is_dir()
            {
                found.push(name);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes a volume. `fill` makes its content in a directory with a temporary name. When all of it and the record are on the
    /// disk, one rename gives it the volume's name. If this fails, nothing is left. False where another host has made a volume of
    /// this name meanwhile.
    pub fn create(
        &self,
        name: &str,
        record: &VolumeFile,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<bool> {
        create_durably(&self.root)?;
        let mode = match data_directory::is_for_a_user(&record.options) {
            true => MODE,
            false => CLOSED,
        };
        let held = self.aside.make(name, mode)?;
        let filled = fill(&held.path).and_then(|()| finish(&held.path, record));
        let made = filled.and_then(|()| self.publish(&held.path, name));
        if !matches!(made, Ok(true)) {
            let _ = self.aside.delete(held);
            return made;
        }
        drop(held);
        let synced = sync(&self.root);
        // Not before: whoever waits for the disk would wait for this as well.
        self.aside.tidy();
        if let Err(error) = synced {
            let _ = self.delete(name);
            return Err(error);
        }
        Ok(true)
    }

    /// Gives a directory the volume's name. If another host has made a volume of this name meanwhile, the rename fails, because
    /// that directory is not empty: false.
    fn publish(&self, aside: &Path, name: &str) -> Result<bool> {
        let directory = self.directory(name);
        match fs::rename(aside, &directory) {
            Err(error) if matches!(errno_of(&error), Some(Errno::ENOTEMPTY | Errno::EEXIST)) => {
                return Ok(false);
            }
            renamed => renamed.with_context(|| format!("making {}", directory.display()))?,
        }
        Ok(true)
    }

    /// Deletes a volume, of which nothing is left from an earlier attempt. It loses its name before the first of its files is
    /// deleted, so that nobody sees a half of it.
    pub fn delete(&self, name: &str) -> Result<()> {
        let directory = self.directory(name);
        let held = match self.aside.take(name) {
            Err(error) if lacks_space(&error) => return delete_in_place(&directory),
            taken => taken.map_err(|error| not_moved(error, &directory))?,
        };
        if let Err(error) = sync(&self.root) {
            let _ = fs::rename(&held.path, &directory);
            self.aside.tidy();
            return Err(error);
        }
        self.aside.delete(held)
    }
}

/// Writes the record of a new volume. All of the volume is on the disk then.
fn finish(directory: &Path, record: &VolumeFile) -> Result<()> {
    let path = directory.join(RECORD);
    let doing = || format!("writing {}", path.display());
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(doing)?;
    let mut text = serde_json::to_vec_pretty(record).with_context(doing)?;
    text.push(b'\n');
    file.write_all(&text)
        .and_then(|()| file.sync_all())
        .with_context(doing)?;
    sync(directory)
}

/// Deletes a volume where there is no space for a name more. Its record goes last, so that it can be removed again where this is
/// cut off.
fn delete_in_place(directory: &Path) -> Result<()> {
    let doing = || format!("deleting {}", directory.display());
    for entry in fs::read_dir(directory).with_context(doing)? {
        let entry = entry.with_context(doing)?;
        let name = entry.file_name();
        if name == RECORD {
            continue;
        }
        match name.to_str() {
            Some(name) if entry.file_type().with_context(doing)?.is_dir() => {
                tree::remove(directory, name)?;
            }
            _ => fs::remove_file(entry.path()).with_context(doing)?,
        }
    }
    fs::remove_file(directory.join(RECORD)).with_context(doing)?;
    fs::remove_dir(directory).with_context(doing)
}

fn unusable(record: &Path, why: &dyn fmt::Display) -> Error {
    anyhow!(
        "reading {}: {why}; mend it or move the directory away",
        record.display()
    )
}

fn not_moved(error: io::Error, directory: &Path) -> Error {
    let doing = format!("moving {} away", directory.display());
    match error.kind() {
        // Nothing else is mounted between the two names.
        io::ErrorKind::CrossesDevices => anyhow!(
            "{doing}: it is in a lower layer of an overlay file system, which cannot rename it; remove it where that layer is made"
        ),
        _ => Error::from(error).context(doing),
    }
}

/// Makes one directory that users can pass through.
pub fn make_directory(path: &Path) -> Result<()> {
    make_with_mode(path, MODE)
}

fn make_with_mode(path: &Path, mode: u32) -> Result<()> {
    DirBuilder::new()
        .mode(mode)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Makes a directory and the missing ones above it. They are on the disk when it returns, so that a power cut does not lose them.
pub fn create_durably(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_durably(parent)?;
        match DirBuilder::new().mode(MODE).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("making {}", path.display()))?,
        }
        sync(parent)?;
    }
    Ok(())
}

/// Waits until the entries of a directory are on the disk.
pub fn sync(directory: &Path) -> Result<()> {
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.with_context(|| format!("syncing {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> VolumeFile {
        VolumeFile {
            created_at: String::new(),
            given: vec![],
            options: vec![("size".into(), "1".into())].into(),
            labels: Labels::new(),
        }
    }

    #[test]
    fn a_volume_is_there_whole_or_not_at_all() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(&root.path().join("a/b"), "m1");
        assert_eq!(store.names().expect("read"), Vec::<String>::new());
        store
            .create("db", &record(), |_| bail!("no"))
            .expect_err("fill failed");
        assert!(tree::is_empty(&root.path().join("a/b")).expect("read"));
        assert!(store.create("db", &record(), |_| Ok(())).expect("created"));
        assert_eq!(store.names().expect("read"), ["db"]);
        let found = store.record("db").expect("read").expect("there");
        assert_eq!(
            Options::from(found.options),
            Options::from(record().options)
        );
        assert!(!store.create("db", &record(), |_| Ok(())).expect("there"));
        assert_eq!(fs::read_dir(store.root()).expect("read").count(), 1);
        store.delete("db").expect("deleted");
        assert!(store.record("db").expect("read").is_none());
        assert!(tree::is_empty(&root.path().join("a/b")).expect("read"));
    }

    #[test]
    fn a_directory_without_record_is_no_volume() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(root.path(), "m1");
        fs::create_dir_all(root.path().join("db/x")).expect("a directory");
        store.record("db").expect_err("no record");
        fs::create_dir(root.path().join("empty")).expect("a directory");
        assert!(store.record("empty").expect("read").is_none());
        std::os::unix::fs::symlink("empty", root.path().join("link")).expect("a link");
        store.record("link").expect_err("a link");
    }
}

//! A directory per volume: how it comes into being whole, and goes whole.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::base::options::Options;
use crate::driver::shared::names;
use crate::driver::shared::options::NormalOptions;
use crate::sys::files::resolve::canonical_as_far_as_it_exists;
use crate::sys::files::tree;

/// What is written about a volume; its presence makes the directory a volume.
const RECORD: &str = "volume.json";

/// Others may pass through to what is handed out, and see nothing on the way.
const MODE: u32 = 0o711;

/// What a volume was made with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFile {
    /// RFC 3339.
    pub created_at: String,
    /// As they were given.
    pub given: Options,
    /// What came of them and of the defaults, in normal form.
    pub options: NormalOptions,
}

/// The directory of all volumes of one driver.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    /// What leftovers of this host are marked with: on shared storage, another host may be busy with its own.
    host: String,
}

impl Store {
    /// `root` need not exist.
    pub fn new(root: &Path, machine_id: &str) -> Store {
        let host = machine_id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(32)
            .collect();
        Store {
            root: canonical_as_far_as_it_exists(root),
            host,
        }
    }

    /// The volume's directory, as the mount table writes it: without symbolic links.
    pub fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// `None` where there is no such volume.
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
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // One that is empty is no obstacle: a new volume takes its place.
                if !tree::is_empty(&directory)? {
                    bail!(
                        "reading {}: missing, so that this is no volume; move the directory away",
                        path.display()
                    );
                }
                return Ok(None);
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let record = serde_json::from_slice(&text);
        record.map(Some).with_context(|| {
            format!(
                "reading {}: damaged, mend it or move the directory away",
                path.display()
            )
        })
    }

    /// The names of all volumes, sorted.
    pub fn names(&self) -> Result<Vec<String>> {
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
                .filter(|name| names::is_valid(name));
            if let Some(name) = name
                && entry.file_type().with_context(doing)?.is_dir()
            {
                found.push(name);
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Makes a volume: `fill` makes what is in it, in a directory under a temporary name, and only when all of it and the
    /// record are on the disk, one rename makes it the volume.
    pub fn create(
        &self,
        name: &str,
        record: &VolumeFile,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        create_durably(&self.root)?;
        let aside = self.root.join(self.aside(name, "new"));
        let made = self
            .make_aside(&aside, record, fill)
            .and_then(|()| self.publish(&aside, name));
        if made.is_err() {
            let _ = self.sweep(name);
        }
        made
    }

    fn make_aside(
        &self,
        aside: &Path,
        record: &VolumeFile,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        make_directory(aside)?;
        fill(aside)?;
        let path = aside.join(RECORD);
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
        sync(aside)
    }

    /// Where another host has made a volume of this name meanwhile, the rename fails: that directory is not empty.
    fn publish(&self, aside: &Path, name: &str) -> Result<()> {
        let directory = self.directory(name);
        fs::rename(aside, &directory).with_context(|| format!("making {}", directory.display()))?;
        if let Err(error) = sync(&self.root) {
            let _ = self.delete(name);
            return Err(error);
        }
        Ok(())
    }

    /// Deletes a volume; it is out of sight before the first of its files goes.
    pub fn delete(&self, name: &str) -> Result<()> {
        self.sweep(name)?;
        let directory = self.directory(name);
        let aside = self.aside(name, "gone");
        let path = self.root.join(&aside);
        fs::rename(&directory, &path)
            .with_context(|| format!("moving {} away", directory.display()))?;
        if let Err(error) = sync(&self.root) {
            let _ = fs::rename(&path, &directory);
            return Err(error);
        }
        tree::remove(&self.root, &aside)
    }

    /// Deletes what earlier calls for this volume left behind when they were killed. The caller holds the volume's lock.
    /// True where the volume itself was being deleted.
    pub fn sweep(&self, name: &str) -> Result<bool> {
        tree::remove(&self.root, &self.aside(name, "new"))?;
        let gone = self.aside(name, "gone");
        let deleting = self.root.join(&gone).symlink_metadata().is_ok();
        if deleting {
            tree::remove(&self.root, &gone)?;
        }
        Ok(deleting)
    }

    /// The name that a volume's directory has before it is whole (`new`), and when it is no longer (`gone`). No volume's
    /// name begins with a dot.
    fn aside(&self, name: &str, state: &str) -> String {
        format!(".{name}.{}.{state}", self.host)
    }
}

/// Makes one directory that others can pass through.
pub fn make_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .mode(MODE)
        .create(path)
        .with_context(|| format!("making {}", path.display()))
}

/// Makes a directory and those above it, on the disk before it returns. What is there already is fine.
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

/// Waits until a directory's entries are on the disk.
fn sync(directory: &Path) -> Result<()> {
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
            options: vec![("size".into(), "1".into())],
        }
    }

    #[test]
    fn a_volume_is_there_whole_or_not_at_all() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(&root.path().join("a/b"), "m-1");
        assert_eq!(store.names().expect("read"), Vec::<String>::new());
        store
            .create("db", &record(), |_| bail!("no"))
            .expect_err("fill failed");
        assert!(tree::is_empty(&root.path().join("a/b")).expect("read"));
        store.create("db", &record(), |_| Ok(())).expect("created");
        assert_eq!(store.names().expect("read"), ["db"]);
        assert_eq!(
            store.record("db").expect("read").expect("there").options,
            record().options
        );
        store
            .create("db", &record(), |_| Ok(()))
            .expect_err("there already");
        store.delete("db").expect("deleted");
        assert!(store.record("db").expect("read").is_none());
        assert!(tree::is_empty(&root.path().join("a/b")).expect("read"));
    }

    #[test]
    fn leftovers_are_swept_by_their_own_host() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(root.path(), "m1");
        for leftover in [".db.m1.new", ".db.m1.gone", ".db.m2.new", ".db2.m1.new"] {
            fs::create_dir_all(root.path().join(leftover).join("x")).expect("a leftover");
        }
        assert!(store.sweep("db").expect("swept"));
        assert!(!store.sweep("db").expect("swept"));
        assert!(
            !root.path().join(".db.m1.new").exists() && !root.path().join(".db.m1.gone").exists()
        );
        assert!(
            root.path().join(".db.m2.new").exists() && root.path().join(".db2.m1.new").exists()
        );
        assert_eq!(store.names().expect("read"), Vec::<String>::new());
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

//! A directory tree, as it is compared byte for byte before and after.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;

/// A name, and what is there: kind and mode, owner, time, and content or where a link leads.
pub type Entry = (PathBuf, u32, (u32, u32), i64, Vec<u8>);

/// Everything below, through mounts, as it is compared byte for byte.
pub fn tree(top: &Path) -> Vec<Entry> {
    let mut found = vec![];
    let mut todo = vec![top.to_owned()];
    while let Some(path) = todo.pop() {
        let data = path.symlink_metadata().unwrap();
        let content = if data.is_symlink() {
            let leads_to = fs::read_link(&path).unwrap();
            leads_to.into_os_string().into_encoded_bytes()
        } else if data.is_file() && !is_bound(&path) {
            fs::read(&path).unwrap()
        } else {
            vec![]
        };
        if data.is_dir() {
            todo.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
        }
        let owner = (data.uid(), data.gid());
        // A directory's changes with every claim that is made and given up in it, a mounted image's whenever the kernel writes.
        let is_still = !data.is_dir() && !is_bound(&path);
        let time = if is_still { data.mtime() } else { 0 };
        found.push((path, data.mode(), owner, time, content));
    }
    found.sort();
    found
}

/// Whether a loop device has this file, whose mounted file system the kernel may write at any time.
pub fn is_bound(file: &Path) -> bool {
    let id = |path: &Path| {
        fs::metadata(path)
            .map(|found| (found.dev(), found.ino()))
            .ok()
    };
    let devices = fs::read_dir("/sys/block")
        .unwrap()
        .map(|it| it.unwrap().path());
    let mut files =
        devices.filter_map(|device| fs::read_to_string(device.join("loop/backing_file")).ok());
    files.any(|bound| id(Path::new(bound.trim_end())) == id(file))
}

/// The trees differ in what a comparison of all bytes would print for pages, so only names are shown.
#[track_caller]
pub fn assert_intact(before: &[Entry], top: &Path) {
    let after = tree(top);
    let names = |tree: &[Entry]| tree.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(before));
    for (was, is) in before.iter().zip(&after) {
        assert!(was == is, "{} has changed", was.0.display());
    }
}

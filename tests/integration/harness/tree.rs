//! A directory tree, as it is compared byte for byte before and after.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::loop_devices::bound_files;

/// A name, and what is there: kind and mode, owner, time, and content or where a link leads.
pub type Entry = (PathBuf, u32, (u32, u32), i64, Vec<u8>);

/// Everything below, through mounts, as it is compared byte for byte.
pub fn tree(top: &Path) -> Vec<Entry> {
    let bound = bound_files();
    let mut found = vec![];
    let mut todo = vec![top.to_owned()];
    while let Some(path) = todo.pop() {
        let data = path.symlink_metadata().unwrap();
        // The kernel may write a mounted image at any time, and a directory's time changes with every claim that is made and
        // given up in it.
        let is_bound = data.is_file() && bound.contains(&(data.dev(), data.ino()));
        let is_still = !data.is_dir() && !is_bound;
        let content = if data.is_symlink() {
            let leads_to = fs::read_link(&path).unwrap();
            leads_to.into_os_string().into_encoded_bytes()
        } else if data.is_file() && is_still {
            fs::read(&path).unwrap()
        } else {
            vec![]
        };
        if data.is_dir() {
            todo.extend(fs::entries(&path).unwrap());
        }
        let owner = (data.uid(), data.gid());
        let time = if is_still { data.mtime() } else { 0 };
        found.push((path, data.mode(), owner, time, content));
    }
    found.sort();
    found
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

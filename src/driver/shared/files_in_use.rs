//! The check before the files of a volume are deleted: nothing that the mount table does not show as a mount of them lives on
//! them, be it a loop device, the layers of an overlay, or swap space.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use crate::base::failure::Failure;
use crate::sys::block::loop_device;
use crate::sys::files::id::FileId;
use crate::sys::files::tree;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{self, Mount, MountTable};

/// The options of an overlay that name its layers.
const LAYERS: [&str; 5] = ["lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"];

/// Refuses to go on while a loop device, an overlay or swap space uses files below `directory`, in this mount namespace or another
/// one.
///
/// # Errors
///
/// In use: by what.
pub fn refuse_if_used(directory: &Path) -> Result<()> {
    let user = match loop_device_on(directory)? {
        Some(user) => Some(user),
        None => overlay_on(directory)?,
    };
    let swaps = || fs::read("/proc/swaps").unwrap_or_default();
    match user.or_else(|| swap_on(&swaps(), directory)) {
        Some(user) => Err(Failure::in_use(user).into()),
        None => Ok(()),
    }
}

fn loop_device_on(directory: &Path) -> Result<Option<String>> {
    for (number, file) in loop_device::all_bound()? {
        let path = loop_device::backing_file(OsStr::new(&format!("loop{number}")));
        // It may be a path of another mount namespace.
        let is_true = |path: &PathBuf| FileId::at_itself(path).is_ok_and(|found| found == file);
        let found = match path.filter(is_true) {
            Some(path) => Some(path).filter(|path| path.starts_with(directory)),
            None => tree::find_by(directory, |_, found| {
                FileId::new(found.dev(), found.ino()) == file
            }),
        };
        if let Some(path) = found {
            let path = path.display();
            return Ok(Some(format!(
                "{path} is bound to /dev/loop{number}; detach it first (losetup -d)"
            )));
        }
    }
    Ok(None)
}

fn overlay_on(directory: &Path) -> Result<Option<String>> {
    let find = |table: &MountTable| table.iter().find(|m| has_layer(m, directory)).cloned();
    let said = |mount: &Mount, where_: &str| {
        let place = mount.mount_point.display();
        format!("the overlay at {place}{where_} lies on its files; unmount it first")
    };
    if let Some(mount) = find(&MountTable::read()?) {
        return Ok(Some(said(&mount, "")));
    }
    let elsewhere = busy::mounted_elsewhere(find);
    Ok(elsewhere
        .map(|(process, mount)| said(&mount, &format!(" in the mount namespace of {process}"))))
}

/// Whether one of an overlay's layers is below `directory`, or may be.
fn has_layer(mount: &Mount, directory: &Path) -> bool {
    mount.fs_type == "overlay"
        && layers(&mount.fs_options).iter().any(|layer| {
            // Links lead elsewhere in other mount namespaces, and some layers are only reached by links.
            let is_below = |layer: &Path| layer.starts_with(directory);
            match layer.is_absolute() {
                true => is_below(layer) || layer.canonicalize().is_ok_and(|it| is_below(&it)),
                false => may_be_below(directory, layer),
            }
        })
}

/// The layers that the options of an overlay name. Where whoever mounted it has escaped a character, the options show it so.
fn layers(options: &str) -> Vec<PathBuf> {
    let mut layers = Vec::new();
    let mut rest = options;
    while !rest.is_empty() {
        let (option, after) = split(rest, ',');
        rest = after;
        let Some((key, mut paths)) = option.split_once('=') else {
            continue;
        };
        while LAYERS.contains(&key) && !paths.is_empty() {
            // Only lowerdir has a list.
            let (path, after) = split(paths, if key == "lowerdir" { ':' } else { '\0' });
            paths = after;
            layers.push(PathBuf::from(unescaped(path)));
        }
    }
    layers.retain(|layer| !layer.as_os_str().is_empty());
    layers
}

/// What is before the first separator that is not escaped, and what is after it.
fn split(text: &str, separator: char) -> (&str, &str) {
    let mut is_escaped = false;
    let found = text.find(|c| {
        let is_found = c == separator && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_found
    });
    let (before, after) = text.split_at(found.unwrap_or(text.len()));
    (before, after.strip_prefix(separator).unwrap_or(after))
}

fn unescaped(text: &str) -> String {
    let mut chars = text.chars();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

/// Whether a relative path may lead below `directory`: the directory that it begins in was the working directory of whoever has
/// mounted the overlay, which nobody knows any more.
fn may_be_below(directory: &Path, layer: &Path) -> bool {
    let mut end = PathBuf::new();
    for component in layer.components() {
        match component {
            Component::Normal(name) => end.push(name),
            // What is before it may be named in another way.
            Component::ParentDir => end = PathBuf::new(),
            _ => {}
        }
    }
    directory.ends_with(&end)
        || tree::find_by(directory, |path, found| {
            found.is_dir() && path.ends_with(&end)
        })
        .is_some()
}

/// `/proc/swaps` has a line for each file or partition, which begins with its path.
fn swap_on(swaps: &[u8], directory: &Path) -> Option<String> {
    let lines = swaps.split(|byte| *byte == b'\n');
    let paths = lines.filter_map(|line| line.split(u8::is_ascii_whitespace).next());
    let mut paths = paths.map(mountinfo::path);
    let path = paths.find(|path| path.starts_with(directory))?;
    let path = path.display();
    Some(format!(
        "{path} is swap space; switch it off first (swapoff)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swap_space_is_found() {
        const SWAPS: &[u8] = b"\
Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority
/dev/vda2                               partition\t1048572\t0\t-2
/a\\040b/db/_data/swap                  file\t\t1020\t0\t-3
";
        let found = swap_on(SWAPS, Path::new("/a b/db")).expect("the file");
        assert!(found.starts_with("/a b/db/_data/swap is swap"), "{found}");
        assert_eq!(swap_on(SWAPS, Path::new("/a b/d")), None);
    }

    #[test]
    fn layers_of_an_overlay_are_found() {
        const TABLE: &[u8] = b"\
22 1 0:5 / /merged rw - overlay overlay rw,lowerdir=/v/one/_data:/b,upperdir=/c/up,workdir=/c/work
23 1 0:6 / /other rw - tmpfs tmpfs rw,lowerdir=/v/two
";
        let table = MountTable::parse(TABLE);
        let has = |path: &str| table.iter().any(|mount| has_layer(mount, Path::new(path)));
        assert!(has("/v/one") && has("/b") && has("/c"));
        assert!(!has("/v/two") && !has("/v/on") && !has("/merged"));
    }
}

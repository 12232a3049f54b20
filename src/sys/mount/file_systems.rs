//! Which file systems, and which drivers of devices, the kernel has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sys::process::host;

/// Whether the kernel can mount file systems of this type: it has it, or a module for it; `None` where the modules cannot be seen, as in
/// a container.
pub fn can_mount(fs_type: &str) -> Option<bool> {
    let known = fs::read_to_string("/proc/filesystems").ok()?;
    let mut known = known.lines().filter_map(|line| line.split('\t').nth(1));
    match known.any(|known| known == fs_type) {
        true => Some(true),
        false => has_module(fs_type),
    }
}

/// Whether there is a module of this name for the kernel, or it is built in; `None` where that cannot be seen.
pub fn has_module(name: &str) -> Option<bool> {
    let directory = PathBuf::from("/lib/modules").join(host::release()?);
    let lists =
        ["modules.dep", "modules.builtin"].map(|list| fs::read_to_string(directory.join(list)));
    match lists {
        [Ok(loadable), built_in] => Some(
            lists_module(&loadable, name) || built_in.is_ok_and(|list| lists_module(&list, name)),
        ),
        _ => None,
    }
}

/// Whether a list has a module, in lines like `kernel/fs/xfs/xfs.ko.zst: kernel/lib/libcrc32c.ko.zst`.
fn lists_module(list: &str, name: &str) -> bool {
    let is_it = |line: &str| {
        let file = Path::new(line.split(':').next().unwrap_or_default()).file_name();
        let file = file.and_then(|file| file.to_str()).unwrap_or_default();
        file.split(".ko")
            .next()
            .is_some_and(|module| module.replace('-', "_") == name.replace('-', "_"))
    };
    list.lines().any(is_it)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_the_names_of_their_files() {
        let list = "kernel/fs/xfs/xfs.ko.zst: kernel/lib/libcrc32c.ko.zst\nkernel/fs/btrfs/btrfs.ko:\nkernel/a/b-c.ko.xz:\n";
        for (name, expected) in [
            ("xfs", true),
            ("btrfs", true),
            ("b_c", true),
            ("libcrc32c", false),
            ("ext4", false),
        ] {
            assert_eq!(lists_module(list, name), expected, "{name}");
        }
    }

    #[test]
    fn what_is_mounted_can_be_mounted() {
        assert_eq!(can_mount("proc"), Some(true));
    }
}

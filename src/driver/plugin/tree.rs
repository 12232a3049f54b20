//! What a managed plugin sees as one tree of directories, and where that is on this host.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;

/// How many symbolic links a path may lead over, as for the kernel.
const LINKS: usize = 40;

/// A plugin's root, and the directory that is mounted in it to show the plugin's mounts to the host.
#[derive(Debug, Clone)]
pub struct Tree {
    rootfs: PathBuf,
    /// Its path in the plugin, and that on the host.
    propagated: Option<(PathBuf, PathBuf)>,
}

/// A walk: what has been passed, and the names to come, the next one last.
struct Walk {
    inside: PathBuf,
    rest: Vec<OsString>,
}

impl Tree {
    /// `directory` is the plugin's own on this host; `propagated` is its `PropagatedMount`, empty where it has none.
    pub fn new(directory: &Path, propagated: &str) -> Tree {
        let mount = Some(Path::new(propagated)).filter(|mount| mount.is_absolute());
        Tree {
            rootfs: directory.join("rootfs"),
            propagated: mount.map(|mount| (mount.to_owned(), directory.join("propagated-mount"))),
        }
    }

    /// The path on this host of what the plugin sees at an absolute path: neither `..` nor a symbolic link leads out of its tree.
    /// That is done here and not by openat2(2), which knows one root, where a plugin sees two directories as one tree.
    ///
    /// # Errors
    ///
    /// Too many symbolic links.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut walk = Walk {
            inside: PathBuf::from("/"),
            rest: Vec::new(),
        };
        walk.turn_to(&without_dots(path));
        self.enter_propagated(&mut walk);
        let mut links = 0;
        while let Some(name) = walk.rest.pop() {
            if name == ".." {
                walk.inside.pop();
                continue;
            }
            walk.inside.push(name);
            // Whatever is wrong with it otherwise, who uses the path will say.
            if let Ok(target) = fs::read_link(self.on_host(&walk.inside)) {
                links += 1;
                if links > LINKS {
                    return Err(Errno::ELOOP.into());
                }
                walk.inside.pop();
                walk.turn_to(&target);
                self.enter_propagated(&mut walk);
            }
        }
        Ok(self.on_host(&walk.inside))
    }

    /// Where the way leads through the propagated mount, it begins there: the directories above it, as the host sees them, are
    /// not what the plugin sees.
    fn enter_propagated(&self, walk: &mut Walk) {
        let Some((mount, _)) = &self.propagated else {
            return;
        };
        let Ok(to_come) = mount.strip_prefix(&walk.inside) else {
            return;
        };
        let names: Vec<_> = to_come.iter().rev().collect();
        let left = walk.rest.len().checked_sub(names.len());
        if let Some(left) = left
            && walk.rest[left..].iter().eq(names)
        {
            walk.rest.truncate(left);
            walk.inside.clone_from(mount);
        }
    }

    fn on_host(&self, inside: &Path) -> PathBuf {
        let below = |mount: &PathBuf| inside.strip_prefix(mount).ok();
        let propagated = self.propagated.as_ref();
        let rebased = match propagated.and_then(|(mount, place)| Some((place, below(mount)?))) {
            Some((place, rest)) => place.join(rest),
            None => self.rootfs.join(inside.strip_prefix("/").unwrap_or(inside)),
        };
        // Joining an empty rest has left a slash at the end.
        rebased.components().collect()
    }
}

impl Walk {
    /// Goes on with a path, from the root where it is absolute.
    fn turn_to(&mut self, path: &Path) {
        if path.is_absolute() {
            self.inside = PathBuf::from("/");
        }
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.rest.push(name.to_owned()),
                Component::ParentDir => self.rest.push("..".into()),
                _ => {}
            }
        }
    }
}

/// The path as it reads, with each `..` taking away the name before it.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => drop(plain.pop()),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_are_rebased_by_whole_names() {
        for (mount, path, expected) in [
            ("/mnt/volumes", "/mnt/volumes/db", "/d/propagated-mount/db"),
            ("/mnt/volumes/", "/mnt/volumes", "/d/propagated-mount"),
            (
                "/mnt/volumes",
                "/mnt/volumes2/db",
                "/d/rootfs/mnt/volumes2/db",
            ),
            ("", "/data/db", "/d/rootfs/data/db"),
            ("/mnt", "/mnt/../../etc", "/d/rootfs/etc"),
            ("", "/", "/d/rootfs"),
        ] {
            let tree = Tree::new(Path::new("/d"), mount);
            let found = tree.resolve(Path::new(path)).expect("no links");
            assert_eq!(found.as_os_str(), expected, "{mount} {path}");
        }
    }

    #[test]
    fn links_stay_in_the_plugin() {
        let base = tempfile::tempdir().expect("a directory");
        let at = |name: &str| base.path().join(name);
        for directory in ["rootfs/run/x", "rootfs/var", "propagated-mount/real"] {
            fs::create_dir_all(at(directory)).expect("a directory");
        }
        for (target, link) in [
            ("/run", "rootfs/var/run"),
            ("/var/run/vols", "rootfs/data"),
            ("../../../../../etc", "propagated-mount/up"),
            ("/etc", "propagated-mount/absolute"),
            ("real", "propagated-mount/db"),
            ("loop", "propagated-mount/loop"),
            ("..", "propagated-mount/above"),
        ] {
            symlink(target, at(link)).expect("a link");
        }
        let tree = Tree::new(base.path(), "/var/run/vols");
        for (path, expected) in [
            ("/var/run/x", "rootfs/run/x"),
            ("/var/run/vols/db", "propagated-mount/real"),
            ("/data/db", "propagated-mount/real"),
            ("/var/run/vols/up", "rootfs/etc"),
            ("/var/run/vols/absolute/x", "rootfs/etc/x"),
            ("/var/run/vols/none/x", "propagated-mount/none/x"),
        ] {
            let found = tree.resolve(Path::new(path)).expect("few links");
            assert_eq!(found, at(expected), "{path}");
        }
        tree.resolve(Path::new("/var/run/vols/loop"))
            .expect_err("it never ends");
        // Above the propagated mount is the plugin's root, not the host's.
        let above = tree.resolve(Path::new("/var/run/vols/above"));
        assert!(above.expect("few links").starts_with(at("rootfs")));
    }
}

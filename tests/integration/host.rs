//! A host on which dvdcli is installed: `/usr/sbin`, `/etc` and `/run` are the machine's own, with what a test puts there seen by
//! it alone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::env::{DVDCLI, Env, Run};

pub struct Host {
    pub env: Env,
}

impl Host {
    /// `None` where the test does not run as root.
    pub fn new() -> Option<Host> {
        let env = Env::isolated()?;
        let layers = env.dir("layers");
        mount_at("tmpfs", &layers, "size=8m");
        for directory in ["/usr/sbin", "/etc"] {
            let (upper, work) = (
                layers.join(&directory[1..]),
                layers.join("work").join(&directory[1..]),
            );
            fs::create_dir_all(&upper).unwrap();
            fs::create_dir_all(&work).unwrap();
            let (upper, work) = (upper.display(), work.display());
            let data = format!("lowerdir={directory},upperdir={upper},workdir={work}");
            mount_at("overlay", Path::new(directory), &data);
        }
        mount_at("tmpfs", Path::new("/run"), "size=8m");
        fs::create_dir("/run/mount").unwrap();
        for name in ["mount.dvdcli", "umount.dvdcli"] {
            symlink(DVDCLI, Path::new("/usr/sbin").join(name)).unwrap();
        }
        fs::write("/etc/fstab", "").unwrap();
        Some(Host { env })
    }

    /// A run of a program with arguments that are split at blanks; those within single quotes are not.
    pub fn run(&self, line: &str) -> Run<'_> {
        let mut words = Vec::new();
        for (at, part) in line.split('\'').enumerate() {
            if at % 2 == 1 {
                words.push(part);
            } else {
                words.extend(part.split_whitespace());
            }
        }
        self.env.program(words[0], &words[1..])
    }

    /// The options of what is mounted there, as the kernel shows them.
    pub fn options(&self, place: &Path) -> Option<String> {
        let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let table = table.replace("\\040", " ");
        let place = format!(" {} ", place.display());
        let line = table.lines().rfind(|line| line.contains(&place))?;
        let (_, after) = line.split_once(&place)?;
        after.split(' ').next().map(str::to_owned)
    }

    /// What is mounted for dvdcli.
    pub fn volumes(&self) -> Vec<PathBuf> {
        let layers = self.env.path("layers");
        let mounts = self.env.mounts().into_iter();
        mounts.filter(|mount| *mount != layers).collect()
    }

    /// What libmount remembers for umount(8).
    pub fn utab(&self) -> String {
        fs::read_to_string("/run/mount/utab").unwrap_or_default()
    }

    pub fn fstab(&self, lines: &str) {
        let root = self.env.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        fs::write("/etc/fstab", lines.replace("$ROOT", root)).unwrap();
    }
}

fn mount_at(kind: &str, place: &Path, data: &str) {
    mount(Some(kind), place, Some(kind), MsFlags::empty(), Some(data)).unwrap();
}

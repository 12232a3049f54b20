//! A host on which dvdcli is installed: the machine's own directories, with what a test puts there seen by it alone.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};

use crate::harness::env::{DVDCLI, Env};
use crate::harness::process::Run;

pub struct Host {
    pub env: Env,
}

impl Host {
    /// `None` where the test does not run as root.
    pub fn new() -> Option<Host> {
        let env = Env::isolated()?;
        let layers = env.dir("layers");
        mount_at("tmpfs", &layers, "size=64m");
        for directory in ["/usr/sbin", "/usr/bin", "/etc", "/var/lib"] {
            let upper = layers.join(&directory[1..]);
            let work = layers.join("work").join(&directory[1..]);
            fs::create_dir_all(&upper).unwrap();
            fs::create_dir_all(&work).unwrap();
            let (upper, work) = (upper.display(), work.display());
            let data = format!("lowerdir={directory},upperdir={upper},workdir={work}");
            mount_at("overlay", Path::new(directory), &data);
        }
        for directory in ["/run", "/srv"] {
            mount_at("tmpfs", Path::new(directory), "size=8m");
        }
        fs::create_dir("/run/mount").unwrap();
        // Images need more room than memory should give.
        fs::create_dir_all("/var/lib/dvdcli").unwrap();
        let (state, bind) = (env.dir("state"), MsFlags::MS_BIND);
        mount(
            Some(&state),
            "/var/lib/dvdcli",
            None::<&str>,
            bind,
            None::<&str>,
        )
        .unwrap();
        let host = Host { env };
        host.link("/usr/bin/dvdcli");
        host.link("/usr/sbin/mount.dvdcli");
        host.link("/usr/sbin/umount.dvdcli");
        host.write("/etc/fstab", "");
        Some(host)
    }

    fn link(&self, name: &str) {
        let _ = fs::remove_file(name);
        symlink(DVDCLI, name).unwrap();
    }

    /// A file of the host, for all to run. `$ROOT` is the environment's directory.
    pub fn write(&self, path: &str, text: &str) {
        let root = self.env.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        fs::write(path, text.replace("$ROOT", root)).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
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

    /// A run of a program as the host's own daemons would run it: nothing but their PATH is set.
    pub fn daemon(&self, name: &str, args: &[impl AsRef<OsStr>]) -> Run<'_> {
        let run = self.env.program(name, args);
        let mut run = run.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        run.command.env_remove("DVDCLI_ROOT");
        run
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

    /// What is mounted for dvdcli below the environment's directory.
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
        self.write("/etc/fstab", lines);
    }
}

fn mount_at(kind: &str, place: &Path, data: &str) {
    mount(Some(kind), place, Some(kind), MsFlags::empty(), Some(data)).unwrap();
}

//! A host on which dvdcli is installed: the machine's own directories, with what a test puts there seen by it alone, and
//! without what is installed or configured on the machine for Docker, REX-Ray or dvdcli.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::harness::env::{DVDCLI, Env};
use crate::harness::fs;
use crate::harness::mounts::{bind, mount_type, mounted_at, mounted_below};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;

pub struct Host {
    pub env: Env,
}

impl Host {
    /// `None` where the test does not run as root.
    pub fn new() -> Option<Host> {
        let env = Env::isolated()?;
        let layers = env.dir("layers");
        mount_type("tmpfs", &layers, "size=64m");
        for directory in ["/usr/sbin", "/usr/bin", "/etc", "/var/lib"] {
            let upper = layers.join(&directory[1..]);
            let work = layers.join("work").join(&directory[1..]);
            fs::create_dir_all(&upper).unwrap();
            fs::create_dir_all(&work).unwrap();
            let (upper, work) = (upper.display(), work.display());
            let data = format!("lowerdir={directory},upperdir={upper},workdir={work}");
            mount_type("overlay", Path::new(directory), &data);
        }
        for directory in ["/run", "/srv"] {
            mount_type("tmpfs", Path::new(directory), "size=8m");
        }
        for directory in [
            "/etc/docker",
            "/etc/dvdcli",
            "/etc/rexray",
            "/var/lib/dvdcli",
        ] {
            let _ = fs::remove_dir_all(directory);
        }
        for directory in ["/usr/lib/docker", "/var/lib/docker"] {
            if Path::new(directory).exists() {
                mount_type("tmpfs", Path::new(directory), "size=1m");
            }
        }
        fs::create_dir("/run/mount").unwrap();
        // Images need more room than memory should give.
        fs::create_dir("/var/lib/dvdcli").unwrap();
        bind(&env.dir("state"), Path::new("/var/lib/dvdcli"));
        let host = Host { env };
        host.link("/usr/bin/dvdcli");
        host.link("/usr/sbin/mount.dvdcli");
        host.link("/usr/sbin/umount.dvdcli");
        host.write("/etc/fstab", "");
        host.write("/etc/hostname", "host\n");
        Some(host)
    }

    /// With a plugin `fake` that has a volume `db`.
    pub fn with_db() -> Option<(Host, FakePlugin)> {
        let host = Host::new()?;
        let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
        Some((host, plugin))
    }

    fn link(&self, name: &str) {
        let _ = fs::remove_file(name);
        symlink(DVDCLI, name).unwrap();
    }

    /// A file of the host, for all to run. `$ROOT` is the environment's directory.
    pub fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        fs::write(path, text.replace("$ROOT", self.env.root())).unwrap();
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
        mounted_at(place).map(|mount| mount.options)
    }

    /// What is mounted for dvdcli below the environment's directory.
    pub fn volumes(&self) -> Vec<PathBuf> {
        let layers = self.env.path("layers");
        let mounts = self.env.mounts().into_iter();
        mounts.filter(|mount| *mount != layers).collect()
    }

    /// What is mounted for dvdcli in the directories of the host that the README's examples use.
    pub fn daemons_volumes(&self) -> Vec<PathBuf> {
        let below = ["/var/lib/dvdcli", "/srv", self.env.root()].map(Path::new);
        let mounts = below.into_iter().flat_map(mounted_below);
        let own = [
            Path::new("/var/lib/dvdcli"),
            Path::new("/srv"),
            &self.env.path("layers"),
        ];
        mounts
            .filter(|mount| !own.contains(&mount.as_path()))
            .collect()
    }

    #[track_caller]
    pub fn assert_no_volume(&self) {
        assert_eq!(self.daemons_volumes(), Vec::<PathBuf>::new());
    }

    /// What libmount remembers for umount(8).
    pub fn utab(&self) -> String {
        fs::read_to_string("/run/mount/utab").unwrap_or_default()
    }

    pub fn fstab(&self, lines: &str) {
        self.write("/etc/fstab", lines);
    }
}

//! Removing a volume deletes nothing but its own: not what is mounted in it, linked from it, or mounted elsewhere.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pretty_assertions::assert_eq;

use crate::builtin_scene::{bound_below, in_mount};
use crate::env::{Env, eventually};

const LOOP: &str = "var/lib/dvdcli/loop";
const LOCAL: &str = "var/lib/dvdcli/local";

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
fn is_bound(file: &Path) -> bool {
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

fn bind(source: &Path, target: &Path) {
    let none = None::<&str>;
    mount(Some(source), target, none, MsFlags::MS_BIND, none).unwrap();
}

/// Another thread that starts a process may have a file of ours open in it for a moment.
fn unmount(point: &Path) {
    eventually("unmounting", || umount2(point, MntFlags::empty()).is_ok());
}

/// A `loop` volume, not mounted, with a file in it.
pub fn loop_volume(env: &Env, name: &str) -> PathBuf {
    env.dvdcli(&format!("mount -d loop -n {name} --opt size=20MiB"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
    let directory = env.path(LOOP).join(name);
    in_mount(&directory.join("mnt/data"), "printf kept > kept").unwrap();
    env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    // Whoever looks at a loop device delays that it is freed.
    let image = directory.join("image");
    eventually("the loop device", || !is_bound(&image));
    directory
}

/// A `local` volume, a directory with a file in it.
pub fn local_volume(env: &Env, name: &str) -> PathBuf {
    env.dvdcli(&format!("create -d local -n {name}")).succeeds();
    let directory = env.path(LOCAL).join(name);
    fs::write(directory.join("_data/kept"), "kept").unwrap();
    directory
}

#[track_caller]
fn refuses(env: &Env, driver: &str, why: &str) {
    env.dvdcli(&format!("remove -d {driver} -n db"))
        .fails(4, &format!("dvdcli: removing volume db: {why}\n"));
}

/// Removed after all, and nothing is left of it.
#[track_caller]
pub fn is_removed(env: &Env, driver: &str) {
    env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    let left = fs::read_dir(env.path("var/lib/dvdcli").join(driver)).unwrap();
    assert_eq!(left.count(), 0);
    assert_eq!(fs::read_dir(env.path("run/dvdcli")).unwrap().count(), 0);
    eventually("the loop device", || bound_below(env).is_empty());
}

/// What may be mounted in a volume, where, and whether as a file.
fn intruders(env: &Env) -> [(PathBuf, bool); 4] {
    let tmpfs = env.dir("tmpfs");
    if !env.mounts().contains(&tmpfs) {
        env.mount_tmpfs(&tmpfs);
        fs::write(tmpfs.join("foreign"), "foreign").unwrap();
    }
    [
        (tmpfs, false),
        (PathBuf::from("/etc"), false),
        (env.dir("empty"), false),
        (env.write("file", "foreign"), true),
    ]
}

#[test]
fn what_is_mounted_inside_keeps_a_volume_from_being_removed() {
    let Some(env) = Env::isolated() else { return };
    for (intruder, is_file) in intruders(&env) {
        let foreign = tree(&intruder);
        for (driver, inside) in [
            ("loop", "mnt"),
            ("loop", "more"),
            ("loop", "mnt/below"),
            ("loop", "image"),
            ("loop", "volume.json"),
            ("local", "_data"),
            ("local", "_data/a/b"),
            ("local", "_data/kept"),
            ("local", "more"),
        ] {
            // A file can be bound on a file only, and a directory on a directory.
            let is_there = match inside {
                "mnt" | "_data" => Some(false),
                "image" | "volume.json" | "_data/kept" => Some(true),
                _ => None,
            };
            if is_there.is_some_and(|it| it != is_file) {
                continue;
            }
            let directory = match driver {
                "loop" => loop_volume(&env, "db"),
                _ => local_volume(&env, "db"),
            };
            let point = directory.join(inside);
            if is_there.is_none() && is_file {
                fs::create_dir_all(point.parent().unwrap()).unwrap();
                fs::write(&point, "").unwrap();
            } else if is_there.is_none() {
                fs::create_dir_all(&point).unwrap();
            }
            let untouched = tree(&directory);
            bind(&intruder, &point);
            let before = tree(&directory);
            let found = env.dvdcli(&format!("remove -d {driver} -n db")).output();
            let place = format!("{}/{driver}/db/{inside}", "$ROOT/var/lib/dvdcli");
            assert_eq!(
                (found.code, found.stdout.as_str()),
                // What is no record of ours is damaged, whyever.
                (if inside == "volume.json" { 1 } else { 4 }, ""),
                "{driver} {inside} {}: {found:?}",
                intruder.display()
            );
            assert!(
                found.stderr.starts_with("dvdcli: removing volume db: ")
                    && found.stderr.contains(&place)
                    && found.stderr.lines().count() == 1,
                "{place}: {found:?}"
            );
            assert_intact(&before, &directory);
            unmount(&point);
            assert_intact(&untouched, &directory);
            assert_intact(&foreign, &intruder);
            if inside == "mnt/below" {
                // A mount point is removed empty only: what is in it is somebody's.
                env.dvdcli("remove -d loop -n db").fails(
                    1,
                    "dvdcli: removing volume db: removing the mount point $ROOT/var/lib/dvdcli/loop/db/mnt: directory not empty\n",
                );
                assert_intact(&untouched, &directory);
                fs::remove_dir(&point)
                    .or_else(|_| fs::remove_file(&point))
                    .unwrap();
            }
            is_removed(&env, driver);
            assert_intact(&foreign, &intruder);
        }
    }
}

#[test]
fn another_file_system_inside_a_mounted_volume_stays() {
    let Some(env) = Env::isolated() else { return };
    let directory = loop_volume(&env, "db");
    let path = "$ROOT/var/lib/dvdcli/loop/db/mnt/data";
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("{path}\n"))
        .succeeds();
    let inside = directory.join("mnt/data/inside");
    fs::create_dir(&inside).unwrap();
    env.mount_tmpfs(&inside);
    fs::write(inside.join("foreign"), "foreign").unwrap();
    let before = tree(&directory.join("mnt/data"));
    refuses(
        &env,
        "loop",
        &format!("it is mounted at {path} and held by a caller without an ID; unmount it first"),
    );
    env.dvdcli("unmount -d loop -n db").fails(
        4,
        "dvdcli: unmounting volume db: $ROOT/var/lib/dvdcli/loop/db/mnt is busy[..]; unmount --lazy (umount -l) takes it away all the same\n",
    );
    refuses(
        &env,
        "loop",
        &format!("it is mounted at {path} and held by a caller without an ID; unmount it first"),
    );
    // Without a memory of it, the mount table still says so.
    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
    refuses(
        &env,
        "loop",
        "mounted at $ROOT/var/lib/dvdcli/loop/db/mnt; unmount it first",
    );
    assert_intact(&before, &directory.join("mnt/data"));
    unmount(&inside);
    eventually("unmounting", || {
        env.dvdcli("unmount -d loop -n db").output().code == 0
    });
    is_removed(&env, "loop");
}

#[test]
fn a_volume_whose_own_directory_is_a_mount_stays() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        let directory = match driver {
            "loop" => loop_volume(&env, "db"),
            _ => local_volume(&env, "db"),
        };
        let before = tree(&directory);
        bind(&directory, &directory);
        let found = env.dvdcli(&format!("remove -d {driver} -n db")).output();
        assert_eq!(found.code, 4, "{driver}: {found:?}");
        assert_intact(&before, &directory);
        unmount(&directory);
        assert_intact(&before, &directory);
        // Nothing of the volume can be seen.
        env.mount_tmpfs(&directory);
        let foreign = directory.join("foreign");
        fs::write(&foreign, "foreign").unwrap();
        let found = env.dvdcli(&format!("remove -d {driver} -n db")).output();
        assert!(
            matches!(found.code, 1 | 4) && found.stdout.is_empty(),
            "{driver}: {found:?}"
        );
        assert_eq!(fs::read_to_string(&foreign).unwrap(), "foreign");
        unmount(&directory);
        assert_intact(&before, &directory);
        is_removed(&env, driver);
    }
}

#[test]
fn a_volume_that_is_bound_elsewhere_stays() {
    let Some(env) = Env::isolated() else { return };
    let elsewhere = env.dir("elsewhere");
    for (driver, part) in [("loop", ""), ("local", ""), ("local", "_data")] {
        let directory = match driver {
            "loop" => loop_volume(&env, "db"),
            _ => local_volume(&env, "db"),
        };
        let before = tree(&directory);
        bind(&directory.join(part), &elsewhere);
        refuses(
            &env,
            driver,
            "it is bound to $ROOT/elsewhere; unmount it first",
        );
        assert_intact(&before, &directory);
        unmount(&elsewhere);
        is_removed(&env, driver);
    }
}

/// A process with a mount namespace of its own, which ends with it.
struct Elsewhere(Child);

impl Elsewhere {
    /// Runs the script there, and stays.
    fn after(env: &Env, script: &str) -> Elsewhere {
        let ready = env.path("ready");
        let whole = format!("set -e\n{script}\n: > ready\nexec sleep 600");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-c", &whole]);
        command
            .env("DVDCLI_ROOT", env.path(""))
            .env("DVDCLI", env!("CARGO_BIN_EXE_dvdcli"))
            .current_dir(env.path(""));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the other mount namespace", || {
            assert_eq!(child.try_wait().unwrap(), None, "{script}");
            ready.exists()
        });
        fs::remove_file(ready).unwrap();
        Elsewhere(child)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_volume_that_is_mounted_in_another_mount_namespace_stays() {
    let Some(env) = Env::isolated() else { return };
    for (driver, script) in [
        ("loop", "$DVDCLI mount -d loop -n db"),
        // Unknown to dvdcli, and even unmounted by its name.
        (
            "loop",
            "$DVDCLI mount -d loop -n db; mkdir -p x; mount --bind var/lib/dvdcli/loop/db/mnt x; umount var/lib/dvdcli/loop/db/mnt; rm -r run/dvdcli",
        ),
        ("loop", "mount --bind var/lib/dvdcli/loop/db empty"),
        ("loop", "mount -t tmpfs tmpfs var/lib/dvdcli/loop/db/mnt"),
        ("local", "mount --bind var/lib/dvdcli/local/db/_data empty"),
        (
            "local",
            "mount -t tmpfs tmpfs var/lib/dvdcli/local/db/_data; : > var/lib/dvdcli/local/db/_data/foreign",
        ),
    ] {
        env.dir("empty");
        let directory = match driver {
            "loop" => loop_volume(&env, "db"),
            _ => local_volume(&env, "db"),
        };
        let elsewhere = Elsewhere::after(&env, script);
        let seen = PathBuf::from(format!("/proc/{}/root", elsewhere.0.id()));
        let seen = seen.join(directory.strip_prefix("/").unwrap());
        let (before, before_there) = (tree(&directory), tree(&seen));
        let found = env.dvdcli(&format!("remove -d {driver} -n db")).output();
        assert_eq!(
            (found.code, found.stdout.as_str()),
            (4, ""),
            "{script}: {found:?}"
        );
        assert_intact(&before, &directory);
        assert_intact(&before_there, &seen);
        drop(elsewhere);
        eventually("the loop device", || bound_below(&env).is_empty());
        is_removed(&env, driver);
    }
}

//! Removing a volume deletes nothing but its own: not what is mounted in it, linked from it, or mounted elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::mount::{MntFlags, umount2};
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::bind;
use crate::harness::tree::{assert_intact, tree};
use crate::harness::volumes::{is_removed, local_volume, loop_volume};
use crate::harness::waiting::eventually;

/// Another thread that starts a process may have a file of ours open in it for a moment.
fn unmount(point: &Path) {
    eventually("unmounting", || umount2(point, MntFlags::empty()).is_ok());
}

#[track_caller]
fn refuses(env: &Env, driver: &str, why: &str) {
    env.dvdcli(&format!("remove -d {driver} -n db"))
        .fails(4, &format!("dvdcli: removing volume db: {why}\n"));
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

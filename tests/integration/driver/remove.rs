//! Removing a volume deletes nothing but its own: not what is mounted in it, linked from it, or mounted elsewhere.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, umount2};
use pretty_assertions::assert_eq;

use crate::harness::env::{DVDCLI, Env};
use crate::harness::fs;
use crate::harness::loop_devices::is_bound;
use crate::harness::mounts::{bind, in_directory};
use crate::harness::process::Running;
use crate::harness::tree::{assert_intact, tree};
use crate::harness::volumes::{is_removed, loop_volume, volume};
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
    // A part of the same file system, with links that lead nowhere from elsewhere.
    let system = env.dir("system");
    env.write("system/below/file", "foreign");
    env.write("release", "foreign");
    for (link, leads_to) in [("release", "../release"), ("below/none", "none")] {
        let _ = symlink(leads_to, system.join(link));
    }
    [
        (tmpfs, false),
        (system, false),
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
            let directory = volume(&env, driver, "db");
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
            let place = format!("$ROOT/var/lib/dvdcli/{driver}/db/{inside}");
            let (code, why) = match inside {
                // What is no record of ours is damaged, whyever.
                "volume.json" => (
                    1,
                    format!(
                        "reading {place}: it is damaged: [..]; mend it or move the directory away"
                    ),
                ),
                _ => (4, format!("[..] is mounted at {place}; unmount it first")),
            };
            env.dvdcli(&format!("remove -d {driver} -n db"))
                .fails(code, &format!("dvdcli: removing volume db: {why}\n"));
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
        let directory = volume(&env, driver, "db");
        let before = tree(&directory);
        bind(&directory, &directory);
        let own = format!("$ROOT/var/lib/dvdcli/{driver}/db");
        let why = format!("[..] is mounted at {own}; unmount it first");
        refuses(&env, driver, &why);
        assert_intact(&before, &directory);
        unmount(&directory);
        assert_intact(&before, &directory);
        // Nothing of the volume can be seen.
        env.mount_tmpfs(&directory);
        let foreign = directory.join("foreign");
        fs::write(&foreign, "foreign").unwrap();
        env.dvdcli(&format!("remove -d {driver} -n db")).fails(
            1,
            &format!("dvdcli: removing volume db: reading {own}/volume.json: missing, so that this is no volume; move the directory away\n"),
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
        let directory = volume(&env, driver, "db");
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

/// Runs the script in a mount namespace of its own, which is there until the process ends that is returned.
fn elsewhere<'a>(env: &'a Env, script: &str) -> Running<'a> {
    let ready = env.path("ready");
    let script = format!("set -e\n{script}\n: >ready\nexec sleep 600");
    let args = ["--mount", "--propagation", "private", "sh", "-c", &script];
    let run = env.program("unshare", args).env("DVDCLI", DVDCLI);
    let mut running = run.start();
    eventually("the other mount namespace", || {
        assert_eq!(running.child.try_wait().unwrap(), None, "{script}");
        ready.exists()
    });
    fs::remove_file(ready).unwrap();
    running
}

#[test]
fn a_volume_whose_files_are_a_device_or_a_layer_stays() {
    let Some(env) = Env::isolated() else { return };
    env.dir("x");
    env.dir("lower");
    env.dir("merged");
    let data = "$ROOT/var/lib/dvdcli/local/db/_data";
    let bound = format!("{data}/img is bound to /dev/loop[..]; detach it first (losetup -d)");
    let there = "in the mount namespace of PID [..] (sleep)";
    let overlay = "mount -t overlay overlay -o lowerdir=$PWD/lower,upperdir=$PWD/$DATA/up,workdir=$PWD/$DATA/work merged";
    let lower = "mount -t overlay overlay -o ro,lowerdir=$PWD/lower:$PWD/$DATA/up merged";
    let relative =
        "(cd $DATA; mount -t overlay overlay -o ro,lowerdir=./up:$OLDPWD/lower $OLDPWD/merged)";
    let by_link = "ln -s $PWD/$DATA x/link; mount -t overlay overlay -o ro,lowerdir=$PWD/lower:$PWD/x/link/up merged";
    let escaped = r"mkdir $DATA/a:b; ln -s $PWD/$DATA x/c,d; mount -t overlay overlay -o ro,lowerdir=$PWD/lower:$PWD/x/c\\,d/a\\:b merged";
    let lies = "the overlay at $ROOT/merged lies on its files; unmount it first".to_owned();
    let detach = "losetup -d $(losetup -n -O NAME -j $DATA/img)";
    for (script, is_elsewhere, why, end) in [
        ("losetup -f $DATA/img", false, bound.clone(), detach),
        // The path that the kernel tells leads nowhere.
        (
            "mount --bind $DATA x; losetup -f x/img; umount -l x",
            true,
            bound,
            detach,
        ),
        (overlay, false, lies.clone(), "umount merged"),
        (relative, false, lies.clone(), "umount merged"),
        (by_link, false, lies.clone(), "umount merged; rm x/link"),
        (escaped, false, lies, "umount merged; rm x/c,d"),
        (
            lower,
            true,
            format!("the overlay at $ROOT/merged {there} lies on its files; unmount it first"),
            ":",
        ),
    ] {
        let directory = volume(&env, "local", "db");
        let run = |script: &str| {
            let script = format!("set -e; DATA=var/lib/dvdcli/local/db/_data; {script}");
            in_directory(&env.path(""), &script).unwrap();
        };
        run("truncate -s 1M $DATA/img; mkdir -p $DATA/up $DATA/work");
        let script = format!("DATA=var/lib/dvdcli/local/db/_data; {script}");
        let namespace = if is_elsewhere {
            Some(elsewhere(&env, &script))
        } else {
            run(&script);
            None
        };
        let before = tree(&directory);
        refuses(&env, "local", &why);
        assert_intact(&before, &directory);
        if let Some(namespace) = namespace {
            namespace.kill();
        }
        run(end);
        eventually("the device", || !is_bound(&directory.join("_data/img")));
        is_removed(&env, "local");
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_that_is_mounted_in_another_mount_namespace_stays() {
    let Some(env) = Env::isolated() else { return };
    let there = "in the mount namespace of PID [..] (sleep)";
    for (driver, script, why) in [
        (
            "loop",
            "$DVDCLI mount -d loop -n db",
            "it is mounted at $ROOT/var/lib/dvdcli/loop/db/mnt/data and held by a caller without an ID; unmount it first",
        ),
        // Unknown to dvdcli, and even unmounted by its name.
        (
            "loop",
            "$DVDCLI mount -d loop -n db; mkdir -p x; mount --bind var/lib/dvdcli/loop/db/mnt x; umount var/lib/dvdcli/loop/db/mnt; rm -r run/dvdcli",
            "bound to /dev/loop[..], which is mounted at $ROOT/x in the mount namespace of PID [..] (sleep)",
        ),
        (
            "loop",
            "mount --bind var/lib/dvdcli/loop/db empty",
            &format!("mounted at $ROOT/empty {there}; unmount it first"),
        ),
        (
            "loop",
            "mount -t tmpfs tmpfs var/lib/dvdcli/loop/db/mnt",
            &format!("mounted at $ROOT/var/lib/dvdcli/loop/db/mnt {there}; unmount it first"),
        ),
        (
            "local",
            "mount --bind var/lib/dvdcli/local/db/_data empty",
            &format!("mounted at $ROOT/empty {there}; unmount it first"),
        ),
        (
            "local",
            "mount -t tmpfs tmpfs var/lib/dvdcli/local/db/_data; : > var/lib/dvdcli/local/db/_data/foreign",
            &format!("mounted at $ROOT/var/lib/dvdcli/local/db/_data {there}; unmount it first"),
        ),
    ] {
        env.dir("empty");
        let directory = volume(&env, driver, "db");
        let elsewhere = elsewhere(&env, script);
        let seen = PathBuf::from(format!("/proc/{}/root", elsewhere.child.id()));
        let seen = seen.join(directory.strip_prefix("/").unwrap());
        let (before, before_there) = (tree(&directory), tree(&seen));
        refuses(&env, driver, why);
        assert_intact(&before, &directory);
        assert_intact(&before_there, &seen);
        elsewhere.kill();
        env.assert_nothing_is_mounted();
        is_removed(&env, driver);
    }
}

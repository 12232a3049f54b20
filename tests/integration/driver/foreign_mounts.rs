//! What others have mounted at the places of a volume is never taken for the volume, whatever it looks like: it is neither handed out
//! nor unmounted.

use std::path::{Path, PathBuf};

use pretty_assertions::{assert_eq, assert_ne};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::{in_directory, mount_type, mounted_at, unmount};
use crate::harness::volumes::{LOCAL, LOOP, data, loop_volume};

const PATH: &str = "libstorage.integration.volume.operations.mount.path: $ROOT/volumes\n";

const TMPFS: &str = "--volumeopts=type=tmpfs,device=tmpfs";

/// A file system with a file in it, as somebody else mounts it.
fn foreign(place: &Path) {
    fs::create_dir_all(place).unwrap();
    mount_type("tmpfs", place, "size=1m");
    fs::write(place.join("foreign"), "foreign").unwrap();
}

/// It is still there, and nothing else; then it is taken away.
#[track_caller]
fn is_intact(env: &Env, place: &Path) {
    assert_eq!(env.mounts(), [place]);
    assert_eq!(fs::read(place.join("foreign")).unwrap(), b"foreign");
    unmount(place);
}

/// No verb takes what is mounted at `place` for the volume, which nobody holds.
#[track_caller]
fn is_nobodys(env: &Env, driver: &str, place: &Path, fs_type: &str) {
    let shown = env.with_root(&place.display().to_string());
    let refused = format!(
        "dvdcli: mounting volume db: [..] of type {fs_type} is mounted at {shown}, and is not this volume; unmount it\n"
    );
    for flag in ["", "--read-only", "--id other"] {
        env.dvdcli(&format!("mount -d {driver} -n db {flag}"))
            .fails(4, &refused);
    }
    env.dvdcli(&format!("path -d {driver} -n db")).succeeds();
    let inspected = env.json(&format!("inspect -d {driver} -n db"));
    assert_eq!(inspected[0]["Mountpoint"], "", "{inspected}");
    env.dvdcli(&format!("exists -d {driver} -n db")).succeeds();
    for flag in ["", "--force", "--lazy", "--force --lazy"] {
        env.dvdcli(&format!("unmount -d {driver} -n db {flag}"))
            .warns(&format!("dvdcli: warning: unmounting volume db: driver {driver}: it is not mounted; nothing was left to do\n"))
            .succeeds();
    }
}

#[test]
fn a_foreign_mount_below_the_configured_path_is_not_taken_for_the_volume() {
    let Some(env) = Env::isolated() else { return };
    env.configure(PATH);
    let place = env.path("volumes/db");
    for options in [TMPFS, "--volumeopts=type=none,o=bind,device=$ROOT/source"] {
        env.write("source/file", "text");
        env.dvdcli(&format!("create -d local -n db {options}"))
            .succeeds();
        foreign(&place);
        is_nobodys(&env, "local", &place, "tmpfs");
        // It lies in another place than the volume's own files.
        env.dvdcli("remove -d local -n db").succeeds();
        is_intact(&env, &place);
    }
    // The administrator has bound the source there.
    let bind = "create -d local -n db --volumeopts=type=none,o=bind,device=$ROOT/source";
    env.dvdcli(bind).succeeds();
    env.write("source/foreign", "foreign");
    in_directory(&env.path(""), "mount --bind source volumes/db").unwrap();
    is_nobodys(&env, "local", &place, "[..]");
    is_intact(&env, &place);
    env.assert_nothing_is_left();
}

#[test]
fn a_foreign_mount_in_the_volumes_own_directory_is_not_taken_for_the_volume() {
    let Some(env) = Env::isolated() else { return };
    for (driver, options, own) in [
        ("local", TMPFS, "_data"),
        ("local", "--volumeopts=mode=755", "_data"),
        ("loop", "--volumeopts=size=20MiB", "mnt"),
    ] {
        env.dvdcli(&format!("create -d {driver} -n db {options}"))
            .succeeds();
        let place = env.path(&format!("var/lib/dvdcli/{driver}/db/{own}"));
        foreign(&place);
        is_nobodys(&env, driver, &place, "tmpfs");
        env.dvdcli(&format!("remove -d {driver} -n db")).fails(
            4,
            &format!("dvdcli: removing volume db: tmpfs is mounted at $ROOT/var/lib/dvdcli/{driver}/db/{own}; unmount it first\n"),
        );
        is_intact(&env, &place);
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    env.assert_nothing_is_left();
}

/// The kernel gives the ID and the device number of a mount that has gone to the next one.
#[test]
fn a_foreign_mount_that_took_the_place_of_ours_is_not_taken_for_it() {
    let Some(env) = Env::isolated() else { return };
    for (settings, place) in [
        ("", format!("{LOCAL}/db/_data")),
        (PATH, "volumes/db".into()),
    ] {
        env.configure(settings);
        let place = env.path(&place);
        let shown = env.with_root(&place.display().to_string());
        let mount = format!("mount -d local -n db {TMPFS}");
        for is_recorded in [true, false] {
            env.mount_created(&mount)
                .prints(&format!("{shown}\n"))
                .succeeds();
            unmount(&place);
            foreign(&place);
            if !is_recorded {
                fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
            }
            is_nobodys(&env, "local", &place, "tmpfs");
            is_intact(&env, &place);
            // As if nothing had been there.
            env.dvdcli(&mount).prints(&format!("{shown}\n")).succeeds();
            env.dvdcli("unmount -d local -n db").succeeds();
        }
        env.dvdcli("remove -d local -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_foreign_mount_over_ours_stays_and_is_named() {
    let Some(env) = Env::isolated() else { return };
    env.configure(PATH);
    env.mount_created(&format!("mount -d local -n db {TMPFS}"))
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    let place = env.path("volumes/db");
    foreign(&place);
    for flag in ["", "--force", "--lazy"] {
        env.dvdcli(&format!("unmount -d local -n db {flag}")).fails(
            4,
            "dvdcli: unmounting volume db: tmpfs of type tmpfs is mounted over it at $ROOT/volumes/db; unmount that first\n",
        );
    }
    assert_eq!(env.mounts(), [place.as_path(), &place]);
    assert_eq!(fs::read(place.join("foreign")).unwrap(), b"foreign");
    unmount(&place);
    env.dvdcli("unmount -d local -n db").succeeds();
    env.assert_nothing_is_left();
}

/// A mount's source is any text for file systems without a device.
#[test]
fn the_name_of_a_loop_device_makes_no_volume() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    let device = format!("/dev/loop{}", bound_below(&env)[0]);
    env.configure(PATH);
    let place = env.dir("volumes/db");
    in_directory(&place, &format!("mount -t tmpfs {device} .")).unwrap();
    env.dvdcli("unmount -d loop -n db").succeeds();
    assert_eq!(env.mounts(), [place.as_path()]);
    assert!(!data(&env, "db").exists());
    unmount(&place);
    env.assert_nothing_is_left();
}

#[test]
fn a_foreign_mount_at_a_target_is_not_taken_for_a_view() {
    let Some(env) = Env::isolated() else { return };
    let (own, target) = (env.path(&format!("{LOCAL}/db/_data")), env.dir("target"));
    let mount = format!("mount -d local -n db {TMPFS} --target $ROOT/target");
    env.mount_created(&mount)
        .prints("$ROOT/target\n")
        .succeeds();
    unmount(&target);
    unmount(&own);
    foreign(&target);
    env.dvdcli(&mount).fails(
        4,
        "dvdcli: mounting volume db: target $ROOT/target: something is mounted there that is not this volume\n",
    );
    let found = env.dvdcli("unmount -d local -n db --force").output();
    assert_eq!(found.code, 0, "{found:?}");
    is_intact(&env, &target);
    env.assert_nothing_is_left();
}

/// A call that was cut off between its mount and its record is finished by the next one.
#[test]
fn what_a_call_has_mounted_that_was_cut_off_is_ours() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    host.write(
        "/usr/sbin/mount.odd",
        "#!/bin/sh\nmount -i -t tmpfs none $2; kill -9 $(cat $ROOT/pid) 2>/dev/null; exit 0\n",
    );
    let place: PathBuf = env.path(&format!("{LOCAL}/db/_data"));
    env.dvdcli("create -d local -n db --volumeopts=type=odd,device=x")
        .succeeds();
    let line = "echo $$ >$ROOT/pid; exec $DVDCLI mount -d local -n db";
    let line = line.replace("$DVDCLI", crate::harness::env::DVDCLI);
    let line = line.replace("$ROOT", env.root());
    let killed = env.program("/bin/sh", ["-c", &line]).output();
    assert_ne!(killed.code, 0, "{killed:?}");
    assert!(mounted_at(&place).is_some());
    env.dvdcli("unmount -d local -n db").succeeds();
    assert!(mounted_at(&place).is_none());
    env.dvdcli("remove -d local -n db").succeeds();
}

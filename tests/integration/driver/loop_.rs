//! `loop` volumes from create to remove: what is written stays, who holds them, and that nothing of them is left.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::{mounted_at, unmount};
use crate::harness::volumes::{LOOP, data, image, user_of};

/// Neither of any mount nor of any volume.
#[track_caller]
fn assert_nothing_is_left(env: &Env) {
    env.assert_nothing_is_left();
    assert_eq!(env.names(LOOP), [""; 0]);
}

#[test]
fn what_is_written_is_there_at_the_next_mount() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, megabytes) in [("ext4", 16), ("xfs", 100), ("btrfs", 16)] {
        let path = data(&env, "db");
        let mount = format!("mount -d loop -n db --volumeopts=size=100,newfstype={fs_type}");
        let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
        env.mount_created(&mount).prints(&printed).succeeds();
        let seen = mounted_at(path.parent().unwrap()).unwrap();
        assert_eq!(seen.fs_type, fs_type);
        assert!(seen.source.starts_with("/dev/loop"), "{seen:?}");
        assert_eq!(bound_below(&env).len(), 1);
        // No lost+found.
        assert_eq!(fs::names(&path).len(), 0);
        let made = image(&env, "db").metadata().unwrap();
        assert_eq!(made.len(), 100 << 30);
        let taken = made.blocks() * 512;
        assert!(taken < megabytes << 20, "{fs_type}: {taken} bytes");
        fs::write(path.join("file"), fs_type).unwrap();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.assert_nothing_is_mounted();
        env.dvdcli(&mount).prints(&printed).succeeds();
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), fs_type);
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.assert_nothing_is_mounted();
        env.dvdcli("remove -d loop -n db").succeeds();
        assert_nothing_is_left(&env);
    }
}

#[test]
fn overwritefs_never_formats_what_holds_data() {
    let Some(env) = Env::isolated() else { return };
    const OPTIONS: &str = "--volumeopts=size=64MiB,overwritefs=true";
    let create = format!("create -d loop -n db {OPTIONS}");
    let mount = format!("mount -d loop -n db {OPTIONS}");
    let explicit = format!("{mount} --explicitcreate");
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    let file = data(&env, "db").join("file");
    let orders: [&[&str]; 5] = [
        &["create", "mount", "unmount", "create", "mount"],
        &["mount", "create", "mount", "unmount", "mount"],
        &["mount", "unmount", "create", "create", "explicit"],
        &["mount", "unmount", "mount", "unmount", "explicit", "create"],
        &["mount", "vanish", "mount", "vanish", "create", "mount"],
    ];
    for order in orders {
        for step in order {
            match *step {
                "create" => env.dvdcli(&create).succeeds(),
                "unmount" => env.dvdcli("unmount -d loop -n db").succeeds(),
                // As by a reboot.
                "vanish" => {
                    let point = file.parent().unwrap().parent().unwrap();
                    unmount(point);
                    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
                }
                verb => {
                    let line = if verb == "mount" { &mount } else { &explicit };
                    env.dvdcli(line).prints(&printed).succeeds();
                    if !file.exists() {
                        fs::write(&file, "kept").unwrap();
                    }
                    fs::write(file.with_file_name("last"), "x").unwrap();
                }
            }
        }
        env.dvdcli(&explicit).prints(&printed).succeeds();
        assert_eq!(fs::read_to_string(&file).unwrap(), "kept", "{order:?}");
        // Of each mount but the last one, nothing else is gone either.
        assert_eq!(fs::names(file.parent().unwrap()).len(), 2);
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
        assert_nothing_is_left(&env);
    }
}

#[test]
fn each_holder_holds_it_once() {
    let Some(env) = Env::isolated() else { return };
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    for id in ["", "--id a", "--id a", "--id b", "", ""] {
        env.dvdcli(&format!("mount -d loop -n db --volumeopts=size=64MiB {id}"))
            .prints(&printed)
            .succeeds();
    }
    assert_eq!((env.mounts().len(), bound_below(&env).len()), (1, 1));
    env.dvdcli("unmount -d loop -n db")
        .warns("dvdcli: warning: volume db stays mounted, it is held by a, b\n")
        .succeeds();
    env.dvdcli("remove -d loop -n db").fails(
        4,
        &format!("dvdcli: removing volume db: it is mounted at $ROOT/{LOOP}/db/mnt/data and held by a, b; unmount it first\n"),
    );
    env.dvdcli("unmount -d loop -n db --id a")
        .warns("dvdcli: warning: volume db stays mounted, it is held by b\n")
        .succeeds();
    env.dvdcli("unmount -d loop -n db --id b").succeeds();
    env.assert_nothing_is_mounted();
    for id in ["a", "b"] {
        env.dvdcli(&format!("mount -d loop -n db --id {id}"))
            .prints(&printed)
            .succeeds();
    }
    env.dvdcli("unmount -d loop -n db --force").succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_target_shows_the_volume_and_may_be_read_only() {
    let Some(env) = Env::isolated() else { return };
    let target = env.dir("target");
    for (flag, writable) in [("", true), ("--read-only", false)] {
        env.dvdcli(&format!(
            "mount -d loop -n db --volumeopts=size=64MiB --target $ROOT/target {flag}"
        ))
        .prints("$ROOT/target\n")
        .succeeds();
        assert_eq!(env.mounts().len(), 2);
        fs::write(data(&env, "db").join("inside"), "text").unwrap();
        assert_eq!(fs::read_to_string(target.join("inside")).unwrap(), "text");
        assert_eq!(fs::write(target.join("new"), "").is_ok(), writable);
        env.dvdcli("unmount -d loop -n db --target $ROOT/target")
            .succeeds();
        env.assert_nothing_is_mounted();
    }
}

#[test]
fn a_read_only_mount_cannot_be_written_and_the_modes_do_not_mix() {
    let Some(env) = Env::isolated() else { return };
    let file = data(&env, "db").join("file");
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    let modes = [
        ("", "--read-only", "writable"),
        ("--read-only", "", "read-only"),
    ];
    for (first, second, mode) in modes {
        env.dvdcli(&format!(
            "mount -d loop -n db --volumeopts=size=64MiB {first}"
        ))
        .prints(&printed)
        .succeeds();
        match fs::write(&file, "text") {
            Ok(()) => assert_eq!(mode, "writable"),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
                assert_eq!(mode, "read-only");
            }
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
        env.dvdcli(&format!("mount -d loop -n db --id other {second}"))
            .fails(
                4,
                &format!("dvdcli: mounting volume db: it is mounted {mode} already, and held by a caller without an ID\n"),
            );
        env.dvdcli(&format!("mount -d loop -n db {first}"))
            .prints(&printed)
            .succeeds();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.assert_nothing_is_mounted();
    }
}

#[test]
fn a_volume_that_is_read_only_by_its_options_is_what_read_only_asks_for() {
    let Some(env) = Env::isolated() else { return };
    for flag in ["", "--read-only"] {
        env.dvdcli(&format!(
            "mount -d loop -n db --volumeopts=size=64MiB,o=ro --id id{flag} {flag}"
        ))
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
        assert!(fs::write(data(&env, "db").join("file"), "").is_err());
    }
}

#[test]
fn what_keeps_it_busy_is_named_and_lazy_unmounts_all_the_same() {
    let Some(env) = Env::isolated() else { return };
    let (path, printed) = (data(&env, "db"), format!("$ROOT/{LOOP}/db/mnt/data\n"));
    let mount = "mount -d loop -n db --volumeopts=size=64MiB";
    env.dvdcli(mount).prints(&printed).succeeds();
    fs::write(path.join("file"), "text").unwrap();
    let user = user_of(&path);
    let pid = user.pid();
    env.dvdcli("unmount -d loop -n db").fails(
        4,
        &format!("dvdcli: unmounting volume db: $ROOT/{LOOP}/db/mnt is busy, used by PID {pid} (sleep); unmount --lazy (umount -l) takes it away all the same\n"),
    );
    // It is held as before.
    env.dvdcli("path -d loop -n db").prints(&printed).succeeds();
    env.dvdcli("unmount -d loop -n db --lazy")
        .warns("dvdcli: warning: volume db: it is not mounted here any more, but still bound to /dev/loop[..]; unmount it again when that has ended\n")
        .succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    // What is used still is the same file system, not a second one on the same image.
    env.dvdcli(mount).prints(&printed).succeeds();
    assert_eq!(bound_below(&env).len(), 1);
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
    drop(user);
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
    env.dvdcli("remove -d loop -n db").succeeds();
    assert_nothing_is_left(&env);
}

#[test]
fn what_is_not_there_is_absent_and_nothing_is_left_to_unmount() {
    let env = Env::new();
    let line = |verb: &str| format!("{verb} -d loop -n db");
    env.dvdcli(&line("mount --explicitcreate")).fails(
        3,
        "dvdcli: mounting volume db: driver loop: no such volume\n",
    );
    for (verb, doing) in [
        ("remove", "removing"),
        ("get", "looking up"),
        ("inspect", "inspecting"),
    ] {
        env.dvdcli(&line(verb)).fails(
            3,
            &format!("dvdcli: {doing} volume db: driver loop: no such volume\n"),
        );
    }
    env.dvdcli(&line("path")).fails(
        3,
        "dvdcli: asking for the path of volume db: driver loop: no such volume\n",
    );
    env.dvdcli(&line("exists")).fails(3, "");
    env.dvdcli("list -d loop").succeeds();
    env.dvdcli(&line("remove --force")).succeeds();
    env.dvdcli(&line("unmount"))
        .warns("dvdcli: warning: unmounting volume db: driver loop: no such volume; nothing was left to do\n")
        .succeeds();
    assert!(!env.path("var").exists());
}

#[test]
fn what_is_there_is_found_and_unmounted_once() {
    let Some(env) = Env::isolated() else { return };
    let printed = format!("$ROOT/{LOOP}/b/mnt/data\n");
    for name in ["b", "a"] {
        env.dvdcli(&format!("create -d loop -n {name} --volumeopts=size=64MiB"))
            .succeeds();
    }
    env.dvdcli("list -d loop").prints("a\nb\n").succeeds();
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nloop    a\nloop    b\n")
        .succeeds();
    env.dvdcli("get -d loop -n b").prints("b\n").succeeds();
    env.dvdcli("exists -d loop -n b").succeeds();
    env.dvdcli("path -d loop -n b").succeeds();
    env.dvdcli("unmount -d loop -n b")
        .warns("dvdcli: warning: unmounting volume b: driver loop: it is not mounted; nothing was left to do\n")
        .succeeds();
    env.dvdcli("mount -d loop -n b --explicitcreate")
        .prints(&printed)
        .succeeds();
    env.dvdcli("path -d loop -n b").prints(&printed).succeeds();
    assert_eq!(
        env.json("list -d loop --format json"),
        json!([
            {"Driver": "loop", "Name": "a", "Mountpoint": null, "Labels": {}},
            {"Driver": "loop", "Name": "b", "Mountpoint": printed.trim_end(), "Labels": {}},
        ])
    );
    env.dvdcli("unmount -d loop -n b").succeeds();
    env.assert_nothing_is_mounted();
}

/// The driver does not know the mount any more, but the record and the mount table do.
#[test]
fn a_volume_whose_image_was_replaced_is_unmounted_all_the_same() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("mount -d loop -n db --volumeopts=size=16MiB")
        .prints("$ROOT/var/lib/dvdcli/loop/db/mnt/data\n")
        .succeeds();
    let image = env.path("var/lib/dvdcli/loop/db/image");
    fs::rename(&image, env.path("moved")).unwrap();
    fs::copy(env.path("moved"), &image).unwrap();
    env.dvdcli("unmount -d loop -n db")
        .warns(
            "dvdcli: warning: unmounting volume db: driver loop: it is not mounted; $ROOT/var/lib/dvdcli/loop/db/mnt was still mounted, \
             and is unmounted without its driver\n",
        )
        .succeeds();
    env.assert_nothing_is_left();
}

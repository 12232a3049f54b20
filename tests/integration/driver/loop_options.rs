//! The options of `loop` volumes: every spelling, every refusal, and what each of them does.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{mounted_at, unmount};
use crate::harness::volumes::{LOOP, data, image, inspected, volumes_on};

const KNOWN: &str = "(known: size, newFsType, overwriteFs, volumeName, volumeID, snapshotName, snapshotID, iops, volumeType, availabilityZone, uid, gid, mode, mountOpts, repl)";

#[test]
fn options_are_understood_in_any_case_and_spelling() {
    let env = Env::new();
    env.overcommit();
    for (line, bytes, fs_type) in [
        ("", 16 << 30, "ext4"),
        ("--volumeopts=SIZE=2,NEWFSTYPE=XFS", 2 << 30, "xfs"),
        ("--opt Size=500MiB --opt fsType=btrfs", 500 << 20, "btrfs"),
        (
            "--volumeopts=size=1,SIZE=1024m,Fs=xfs,newFsType=xfs",
            1 << 30,
            "xfs",
        ),
    ] {
        env.dvdcli(&format!("create -d loop -n db {line}"))
            .succeeds();
        let found = inspected(&env, "-d loop -n db");
        let found = (found["Size"].as_u64(), found["FsType"].as_str());
        assert_eq!(found, (Some(bytes), Some(fs_type)), "{line}");
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

#[test]
fn bad_options_are_refused_before_anything_is_made() {
    let env = Env::new();
    let size = "is no size; write it like 16 (GiB), 500MiB or 1.5T";
    for (options, refusal) in [
        (
            "siez=5",
            format!("unknown option siez; did you mean size? {KNOWN}"),
        ),
        ("size=many", format!(r#"option size: "many" {size}"#)),
    ] {
        for (verb, doing) in [("create", "creating"), ("mount", "mounting")] {
            env.dvdcli(&format!("{verb} -d loop -n db --volumeopts={options}"))
                .fails(2, &format!("dvdcli: {doing} volume db: {refusal}\n"));
        }
    }
    assert!(!env.path("var").exists());
}

#[test]
fn bad_names_are_refused_before_anything_is_touched() {
    let env = Env::new();
    let long = "x".repeat(201);
    let characters = "has characters other than letters, digits, _ . and -";
    for (name, refusal) in [("a/b", format!(r#""a/b" {characters}"#))] {
        for driver in ["loop", "local"] {
            for verb in [
                "create", "mount", "unmount", "remove", "path", "get", "exists", "inspect",
            ] {
                let named = format!("--volumename={name}");
                env.dvdcli_with([verb, "-d", driver, &named])
                    .fails(2, &format!("dvdcli: volume name {refusal}\n"));
            }
        }
    }
    assert!(!env.path("var").exists() && !env.path("run").exists());
    env.dvdcli_with(["create", "-d", "loop", "-n", &long[1..], "--opt=size=64M"])
        .succeeds();
}

#[test]
fn options_inside_a_name_make_the_volume_of_the_plain_name() {
    let Some(env) = Env::isolated() else { return };
    const INLINE: &str = "name=db,size=1,fs=xfs,repl=1";
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    let line = |verb: &str, name: &str| format!("{verb} -d loop -n {name}");
    env.dvdcli(&line("create", "name=db,repl=2")).fails(
        2,
        "dvdcli: creating volume name=db,repl=2: option repl: \"2\" copies: one host keeps one\n",
    );
    for (one, other) in [(INLINE, "db"), ("db", INLINE)] {
        env.dvdcli(&line("create", INLINE)).succeeds();
        env.dvdcli(&line("mount --id a", one))
            .prints(&printed)
            .succeeds();
        assert_eq!(
            mounted_at(data(&env, "db").parent().unwrap())
                .unwrap()
                .fs_type,
            "xfs"
        );
        assert_eq!(image(&env, "db").metadata().unwrap().len(), 1 << 30);
        env.dvdcli(&line("mount --id b", other))
            .prints(&printed)
            .succeeds();
        for name in [one, other] {
            env.dvdcli(&line("path", name)).prints(&printed).succeeds();
            env.dvdcli(&line("get", name)).prints("db\n").succeeds();
            env.dvdcli(&line("exists", name)).succeeds();
        }
        env.dvdcli(&line("unmount --id a", other))
            .warns("dvdcli: warning: volume db stays mounted, it is held by b\n")
            .succeeds();
        env.dvdcli(&line("remove", one)).fails(
            4,
            &format!("dvdcli: removing volume {one}: it is mounted at $ROOT/{LOOP}/db/mnt/data and held by b; unmount it first\n"),
        );
        env.dvdcli(&line("unmount --id b", one)).succeeds();
        env.assert_nothing_is_mounted();
        env.dvdcli("list -d loop").prints("db\n").succeeds();
        env.dvdcli(&line("remove", other)).succeeds();
    }
    env.dvdcli("list -d loop").succeeds();
}

#[test]
fn owner_and_mode_are_set_once() {
    let Some(env) = Env::isolated() else { return };
    let path = data(&env, "db");
    let found = || {
        let data = path.metadata().unwrap();
        (data.uid(), data.gid(), data.mode() & 0o7777)
    };
    let mount = || {
        env.dvdcli("mount -d loop -n db --volumeopts=size=64MiB,uid=1234,gid=2345,mode=2750")
            .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
            .succeeds();
    };
    mount();
    assert_eq!(found(), (1234, 2345, 0o2750));
    // They are the user's from then on.
    chown(&path, Some(1), Some(2)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    for _ in 0..2 {
        env.dvdcli("unmount -d loop -n db").succeeds();
        mount();
        assert_eq!(found(), (1, 2, 0o700));
    }
}

#[test]
fn mount_options_reach_the_mount() {
    let Some(env) = Env::isolated() else { return };
    let point = data(&env, "db").parent().unwrap().to_owned();
    for (option, has) in [("mountOpts", "noatime"), ("o", "nosuid")] {
        env.dvdcli(&format!(
            "mount -d loop -n db --volumeopts=size=64MiB --opt {option}=noatime,nosuid,discard"
        ))
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
        let mount = mounted_at(&point).unwrap();
        assert!(mount.has_option(has), "{mount:?}");
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    for (fs_type, words) in [
        ("ext4", "ext4: Unknown parameter 'bogus'"),
        ("xfs", "xfs: Unknown parameter 'bogus'"),
        ("btrfs", "btrfs: Unknown parameter 'bogus'"),
    ] {
        env.dvdcli(&format!(
            "create -d loop -n {fs_type} --volumeopts=size=1,fs={fs_type},mountOpts=bogus"
        ))
        .fails(
            2,
            &format!("dvdcli: creating volume {fs_type}: option mountOpts: {words}\n"),
        );
    }
    for word in ["bind", "noatime,rbind"] {
        env.dvdcli_with([
            "create", "-d", "loop", "-n", "db", "--opt", "size=20MiB", "--opt",
            &format!("o={word}"),
        ])
        .fails(
            2,
            "dvdcli: creating volume db: option mountOpts: bind and rbind are for directories, which the driver local binds\n",
        );
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn a_thick_volume_takes_its_space_at_once() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "ext4");
    let taken = |kind: &str| {
        env.dvdcli(&format!(
            "create -d loop -n {kind} --volumeopts=size=64MiB,volumeType={kind}"
        ))
        .succeeds();
        image(&env, kind).metadata().unwrap().blocks() * 512
    };
    assert!(taken("thin") < 16 << 20);
    assert!(taken("thick") >= 64 << 20);
    env.dvdcli("create -d loop -n huge --volumeopts=size=1024T,type=Thick")
        .fails(
            1,
            "dvdcli: creating volume huge: making an image of 1 PiB: 1 PiB is more than the [..] that are free, less [..] that stay free (setting dvdcli.allow.loop.reserve); volumeType=thin takes space as it is written\n",
        );
    env.dvdcli("list -d loop")
        .prints("thick\nthin\n")
        .succeeds();
    // Mounting discards nothing of it.
    env.dvdcli("mount -d loop -n thick")
        .prints(&format!("$ROOT/{LOOP}/thick/mnt/data\n"))
        .succeeds();
    assert!(image(&env, "thick").metadata().unwrap().blocks() * 512 >= 64 << 20);
    env.dvdcli("unmount -d loop -n thick").succeeds();
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

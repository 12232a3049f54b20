//! The options of `loop` volumes: every spelling, every refusal, and what each of them does.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::volumes::{LOOP, data, image, inspected};

const KNOWN: &str = "(known: size, newFsType, overwriteFs, volumeName, volumeID, snapshotName, snapshotID, iops, volumeType, availabilityZone, uid, gid, mode, mountOpts, repl)";

#[test]
fn options_are_understood_in_any_case_and_spelling() {
    let env = Env::new();
    for (line, bytes, fs_type) in [
        ("", 16 << 30, "ext4"),
        ("--volumeopts=size=1", 1 << 30, "ext4"),
        ("--volumeopts=SIZE=2,NEWFSTYPE=XFS", 2 << 30, "xfs"),
        ("--opt Size=500MiB --opt fsType=btrfs", 500 << 20, "btrfs"),
        (
            "--volumeopts=size=10G --volumeopts=fs=ext4",
            10 << 30,
            "ext4",
        ),
        (
            "--volumeopts=size=0.5,overwritefs=true,repl=1",
            1 << 29,
            "ext4",
        ),
        (
            "--volumeopts=size=1,SIZE=1024m,Fs=xfs,newFsType=xfs",
            1 << 30,
            "xfs",
        ),
        ("--volumeopts=size=8T", 8_u64 << 40, "ext4"),
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
        ("siez=5", format!("unknown option siez; did you mean size? {KNOWN}")),
        ("volumetpye=thick", format!("unknown option volumetpye; did you mean volumeType? {KNOWN}")),
        ("encrypted=true", format!("unknown option encrypted {KNOWN}")),
        ("size=0", r#"option size: "0" is nothing"#.into()),
        ("size=-1", format!(r#"option size: "-1" {size}"#)),
        ("size=many", format!(r#"option size: "many" {size}"#)),
        ("size=", format!(r#"option size: "" {size}"#)),
        ("Size=5X", r#"option Size: "5X" is no size: unknown unit X; write it like 16 (GiB), 500MiB or 1.5T"#.into()),
        ("size=8E", r#"option size: "8E" is larger than any file"#.into()),
        ("size=1MiB", "option size: 1 MiB is too small, ext4 needs 4 MiB".into()),
        ("size=256MiB,fs=xfs", "option size: 256 MiB is too small, xfs needs 300 MiB".into()),
        ("size=100MiB,fs=btrfs", "option size: 100 MiB is too small, btrfs needs 109 MiB".into()),
        ("fs=zfs", r#"option fs: "zfs" cannot be made here; known are ext4, xfs, btrfs"#.into()),
        ("fs=xfs,newfstype=ext4", "options fs and newfstype contradict each other; give one of them".into()),
        ("size=1,SIZE=2", "options size and SIZE contradict each other; give one of them".into()),
        ("repl=2", r#"option repl: "2" copies: one host keeps one"#.into()),
        ("iops=many", r#"option iops: "many" is no number: invalid digit found in string"#.into()),
        ("uid=root", r#"option uid: "root" is no numeric user or group"#.into()),
        ("gid=-1", r#"option gid: "-1" is no numeric user or group"#.into()),
        ("mode=rwx", r#"option mode: "rwx" is no octal mode such as 0750"#.into()),
        ("overwritefs=maybe", r#"option overwritefs: "maybe" is neither true nor false"#.into()),
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
    for (name, refusal) in [
        ("a/b", format!(r#""a/b" {characters}"#)),
        ("a b", format!(r#""a b" {characters}"#)),
        ("db,size=1", "db,size=1: db is not KEY=VALUE".into()),
        (
            "../db",
            r#""../db" does not begin with a letter or digit"#.into(),
        ),
        (
            ".db",
            r#"".db" does not begin with a letter or digit"#.into(),
        ),
        (
            "-db",
            r#""-db" does not begin with a letter or digit"#.into(),
        ),
        (&long, format!("{long:?} is longer than 200 bytes")),
        (
            "size=1,fs=xfs",
            "size=1,fs=xfs: options without a name; give name=NAME among them".into(),
        ),
        ("name=", r#""" is empty"#.into()),
        (
            "name=../db",
            r#""../db" does not begin with a letter or digit"#.into(),
        ),
        ("name=a,name=b", "name=a,name=b: name= stands twice".into()),
    ] {
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
        env.dvdcli(&format!("mount -d loop -n {fs_type} --volumeopts=size=1,fs={fs_type},mountOpts=bogus"))
            .fails(
                1,
                &format!("dvdcli: mounting volume {fs_type}: mounting /dev/loop[..] at $ROOT/{LOOP}/{fs_type}/mnt as {fs_type} with bogus: {words}\n"),
            );
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn a_thick_volume_takes_its_space_at_once() {
    let Some(env) = Env::isolated() else { return };
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
            "dvdcli: creating volume huge: making an image of 1 PiB: 1 PiB is more than the [..] that are free; volumeType=thin takes space as it is written\n",
        );
    env.dvdcli("list -d loop")
        .prints("thick\nthin\n")
        .succeeds();
    // Mounting discards nothing of it.
    env.dvdcli("mount -d loop -n thick")
        .prints(&format!("$ROOT/{LOOP}/thick/mnt/data\n"))
        .succeeds();
    assert!(image(&env, "thick").metadata().unwrap().blocks() * 512 >= 64 << 20);
}

#[test]
fn inspect_shows_what_is_known() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --volumeopts=size=1.5,iops=100,volumeType=gp2,availabilityZone=here")
        .warns("dvdcli: warning: option iops is recorded, but not enforced: a loop device cannot provision IOPS\n")
        .succeeds();
    let mut expected = json!({
        "CreatedAt": null,
        "Driver": "loop",
        "Labels": {},
        "Mountpoint": "",
        "Name": "db",
        "Options": {
            "size": "1.5",
            "iops": "100",
            "volumeType": "gp2",
            "availabilityZone": "here",
        },
        "Scope": "local",
        "Status": {
            "name": "db",
            "size": 1.5,
            "iops": 100,
            "type": "gp2",
            "availabilityZone": "here",
            "fields": null,
            "service": "loop",
            "server": "loop",
        },
        "Holders": [],
        "Size": 1_610_612_736,
        "Allocated": null,
        "FsType": "ext4",
        "Device": null,
    });
    let found = || {
        let mut found = inspected(&env, "-d loop -n db");
        let created = found["CreatedAt"].take();
        assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
        let taken = found["Allocated"].take();
        let blocks = image(&env, "db").metadata().unwrap().blocks();
        assert_eq!(taken, json!(blocks * 512));
        found
    };
    assert_eq!(found(), expected);
    let path = format!("$ROOT/{LOOP}/db/mnt/data");
    env.dvdcli("mount -d loop -n db --id task --volumeopts=size=1.5,iops=100")
        .prints(&format!("{path}\n"))
        .succeeds();
    // What has just been written gets its place on the disk later.
    nix::unistd::sync();
    expected["Mountpoint"] = path.into();
    expected["Holders"] = json!(["task"]);
    expected["Device"] = mounted_at(data(&env, "db").parent().unwrap())
        .unwrap()
        .source
        .into();
    assert_eq!(found(), expected);
}

#[test]
fn options_of_an_existing_volume_change_nothing() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --volumeopts=size=64MiB")
        .succeeds();
    let before = fs::read(image(&env, "db")).unwrap();
    for options in [
        "",
        "--volumeopts=size=64m",
        "--volumeopts=fs=ext4",
        "--volumeopts=SIZE=64MiB,overwritefs=true,repl=1",
    ] {
        env.dvdcli(&format!("create -d loop -n db {options}"))
            .succeeds();
        env.dvdcli(&format!("create -d loop -n db --strict {options}"))
            .succeeds();
    }
    for (options, differing) in [
        ("size=1", "size"),
        ("size=64MiB,fs=xfs", "newFsType"),
        ("size=2,fs=xfs,o=noatime", "size, newFsType, mountOpts"),
    ] {
        let line = format!(
            "create -d loop -n db --opt {}",
            options.replace(',', " --opt ")
        );
        let text = format!("creating volume db: it exists already with another {differing}\n");
        env.dvdcli(&line)
            .warns(&format!("dvdcli: warning: {text}"))
            .succeeds();
        env.dvdcli(&format!("{line} --strict"))
            .fails(1, &format!("dvdcli: {text}"));
    }
    assert!(fs::read(image(&env, "db")).unwrap() == before);
    // As at every start of a task.
    env.dvdcli("mount -d loop -n db --volumeopts=size=2,fs=xfs")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .warns(
            "dvdcli: warning: mounting volume db: it exists already with another size, newFsType\n",
        )
        .succeeds();
    assert_eq!(
        mounted_at(data(&env, "db").parent().unwrap())
            .unwrap()
            .fs_type,
        "ext4"
    );
    // A mistake is one for an existing volume, too, held or not.
    let idle = "dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n";
    for warning in ["", idle] {
        for (option, why) in [
            ("sise=5", "unknown option sise; did you mean size? [..]"),
            ("size=abc", "option size: [..]"),
        ] {
            env.dvdcli(&format!("mount -d loop -n db --opt {option}"))
                .fails(2, &format!("dvdcli: mounting volume db: {why}\n"));
        }
        env.dvdcli("unmount -d loop -n db")
            .warns(warning)
            .succeeds();
    }
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

//! What each setting of the configuration does to the built-in drivers, under every name and with each value.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::volumes::{LOOP, inspected};

const OPERATIONS: &str = "libstorage.integration.volume.operations";

#[test]
fn ignore_used_count_releases_every_holder() {
    let Some(env) = Env::isolated() else { return };
    for name in [
        "rexray.volume.unmount.ignoreUsedCount".to_owned(),
        format!("{OPERATIONS}.unmount.ignoreUsedCount"),
    ] {
        for ignored in [false, true] {
            env.configure(&format!("{name}: {ignored}\n"));
            for id in ["a", "b"] {
                env.dvdcli(&format!(
                    "mount -d loop -n db --volumeopts=size=64MiB --id {id}"
                ))
                .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
                .succeeds();
            }
            let unmount = env.dvdcli("unmount -d loop -n db --id a");
            if ignored {
                unmount.succeeds();
                env.assert_nothing_is_mounted();
            } else {
                unmount
                    .warns("dvdcli: warning: volume db stays mounted, it is held by b\n")
                    .succeeds();
                assert_eq!(env.mounts().len(), 1);
            }
        }
    }
}

#[test]
fn create_and_remove_can_be_disabled() {
    let env = Env::new();
    for driver in ["loop", "local"] {
        for generation in ["rexray.volume".to_owned(), OPERATIONS.to_owned()] {
            let line = |verb: &str| format!("{verb} -d {driver} -n db");
            env.configure(&format!("{generation}.create.disable: true\n"));
            for (verb, doing) in [("create", "creating"), ("mount", "mounting")] {
                env.dvdcli(&line(verb)).fails(
                    1,
                    &format!("dvdcli: {doing} volume db: volumes are not to be created here (setting create.disable)\n"),
                );
            }
            env.configure(&format!(
                "{generation}.create.disable: false\n{generation}.remove.disable: true\ndocker.size: 100MiB\n"
            ));
            env.dvdcli(&line("create")).succeeds();
            // What exists is none to be created.
            env.configure(&format!(
                "{generation}.create.disable: true\n{generation}.remove.disable: true\n"
            ));
            env.dvdcli(&line("create")).succeeds();
            env.dvdcli(&line("remove")).fails(
                1,
                "dvdcli: removing volume db: volumes are not to be removed here (setting remove.disable)\n",
            );
            env.dvdcli(&line("exists")).succeeds();
            env.configure(&format!("{generation}.remove.disable: false\n"));
            env.dvdcli(&line("remove")).succeeds();
            env.dvdcli(&line("exists")).fails(3, "");
        }
    }
}

#[test]
fn mount_creates_only_where_implicit_creation_is_not_off() {
    let Some(env) = Env::isolated() else { return };
    for (driver, options, path) in [
        ("loop", "--volumeopts=size=64MiB", "mnt/data"),
        ("local", "", "_data"),
    ] {
        let mount = format!("mount -d {driver} -n db {options}");
        env.configure(&format!("{OPERATIONS}.create.implicit: false\n"));
        env.dvdcli(&mount).fails(
            3,
            &format!("dvdcli: mounting volume db: driver {driver}: no such volume\n"),
        );
        env.dvdcli(&format!("exists -d {driver} -n db"))
            .fails(3, "");
        env.configure(&format!("{OPERATIONS}.create.implicit: true\n"));
        env.dvdcli(&mount)
            .prints(&format!("$ROOT/var/lib/dvdcli/{driver}/db/{path}\n"))
            .succeeds();
    }
}

#[test]
fn volumes_are_mounted_where_mount_path_says() {
    let Some(env) = Env::isolated() else { return };
    env.configure(&format!("{OPERATIONS}.mount.path: $ROOT/volumes\n"));
    env.dvdcli("mount -d loop -n db --volumeopts=size=64MiB")
        .prints("$ROOT/volumes/db/data\n")
        .succeeds();
    assert_eq!(env.mounts(), [env.path("volumes/db")]);
    env.dvdcli("path -d loop -n db")
        .prints("$ROOT/volumes/db/data\n")
        .succeeds();
    env.dvdcli("remove -d loop -n db").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db/data and held by a caller without an ID; unmount it first\n",
    );
    fs::write(env.path("volumes/db/data/file"), "text").unwrap();
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
    assert!(!env.path("volumes/db").exists());
    // A volume of the same name is in nobody's way, and what is in the way is named.
    env.mount_created("mount -d local -n tmp --volumeopts=type=tmpfs,device=tmpfs")
        .prints("$ROOT/volumes/tmp\n")
        .succeeds();
    env.dvdcli("mount -d loop -n tmp --volumeopts=size=64MiB").fails(
        4,
        "dvdcli: mounting volume tmp: tmpfs of type tmpfs is mounted at $ROOT/volumes/tmp, and is not this volume; unmount it\n",
    );
    env.dvdcli("unmount -d local -n tmp").succeeds();
    fs::remove_file(env.path("etc/rexray/config.yml")).unwrap();
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    assert_eq!(
        fs::read_to_string(env.path(&format!("{LOOP}/db/mnt/data/file"))).unwrap(),
        "text"
    );
}

#[test]
fn root_path_is_what_is_handed_out() {
    let Some(env) = Env::isolated() else { return };
    for name in [
        "linux.volume.rootPath".to_owned(),
        format!("{OPERATIONS}.mount.rootPath"),
    ] {
        for (value, inside) in [
            ("/data", "/data"),
            ("/", ""),
            ("/deep/inside", "/deep/inside"),
            ("relative", "/relative"),
        ] {
            env.configure(&format!("{name}: {value}\n"));
            env.dvdcli("mount -d loop -n db --volumeopts=size=64MiB")
                .prints(&format!("$ROOT/{LOOP}/db/mnt{inside}\n"))
                .succeeds();
            env.dvdcli("path -d loop -n db")
                .prints(&format!("$ROOT/{LOOP}/db/mnt{inside}\n"))
                .succeeds();
            env.dvdcli("unmount -d loop -n db").succeeds();
        }
        env.configure(&format!("{name}: /../out\n"));
        env.dvdcli("mount -d loop -n db").fails(
            1,
            "dvdcli: mounting volume db: rootPath /../out: leads out of the volume\n",
        );
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn create_takes_its_defaults_from_the_configuration() {
    let env = Env::new();
    for names in [
        [
            "docker.size",
            "docker.iops",
            "docker.volumeType",
            "docker.fsType",
            "docker.availabilityZone",
        ]
        .map(str::to_owned),
        ["size", "iops", "type", "fsType", "availabilityZone"]
            .map(|name| format!("{OPERATIONS}.create.default.{name}")),
    ] {
        let values = ["500MiB", "7", "thick", "btrfs", "zone"];
        let text: Vec<_> = names
            .iter()
            .zip(values)
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect();
        env.configure(&text.concat());
        env.dvdcli("create -d loop -n db")
            .warns("dvdcli: warning: option iops is recorded, but not enforced: a loop device cannot provision IOPS\n")
            .succeeds();
        let found = inspected(&env, "-d loop -n db");
        assert_eq!(
            (
                &found["Size"],
                &found["FsType"],
                &found["Status"]["iops"],
                &found["Status"]["type"],
                &found["Status"]["availabilityZone"]
            ),
            (
                &json!(500 << 20),
                &json!("btrfs"),
                &json!(7),
                &json!("thick"),
                &json!("zone")
            )
        );
        assert!(found["Allocated"].as_u64() >= Some(500 << 20), "{found}");
        env.dvdcli("remove -d loop -n db").succeeds();
        // What is given counts.
        env.configure(&[&text[0], &text[3]].map(String::as_str).concat());
        env.dvdcli("create -d loop -n db --volumeopts=size=1,fs=ext4")
            .succeeds();
        let found = inspected(&env, "-d loop -n db");
        assert_eq!(
            (&found["Size"], &found["FsType"]),
            (&json!(1 << 30), &json!("ext4"))
        );
        env.dvdcli("remove -d loop -n db").succeeds();
        // `local` has none of these.
        env.dvdcli("create -d local -n db").succeeds();
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

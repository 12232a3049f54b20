//! What mounts of built-in drivers and views forbid is for the host's owner to say (setting `allow.views`).

use pretty_assertions::assert_eq;

use crate::driver::guarded::forbidden;
use crate::harness::env::Env;
use crate::harness::host::Host;
use crate::harness::mounts::{mount_type, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, task};
use crate::harness::volumes::{LOCAL, local_data};

/// Values of the setting, and the words of each.
const VALUES: [(&str, &[&str]); 5] = [
    ("nosuid, nodev,noexec", &["nosuid", "nodev", "noexec"]),
    ("[noexec, 'nodev,noexec']", &["nodev", "noexec"]),
    ("nosymfollow", &["nosymfollow"]),
    ("nosuid", &["nosuid"]),
    ("[]", &[]),
];

fn views_forbid(env: &Env, value: &str) {
    env.configure(&format!("dvdcli:\n  allow:\n    views: {value}\n"));
}

#[test]
fn mounts_of_built_in_drivers_forbid_what_the_owner_says() {
    let Some(env) = Env::isolated() else { return };
    let source = env.dir("source").display().to_string();
    mount_type("tmpfs", &env.dir("source/inner"), "size=1m");
    let bind = format!("-d local --volumeopts=type=none,o=bind,device={source}");
    let tree = format!("-d local --volumeopts=type=none,o=rbind,device={source}");
    for (value, words) in VALUES {
        views_forbid(&env, value);
        for options in [
            "-d loop --volumeopts=size=32MiB",
            "-d local --volumeopts=type=tmpfs,device=x",
            &bind,
            &tree,
            "-d local",
        ] {
            let driver = options.split(' ').nth(1).unwrap();
            let line = |verb: &str| env.dvdcli(&format!("{verb} -d {driver} -n db"));
            env.dvdcli(&format!("create -n db {options}")).succeeds();
            let target = env.dir("target");
            let view = format!("mount -d {driver} -n db --target {}", target.display());
            env.dvdcli(&view).prints("$ROOT/target\n").succeeds();
            assert_eq!(forbidden(&target), words, "{value} {options}");
            let own = match driver {
                "loop" => env.path("var/lib/dvdcli/loop/db/mnt"),
                _ => local_data(&env, "db"),
            };
            // A plain directory is not mounted.
            if options != "-d local" {
                assert_eq!(forbidden(&own), words, "{value} {options}");
            }
            if options == tree {
                assert_eq!(forbidden(&own.join("inner")), words, "{value}");
            }
            line("unmount --force").succeeds();
            line("remove").succeeds();
        }
    }
    unmount(&env.path("source/inner"));
    env.assert_nothing_is_left();
}

#[test]
fn a_directory_that_is_mounted_read_only_forbids_it_as_well() {
    let Some(env) = Env::isolated() else { return };
    views_forbid(&env, "noexec");
    env.dvdcli("mount -d local -n db --read-only")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    assert_eq!(forbidden(&local_data(&env, "db")), ["ro", "noexec"]);
    env.dvdcli("unmount -d local -n db").succeeds();
}

/// Of one that hands out a directory, and of one that mounts.
#[test]
fn a_plugins_volume_is_seen_as_the_owner_says() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let disk = FakePlugin::start(&env, "disk").with_volume("db");
    let _disk = disk.mounting(&env);
    let target = env.dir("target");
    for (value, words) in VALUES {
        views_forbid(&env, value);
        for driver in ["fake", "disk"] {
            let at = format!("-d {driver} -n db --target $ROOT/target");
            env.dvdcli(&format!("mount {at}"))
                .prints("$ROOT/target\n")
                .succeeds();
            assert_eq!(forbidden(&target), words, "{value} {driver}");
            env.dvdcli(&format!("unmount {at}")).succeeds();
        }
    }
}

#[test]
fn a_task_sees_its_volumes_as_the_owner_says() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    for (value, words) in VALUES {
        views_forbid(&env, value);
        for (driver, options) in [("fake", ""), ("local", ""), ("loop", "size=32MiB")] {
            let variables = [
                ("DRIVER", driver),
                ("NAME", "db"),
                ("OPTS", options),
                ("CONTAINERPATH", "$ROOT/job/db"),
            ];
            task(&env, MOUNT, &variables)
                .prints("$ROOT/job/db\n")
                .succeeds();
            assert_eq!(forbidden(&env.path("job/db")), words, "{value} {driver}");
            task(&env, UNMOUNT, &variables).succeeds();
        }
    }
}

/// `create` is root's, and a line of fstab is.
#[test]
fn who_creates_says_otherwise() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    let allow = "dvdcli.allow.views: nosuid,nodev,noexec\n";
    env.configure(allow);
    host.write("/etc/dvdcli/config.yml", allow);
    let target = env.dir("target");
    env.mount_created(
        "mount -d local -n db --volumeopts=type=tmpfs,device=x,o=exec --target $ROOT/target",
    )
    .prints("$ROOT/target\n")
    .succeeds();
    assert_eq!(forbidden(&target), ["nosuid", "nodev"]);
    env.dvdcli("unmount -d local -n db --target $ROOT/target")
        .succeeds();
    env.dvdcli("mount -d loop -n db --volumeopts=size=32MiB,mountopts=exec")
        .fails(2, "dvdcli: mounting volume db: option mountOpts: exec is not for whoever only mounts; create the volume first, or set dvdcli.allow.loop.mountopts\n");
    for (words, expected) in [
        ("defaults", &["nosuid", "nodev", "noexec"][..]),
        ("exec,suid", &["nodev"]),
    ] {
        host.run(&format!(
            "mount.dvdcli loop/db $ROOT/target -o {words},size=32MiB"
        ))
        .succeeds();
        assert_eq!(forbidden(&target), expected, "{words}");
        host.run("mount.dvdcli loop/db $ROOT/target -o remount,exec")
            .succeeds();
        assert_eq!(forbidden(&target), ["nosuid", "nodev"], "{words}");
        host.run("umount $ROOT/target").succeeds();
    }
}

/// What is mounted stays as it was mounted, and so do the views of it.
#[test]
fn what_is_mounted_keeps_what_it_had() {
    let Some(env) = Env::isolated() else { return };
    let mount = "mount -d loop -n db --target $ROOT/target";
    env.dir("target");
    env.dvdcli("mount -d loop -n db --volumeopts=size=32MiB")
        .prints("$ROOT/var/lib/dvdcli/loop/db/mnt/data\n")
        .succeeds();
    views_forbid(&env, "noexec");
    for expected in [&["nosuid", "nodev"][..], &["noexec"]] {
        env.dvdcli(mount).prints("$ROOT/target\n").succeeds();
        assert_eq!(forbidden(&env.path("target")), expected);
        env.dvdcli("unmount -d loop -n db --force").succeeds();
    }
}

#[test]
fn another_word_is_wrong_configuration() {
    let env = Env::new();
    let list = "none of nosuid, nodev, noexec and nosymfollow";
    for (value, why) in [
        ("nosuid,suid", format!("'suid' is {list}")),
        ("[nosuid, ro]", format!("'ro' is {list}")),
        ("nosuid,", format!("'' is {list}")),
        ("none", format!("'none' is {list}")),
    ] {
        views_forbid(&env, value);
        env.dvdcli("mount -d local -n db").fails(
            2,
            &format!(
                "dvdcli: reading $ROOT/etc/rexray/config.yml: line 3: dvdcli.allow.views: {why}\n"
            ),
        );
    }
}

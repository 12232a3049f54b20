//! Holders: N mounts and 1 unmount, with a plugin that counts and with one that refuses a second mount; `--id`; `--force`.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::{json, refuses};
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::{KINDS, Kind};

#[test]
fn many_mounts_and_one_unmount_come_out_right() {
    for kind in KINDS {
        let (env, plugin) = FakePlugin::of_kind_with_db(kind);
        // Where Get names no directory, Path is asked once whether it does.
        for calls in [
            &["Activate", "Get", "Path", "Mount"][..],
            &["Activate", "Get", "Mount"],
        ] {
            env.mount_db();
            assert_eq!(plugin.take_calls(), calls);
            for _ in 0..4 {
                env.mount_db();
                assert_eq!(plugin.mounts("db"), 1);
                // Of a plain directory only the plugin knows whether the volume is still there.
                assert_eq!(plugin.take_calls(), ["Activate", "Path"]);
            }
            env.dvdcli("unmount -d fake -n db").succeeds();
            assert_eq!(plugin.mounts("db"), 0);
            assert_eq!(plugin.take_calls(), ["Activate", "Unmount"]);
        }
    }
}

#[test]
fn a_volume_is_unmounted_when_its_last_holder_goes() {
    for kind in KINDS {
        let (env, plugin) = FakePlugin::of_kind_with_db(kind);
        for holder in ["", "--id a", "--id b", "--id a", ""] {
            env.dvdcli(&format!("mount -d fake -n db {holder}"))
                .prints("$ROOT/volumes/db\n")
                .succeeds();
        }
        let stays = |names: &str| {
            format!("dvdcli: warning: volume db stays mounted, it is held by {names}\n")
        };
        env.dvdcli("unmount -d fake -n db --id a")
            .warns(&stays("a caller without an ID, b"))
            .succeeds();
        env.dvdcli("unmount -d fake -n db --id a")
            .warns("dvdcli: warning: volume db was not held by this caller; it is held by a caller without an ID, b\n")
            .succeeds();
        env.dvdcli("unmount -d fake -n db")
            .warns(&stays("b"))
            .succeeds();
        assert_eq!(plugin.mounts("db"), 1);
        assert_eq!(plugin.bodies("Unmount").len(), 0);
        plugin.take_calls();
        env.dvdcli("unmount -d fake -n db --id b").succeeds();
        assert_eq!(plugin.mounts("db"), 0);
        assert_eq!(plugin.take_calls(), ["Activate", "Unmount"]);
    }
}

#[test]
fn the_id_that_a_plugin_gets_does_not_depend_on_the_holder() {
    let (env, plugin) = FakePlugin::of_kind_with_db(Kind::Refusing);
    env.dvdcli("mount -d fake -n db --id a")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --id a").succeeds();
    env.mount_db();
    env.dvdcli("mount -d fake -n db --id b")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --force").succeeds();
    let bodies = [plugin.bodies("Mount"), plugin.bodies("Unmount")].concat();
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| body == &bodies[0]), "{bodies:?}");
}

#[test]
fn force_and_the_setting_release_every_holder() {
    let config = "rexray:\n  volume:\n    unmount:\n      ignoreUsedCount: true\n";
    for (flag, file, variable) in [
        ("--force", None, None),
        ("", Some(("etc/dvdcli/config.yml", config)), None),
        ("", Some(("etc/rexray/config.yml", config)), None),
        ("", None, Some("REXRAY_VOLUME_UNMOUNT_IGNOREUSEDCOUNT")),
        (
            "",
            None,
            Some("LIBSTORAGE_INTEGRATION_VOLUME_OPERATIONS_UNMOUNT_IGNOREUSEDCOUNT"),
        ),
    ] {
        let (env, plugin) = FakePlugin::with_db();
        for holder in ["--id a", "--id b", ""] {
            env.dvdcli(&format!("mount -d fake -n db {holder}"))
                .prints("$ROOT/volumes/db\n")
                .succeeds();
        }
        if let Some((name, text)) = file {
            env.write(name, text);
        }
        let mut run = env.dvdcli(&format!("unmount -d fake -n db {flag}"));
        if let Some(name) = variable {
            run = run.env(name, "true");
        }
        run.succeeds();
        assert_eq!(plugin.mounts("db"), 0);
        assert_eq!(env.json("inspect -d fake -n db")[0]["Holders"], json!([]));
    }
}

#[test]
fn what_somebody_else_mounted_is_unmounted_by_force_only() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = env.dir("volumes/db");
    env.mount_tmpfs(&path);
    env.mount_db();
    // What was mounted by dvdcli 0.2.1, or by Docker.
    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
    plugin.take_calls();
    for id in ["", "--id x"] {
        env.dvdcli(&format!("unmount -d fake -n db {id}"))
            .warns("dvdcli: warning: unmounting volume db: nobody holds it here, but $ROOT/volumes/db is mounted, and left as it is; unmount --force has its driver unmount it\n")
            .succeeds();
        assert_eq!(plugin.take_calls(), ["Activate", "Path"]);
    }
    env.dvdcli("unmount -d fake -n db --force").succeeds();
    assert_eq!(
        plugin.take_calls(),
        ["Activate", "Path", "Unmount", "Path", "Get"]
    );
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_mount_point_that_has_gone_is_mounted_anew() {
    for kind in KINDS {
        let (env, plugin) = FakePlugin::of_kind_with_db(kind);
        env.dvdcli("mount -d fake -n db --id a")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        fs::remove_dir(env.path("volumes/db")).unwrap();
        env.dvdcli("mount -d fake -n db --id b")
            .prints("$ROOT/volumes/db\n")
            .warns("dvdcli: warning: volume db is mounted anew: mount point $ROOT/volumes/db: no such file or directory\n")
            .succeeds();
        assert_eq!((plugin.mounts("db"), plugin.bodies("Mount").len()), (1, 2));
        env.dvdcli("unmount -d fake -n db --force").succeeds();
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn a_mount_that_has_gone_is_mounted_anew() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = env.dir("volumes/db");
    env.mount_tmpfs(&path);
    env.mount_db();
    env.mount_db();
    assert_eq!(plugin.bodies("Mount").len(), 1);
    // Where the volume was mounted, a plain directory is a mistake: what is written there would land on the host's disk.
    nix::mount::umount(&path).unwrap();
    env.dvdcli("mount -d fake -n db").fails(
        1,
        "dvdcli: mounting volume db: plugin fake: nothing is mounted at $ROOT/volumes/db, where the volume was mounted before; \
         restart the plugin, or remove $ROOT/run/dvdcli/[..].seen if the volume is a plain directory now\n",
    );
    assert_eq!((plugin.bodies("Mount").len(), plugin.mounts("db")), (6, 0));
    for mounts in [7, 8] {
        // The kernel would give it the number of the one that has gone.
        env.mount_tmpfs(&env.dir(&format!("other{mounts}")));
        env.mount_tmpfs(&path);
        env.mount_db();
        env.mount_db();
        assert_eq!(
            (plugin.bodies("Mount").len(), plugin.mounts("db")),
            (mounts, 1)
        );
        // Another one at the same place is not the one that was there.
        nix::mount::umount(&path).unwrap();
    }
}

#[test]
fn the_mount_table_has_the_last_word_on_what_is_unmounted() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = env.dir("volumes/db");
    env.mount_tmpfs(&path);
    plugin.on("Path", json(json!({ "Mountpoint": path })));
    plugin.on("Unmount", refuses("volume is not mounted"));
    env.dvdcli("unmount -d fake -n db --force").fails(
        4,
        "dvdcli: unmounting volume db: plugin fake: VolumeDriver.Unmount: volume is not mounted, but $ROOT/volumes/db is still mounted; \
         where no other caller holds it, run umount $ROOT/volumes/db\n",
    );
    // What was mounted before our mount is not ours, and stays.
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    nix::mount::umount(&path).unwrap();
    env.dvdcli("unmount -d fake -n db --force")
        .warns("dvdcli: warning: unmounting volume db: plugin fake: nothing is mounted at $ROOT/volumes/db; nothing was left to do\n")
        .succeeds();
}

#[test]
fn a_mounted_volume_is_not_removed_whoever_mounted_it() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = env.dir("volumes/db");
    env.mount_tmpfs(&path);
    plugin.on(
        "Get",
        json(json!({ "Volume": { "Name": "db", "Mountpoint": path } })),
    );
    env.dvdcli("remove -d fake -n db").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db; unmount it first\n",
    );
    assert_eq!(plugin.bodies("Remove").len(), 0);
}

#[test]
fn holders_are_per_driver_and_volume() {
    let env = Env::new();
    let one = FakePlugin::start(&env, "one")
        .with_volume("a")
        .with_volume("b");
    let other = FakePlugin::start(&env, "other").with_volume("a");
    for (driver, volume) in [("one", "a"), ("one", "b"), ("other", "a")] {
        env.dvdcli(&format!("mount -d {driver} -n {volume}"))
            .prints(&format!("$ROOT/volumes/{volume}\n"))
            .succeeds();
    }
    env.dvdcli("unmount -d one -n a").succeeds();
    assert_eq!(
        (one.mounts("a"), one.mounts("b"), other.mounts("a")),
        (0, 1, 1)
    );
}

#[test]
fn what_is_remembered_dies_with_the_boot() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("mount -d fake -n db --id a")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let mut changed = 0;
    for path in fs::entries(env.path("run/dvdcli")).unwrap() {
        let text = fs::read_to_string(&path).unwrap();
        changed += usize::from(text.contains(boot.trim()));
        fs::write(
            &path,
            text.replace(boot.trim(), "00000000-0000-4000-8000-000000000000"),
        )
        .unwrap();
    }
    assert_eq!(changed, 2);
    env.dvdcli("unmount -d fake -n db --id b")
        .warns("dvdcli: warning: unmounting volume db: plugin fake: nothing is mounted at $ROOT/volumes/db; nothing was left to do\n")
        .succeeds();
    assert_eq!(plugin.bodies("Unmount").len(), 0);
}

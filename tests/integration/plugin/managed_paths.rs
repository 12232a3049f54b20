//! Paths of managed plugins, re-based to the host's, and who holds what they have mounted.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::json;
use crate::harness::managed::{ID, OTHER_ID, plugin};

/// `PropagatedMount`, the path that the plugin says, and that on the host, below the plugin's directory.
const PATHS: &[(&str, &str, &str)] = &[
    ("/mnt/volumes", "/mnt/volumes/db", "propagated-mount/db"),
    ("/mnt/volumes", "/mnt/volumes/a/db", "propagated-mount/a/db"),
    ("/mnt/volumes", "/mnt/volumes", "propagated-mount"),
    ("/mnt/volumes/", "/mnt/volumes/db/", "propagated-mount/db"),
    ("/mnt/volumes", "/mnt/volumes2/db", "rootfs/mnt/volumes2/db"),
    ("/mnt/volumes", "/data/db", "rootfs/data/db"),
    ("", "/data/db", "rootfs/data/db"),
    ("", "/", "rootfs"),
    ("/mnt", "/mnt/../../../data/db", "rootfs/data/db"),
];

#[test]
fn paths_are_rebased_to_the_host() {
    for (propagated, said, on_host) in PATHS {
        let env = Env::new();
        let plugin = plugin(&env, ID, "fake:latest", propagated);
        let mountpoint = json!({ "Mountpoint": said });
        plugin
            .on("Mount", json(mountpoint.clone()))
            .on("Path", json(mountpoint));
        plugin.on(
            "Get",
            json(json!({ "Volume": { "Name": "db", "Mountpoint": said } })),
        );
        let directory = format!("var/lib/docker/plugins/{ID}/{on_host}");
        env.dir(&directory);
        env.dvdcli("mount -d fake -n db")
            .prints(&format!("$ROOT/{directory}\n"))
            .succeeds();
        env.dvdcli("path -d fake -n db")
            .prints(&format!("$ROOT/{directory}\n"))
            .succeeds();
        let inspected = env.json("inspect -d fake -n db");
        assert_eq!(inspected[0]["Mountpoint"], format!("$ROOT/{directory}"));
    }
}

#[test]
fn a_rebased_path_has_to_exist() {
    let env = Env::new();
    let plugin = plugin(&env, ID, "fake:latest", "/mnt/volumes").says("/mnt/volumes");
    // It is there inside of the plugin, and even on the host.
    env.dvdcli("mount -d fake -n db").fails(
        1,
        &format!("dvdcli: mounting volume db: plugin fake:latest: mount point $ROOT/var/lib/docker/plugins/{ID}/propagated-mount/db: no such file or directory\n"),
    );
    assert_eq!(
        (plugin.mounts("db"), plugin.bodies("Unmount").len()),
        (0, 1)
    );
}

#[test]
fn its_volumes_are_held_by_whatever_name_it_is_called() {
    let env = Env::new();
    let plugin = plugin(&env, ID, "rexray/ebs:latest", "");
    env.write(
        "etc/dvdcli/config.yml",
        "dvdcli:\n  aliases:\n    ebs: rexray/ebs\n",
    );
    let path = format!("var/lib/docker/plugins/{ID}/rootfs/db");
    env.dir(&path);
    for method in ["Mount", "Path"] {
        plugin.on(method, json(json!({ "Mountpoint": "/db" })));
    }
    for name in ["ebs", "rexray/ebs", "rexray/ebs:latest", ID, "01"] {
        env.dvdcli(&format!("mount -d {name} -n db"))
            .prints(&format!("$ROOT/{path}\n"))
            .succeeds();
    }
    assert_eq!(plugin.bodies("Mount").len(), 1);
    plugin.on("Unmount", json(json!({})));
    env.dvdcli("unmount -d 012 -n db").succeeds();
    assert_eq!(plugin.bodies("Unmount"), plugin.bodies("Mount"));
}

#[test]
fn an_id_is_resolved_anew_each_time() {
    let env = Env::new();
    let before = plugin(&env, ID, "fake:latest", "/data").says("/data");
    env.dir(&format!("var/lib/docker/plugins/{ID}/propagated-mount/db"));
    env.dvdcli("mount -d fake -n db")
        .prints(&format!(
            "$ROOT/var/lib/docker/plugins/{ID}/propagated-mount/db\n"
        ))
        .succeeds();
    drop(before);
    fs::remove_dir_all(env.path(&format!("var/lib/docker/plugins/{ID}"))).unwrap();
    let after = plugin(&env, OTHER_ID, "fake:latest", "/data").says("/data");
    let directory = format!("var/lib/docker/plugins/{OTHER_ID}/propagated-mount/db");
    env.dir(&directory);
    env.dvdcli("mount -d fake -n db")
        .prints(&format!("$ROOT/{directory}\n"))
        .warns(&format!("dvdcli: warning: volume db is mounted anew: mount point $ROOT/var/lib/docker/plugins/{ID}/propagated-mount/db: no such file or directory\n"))
        .succeeds();
    assert_eq!(after.mounts("db"), 1);
}

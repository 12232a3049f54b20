//! Paths of managed plugins, re-based to the host's, and who holds what they have mounted.

use std::os::unix::fs::symlink;

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

/// A link in the plugin's directory, where it leads to, what the plugin says, and that on the host.
const LINKS: &[(&str, &str, &str, &str)] = &[
    (
        "propagated-mount/db",
        "real",
        "/mnt/volumes/db",
        "propagated-mount/real",
    ),
    ("rootfs/var/run", "/run", "/var/run/db", "rootfs/run/db"),
    (
        "rootfs/data",
        "/mnt/volumes",
        "/data/db",
        "propagated-mount/db",
    ),
    (
        "propagated-mount/db",
        "/srv/db",
        "/mnt/volumes/db",
        "rootfs/srv/db",
    ),
];

#[test]
fn links_are_followed_as_the_plugin_sees_them() {
    for (link, target, said, on_host) in LINKS {
        let env = Env::new();
        let plugin = plugin(&env, ID, "fake:latest", "/mnt/volumes");
        let directory = format!("var/lib/docker/plugins/{ID}");
        let link = env.path(&format!("{directory}/{link}"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
        env.dir(&format!("{directory}/{on_host}"));
        for method in ["Mount", "Path"] {
            plugin.on(method, json(json!({ "Mountpoint": said })));
        }
        for verb in ["mount", "path"] {
            env.dvdcli(&format!("{verb} -d fake -n db"))
                .prints(&format!("$ROOT/{directory}/{on_host}\n"))
                .succeeds();
        }
    }
}

#[test]
fn no_link_leads_out_of_the_plugin() {
    let env = Env::new();
    let plugin = plugin(&env, ID, "fake:latest", "/mnt/volumes");
    let directory = format!("var/lib/docker/plugins/{ID}");
    let theirs = env.dir("outside/db");
    plugin
        .on("Mount", json(json!({ "Mountpoint": "/mnt/volumes/db" })))
        .on("Path", json(json!({ "Mountpoint": "/mnt/volumes/db" })))
        .on("Unmount", json(json!({})));
    let link = env.dir(&format!("{directory}/propagated-mount")).join("db");
    let up = "../".repeat(20) + theirs.strip_prefix("/").unwrap().to_str().unwrap();
    let missing = format!("{directory}/rootfs$ROOT/outside/db: no such file or directory");
    let over = "plugin fake:latest: mount point /mnt/volumes/db of the plugin: too many levels of symbolic links";
    for (target, why) in [
        (
            theirs.to_str().unwrap(),
            format!("plugin fake:latest: mount point $ROOT/{missing}"),
        ),
        (
            &up,
            format!("plugin fake:latest: mount point $ROOT/{missing}"),
        ),
        ("db", over.to_owned()),
    ] {
        symlink(target, &link).unwrap();
        env.dvdcli("mount -d fake -n db")
            .fails(1, &format!("dvdcli: mounting volume db: {why}\n"));
        env.dvdcli("path -d fake -n db").succeeds();
        assert_eq!(
            (plugin.bodies("Mount").len(), plugin.bodies("Unmount").len()),
            (1, 1)
        );
        assert_eq!(env.records(), [""; 0]);
        plugin.take_calls();
        fs::remove_file(&link).unwrap();
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

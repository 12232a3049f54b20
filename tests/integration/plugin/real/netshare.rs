//! ContainX netshare, which answers `null` for what it does not have, and mounts what it does not have.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::mounts::unmount;
use crate::harness::real::netshare::Netshare;
use crate::plugin::real::{LEFT, Scene, place};

fn scene() -> Option<Scene> {
    Scene::with_db("nfs", "share", Netshare::new)
}

#[test]
fn a_volume_that_it_does_not_have_is_absent() {
    let Some(scene) = Scene::new("nfs", "share", Netshare::new) else {
        return;
    };
    for (verb, doing) in [
        ("get", "looking up"),
        ("inspect", "inspecting"),
        ("remove", "removing"),
        ("path", "asking for the path of"),
        ("mount --explicitcreate", "mounting"),
    ] {
        scene.fails(
            verb,
            3,
            &format!("dvdcli: {doing} volume db: plugin nfs: no such volume\n"),
        );
    }
    scene.fails("exists", 3, "");
    scene.succeeds("remove --force");
    assert_eq!(scene.acts(), [""; 0]);
    scene.env.assert_nothing_is_left();
}

#[test]
fn a_volume_lives_from_create_to_remove() {
    let Some(scene) = Scene::new("nfs", "share", Netshare::new) else {
        return;
    };
    scene.succeeds(&format!("create {}", scene.options()));
    scene.prints("get", "db\n");
    let place = scene.mounts("--explicitcreate");
    let shown = scene.env.with_root(place.to_str().unwrap());
    scene.prints("path", &format!("{shown}\n"));
    assert_eq!(scene.acts(), ["Create", "Mount"]);
    scene.succeeds("unmount");
    scene.unmount_finds_nothing();
    assert_eq!(scene.acts(), ["Unmount"]);
    // The directory is gone with the mount.
    scene.succeeds("path");
    scene.succeeds("remove");
    assert_eq!(scene.acts(), ["Remove"]);
    scene.mounts(&scene.options());
    scene.succeeds("unmount");
    scene.succeeds("remove");
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_docker_has_mounted_is_dockers() {
    let Some(scene) = scene() else { return };
    scene.unmount_finds_nothing();
    let place = place(&scene.docker("Mount"));
    scene.warns("unmount", LEFT);
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/mnt/netshare/nfs/db; unmount it first\n");
    assert_eq!(scene.acts(), [""; 0]);
    scene.mounts("");
    scene.succeeds("unmount");
    scene.leads_to_its_data(&place);
    scene.docker("Unmount");
    scene.unmount_finds_nothing();
}

#[test]
fn a_mount_that_was_taken_away_by_hand_is_released_and_mounted_anew() {
    for verb in ["mount", "unmount"] {
        let Some(scene) = scene() else { return };
        unmount(&scene.mounts(""));
        if verb == "unmount" {
            let found = scene.env.dvdcli(&scene.line("unmount")).output();
            assert_eq!(found.code, 0, "{found:?}");
        }
        scene.mounts("");
        scene.succeeds("unmount");
        scene.env.assert_nothing_is_left();
    }
}

/// It takes a volume for mounted while one is whose name begins like it.
#[test]
fn a_directory_with_nothing_mounted_is_not_handed_out() {
    let Some(scene) = scene() else { return };
    let place = scene.mounts("");
    scene.succeeds("unmount");
    scene.plugin.by_docker(
        "Create",
        serde_json::json!({ "Name": "db2", "Opts": { "share": scene.env.path("backend/other") } }),
    );
    scene.plugin.by_docker(
        "Mount",
        serde_json::json!({ "Name": "db2", "ID": "docker" }),
    );
    fs::create_dir_all(&place).unwrap();
    let shown = scene.env.with_root(place.to_str().unwrap());
    scene.fails(
        "mount",
        1,
        &format!("dvdcli: mounting volume db: plugin nfs: [..]{shown}[..]\n"),
    );
    assert_eq!(fs::entries(&place).unwrap().len(), 0);
    scene.plugin.by_docker(
        "Unmount",
        serde_json::json!({ "Name": "db2", "ID": "docker" }),
    );
    scene.mounts("");
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
}

#[test]
fn a_plugin_that_was_started_anew_has_no_volumes_but_unmounts() {
    let Some(scene) = scene() else { return };
    scene.mounts("");
    scene.plugin.restart();
    scene.fails("exists", 3, "");
    scene.fails(
        "remove",
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/mnt/netshare/nfs/db and held by a caller without an ID; unmount it first\n",
    );
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
}

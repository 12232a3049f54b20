//! moosefs, whose words are those of the language that it is written in.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::http;
use crate::harness::real::moosefs::Moosefs;
use crate::plugin::real::{LEFT, Scene, place};

fn scene() -> Option<Scene> {
    Scene::with_db("moosefs", "StorageClass", Moosefs::new)
}

#[test]
fn a_volume_lives_from_create_to_remove() {
    let Some(scene) = scene() else { return };
    scene.succeeds("remove");
    scene.fails(
        "get",
        3,
        "dvdcli: looking up volume db: plugin moosefs: no such volume\n",
    );
    scene.fails(
        "path",
        3,
        "dvdcli: asking for the path of volume db: plugin moosefs: no such volume\n",
    );
    scene.fails(
        "mount --explicitcreate",
        3,
        "dvdcli: mounting volume db: plugin moosefs: no such volume\n",
    );
    scene.unmount_finds_nothing();
    scene.mounts("");
    assert_eq!(scene.acts(), ["Remove", "Create", "Mount"]);
    scene.succeeds("unmount");
    scene.unmount_finds_nothing();
    assert_eq!(scene.acts(), ["Unmount"]);
    scene.succeeds("path");
    scene.succeeds("remove");
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_docker_has_mounted_is_dockers() {
    let Some(scene) = scene() else { return };
    let place = place(&scene.docker("Mount"));
    scene.warns("unmount", LEFT);
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/mnt/docker-volumes/db; unmount it first\n");
    assert_eq!(scene.acts(), [""; 0]);
    scene.mounts("");
    scene.succeeds("unmount");
    scene.leads_to_its_data(&place);
    scene.docker("Unmount");
    scene.env.assert_nothing_is_left();
}

/// It unmounts everything when it ends.
#[test]
fn a_plugin_that_was_started_anew_mounts_anew() {
    let Some(scene) = scene() else { return };
    for verb in ["unmount", "mount"] {
        scene.mounts("");
        scene.plugin.restart();
        if verb == "unmount" {
            let found = scene.env.dvdcli(&scene.line("unmount")).output();
            assert_eq!(found.code, 0, "{found:?}");
            scene.env.assert_nothing_is_left();
        }
    }
    scene.mounts("");
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
}

/// openstorage, which Portworx is made of: where it mounts is one directory, and what it tells another, which is not there.
#[test]
fn a_path_that_is_not_there_is_not_told_of_what_we_hold() {
    let Some(scene) = scene() else { return };
    let ours = scene.mounts("");
    let shown = format!("{}\n", scene.env.with_root(ours.to_str().unwrap()));
    let elsewhere = json!({ "Mountpoint": ours.join(".data"), "Err": "" });
    scene.plugin.on("Path", http::json(elsewhere));
    scene.prints("path", &shown);
    scene.prints("mount --id a", &shown);
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/mnt/docker-volumes/db and held by a caller without an ID, a; unmount it first\n");
    scene.succeeds("unmount --force");
    scene.env.assert_nothing_is_left();
}

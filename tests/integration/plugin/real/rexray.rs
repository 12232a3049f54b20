//! REX-Ray, which counts by name, and says where a volume is mounted when it is asked for nothing but that.

use pretty_assertions::assert_eq;

use crate::harness::real::rexray::Rexray;
use crate::plugin::real::{LEFT, Scene, by_docker, place};

fn scene() -> Option<Scene> {
    Scene::with_db("rexray", "size", Rexray::new)
}

const PATH: &str = "$ROOT/rexray/volumes/db/data\n";

#[test]
fn a_path_is_told_of_what_is_mounted() {
    let Some(scene) = Scene::new("rexray", "size", Rexray::new) else {
        return;
    };
    scene.fails(
        "path",
        3,
        "dvdcli: asking for the path of volume db: plugin rexray: no such volume\n",
    );
    scene.succeeds("create");
    scene.succeeds("path");
    scene.mounts("");
    scene.prints("path", PATH);
    scene.plugin.restart();
    scene.prints("path", PATH);
    scene.succeeds("unmount");
    // "resource not found": it is detached.
    scene.succeeds("path");
    scene.env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_lives_from_create_to_remove() {
    let Some(scene) = Scene::new("rexray", "size", Rexray::new) else {
        return;
    };
    scene.fails("exists", 3, "");
    scene.fails(
        "mount --explicitcreate",
        3,
        "dvdcli: mounting volume db: plugin rexray: no such volume\n",
    );
    assert_eq!(scene.acts(), [""; 0]);
    scene.mounts("--opt size=1");
    scene.mounts("--id a");
    assert_eq!(scene.acts(), ["Create", "Mount"]);
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/rexray/volumes/db/data and held by a caller without an ID, a; unmount it first\n");
    scene.warns(
        "unmount --id a",
        "dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n",
    );
    scene.succeeds("unmount");
    scene.unmount_finds_nothing();
    scene.succeeds("remove");
    scene.fails("exists", 3, "");
    assert_eq!(scene.acts(), ["Unmount", "Remove"]);
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_docker_has_mounted_is_dockers() {
    let Some(scene) = scene() else { return };
    scene.unmount_finds_nothing();
    let place = place(&scene.docker("Mount"));
    for _ in 0..2 {
        scene.warns("unmount", LEFT);
    }
    scene.fails(
        "remove",
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/rexray/volumes/db; unmount it first\n",
    );
    assert_eq!(scene.acts(), [""; 0]);
    scene.mounts("");
    scene.succeeds("unmount");
    scene.leads_to_its_data(&place);
    scene.docker("Unmount");
    scene.unmount_finds_nothing();
    scene.docker("Mount");
    scene.succeeds("unmount --force");
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_docker_has_mounted_is_not_removed_after_we_have_held_it_as_well() {
    let Some(scene) = scene() else { return };
    scene.mounts("");
    scene.succeeds("unmount");
    scene.docker("Mount");
    scene.mounts("");
    scene.succeeds("unmount");
    scene.fails(
        "remove",
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/rexray/volumes/db; unmount it first\n",
    );
    scene.docker("Unmount");
    scene.succeeds("remove");
}

/// `rexray volume unmount`, and then our mount.
#[test]
fn a_mount_that_was_taken_away_is_mounted_anew() {
    let Some(scene) = scene() else { return };
    for _ in 0..2 {
        scene.mounts("");
        scene.docker("Unmount");
        scene.env.assert_nothing_is_mounted();
    }
    scene.mounts("");
    scene.docker("Unmount");
    let found = scene.env.dvdcli(&scene.line("unmount")).output();
    assert_eq!(found.code, 0, "{found:?}");
    scene.env.assert_nothing_is_left();
}

/// Its counts are lost: what is unmounted is unmounted.
#[test]
fn a_plugin_that_was_started_anew_unmounts_for_us() {
    let Some(scene) = scene() else { return };
    scene.mounts("");
    scene.plugin.restart();
    scene.mounts("--id a");
    scene.warns(
        "unmount",
        "dvdcli: warning: volume db stays mounted, it is held by a\n",
    );
    scene.succeeds("unmount --id a");
    scene.env.assert_nothing_is_left();
}

/// It may be the device, or the attachment, that is absent.
#[test]
fn a_mount_that_is_refused_in_words_of_absence_is_no_absence() {
    let Some(scene) = scene() else { return };
    for words in [
        "docker-legacy: Mount: db: failed: resource not found",
        "resource not found",
    ] {
        scene
            .plugin
            .on("Mount", crate::harness::http::refuses(words));
        scene.fails(
            "mount",
            1,
            &format!("dvdcli: mounting volume db: plugin rexray: VolumeDriver.Mount: {words}\n"),
        );
    }
}

const VFS: &str = "$ROOT/rexray/volumes/db/data\n";

fn vfs() -> Option<Scene> {
    Scene::with_db("rexray", "size", Rexray::vfs)
}

#[test]
fn a_plain_directory_is_held_and_released_without_a_word() {
    let Some(scene) = vfs() else { return };
    scene.succeeds("path");
    for id in ["", "--id a"] {
        scene.prints(&format!("mount {id}"), VFS);
        scene.prints("path", VFS);
    }
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/rexray/volumes/db/data and held by a caller without an ID, a; unmount it first\n");
    scene.warns(
        "unmount",
        "dvdcli: warning: volume db stays mounted, it is held by a\n",
    );
    scene.succeeds("unmount --id a");
    scene.succeeds("path");
    assert!(
        scene
            .plugin
            .refuses_docker("Unmount", by_docker())
            .ends_with("resource not found")
    );
    scene.succeeds("remove");
    scene.env.assert_nothing_is_left();
}

/// Nothing but the plugin knows that it is detached.
#[test]
fn a_plain_directory_that_was_taken_away_is_asked_for_again() {
    let Some(scene) = vfs() else { return };
    scene.prints("mount", VFS);
    scene.docker("Unmount");
    scene.plugin.take_calls();
    scene.prints("mount --id a", VFS);
    assert!(scene.acts().contains(&"Mount".to_owned()));
    scene.warns(
        "unmount",
        "dvdcli: warning: volume db stays mounted, it is held by a\n",
    );
    scene.succeeds("unmount --id a");
    assert!(
        scene
            .plugin
            .refuses_docker("Unmount", by_docker())
            .ends_with("resource not found")
    );
}

/// `docker volume rm` gets through, whoever holds it.
#[test]
fn a_plain_directory_whose_volume_is_gone_is_released_and_made_anew() {
    let Some(scene) = vfs() else { return };
    for verb in ["unmount", "mount"] {
        scene.prints("mount", VFS);
        scene.docker("Unmount");
        scene.docker("Remove");
        scene.plugin.take_calls();
        if verb == "unmount" {
            let found = scene.env.dvdcli(&scene.line("unmount")).output();
            assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
        }
    }
    scene.prints("mount", VFS);
    let mut calls = scene.acts();
    calls.retain(|call| call != "Unmount");
    assert_eq!(calls, ["Create", "Mount"]);
    scene.succeeds("unmount");
}

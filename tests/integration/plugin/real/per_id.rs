//! trajano's plugins, which mount a volume once for each ID, and tell of the last.

use pretty_assertions::assert_eq;

use crate::harness::mounts::{mounted_at, unmount};
use crate::harness::real::per_id::PerId;
use crate::plugin::real::{LEFT, Scene, place};

fn scene() -> Option<Scene> {
    Scene::with_db("nfs", "device", PerId::new)
}

#[test]
fn an_unmount_too_many_does_no_harm() {
    let Some(scene) = scene() else { return };
    scene.unmount_finds_nothing();
    scene.mounts("");
    scene.succeeds("unmount");
    for _ in 0..2 {
        scene.unmount_finds_nothing();
    }
    assert_eq!(scene.acts(), ["Mount", "Unmount"]);
    scene.succeeds("path");
    scene.succeeds("remove");
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_docker_has_mounted_is_dockers() {
    let Some(scene) = scene() else { return };
    let dockers = place(&scene.docker("Mount"));
    scene.warns("unmount", LEFT);
    scene.fails(
        "remove",
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/docker-volumes/docker; unmount it first\n",
    );
    let ours = scene.mounts("");
    assert_ne!(ours, dockers);
    scene.succeeds("unmount");
    assert_eq!(scene.acts(), ["Mount", "Unmount"]);
    assert!(mounted_at(&dockers).is_some());
    scene.docker("Unmount");
    scene.env.assert_nothing_is_left();
}

/// The plugin tells where Docker has it, and nothing when Docker has given it up.
#[test]
fn the_path_is_ours_while_we_hold_it() {
    let Some(scene) = scene() else { return };
    let ours = scene.mounts("");
    let shown = format!("{}\n", scene.env.with_root(ours.to_str().unwrap()));
    scene.docker("Mount");
    scene.prints("path", &shown);
    assert_eq!(scene.mounts("--id a"), ours);
    scene.docker("Unmount");
    scene.prints("path", &shown);
    scene.warns(
        "unmount",
        "dvdcli: warning: volume db stays mounted, it is held by a\n",
    );
    assert!(mounted_at(&ours).is_some());
    scene.succeeds("unmount --id a");
    scene.env.assert_nothing_is_left();
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

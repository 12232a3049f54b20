//! vieux/sshfs and its copies, which count an unmount of what is not mounted as less than none.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::close;
use crate::harness::mounts::unmount;
use crate::harness::real::sshfs::{Copy, Sshfs};
use crate::plugin::real::{LEFT, SHARED, Scene, by_docker, place};

const COPIES: [Copy; 2] = [Copy::Sshfs, Copy::Bindfs];

fn scene(copy: Copy) -> Option<Scene> {
    Scene::with_db(copy.name(), copy.option(), |env: &Env| {
        Sshfs::new(env, copy)
    })
}

fn sshfs() -> Option<Scene> {
    scene(Copy::Sshfs)
}

#[test]
fn a_volume_lives_from_create_to_remove() {
    for copy in COPIES {
        let plays = |env: &Env| Sshfs::new(env, copy);
        let Some(scene) = Scene::new(copy.name(), copy.option(), plays) else {
            return;
        };
        scene.fails(
            "get",
            3,
            &format!(
                "dvdcli: looking up volume db: plugin {}: no such volume\n",
                copy.name()
            ),
        );
        scene.succeeds("remove --force");
        let place = scene.mounts(&scene.options());
        assert_eq!(scene.acts(), ["Create", "Mount"]);
        assert_eq!(scene.mounts("--id a"), place);
        scene.prints(
            "path",
            &format!("{}\n", scene.env.with_root(place.to_str().unwrap())),
        );
        scene.warns(
            "unmount --id a",
            "dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n",
        );
        assert_eq!(scene.acts(), [""; 0]);
        scene.succeeds("unmount");
        scene.env.assert_nothing_is_left();
        scene.succeeds("remove");
        assert_eq!(scene.acts(), ["Unmount", "Remove"]);
        scene.env.assert_nothing_is_left();
    }
}

#[test]
fn an_unmount_of_what_is_not_mounted_does_no_harm() {
    for copy in COPIES {
        let Some(scene) = scene(copy) else { return };
        for _ in 0..2 {
            scene.unmount_finds_nothing();
        }
        assert_eq!(scene.acts(), [""; 0]);
        scene.mounts("");
        scene.succeeds("unmount");
        for _ in 0..2 {
            scene.unmount_finds_nothing();
        }
        assert_eq!(scene.acts(), ["Mount", "Unmount"]);
        scene.mounts("");
        scene.succeeds("unmount");
        scene.env.assert_nothing_is_left();
    }
}

#[test]
fn what_docker_has_mounted_is_dockers() {
    let Some(scene) = sshfs() else { return };
    let place = place(&scene.docker("Mount"));
    let shown = scene.env.with_root(place.to_str().unwrap());
    for _ in 0..2 {
        scene.warns("unmount", LEFT);
    }
    scene.prints("path", &format!("{shown}\n"));
    scene.fails(
        "remove",
        4,
        &format!("dvdcli: removing volume db: it is mounted at {shown}; unmount it first\n"),
    );
    assert_eq!(scene.acts(), [""; 0]);
    scene.mounts("");
    // What was mounted before our mount is not ours: nothing is said of it when we let go.
    scene.succeeds("unmount");
    scene.warns("unmount", LEFT);
    assert_eq!(scene.acts(), ["Mount", "Unmount"]);
    scene.leads_to_its_data(&place);
    scene.docker("Unmount");
    scene.unmount_finds_nothing();
}

#[test]
fn docker_comes_and_goes_while_we_hold_it() {
    let Some(scene) = sshfs() else { return };
    let place = scene.mounts("");
    scene.docker("Mount");
    scene.docker("Unmount");
    scene.leads_to_its_data(&place);
    scene.docker("Mount");
    scene.warns("unmount", SHARED);
    scene.leads_to_its_data(&place);
    scene.docker("Unmount");
    scene.unmount_finds_nothing();
}

#[test]
fn force_unmounts_what_nobody_here_holds() {
    let Some(scene) = sshfs() else { return };
    scene.docker("Mount");
    scene.succeeds("unmount --force");
    assert_eq!(scene.acts(), ["Unmount"]);
    scene.env.assert_nothing_is_left();
}

/// As 0.2.1 left it, and whoever else unmounts once too often. The first mount only makes up for that.
#[test]
fn a_count_of_less_than_none_is_made_up_for() {
    for copy in COPIES {
        let Some(scene) = scene(copy) else { return };
        scene.mounts("");
        scene.succeeds("unmount");
        for _ in 0..2 {
            let refused = scene.plugin.refuses_docker("Unmount", by_docker());
            assert_eq!(refused, "exit status 32");
            scene.mounts("");
            scene.succeeds("unmount");
        }
        scene.env.assert_nothing_is_left();
    }
}

/// The mount has gone, but Docker is counted for it.
#[test]
fn a_directory_with_nothing_mounted_is_not_handed_out() {
    let Some(scene) = sshfs() else { return };
    let place = scene.mounts("");
    scene.docker("Mount");
    unmount(&place);
    let shown = scene.env.with_root(place.to_str().unwrap());
    let refused = format!(
        "dvdcli: mounting volume db: plugin sshfs: nothing is mounted at {shown}, where the volume was mounted before; [..]\n"
    );
    for _ in 0..3 {
        scene.fails("mount", 1, &refused);
    }
    assert_eq!(fs::entries(&place).unwrap().len(), 0);
    // It, too, finds nothing to unmount.
    scene.plugin.refuses_docker("Unmount", by_docker());
    scene.mounts("");
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
}

#[test]
fn a_mount_that_was_taken_away_by_hand_is_released_and_mounted_anew() {
    for verb in ["mount", "unmount"] {
        let Some(scene) = sshfs() else { return };
        let place = scene.mounts("");
        unmount(&place);
        if verb == "unmount" {
            let found = scene.env.dvdcli(&scene.line("unmount")).output();
            assert_eq!(found.code, 0, "{found:?}");
            scene.env.assert_nothing_is_left();
        }
        scene.mounts("");
        scene.succeeds("unmount");
        scene.env.assert_nothing_is_left();
    }
}

/// As openstorage does, whose handler fails for what is not mounted.
#[test]
fn a_mount_that_was_taken_away_is_released_though_the_plugin_does_not_answer() {
    let Some(scene) = sshfs() else { return };
    let place = scene.mounts("");
    unmount(&place);
    scene.plugin.on("Unmount", close());
    let found = scene.env.dvdcli(&scene.line("unmount")).output();
    assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
    scene.env.assert_nothing_is_mounted();
}

#[test]
fn a_plugin_that_was_started_anew_unmounts_for_us() {
    let Some(scene) = sshfs() else { return };
    let place = scene.mounts("");
    scene.plugin.restart();
    scene.plugin.take_calls();
    assert_eq!(scene.mounts("--id a"), place);
    assert_eq!(scene.acts(), [""; 0]);
    scene.warns(
        "unmount --id a",
        "dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n",
    );
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
    scene.mounts("");
    scene.succeeds("unmount");
    scene.env.assert_nothing_is_left();
}

/// The plugin deletes whatever is in the directory, and that is the data on the other host.
#[test]
fn a_volume_that_is_mounted_is_not_removed_though_its_plugin_has_forgotten_it() {
    let Some(scene) = sshfs() else { return };
    let place = scene.mounts("");
    fs::write(place.join("data"), "data").unwrap();
    scene.plugin.restart();
    fs::remove_dir_all(scene.env.path("run/dvdcli")).unwrap();
    let shown = scene.env.with_root(place.to_str().unwrap());
    for verb in ["remove", "remove --force"] {
        scene.fails(
            verb,
            4,
            &format!("dvdcli: removing volume db: it is mounted at {shown}; unmount it first\n"),
        );
    }
    assert_eq!(
        fs::read_to_string(scene.env.path("backend/db/data")).unwrap(),
        "data"
    );
    scene.succeeds("unmount --force");
    scene.env.assert_nothing_is_left();
    scene.succeeds("remove");
    assert_eq!(
        fs::read_to_string(scene.env.path("backend/db/data")).unwrap(),
        "data"
    );
}

#[test]
fn a_volume_that_was_never_mounted_has_no_path() {
    for copy in COPIES {
        let Some(scene) = scene(copy) else { return };
        scene.succeeds("path");
        scene.env.assert_nothing_is_left();
    }
}

#[test]
fn a_volume_whose_plugin_is_gone_is_unmounted_by_force() {
    let Some(Scene { env, plugin, .. }) = sshfs() else {
        return;
    };
    let mount = env.dvdcli("mount -d sshfs -n db").output();
    assert_eq!((mount.code, mount.stderr.as_str()), (0, ""));
    drop(plugin);
    let gone = "dvdcli: unmounting volume db: plugin sshfs: [..]\n";
    env.dvdcli("unmount -d sshfs -n db --wait 0").fails(1, gone);
    assert_eq!(env.mounts().len(), 1);
    let forced = env
        .dvdcli("unmount -d sshfs -n db --wait 0 --force")
        .output();
    assert_eq!((forced.code, forced.stdout.as_str()), (0, ""), "{forced:?}");
    env.assert_nothing_is_left();
}

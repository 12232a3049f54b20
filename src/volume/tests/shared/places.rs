//! Where the volume is: what the plugin says of it, and what a directory without a mount means.

use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::volume::request::Release;
use crate::volume::tests::fake_driver::{Getting, Mounting, Unmounting};
use crate::volume::tests::shared::{mount, mounted_by_another, remove, scene, unmount};
use crate::volume::tests::{NO_RECORD, Scene, strings};

#[test]
fn a_volume_that_is_mounted_where_the_plugin_says_is_not_removed() {
    let refused = "InUse: it is mounted at /mnt/db; unmount it first";
    let scene = scene();
    mounted_by_another(&scene);
    let seen = remove(&scene);
    assert_eq!(
        (seen.result.as_str(), seen.calls),
        (refused, strings(&["get", "path"]))
    );
    // A path that it refuses to name is none.
    for (tells_path, getting, result, calls) in [
        (None, Getting::CannotSay, "", &["get", "path", "remove"][..]),
        (
            Some(false),
            Getting::CannotSay,
            "",
            &["get", "path", "remove"],
        ),
        (
            Some(true),
            Getting::Absent,
            "Absent: driver fake: no such volume",
            &["get"],
        ),
        (
            Some(true),
            Getting::Fails(ErrorKind::Refused),
            "Refused: get: Refused",
            &["get"],
        ),
    ] {
        scene.plan().tells_path = tells_path;
        scene.plan().getting = getting;
        let seen = remove(&scene);
        assert_eq!(
            (seen.result.as_str(), seen.calls),
            (result, strings(calls)),
            "{tells_path:?} {getting:?}"
        );
    }
}

/// A plugin that has counted Unmounts too many answers as many Mounts without mounting.
#[test]
fn a_directory_is_a_mistake_where_the_volume_was_mounted_before() {
    let scene = scene();
    assert_eq!(mount(&scene).result, "/mnt/db");
    assert_eq!(unmount(&scene, Release::ONE).result, "");
    for too_many in [1, 4] {
        scene.plan().bare_mounts = too_many;
        let seen = mount(&scene);
        assert_eq!(seen.result, "/mnt/db");
        assert_eq!(seen.calls.len(), 1 + too_many + 1, "{:?}", seen.calls);
        assert_eq!(seen.mounts, strings(&["/mnt/db rw"]));
        assert_eq!(unmount(&scene, Release::ONE).result, "");
    }
    scene.plan().mounting = Mounting::HandsOut;
    let seen = mount(&scene);
    assert!(
        seen.result.starts_with("Other: driver fake: nothing is mounted at /plain/db, where the volume was mounted before; "),
        "{seen:?}"
    );
    let calls = [&["get"][..], &["mount"; 5], &["unmount"; 5]].concat();
    assert_eq!(seen.calls, strings(&calls));
    assert_eq!(seen.record, NO_RECORD);
    // Who removes the volume may make another one.
    scene.plan().tells_path = Some(false);
    assert_eq!(remove(&scene).result, "");
    assert_eq!(mount(&scene).result, "/plain/db");
}

/// Nobody knows whether the plugin has mounted it by now: nothing is forgotten.
#[test]
fn a_mount_that_is_asked_for_again_may_be_cut_off() {
    let scene = scene();
    assert_eq!(mount(&scene).result, "/mnt/db");
    assert_eq!(unmount(&scene, Release::ONE).result, "");
    scene.plan().bare_mounts = 1;
    scene.plan().mounting = Mounting::MountsAndIsLost;
    let seen = mount(&scene);
    assert_eq!(seen.result, "Unsure: mount: Unsure");
    assert_eq!(seen.record, "unsettled nowhere: nobody");
    assert!(!seen.calls.contains(&"unmount".to_owned()), "{seen:?}");
    scene.plan().tells_path = Some(true);
    assert_eq!(unmount(&scene, Release::ONE).mounts, strings(&[]));
}

/// Only the plugin knows whether the volume is still at a plain directory.
#[test]
fn a_plain_directory_is_asked_for_again() {
    let scene = scene();
    scene.plan().mounting = Mounting::HandsOut;
    let plain = scene.at("/plain/db");
    scene.plan().place = plain;
    for (tells_path, calls) in [
        (Some(true), &["get", "path", "mount"][..]),
        (Some(true), &["path"]),
        (None, &["path"]),
        (Some(false), &["path", "get", "path", "unmount", "mount"]),
    ] {
        scene.plan().tells_path = tells_path;
        assert_eq!(mount(&scene).calls, strings(calls), "{tells_path:?}");
    }
}

/// `Get` names no directory, but `Path` always does: a directory at which nothing is mounted says nothing about the volume.
#[test]
fn a_directory_that_path_always_names_is_not_where_the_volume_is() {
    let scene = scene();
    scene.plan().tells_path = Some(true);
    scene.plan().mounting = Mounting::Fails(ErrorKind::Unsure);
    assert_eq!(mount(&scene).result, "Unsure: mount: Unsure");
    scene.plan().mounting = Mounting::Mounts;
    let seen = mount(&scene);
    assert_eq!(
        (seen.result.as_str(), seen.mounts),
        ("/mnt/db", strings(&["/mnt/db rw"]))
    );
    let scene = self::scene();
    scene.plan().tells_path = Some(true);
    scene.plan().mounting = Mounting::HandsOut;
    assert_eq!(mount(&scene).result, "/plain/db");
    scene.plan().unmounting = Unmounting::KeepsForAnother;
    assert_eq!(unmount(&scene, Release::ONE).result, "");
    assert_eq!(remove(&scene).result, "");
}

/// `Path` names the same directory otherwise, by way of a link.
#[test]
fn another_name_of_a_plain_directory_is_the_same_directory() {
    let scene = scene();
    scene.plan().mounting = Mounting::HandsOut;
    assert_eq!(mount(&scene).result, "/plain/db");
    let link = scene.at("/link");
    symlink("plain", &link).expect("a link");
    scene.plan().place = link.join("db");
    scene.plan().tells_path = Some(true);
    assert_eq!(mount(&scene).calls, strings(&["path"]));
}

#[test]
fn the_id_is_kept_for_as_long_as_it_is_mounted() {
    let scene = scene();
    assert_eq!(mount(&scene).result, "/mnt/db");
    let text = std::fs::read_to_string(scene.file("json")).expect("a record");
    let other = text.replace(&Scene::mount_id(), "0123456789abcdef");
    assert_ne!(text, other);
    std::fs::write(scene.file("json"), other).expect("a record");
    scene.plan().ids.clear();
    unmount(&scene, Release::ONE);
    let ids: Vec<String> = scene.plan().ids.iter().cloned().collect();
    assert_eq!(ids, ["0123456789abcdef"]);
}

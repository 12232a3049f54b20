//! Drivers that others use as well, as plugins are: what is mounted may be another's, and what they say is not what is.

use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::base::failure::ErrorKind;
use crate::sys::tests::fake_host;
use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::request::Release;
use crate::volume::tests::fake_driver::{Getting, Mounting, Unmounting};
use crate::volume::tests::standings::{Mounted, Remembered, Standing};
use crate::volume::tests::{NO_RECORD, Scene, Seen, named, request, strings};

use Mounted::*;
use Remembered::*;

const FORCE: Release = Release::ALL;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.plan().is_shared = true;
    scene.plan().can_mount_read_only = false;
    scene
}

fn arrange(
    scene: &Scene,
    remembered: Remembered,
    mounted: Mounted,
    holders: &'static [&'static str],
) {
    let standing = Standing {
        name: "",
        remembered,
        mounted,
        holders,
    };
    standing.arrange(scene);
}

fn unmount(scene: &Scene, how: Release) -> Seen {
    scene.see(|| scene.unmount(named("me"), how).map(|()| String::new()))
}

fn mount(scene: &Scene) -> Seen {
    scene.see(|| {
        let outcome = scene.mount(request(named("me")))?;
        Ok(outcome.path.to_string_lossy().into_owned())
    })
}

fn remove(scene: &Scene) -> Seen {
    let volume = scene.volume();
    scene.see(|| {
        let mut locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default())?;
        locked.remove().map(|()| String::new())
    })
}

/// Mounted by another caller, before anything that we do.
fn mounted_by_another(scene: &Scene) {
    scene.plan().mount("another", "rw");
    scene.plan().tells_path = Some(true);
}

#[test]
fn who_holds_nothing_releases_nothing() {
    let left = "unmounting volume db: nobody holds it here, but /mnt/db is mounted, and left as it is; unmount --force has its driver unmount it";
    let told = "volume db: the driver has released it, but /mnt/db is still mounted; another caller may hold it";
    for (how, calls, warning) in [
        (Release::ONE, &["path"][..], left),
        (FORCE, &["path", "unmount", "path"], told),
    ] {
        let scene = scene();
        mounted_by_another(&scene);
        scene.plan().unmounting = Unmounting::KeepsForAnother;
        let expected = Seen {
            calls: strings(calls),
            record: NO_RECORD.into(),
            mounts: strings(&["/mnt/db rw"]),
            warnings: vec![warning.to_owned()],
            ..Seen::default()
        };
        assert_eq!(unmount(&scene, how), expected);
    }
}

/// Some plugins count below zero where nothing is mounted, and then hand out paths with nothing mounted there.
#[test]
fn nothing_is_unmounted_where_nothing_is_mounted() {
    let not_mounted =
        "unmounting volume db: driver fake: it is not mounted; nothing was left to do";
    let is_bare =
        "unmounting volume db: driver fake: nothing is mounted at /mnt/db; nothing was left to do";
    for (remembered, tells_path, warning) in [
        (Nothing, Some(false), not_mounted),
        (Unsettled, Some(false), not_mounted),
        (Nothing, Some(true), is_bare),
        (Unsettled, Some(true), is_bare),
    ] {
        for how in [Release::ONE, FORCE] {
            let scene = scene();
            arrange(&scene, remembered, Never, &[]);
            scene.plan().tells_path = tells_path;
            let seen = unmount(&scene, how);
            let case = format!("{remembered:?} {tells_path:?} {how:?}");
            assert_eq!(
                (seen.result.as_str(), &*seen.warnings),
                ("", &[warning.to_owned()][..]),
                "{case}"
            );
            assert!(!seen.calls.contains(&"unmount".to_owned()), "{case}");
            // A plugin may finish later what was cut off, unless the caller says that it does not matter.
            let record = match remembered {
                Unsettled if !how.all => "unsettled nowhere: nobody",
                _ => NO_RECORD,
            };
            assert_eq!(seen.record, record, "{case}");
        }
    }
}

#[test]
fn what_was_cut_off_is_ours() {
    for (mounted, tells_path) in [(Unknown, true), (Writable, false)] {
        let scene = scene();
        arrange(&scene, Unsettled, mounted, &[]);
        scene.plan().tells_path = Some(tells_path);
        let seen = unmount(&scene, Release::ONE);
        assert_eq!(
            (seen.result.as_str(), seen.record.as_str()),
            ("", NO_RECORD),
            "{mounted:?}"
        );
        assert_eq!(seen.mounts, strings(&[]), "{mounted:?}");
    }
}

/// A standing, the answer to Unmount, how it is released; and what comes of it.
type Row = (Mounted, Unmounting, Release, &'static str, &'static str);

#[test]
fn the_mount_table_has_the_last_word_on_an_unmount() {
    let gone = "unmounting volume db: unmount: Refused; nothing was left to do";
    let taken = "unmounting volume db: unmount: Refused; /mnt/db was still mounted, and is unmounted without its driver";
    let forgotten = "unmounting volume db: driver fake: it is not mounted; /mnt/db was still mounted, and is unmounted without its driver";
    let refused = Unmounting::Fails(ErrorKind::Refused);
    let in_use = Unmounting::Fails(ErrorKind::InUse);
    let lost = "unmounting volume db: unmount: Refused; forgotten";
    let rows: [Row; 9] = [
        (Vanished, refused, Release::ONE, "", gone),
        (
            Writable,
            refused,
            Release::ONE,
            "Refused: unmount: Refused; unmount --force unmounts it without its driver",
            "",
        ),
        (Writable, refused, FORCE, "", taken),
        (Writable, in_use, FORCE, "InUse: unmount: InUse", ""),
        (
            Writable,
            Unmounting::KnowsNothing,
            Release::ONE,
            "",
            forgotten,
        ),
        (Writable, Unmounting::Unmounts, Release::ONE, "", ""),
        (
            Directory,
            refused,
            Release::ONE,
            "Refused: unmount: Refused; unmount --force forgets it",
            "",
        ),
        (Directory, refused, FORCE, "", lost),
        (Elsewhere, in_use, FORCE, "InUse: unmount: InUse", ""),
    ];
    for (mounted, answer, how, result, warning) in rows {
        let scene = scene();
        arrange(&scene, Settled, mounted, &["me"]);
        scene.plan().unmounting = answer;
        let seen = unmount(&scene, how);
        let case = format!("{mounted:?} {answer:?} {how:?}");
        assert_eq!(
            (seen.result.as_str(), seen.warnings.concat().as_str()),
            (result, warning),
            "{case}"
        );
        let is_released = result.is_empty();
        assert_eq!(seen.record == NO_RECORD, is_released, "{case}");
        let is_mounted = !is_released && mounted == Writable;
        assert_eq!(seen.mounts.len(), usize::from(is_mounted), "{case}");
    }
}

/// Its plugin has been removed, and nobody can tell any more whether a mount came of the call that was cut off.
#[test]
fn force_forgets_what_its_driver_cannot_be_asked_about() {
    for (how, result, warning, record) in [
        (
            Release::ONE,
            "Other: path: Other",
            "",
            "unsettled nowhere: nobody",
        ),
        (
            FORCE,
            "",
            "unmounting volume db: path: Other; forgotten",
            NO_RECORD,
        ),
    ] {
        let scene = scene();
        arrange(&scene, Unsettled, Never, &[]);
        scene.plan().path_fails = Some(ErrorKind::Other);
        let seen = unmount(&scene, how);
        assert_eq!(
            (
                seen.result.as_str(),
                seen.warnings.concat().as_str(),
                seen.record.as_str()
            ),
            (result, warning, record)
        );
    }
}

/// A plugin that names a directory only while it is mounted has handed it out, though the mount table shows nothing.
#[test]
fn a_plain_directory_that_another_holds_is_left_to_it() {
    let left = "unmounting volume db: nobody holds it here, but /plain/db is mounted, and left as it is; unmount --force has its driver unmount it";
    for (how, calls, warnings) in [
        (Release::ONE, &["path"][..], &[left][..]),
        (FORCE, &["path", "unmount", "path"], &[]),
    ] {
        let scene = scene();
        scene.plan().mounting = Mounting::HandsOut;
        scene.plan().unmounting = Unmounting::KeepsForAnother;
        assert_eq!(mount(&scene).result, "/plain/db");
        assert_eq!(unmount(&scene, Release::ONE).result, "");
        let place = scene.at("/plain/db");
        scene.plan().place = place;
        scene.plan().tells_path = Some(true);
        let seen = unmount(&scene, how);
        assert_eq!((seen.result.as_str(), seen.calls), ("", strings(calls)));
        assert_eq!(seen.warnings, strings(warnings), "{how:?}");
    }
}

/// What was mounted before our mount is not ours: an administrator's own mount point, or another caller's mount.
#[test]
fn what_was_mounted_before_stays_and_nothing_is_said() {
    let scene = scene();
    mounted_by_another(&scene);
    scene.plan().mounting = Mounting::Path("");
    let place = scene.at("/mnt/db");
    scene.plan().mounting = Mounting::HandsOut;
    scene.plan().plain = place;
    assert_eq!(mount(&scene).result, "/mnt/db");
    scene.plan().unmounting = Unmounting::KeepsForAnother;
    let seen = unmount(&scene, Release::ONE);
    assert_eq!((seen.result.as_str(), seen.warnings.len()), ("", 0));
    assert_eq!((seen.record.as_str(), seen.mounts.len()), (NO_RECORD, 1));
    assert_eq!(remove(&scene).result, "");
}

/// One that we never had mounted: what is left after the plugin was told to unmount is none of its own.
#[test]
fn what_stays_after_force_does_not_keep_a_volume_from_being_removed() {
    let scene = scene();
    mounted_by_another(&scene);
    scene.plan().unmounting = Unmounting::KeepsForAnother;
    assert!(
        remove(&scene)
            .result
            .starts_with("InUse: it is mounted at /mnt/db")
    );
    let seen = unmount(&scene, FORCE);
    assert_eq!((seen.result.as_str(), seen.warnings.len()), ("", 1));
    assert_eq!(remove(&scene).result, "");
}

/// A mount that was cut off long ago does not come any more: what is mounted by now is another's.
#[test]
fn what_was_cut_off_long_ago_is_not_ours() {
    for (age, calls) in [(60, &["path", "unmount"][..]), (2 * 60 * 60, &["path"])] {
        let scene = scene();
        scene.plan().mounting = Mounting::Fails(ErrorKind::Unsure);
        assert_eq!(mount(&scene).result, "Unsure: mount: Unsure");
        let text = std::fs::read_to_string(scene.file("json")).expect("a record");
        let mut record: Value = serde_json::from_str(&text).expect("a record");
        let begun = record["begun"].as_u64().expect("a time");
        record["begun"] = (begun - age).into();
        std::fs::write(scene.file("json"), record.to_string()).expect("a record");
        scene.plan().mount(&Scene::mount_id(), "rw");
        scene.plan().tells_path = Some(true);
        let seen = unmount(&scene, Release::ONE);
        assert_eq!(seen.calls[..calls.len()], strings(calls), "{age}");
        let is_asked = seen.calls.contains(&"unmount".to_owned());
        assert_eq!(
            (seen.result.as_str(), is_asked),
            ("", calls.len() == 2),
            "{age}"
        );
    }
}

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

#[test]
fn a_view_is_not_taken_for_another_that_has_its_id_by_now() {
    for is_held in [false, true] {
        let scene = scene();
        let at = |id: &str, target: &str| Holder {
            target: Some(scene.at(target)),
            ..named(id)
        };
        let (mine, other) = (at("me", "/target"), at("other", "/views/other"));
        std::fs::create_dir_all(scene.at("/views/other")).expect("a directory");
        mount(&scene);
        scene.see(|| scene.mount(request(mine.clone())).map(|_| String::new()));
        // Somebody unmounts it by hand, and the next mount gets its ID.
        fake_host::with(|host| {
            host.take(&scene.at("/target"));
            host.last_id -= 1;
        });
        match is_held {
            true => drop(scene.see(|| scene.mount(request(other)).map(|_| String::new()))),
            false => fake_host::with(|host| {
                host.add("8:0", "/".as_ref(), &scene.at("/views/other"), "rw");
            }),
        }
        let seen = scene.see(|| scene.unmount(mine, Release::ONE).map(|()| String::new()));
        assert_eq!(
            (seen.result.as_str(), seen.mounts),
            ("", strings(&["/mnt/db rw", "/views/other rw"])),
            "{is_held}"
        );
    }
}

#[test]
fn a_target_that_would_hide_the_volume_is_refused() {
    for is_held in [false, true] {
        let scene = scene();
        if is_held {
            arrange(&scene, Settled, Writable, &["other"]);
        }
        for target in ["/mnt/db", "/mnt"] {
            let holder = Holder {
                target: Some(scene.at(target)),
                ..named("me")
            };
            let (record, mounts) = (scene.record(), scene.mounts());
            let seen = scene.see(|| scene.mount(request(holder)).map(|_| String::new()));
            let refused =
                format!("Usage: target {target} would hide the volume's own mount point /mnt/db");
            assert_eq!(seen.result, refused);
            assert_eq!((seen.record, seen.mounts), (record, mounts), "{target}");
        }
    }
}

/// The directory above a target is renamed, and the view goes along.
#[test]
fn a_view_is_found_wherever_it_is() {
    let scene = scene();
    std::fs::create_dir_all(scene.at("/above/target")).expect("a directory");
    let holder = Holder {
        target: Some(scene.at("/above/target")),
        ..named("me")
    };
    scene.see(|| scene.mount(request(holder.clone())).map(|_| String::new()));
    std::fs::rename(scene.at("/above"), scene.at("/renamed")).expect("another name");
    let (from, to) = (scene.at("/above/target"), scene.at("/renamed/target"));
    fake_host::with(|host| host.rename(&from, &to));
    let seen = scene.see(|| scene.unmount(holder, Release::ONE).map(|()| String::new()));
    assert_eq!(
        (seen.result.as_str(), seen.mounts.len()),
        ("", 0),
        "{seen:?}"
    );
    assert_eq!(seen.record, NO_RECORD);
}

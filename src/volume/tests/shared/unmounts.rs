//! Who may unmount it, and what is left then.

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::base::failure::ErrorKind;
use crate::volume::request::Release;
use crate::volume::tests::fake_driver::{Mounting, Unmounting};
use crate::volume::tests::shared::{
    FORCE, arrange, mount, mounted_by_another, remove, scene, unmount,
};
use crate::volume::tests::standings::Mounted::{self, *};
use crate::volume::tests::standings::Remembered::*;
use crate::volume::tests::{NO_RECORD, Scene, Seen, strings};

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

const REFUSED: Unmounting = Unmounting::Fails(ErrorKind::Refused);
const IN_USE: Unmounting = Unmounting::Fails(ErrorKind::InUse);

const ROWS: [Row; 9] = [
    (
        Vanished,
        REFUSED,
        Release::ONE,
        "",
        "unmounting volume db: unmount: Refused; nothing was left to do",
    ),
    (
        Writable,
        REFUSED,
        Release::ONE,
        "Refused: unmount: Refused; unmount --force unmounts it without its driver",
        "",
    ),
    (
        Writable,
        REFUSED,
        FORCE,
        "",
        "unmounting volume db: unmount: Refused; /mnt/db was still mounted, and is unmounted without its driver",
    ),
    (Writable, IN_USE, FORCE, "InUse: unmount: InUse", ""),
    (
        Writable,
        Unmounting::KnowsNothing,
        Release::ONE,
        "",
        "unmounting volume db: driver fake: it is not mounted; /mnt/db was still mounted, and is unmounted without its driver",
    ),
    (Writable, Unmounting::Unmounts, Release::ONE, "", ""),
    (
        Directory,
        REFUSED,
        Release::ONE,
        "Refused: unmount: Refused; unmount --force forgets it",
        "",
    ),
    (
        Directory,
        REFUSED,
        FORCE,
        "",
        "unmounting volume db: unmount: Refused; forgotten",
    ),
    (Elsewhere, IN_USE, FORCE, "InUse: unmount: InUse", ""),
];

#[test]
fn the_mount_table_has_the_last_word_on_an_unmount() {
    for (mounted, answer, how, result, warning) in ROWS {
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

//! The ledger: what is written, read, set aside and forgotten.

use std::fs;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::base::text::chain;
use crate::sys::process::host;
use crate::sys::tests::fake_host;
use crate::volume::Locked;
use crate::volume::holders::ledger::{self, Ledger};
use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::tests::{ANOTHER_BOOT, Scene, named};

fn lock(scene: &Scene) -> Ledger {
    Ledger::lock(&scene.invocation, scene.volume().as_ref()).expect("a lock")
}

fn peek(scene: &Scene) -> Option<HolderRecord> {
    ledger::peek(&scene.invocation, scene.volume().as_ref()).expect("readable")
}

fn write(scene: &Scene, text: &[u8]) {
    fs::create_dir_all(&scene.invocation.paths.holders).expect("a directory");
    fs::write(scene.file("json"), text).expect("a record");
}

/// A record as this release writes it, with all fields.
fn literal() -> Value {
    json!({
        "boot": host::boot_id().expect("proc"),
        "driver": "fake",
        "volume": "db",
        "settled": true,
        "mounted": {
            "path": "/srv/link",
            "read_only": false,
            "is_read_only": true,
            "is_mount": true,
            "real": "/srv/db",
            "on": {
                "id": 41,
                "mount_point": "/srv/db",
                "device": "8:0",
                "root": "/",
                "fs_type": "ext4",
                "source": "/dev/sda"
            },
            "namespace": 4026531841_u64
        },
        "holders": {
            "": {"plain": true, "targets": {}},
            "id me": {"plain": false, "targets": {"/a": {}, "/b": {"asked": "/link", "mount": {
                "id": 8, "device": "8:0", "root": "/",
                "place": {"directory": {"device": 2049, "inode": 5}, "name": "b"}
            }}}},
            "run 7 9 4026531836": {
                "plain": true,
                "targets": {},
                "run": {"process": {"pid": 7, "started": 9, "namespace": 4026531836_u64}, "id": "task"}
            }
        }
    })
}

#[test]
fn a_record_of_the_present_release_is_read_and_written_as_it_is() {
    let scene = Scene::new();
    write(&scene, literal().to_string().as_bytes());
    let mut ledger = lock(&scene);
    let record = ledger.record().expect("a record").clone();
    assert!(record.has(&Holder {
        target: Some("/b".into()),
        ..named("me")
    }));
    ledger.save(record).expect("saved");
    let text = fs::read(scene.file("json")).expect("a record");
    let written: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(written, literal());
}

/// The name of the file is a hash, and may be that of another volume too.
#[test]
fn the_record_of_another_volume_is_refused() {
    let scene = Scene::new();
    let mut other = literal();
    other["volume"] = json!("other");
    write(&scene, other.to_string().as_bytes());
    let volume = scene.volume();
    let file = scene.file("json");
    let expected = format!(
        "{} is the record of volume other of driver fake",
        file.display()
    );
    for found in [
        Ledger::lock(&scene.invocation, volume.as_ref()).map(drop),
        ledger::peek(&scene.invocation, volume.as_ref()).map(drop),
    ] {
        assert_eq!(chain(&found.expect_err("refused")), expected);
    }
}

#[test]
fn what_is_saved_is_found_until_it_is_cleared() {
    let scene = Scene::new();
    assert_eq!(peek(&scene), None);
    let mut ledger = lock(&scene);
    assert_eq!(ledger.record(), None);
    let mut record = ledger.record_or_new();
    assert_eq!(
        (record.settled, record.mount.is_none(), record.is_held()),
        (false, true, false)
    );
    record.hold(&named("me"));
    ledger.save(record.clone()).expect("saved");
    assert_eq!(
        (ledger.record(), peek(&scene)),
        (Some(&record), Some(record.clone()))
    );
    drop(ledger);
    let mut ledger = lock(&scene);
    assert_eq!(ledger.record_or_new(), record);
    assert!(!ledger.new_record().is_held());
    ledger.clear().expect("cleared");
    ledger.clear().expect("what is gone already is no error");
    assert_eq!((ledger.record(), peek(&scene)), (None, None));
    drop(ledger);
    assert!(scene.ledger_files().is_empty());
}

#[test]
fn a_damaged_record_is_set_aside_and_means_an_interrupted_call() {
    let whole = literal().to_string();
    let texts = [
        "",
        "{",
        &whole[..whole.len() - 1],
        "[]",
        "\0\0",
        "{\"boot\": 1}",
    ];
    let mut scene = Scene::new();
    for text in texts {
        scene.again();
        write(&scene, text.as_bytes());
        assert_eq!(peek(&scene), None, "{text}");
        assert!(ledger::all(&scene.invocation).expect("readable").is_empty());
        let ledger = lock(&scene);
        let record = ledger.record().expect("a new record");
        assert!(
            !record.settled && !record.is_held() && record.mount.is_none(),
            "{text}"
        );
        let aside = fs::read_to_string(scene.file("damaged")).expect("set aside");
        assert_eq!(aside, text);
        let warnings = fake_host::with(|host| host.stderr.concat());
        assert!(warnings.contains(" is damaged ("), "{warnings}");
    }
}

#[test]
fn a_record_of_another_boot_counts_as_none() {
    let scene = Scene::new();
    let mut record = literal();
    record["boot"] = ANOTHER_BOOT.into();
    write(&scene, record.to_string().as_bytes());
    assert_eq!((peek(&scene), lock(&scene).record()), (None, None));
    assert!(ledger::all(&scene.invocation).expect("readable").is_empty());
    assert!(fake_host::with(|host| host.stderr.is_empty()));
}

#[test]
fn all_records_of_this_boot_are_listed() {
    let scene = Scene::new();
    assert!(
        ledger::all(&scene.invocation)
            .expect("no directory")
            .is_empty()
    );
    for name in ["a", "b"] {
        let volume = scene.volume_of("fake", name);
        let mut ledger = Ledger::lock(&scene.invocation, volume.as_ref()).expect("a lock");
        let record = ledger.new_record();
        ledger.save(record).expect("saved");
    }
    let found = ledger::all(&scene.invocation).expect("readable");
    let mut names: Vec<&str> = found.iter().map(|record| record.volume.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn the_mount_id_goes_by_machine_driver_and_volume() {
    let scene = Scene::new();
    let id = |driver, name| {
        let volume = scene.volume_of(driver, name);
        let locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default());
        locked.expect("a lock").mount_id().expect("an ID")
    };
    assert_eq!(id("fake", "db"), Scene::mount_id());
    assert_ne!(id("fake", "db2"), Scene::mount_id());
    assert_ne!(id("fake2", "db"), Scene::mount_id());
}

#[test]
fn a_record_that_cannot_be_written_is_an_error_and_nothing_has_changed() {
    let scene = Scene::new();
    let mut ledger = lock(&scene);
    fs::create_dir(scene.file("json")).expect("in the way");
    let record = ledger.new_record();
    let error = ledger.save(record).expect_err("a directory is in the way");
    assert!(error.to_string().starts_with("writing "), "{error}");
    assert_eq!(ledger.record(), None);
    assert!(!scene.file("new").exists());
}

/// A record that is too long, or no file: nothing that is there may keep the volume from being used.
#[test]
fn a_record_that_cannot_be_read_is_set_aside() {
    for is_directory in [false, true] {
        let scene = Scene::new();
        let path = scene.file("json");
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        match is_directory {
            true => fs::create_dir(&path).expect("a directory"),
            false => fs::write(&path, vec![b' '; (1 << 20) + 1]).expect("a long file"),
        }
        for _ in 0..2 {
            assert!(lock(&scene).record().is_some_and(|record| !record.settled));
        }
        assert!(scene.file("damaged").exists());
        let warnings = fake_host::with(|host| host.stderr.concat());
        assert_eq!(
            warnings.matches("cannot be read (").count(),
            1,
            "{warnings}"
        );
    }
}

/// What is written must not be more than can be read again.
#[test]
fn holders_are_refused_before_the_record_is_too_long() {
    let scene = Scene::new();
    let mut ledger = lock(&scene);
    let mut record = ledger.record_or_new();
    let long = "x".repeat(4000);
    let mut refused = None;
    for number in 0..1000 {
        record.hold(&named(&format!("{long}{number}")));
        if let Err(error) = ledger.save(record.clone()) {
            refused = Some((number, chain(&error)));
            break;
        }
    }
    let (number, words) = refused.expect("refused in the end");
    let expected = format!(
        "it has {number} holders, and there is no room for another; unmount --force releases them all"
    );
    assert_eq!(words, expected);
    drop(ledger);
    assert_eq!(
        lock(&scene).record().map(|record| record.count()),
        Some(number)
    );
}

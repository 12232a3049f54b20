//! Locks of volumes and targets.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use pretty_assertions::assert_eq;

use crate::base::hash::hash;
use crate::base::text::chain;
use crate::invocation::budget::Budget;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::lock::{Lock, TargetLock};
use crate::volume::tests::Scene;

const MOMENT: Duration = Duration::from_millis(10);

/// Names of files and mount IDs: another release has to find what this one wrote, and plugins know mounts by them.
#[test]
fn hashes_stay_the_same_from_release_to_release() {
    for (parts, expected) in [
        (&[][..], "f4f2ced447ab02427de0a38047d74950"),
        (&["fake", "db"], "a304772b072733ac70c43133d7f5ae37"),
        (&["fak", "edb"], "ed85ebc05b38d2c6b0cc1fe3cad20923"),
        (&["--target", "/srv/db"], "1e3e98e8f1c28bbc25ff8c865998fcee"),
        (
            &["0123456789abcdef0123456789abcdef", "loop", "db"],
            "e9ba63c1d7c15ae01e26227058c5c8d8",
        ),
    ] {
        assert_eq!(hash(parts), expected, "{parts:?}");
    }
}

#[test]
fn a_volume_is_locked_by_one_call_at_a_time_and_others_are_not() {
    let mut scene = Scene::new();
    let first = Ledger::lock(&scene.invocation, scene.volume().as_ref()).expect("a lock");
    let started = std::mem::replace(&mut scene.invocation.budget, Budget::new(MOMENT));
    let locked = Ledger::lock(&scene.invocation, scene.volume().as_ref());
    let error = chain(&locked.expect_err("locked already"));
    assert_eq!(
        scene.shorten(&error),
        "locking the volume in /run/dvdcli: another dvdcli is at work on it: no answer within 10ms (--timeout)"
    );
    scene.invocation.budget = started;
    for (driver, name) in [("fake", "db2"), ("fake2", "db")] {
        let volume = scene.volume_of(driver, name);
        Ledger::lock(&scene.invocation, volume.as_ref()).expect("another volume");
    }
    drop(first);
    Ledger::lock(&scene.invocation, scene.volume().as_ref()).expect("unlocked");
    assert!(scene.ledger_files().is_empty());
}

/// Otherwise two calls would each hold a lock: one of a file that is there, one of a file that was removed.
#[test]
fn a_lock_file_that_is_removed_while_it_is_waited_for_is_opened_anew() {
    let scene = Scene::new();
    let path = scene.file("lock");
    let is_held = AtomicBool::new(false);
    let lock_and_remove = || {
        for _ in 0..300 {
            let lock = Lock::acquire(&scene.invocation, path.clone()).expect("a lock");
            assert!(path.exists(), "the lock of a file that was removed");
            assert!(!is_held.swap(true, Ordering::SeqCst), "locked twice");
            is_held.store(false, Ordering::SeqCst);
            lock.remove_file();
        }
    };
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(lock_and_remove);
        }
    });
}

#[test]
fn a_target_is_locked_apart_from_others_and_its_file_goes_with_the_lock() {
    let mut scene = Scene::new();
    let lock = TargetLock::acquire(&scene.invocation, Path::new("/srv/db")).expect("a lock");
    let path = scene
        .invocation
        .paths
        .holders
        .join("1e3e98e8f1c28bbc25ff8c865998fcee.lock");
    assert!(path.exists());
    TargetLock::acquire(&scene.invocation, Path::new("/srv/db2")).expect("another target");
    scene.invocation.budget = Budget::new(MOMENT);
    let second = TargetLock::acquire(&scene.invocation, Path::new("/srv/db"));
    let error = chain(&second.expect_err("locked already"));
    assert!(
        scene
            .shorten(&error)
            .starts_with("locking the target in /run/dvdcli: "),
        "{error}"
    );
    drop(lock);
    assert!(scene.ledger_files().is_empty());
}

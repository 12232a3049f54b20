//! What holds after every call, however a volume stood, whatever was asked for, and whatever its driver answered.

use std::collections::BTreeSet;

use crate::volume::tests::{NO_RECORD, Scene, Seen};

/// What there was before a call.
pub struct Before {
    record: String,
    mounts: Vec<String>,
}

impl Before {
    pub fn of(scene: &Scene) -> Before {
        Before {
            record: scene.record(),
            mounts: scene.mounts(),
        }
    }
}

fn holders(record: &str) -> BTreeSet<&str> {
    let names = record.split_once(": ").map_or("", |(_, names)| names);
    names
        .split(", ")
        .filter(|name| !name.is_empty() && *name != "nobody")
        .collect()
}

/// After any call.
fn check_always(scene: &Scene, before: &Before, seen: &Seen, case: &str) {
    // Mount and Unmount carry one ID, whoever asks.
    let ids: Vec<String> = scene.plan().ids.iter().cloned().collect();
    assert!(
        ids.iter().all(|id| *id == Scene::mount_id()),
        "{case}: {ids:?}"
    );

    // Where nothing is remembered, no file stays but what was set aside; a record has its lock beside it, and nothing else.
    let mut files = scene.ledger_files();
    files.remove("damaged");
    let expected: &[&str] = match seen.record.as_str() {
        NO_RECORD => &[],
        _ => &["json", "lock"],
    };
    assert!(files.iter().eq(expected), "{case}: {files:?}");

    // An answer that is missing leaves the record unsettled.
    if seen.result.starts_with("Unsure") && before.record != NO_RECORD {
        assert!(seen.record.starts_with("unsettled"), "{case}: {seen:#?}");
    }
}

pub fn check_mount(scene: &Scene, before: &Before, seen: &Seen, case: &str) {
    check_always(scene, before, seen, case);
    let (old, new) = (holders(&before.record), holders(&seen.record));
    if seen.result.starts_with('/') {
        // What is mounted is mounted once, by a driver that counts as well, and is remembered.
        let counts: Vec<usize> = scene.plan().counts.values().copied().collect();
        assert!(counts.iter().all(|count| *count == 1), "{case}: {counts:?}");
        assert!(seen.record.starts_with("settled"), "{case}: {seen:#?}");
        return;
    }
    // A mount that nobody knows the end of is told of.
    if seen.result.starts_with("Unsure") {
        assert!(seen.record.starts_with("unsettled"), "{case}: {seen:#?}");
    }
    // A mount that failed leaves no new holder.
    assert!(new.is_subset(&old), "{case}: {seen:#?}");
    // Nor a mount that was not there, unless others hold it, or the record says that nobody knows.
    let is_new = seen
        .mounts
        .iter()
        .any(|mount| !before.mounts.contains(mount));
    let is_told = seen.record.starts_with("unsettled") || !new.is_empty();
    assert!(!is_new || is_told, "{case}: {seen:#?}");
}

pub fn check_release(scene: &Scene, before: &Before, seen: &Seen, case: &str) {
    check_always(scene, before, seen, case);
    let (old, new) = (holders(&before.record), holders(&seen.record));
    // Nobody becomes a holder.
    assert!(new.is_subset(&old), "{case}: {seen:#?}");
    let is_done = seen.result.is_empty();
    // While somebody holds it, the driver is not told to unmount.
    let is_told = seen.calls.iter().any(|call| call.starts_with("unmount"));
    assert!(!(is_done && is_told) || new.is_empty(), "{case}: {seen:#?}");
    // After the last release nothing that we knew of is mounted, or a warning says who may still hold it.
    if is_done && is_told && before.record.contains("/mnt/db") && !seen.mounts.is_empty() {
        assert!(!seen.warnings.is_empty(), "{case}: {seen:#?}");
    }
    // A release that failed forgets nothing that is mounted.
    if !is_done && before.record != NO_RECORD {
        assert_ne!(seen.record, NO_RECORD, "{case}: {seen:#?}");
    }
}

//! Removing: every standing, times every answer of the driver.

use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::tests::standings::{Mounted, Remembered, Standing};
use crate::volume::tests::{NO_RECORD, Scene};

use Mounted::*;
use Remembered::*;

/// A standing, and by whom it is refused; empty: the driver is asked.
type Row = (Remembered, Mounted, &'static [&'static str], &'static str);

const ROWS: [Row; 13] = [
    (Nothing, Never, &[], ""),
    (OfAnotherBoot, Never, &["other"], ""),
    (Settled, Writable, &["other"], "other"),
    (Settled, ReadOnly, &["dead", "other"], "other"),
    (Settled, Writable, &["dead"], "nobody any more"),
    (Settled, Directory, &["other"], "other"),
    (Settled, Elsewhere, &["other"], "other"),
    (Settled, ElsewhereGone, &["other"], ""),
    (Settled, Vanished, &["other"], ""),
    (Unsettled, Never, &[], ""),
    (Unsettled, Unknown, &[], ""),
    (Unsettled, Writable, &[], "nobody any more"),
    (Damaged, Vanished, &["other"], ""),
];

const ANSWERS: [Result<(), ErrorKind>; 5] = [
    Ok(()),
    Err(ErrorKind::Other),
    Err(ErrorKind::Unsure),
    Err(ErrorKind::Absent),
    Err(ErrorKind::InUse),
];

/// What is printed, and what the driver is asked.
fn expected(row: Row, answer: Result<(), ErrorKind>) -> (String, &'static str) {
    let (_, mounted, _, held_by) = row;
    let place = if mounted == Directory {
        "/plain/db"
    } else {
        "/mnt/db"
    };
    let refused =
        format!("InUse: it is mounted at {place} and held by {held_by}; unmount it first");
    match (held_by, answer) {
        ("", Ok(())) => (String::new(), "remove"),
        ("", Err(kind)) => (format!("{kind:?}: remove: {kind:?}"), "remove"),
        _ => (refused, ""),
    }
}

#[test]
fn what_is_held_stays_and_what_is_removed_is_forgotten() {
    let mut scene = Scene::new();
    for row in ROWS {
        for answer in ANSWERS {
            scene.again();
            check(&scene, row, answer);
        }
    }
}

fn check(scene: &Scene, row: Row, answer: Result<(), ErrorKind>) {
    let (remembered, mounted, holders, _) = row;
    let standing = Standing {
        name: "",
        remembered,
        mounted,
        holders,
    };
    standing.arrange(scene);
    scene.plan().removing = answer;
    let (mounts, record) = (scene.mounts(), scene.record());
    let volume = scene.volume();
    let seen = scene.see(|| {
        let mut locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default())?;
        locked.remove().map(|()| String::new())
    });
    let case = format!("{remembered:?} {mounted:?} {holders:?} {answer:?}");
    let (result, calls) = expected(row, answer);
    let left = match remembered {
        _ if result.is_empty() => NO_RECORD.to_owned(),
        Damaged => "unsettled nowhere: nobody".to_owned(),
        _ => record
            .replace("run dead, ", "")
            .replace(", run dead", "")
            .replace("run dead", "nobody"),
    };
    assert_eq!(
        (seen.result, seen.calls.concat()),
        (result, calls.to_owned()),
        "{case}"
    );
    assert_eq!((seen.record, seen.mounts), (left, mounts), "{case}");
}

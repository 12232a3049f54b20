//! Records: who is in, who is out, and how holders are named.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::volume::holders::record::{Holder, HolderRecord};
use crate::volume::holders::views::Target;
use crate::volume::tests::{dead, living, named};

fn at(target: &str, holder: Holder) -> Holder {
    Holder {
        target: Some(target.into()),
        ..holder
    }
}

fn held(holders: &[Holder]) -> HolderRecord {
    let mut record = HolderRecord::new("boot", "fake", "db");
    for holder in holders {
        record.hold(holder);
    }
    record
}

fn paths(paths: &[&str]) -> Vec<Target> {
    paths
        .iter()
        .map(|path| Target::at(Path::new(path)))
        .collect()
}

#[test]
fn a_holder_is_in_or_out() {
    for holder in [
        Holder::default(),
        named("me"),
        at("/t", named("me")),
        at("/t", Holder::default()),
        living("me"),
        at("/t", living("me")),
    ] {
        let mut record = held(&[]);
        assert!(!record.has(&holder) && !record.is_held(), "{holder:?}");
        assert!(record.hold(&holder), "new: {holder:?}");
        assert!(!record.hold(&holder), "not new: {holder:?}");
        assert!(record.has(&holder) && record.is_held(), "{holder:?}");
        let targets = record.release(&holder, false);
        let expected = holder.target.iter().map(|path| Target::at(path));
        assert_eq!(targets, expected.collect::<Vec<_>>());
        assert!(!record.has(&holder) && !record.is_held(), "{holder:?}");
    }
}

#[test]
fn holders_are_told_apart_by_run_then_id_then_target() {
    let holders = [
        Holder::default(),
        named("me"),
        named("you"),
        living("me"),
        dead("me"),
        at("/t", Holder::default()),
    ];
    for (number, holder) in holders.iter().enumerate() {
        let record = held(std::slice::from_ref(holder));
        for (other_number, other) in holders.iter().enumerate() {
            assert_eq!(
                record.has(other),
                number == other_number,
                "{holder:?} {other:?}"
            );
            let is_other = !record.others(other).is_empty();
            assert_eq!(is_other, number != other_number, "{holder:?} {other:?}");
        }
    }
    // An ID is one holder, wherever it sees the volume.
    assert_eq!(held(&[at("/t", named("me"))]).others(&named("me")), "");
}

/// The ID of the holder at `/t`.
fn id_at(record: &HolderRecord) -> Option<String> {
    record.holder_at(Path::new("/t"))?.id
}

/// Whatever an ID says, it is no run and no target.
#[test]
fn an_id_releases_no_run_and_no_target() {
    let run = living("task");
    let process = run.process.expect("a process");
    let forged = format!(
        "run {} {} {}",
        process.pid, process.started, process.namespace
    );
    let at_target = at("/t", Holder::default());
    for id in [forged.as_str(), "/t", "target /t", ""] {
        let mut record = held(&[run.clone(), at_target.clone()]);
        assert_eq!(record.release(&named(id), false), paths(&[]));
        assert!(record.has(&run) && record.has(&at_target), "{id}");
    }
}

#[test]
fn the_last_holder_of_a_target_takes_it_along() {
    let both = [at("/t", named("me")), at("/t", named("you"))];
    let mut record = held(&both);
    assert_eq!(id_at(&record), Some("me".into()));
    assert_eq!(record.release(&both[0], false), paths(&[]));
    assert_eq!(id_at(&record), Some("you".into()));
    // Without a target, all that the holder has goes.
    assert_eq!(record.release(&named("you"), false), paths(&["/t"]));
    assert_eq!(id_at(&record), None);
    // All: each target once.
    let mut record = held(&[&both[..], &[at("/u", named("me")), Holder::default()]].concat());
    assert_eq!(record.release(&named("nobody"), true), paths(&["/t", "/u"]));
    assert!(!record.is_held());
}

#[test]
fn with_a_target_only_that_one_goes() {
    let me = named("me");
    let mut record = held(&[me.clone(), at("/t", me.clone()), at("/u", me.clone())]);
    for target in ["/t", "/t", "/no"] {
        let gone = record.release(&at(target, me.clone()), false);
        let is_first = target == "/t" && gone == paths(&["/t"]);
        assert!(is_first || gone.is_empty(), "{target}: {gone:?}");
        assert!(record.has(&me) && record.has(&at("/u", me.clone())));
        assert!(!record.has(&at("/t", me.clone())));
    }
    assert_eq!(record.release(&at("/u", me.clone()), false), paths(&["/u"]));
    // It holds the volume apart from any target.
    assert!(record.has(&me));
    assert_eq!(
        record.release(&at("/u", named("stranger")), false),
        paths(&[])
    );
}

#[test]
fn only_the_dead_go_with_the_dead() {
    let shared = at("/t", dead("gone"));
    let mut record = held(&[
        shared,
        at("/u", dead("gone")),
        at("/t", named("me")),
        living("run"),
    ]);
    let dead = record.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].shown, format!("gone (run {})", i32::MAX));
    assert_eq!(record.remove_dead(&dead[0]), paths(&["/u"]));
    assert!(record.dead().is_empty());
    assert_eq!(record.living().len(), 2);
}

#[test]
fn holders_are_named_for_people() {
    let pid = std::process::id();
    let nameless = Holder {
        id: None,
        ..living("")
    };
    let record = held(&[
        Holder::default(),
        named("me"),
        living("task"),
        at("/t", Holder::default()),
    ]);
    assert_eq!(
        record.names(),
        format!("a caller without an ID, /t, me, task (run {pid})")
    );
    assert_eq!(
        record.others(&named("me")),
        format!("a caller without an ID, /t, task (run {pid})")
    );
    assert_eq!(held(&[nameless]).names(), format!("run {pid}"));
    assert_eq!(held(&[]).names(), "nobody any more");
    assert_eq!(held(&[]).others(&named("me")), "");
    let record = held(&[dead("gone"), named("me")]);
    assert_eq!(record.living(), ["me"]);
    assert_eq!(record.names(), format!("me, gone (run {})", i32::MAX));
}

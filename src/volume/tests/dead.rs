//! Holders whose processes have died, and mounts that are busy for a moment while processes die.

use pretty_assertions::assert_eq;

use crate::sys::tests::fake_host;
use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::request::Release;
use crate::volume::tests::standings::{Mounted, Remembered, Standing};
use crate::volume::tests::{Scene, Seen, living, strings};

/// Held by a run at its target; the holders of a standing are added to it.
fn held(scene: &Scene, mounted: Mounted, holders: &'static [&'static str]) {
    let standing = Standing {
        name: "",
        remembered: Remembered::Settled,
        mounted,
        holders,
    };
    standing.arrange(scene);
}

fn release_dead(scene: &Scene, lazy: bool) -> Seen {
    let volume = scene.volume();
    scene.see(|| {
        let mut locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default())?;
        locked.release_dead(lazy).map(|()| String::new())
    })
}

#[test]
fn targets_of_the_dead_are_unmounted_but_for_shared_ones() {
    let mut scene = Scene::new();
    for (holders, record, mounts) in [
        (&["dead at /target"][..], "nobody", &["/mnt/db rw"][..]),
        (&["dead at /target", "other"], "other", &["/mnt/db rw"]),
        (
            &["dead at /target", "other at /target"],
            "other at /target",
            &["/mnt/db rw", "/target rw"],
        ),
        (
            &["run task at /target"],
            "run task at /target",
            &["/mnt/db rw", "/target rw"],
        ),
    ] {
        scene.again();
        held(&scene, Mounted::Writable, holders);
        let expected = Seen {
            record: format!("settled /mnt/db: {record}"),
            mounts: strings(mounts),
            ..Seen::default()
        };
        assert_eq!(release_dead(&scene, false), expected, "{holders:?}");
    }
}

#[test]
fn a_dead_holder_whose_target_is_busy_stays() {
    let scene = Scene::new();
    held(&scene, Mounted::Writable, &["dead at /target", "other"]);
    fake_host::with(|host| host.busy.push(scene.at("/target")));
    let seen = release_dead(&scene, false);
    let expected = format!(
        "InUse: releasing it for dead (run {}), which has died: unmounting /target: it is busy; unmount --lazy (umount -l) \
         takes it away all the same",
        i32::MAX
    );
    assert_eq!(seen.result, expected);
    assert_eq!(seen.record, "settled /mnt/db: other, run dead at /target");
    assert_eq!(seen.mounts, strings(&["/mnt/db rw", "/target rw"]));
    let seen = release_dead(&scene, true);
    assert_eq!(
        (seen.result.as_str(), seen.record.as_str()),
        ("", "settled /mnt/db: other")
    );
    assert_eq!(seen.mounts, strings(&["/mnt/db rw"]));
}

#[test]
fn what_is_mounted_elsewhere_is_left_to_those_there() {
    let scene = Scene::new();
    held(&scene, Mounted::Elsewhere, &["dead", "other"]);
    let before = scene.record();
    let seen = release_dead(&scene, false);
    assert_eq!((seen.result.as_str(), seen.record), ("", before));
}

#[test]
fn a_run_waits_for_what_is_busy_and_others_do_not() {
    for (holders, holder, result) in [
        (&["run task"][..], living("task"), ""),
        (&["dead"], Holder::default(), ""),
        (&["anonymous"], Holder::default(), "InUse: unmount: InUse"),
    ] {
        let scene = Scene::new();
        held(&scene, Mounted::Writable, holders);
        scene.plan().busy_unmounts = 1;
        let seen = scene.see(|| scene.unmount(holder, Release::ONE).map(|()| String::new()));
        let is_done = result.is_empty();
        assert_eq!(seen.result, result, "{holders:?}");
        assert_eq!(seen.calls.len(), 1 + usize::from(is_done), "{holders:?}");
        assert_eq!(seen.mounts.is_empty(), is_done, "{holders:?}");
    }
}

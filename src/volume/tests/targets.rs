//! Targets: what is there already, what cannot be bound, and what is wrong usage.

use nix::errno::Errno;
use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::sys::tests::fake_host;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::request::{MountRequest, Release};
use crate::volume::tests::fake_driver::Unmounting;
use crate::volume::tests::standings::{Mounted, Remembered, Standing};
use crate::volume::tests::{NO_RECORD, Scene, Seen, named, request, strings};

fn at(scene: &Scene, target: &str, read_only: bool) -> MountRequest<'static> {
    let holder = Holder {
        target: Some(scene.at(target)),
        ..named("me")
    };
    MountRequest {
        view: View::of(read_only),
        ..request(holder)
    }
}

fn mount(scene: &Scene, request: MountRequest) -> Seen {
    scene.see(|| Ok(scene.mount(request)?.path.to_string_lossy().into_owned()))
}

/// Mounted and held as said, by the product's own calls where it can be.
fn arrange(scene: &Scene, mounted: Mounted, holders: &'static [&'static str]) {
    let standing = Standing {
        name: "",
        remembered: Remembered::Settled,
        mounted,
        holders,
    };
    standing.arrange(scene);
}

#[test]
fn a_target_where_something_else_is_mounted_is_refused_before_the_driver_is_asked() {
    let mut scene = Scene::new();
    let words = "target /target: something is mounted there that is not this volume";
    for (mounted, holders) in [
        (Mounted::Never, &[][..]),
        (Mounted::Writable, &["other"]),
        (Mounted::Vanished, &["other"]),
        (Mounted::Elsewhere, &["other"]),
    ] {
        scene.again();
        if mounted != Mounted::Never {
            arrange(&scene, mounted, holders);
        }
        fake_host::with(|host| host.add("8:9", "/".as_ref(), &scene.at("/target"), "rw"));
        let (record, mounts) = (scene.record(), scene.mounts());
        let seen = mount(&scene, at(&scene, "/target", false));
        let expected = Seen {
            result: format!("InUse: {words}"),
            record: record.clone(),
            mounts: mounts.clone(),
            ..Seen::default()
        };
        assert_eq!(seen, expected, "{mounted:?}");
        // A caller that never had the target gets a warning, and the mount there stays.
        if mounted == Mounted::Writable {
            let holder = at(&scene, "/target", false).holder;
            let seen = scene.see(|| scene.unmount(holder, Release::ONE).map(|()| String::new()));
            assert_eq!(
                (seen.result.as_str(), seen.warnings[0].as_str()),
                ("", words)
            );
            assert_eq!((seen.record, seen.mounts), (record, mounts));
        }
    }
}

#[test]
fn a_holder_whose_target_shows_something_else_by_now_is_not_released() {
    let scene = Scene::new();
    arrange(&scene, Mounted::Writable, &["me at /target"]);
    fake_host::with(|host| host.add("8:9", "/".as_ref(), &scene.at("/target"), "rw"));
    let holder = at(&scene, "/target", false).holder;
    let seen = scene.see(|| scene.unmount(holder, Release::ONE).map(|()| String::new()));
    let words = "/dev/8:9 of type ext4 is mounted over the volume at /target; unmount --lazy takes that away as well";
    assert_eq!(seen.result, format!("InUse: {words}"));
    assert_eq!(seen.record, "settled /mnt/db: me at /target");
    assert_eq!(seen.mounts.len(), 3);
}

/// A standing, what comes of undoing the mount that was made for the bind (nothing is said where it succeeds), and the
/// record that is left.
type FailedBind = (
    Mounted,
    &'static [&'static str],
    Option<ErrorKind>,
    &'static str,
);

const FAILED_BINDS: [FailedBind; 7] = [
    (Mounted::Never, &[], None, NO_RECORD),
    (
        Mounted::Never,
        &[],
        Some(ErrorKind::InUse),
        "settled /mnt/db: me at /target",
    ),
    (
        Mounted::Never,
        &[],
        Some(ErrorKind::Unsure),
        "unsettled /mnt/db: nobody",
    ),
    (
        Mounted::Writable,
        &["other"],
        None,
        "settled /mnt/db: other",
    ),
    (Mounted::Writable, &["me"], None, "settled /mnt/db: me"),
    (Mounted::Writable, &["dead"], None, NO_RECORD),
    (
        Mounted::Vanished,
        &["other"],
        None,
        "settled /mnt/db: other",
    ),
];

/// What a bind that fails leaves: who joined is out again, and a mount made for it is undone.
#[test]
fn a_bind_that_fails_is_undone() {
    let mut scene = Scene::new();
    for (mounted, holders, undoing, record) in FAILED_BINDS {
        scene.again();
        if mounted != Mounted::Never {
            arrange(&scene, mounted, holders);
        }
        scene.plan().unmounting = undoing.map_or(Unmounting::Unmounts, Unmounting::Fails);
        fake_host::with(|host| host.refused.insert(scene.at("/target"), Errno::EPERM));
        let seen = mount(&scene, at(&scene, "/target", false));
        let case = format!("{mounted:?} {holders:?} {undoing:?}");
        let failed = "Other: mounting /mnt/db at /target as none: operation not permitted";
        let result = match undoing {
            None => failed.to_owned(),
            Some(kind) => format!("{failed}; unmounting it again: unmount: {kind:?}"),
        };
        assert_eq!(
            (seen.result, seen.record.as_str()),
            (result, record),
            "{case}"
        );
        let mounts: &[&str] = if record == NO_RECORD {
            &[]
        } else {
            &["/mnt/db rw"]
        };
        assert_eq!(seen.mounts, strings(mounts), "{case}");
    }
}

#[test]
fn a_view_that_is_there_is_taken_as_it_is_or_refused() {
    for (there, wanted, result) in [
        (false, false, "/target"),
        (true, true, "/target"),
        (
            false,
            true,
            "InUse: target /target: it is there already, writable",
        ),
        (
            true,
            false,
            "InUse: target /target: it is there already, read-only",
        ),
    ] {
        let scene = Scene::new();
        let mut first = at(&scene, "/target", there);
        first.holder.id = Some("other".into());
        assert_eq!(mount(&scene, first).result, "/target");
        let (record, mounts) = (scene.record(), scene.mounts());
        let seen = mount(&scene, at(&scene, "/target", wanted));
        assert_eq!(seen.result, result);
        assert_eq!(seen.mounts, mounts);
        let is_in = seen.record != record;
        assert_eq!(is_in, result == "/target", "{}", seen.record);
    }
}

/// A view that dvdcli bound is not known to umount(8): it is bound again, by mount(8).
#[test]
fn a_view_that_umount_does_not_know_of_is_bound_again() {
    let scene = Scene::new();
    let target = scene.at("/target");
    let is_listed = || fake_host::with(|host| host.listed == [target.clone()]);
    assert_eq!(
        mount(&scene, at(&scene, "/target", false)).result,
        "/target"
    );
    assert!(!is_listed());
    let listed = MountRequest {
        view: View::Listed(""),
        ..at(&scene, "/target", false)
    };
    let seen = mount(&scene, listed);
    assert_eq!((seen.result.as_str(), seen.warnings.len()), ("/target", 0));
    assert_eq!(seen.mounts, strings(&["/mnt/db rw", "/target rw"]));
    assert!(is_listed());
    scene.unmount(named("me"), Release::ONE).expect("unmounted");
    assert!(!is_listed());
    assert_eq!(scene.mounts(), Vec::<String>::new());
}

#[test]
fn what_is_no_target_is_wrong_usage_and_nothing_is_done() {
    let scene = Scene::new();
    for (target, words) in [
        (
            "/no/such",
            "target /no/such: no such file or directory; create the directory first",
        ),
        ("/file", "target /file: not a directory"),
        (
            "/run",
            "target: /run: a volume there would hide /run/dvdcli",
        ),
        (
            "/new\nline",
            "target '/new\\nline' has a line end or blanks that callers cut off",
        ),
        (
            "/blank ",
            "target '/blank ' has a line end or blanks that callers cut off",
        ),
    ] {
        std::fs::create_dir_all(scene.at("/run")).expect("a directory");
        let seen = mount(&scene, at(&scene, target, false));
        let expected = Seen {
            result: format!("Usage: {words}"),
            record: NO_RECORD.to_owned(),
            ..Seen::default()
        };
        assert_eq!(seen, expected);
        assert!(!scene.invocation.paths.holders.exists());
    }
}

/// Such as wrong usage that is found late: the exit code says so, though the undo failed as well.
#[test]
fn an_error_keeps_its_kind_where_the_undo_fails_as_well() {
    for undoing in [ErrorKind::Other, ErrorKind::InUse, ErrorKind::Unsure] {
        let scene = Scene::new();
        scene.plan().unmounting = Unmounting::Fails(undoing);
        let hiding = MountRequest {
            view: View::ContainerPath { chown: false },
            ..at(&scene, "/mnt", false)
        };
        let expected = format!(
            "Usage: container path /mnt would hide the volume's own mount point /mnt/db; unmounting it again: unmount: {undoing:?}"
        );
        assert_eq!(mount(&scene, hiding).result, expected);
    }
}

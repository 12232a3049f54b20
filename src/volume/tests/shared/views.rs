//! Its views at targets.

use pretty_assertions::assert_eq;

use crate::sys::tests::fake_host;
use crate::volume::holders::record::Holder;
use crate::volume::request::Release;
use crate::volume::tests::shared::{arrange, mount, scene};
use crate::volume::tests::standings::Mounted::Writable;
use crate::volume::tests::standings::Remembered::Settled;
use crate::volume::tests::{NO_RECORD, named, request, strings};

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

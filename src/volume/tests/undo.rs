//! Owner and mode of a container path, which the volume takes over, and undoing that.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nix::errno::Errno;
use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::base::text::chain;
use crate::sys::tests::fake_host;
use crate::volume::Locked;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::request::MountRequest;
use crate::volume::tests::{NO_RECORD, Scene, living, named, request, strings};

/// With a container path whose mode is another than the volume's.
fn scene() -> (Scene, MountRequest<'static>) {
    let scene = Scene::new();
    let mode = Permissions::from_mode(0o750);
    fs::set_permissions(scene.at("/target"), mode).expect("a mode");
    let holder = Holder {
        target: Some(scene.at("/target")),
        ..living("task")
    };
    let request = MountRequest {
        view: View::ContainerPath { chown: false },
        ..request(holder)
    };
    (scene, request)
}

fn mode_of(scene: &Scene, path: &str) -> u32 {
    let found = fs::metadata(scene.at(path)).expect("a directory");
    found.permissions().mode() & 0o7777
}

#[test]
fn a_volume_takes_over_the_mode_of_its_container_path_and_undoing_gives_it_back() {
    for (other_comes, mode, record) in [
        (false, 0o755, NO_RECORD),
        (true, 0o750, "settled /mnt/db: other"),
    ] {
        let (scene, request) = scene();
        let outcome = scene.mount(request.clone()).expect("mounted");
        assert_eq!(mode_of(&scene, "/mnt/db"), 0o750);
        let before = outcome.taken_over.expect("another mode").ownership;
        assert_eq!(before.mode, Some(0o755));
        if other_comes {
            let other = crate::volume::tests::request(named("other"));
            scene.mount(other).expect("joined");
        }
        let volume = scene.volume();
        let mut locked =
            Locked::lock(&scene.invocation, volume.as_ref(), request.holder).expect("a lock");
        locked.undo(&outcome).expect("undone");
        drop(locked);
        assert_eq!(
            (mode_of(&scene, "/mnt/db"), scene.record().as_str()),
            (mode, record)
        );
        let mounts: &[&str] = if other_comes { &["/mnt/db rw"] } else { &[] };
        assert_eq!(scene.mounts(), strings(mounts));
    }
}

#[test]
fn a_mode_is_not_changed_under_other_holders() {
    let (scene, asked) = scene();
    scene.mount(request(named("other"))).expect("mounted");
    let error = scene.mount(asked).expect_err("held by another");
    assert_eq!(ErrorKind::of(&error), ErrorKind::InUse);
    let words = chain(&error);
    assert!(words.contains("0750"), "{words}");
    assert!(words.ends_with("while it is held by other"), "{words}");
    assert_eq!(mode_of(&scene, "/mnt/db"), 0o755);
    assert_eq!(scene.record(), "settled /mnt/db: other");
}

#[test]
fn a_bind_that_fails_gives_the_mode_back() {
    let (scene, asked) = scene();
    fake_host::with(|host| host.refused.insert(scene.at("/target"), Errno::EPERM));
    scene.mount(asked).expect_err("refused");
    assert_eq!(mode_of(&scene, "/mnt/db"), 0o755);
    assert_eq!(
        (scene.record().as_str(), scene.mounts()),
        (NO_RECORD, Vec::new())
    );
    assert_eq!(scene.plan().calls, strings(&["get", "mount", "unmount"]));
}

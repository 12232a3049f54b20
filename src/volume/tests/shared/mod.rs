//! Drivers that others use as well, as plugins are: what is mounted may be another's, and what they say is not what is.

mod places;
mod unmounts;
mod views;

use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::request::Release;
use crate::volume::tests::standings::{Mounted, Remembered, Standing};
use crate::volume::tests::{Scene, Seen, named, request};

const FORCE: Release = Release::ALL;

fn scene() -> Scene {
    let scene = Scene::new();
    scene.plan().is_shared = true;
    scene.plan().can_mount_read_only = false;
    scene
}

fn arrange(
    scene: &Scene,
    remembered: Remembered,
    mounted: Mounted,
    holders: &'static [&'static str],
) {
    let standing = Standing {
        name: "",
        remembered,
        mounted,
        holders,
    };
    standing.arrange(scene);
}

fn unmount(scene: &Scene, how: Release) -> Seen {
    scene.see(|| scene.unmount(named("me"), how).map(|()| String::new()))
}

fn mount(scene: &Scene) -> Seen {
    scene.see(|| {
        let outcome = scene.mount(request(named("me")))?;
        Ok(outcome.path.to_string_lossy().into_owned())
    })
}

fn remove(scene: &Scene) -> Seen {
    let volume = scene.volume();
    scene.see(|| {
        let mut locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default())?;
        locked.remove().map(|()| String::new())
    })
}

/// Mounted by another caller, before anything that we do.
fn mounted_by_another(scene: &Scene) {
    scene.plan().mount("another", "rw");
    scene.plan().tells_path = Some(true);
}

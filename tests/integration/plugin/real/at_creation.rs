//! origin-nexus' glusterfs, whose volumes are mounted for as long as they exist.

use pretty_assertions::assert_eq;

use crate::harness::mounts::mounted_at;
use crate::harness::real::at_creation::AtCreation;
use crate::plugin::real::Scene;

#[test]
fn what_was_mounted_before_us_stays_until_it_is_removed() {
    let Some(scene) = Scene::with_db("gluster", "servers", AtCreation::new) else {
        return;
    };
    let place = scene.mounts("");
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/mnt/gluster/db and held by a caller without an ID; unmount it first\n");
    scene.succeeds("unmount");
    assert!(mounted_at(&place).is_some());
    scene.mounts("");
    scene.succeeds("unmount");
    scene.succeeds("remove");
    assert_eq!(
        scene.acts(),
        ["Mount", "Unmount", "Mount", "Unmount", "Remove"]
    );
    scene.env.assert_nothing_is_left();
}

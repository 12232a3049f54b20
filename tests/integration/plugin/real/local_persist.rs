//! local-persist, whose volumes are directories of the administrator's, with or without something mounted there.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::real::local_persist::LocalPersist;
use crate::harness::volumes::user_of;
use crate::plugin::real::Scene;

fn scene() -> Option<Scene> {
    Scene::new("local-persist", "mountpoint", |_: &Env| {
        LocalPersist::default()
    })
}

#[test]
fn a_directory_is_mounted_and_removed_without_a_word() {
    let Some(scene) = scene() else { return };
    scene.fails("exists", 3, "");
    scene.fails(
        "mount --explicitcreate",
        3,
        "dvdcli: mounting volume db: plugin local-persist: no such volume\n",
    );
    scene.fails(
        "path",
        3,
        "dvdcli: asking for the path of volume db: plugin local-persist: no such volume\n",
    );
    assert_eq!(scene.acts(), [""; 0]);
    for id in ["", "--id a"] {
        scene.prints(
            &format!("mount {id} {}", scene.options()),
            "$ROOT/backend/db\n",
        );
    }
    scene.prints("path", "$ROOT/backend/db\n");
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/backend/db and held by a caller without an ID, a; unmount it first\n");
    scene.warns(
        "unmount --id a",
        "dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n",
    );
    scene.succeeds("unmount");
    scene.unmount_finds_nothing();
    scene.succeeds("remove");
    scene.fails("exists", 3, "");
    scene.env.assert_nothing_is_left();
}

#[test]
fn what_the_administrator_has_mounted_is_left_alone() {
    let Some(scene) = scene() else { return };
    let disk = scene.env.dir("disk");
    scene.env.mount_tmpfs(&disk);
    fs::write(disk.join("data"), "data").unwrap();
    scene.prints("mount --opt mountpoint=$ROOT/disk", "$ROOT/disk\n");
    scene.prints("mount --id a", "$ROOT/disk\n");
    scene.fails("remove", 4, "dvdcli: removing volume db: it is mounted at $ROOT/disk and held by a caller without an ID, a; unmount it first\n");
    scene.warns(
        "unmount --id a",
        "dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n",
    );
    scene.succeeds("unmount");
    assert!(mounted_at(&disk).is_some());
    let user = user_of(&disk);
    let refusal = format!(
        "dvdcli: removing volume db: it is mounted at $ROOT/disk, used by PID {} (sleep); unmount it first\n",
        user.pid()
    );
    scene.fails("remove", 4, &refusal);
    drop(user);
    scene.succeeds("remove");
    assert!(mounted_at(&disk).is_some());
    assert_eq!(fs::read_to_string(disk.join("data")).unwrap(), "data");
    assert_eq!(scene.env.records(), [""; 0]);
}

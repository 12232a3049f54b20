//! What others mount over a view, which a user can do by FUSE in a directory of his: `unmount --lazy` takes it away with the view, and
//! nothing else.

use std::path::PathBuf;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{mount_fuse, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::is_warnings;
use crate::harness::task::{MOUNT, UNMOUNT, task};

const HELD: &str = "mount -d fake -n db --id a --target $ROOT/job/target";

const NO_LAZY: &str =
    "dvdcli: warning: plugin fake: --lazy has no effect: a plugin has no lazy unmount\n";

fn covered(place: &str, by: &str) -> String {
    format!("{by} is mounted over the volume at {place}; unmount --lazy takes that away as well\n")
}

#[test]
fn what_is_mounted_over_a_view_is_named_and_goes_with_lazy() {
    for release in ["--target $ROOT/job/target", "--id a", "--force"] {
        let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
            return;
        };
        let (target, other) = (env.dir("job/target"), env.dir("job/other"));
        env.mount_tmpfs(&other);
        env.dvdcli(HELD).prints("$ROOT/job/target\n").succeeds();
        env.mount_tmpfs(&target);
        let _fuse = mount_fuse(&target);
        let before = env.mounts();
        let line = format!("unmount -d fake -n db {release}");
        for _ in 0..2 {
            let words = covered("$ROOT/job/target", "theirs of type fuse");
            env.dvdcli(&line)
                .fails(4, &format!("dvdcli: unmounting volume db: {words}"));
            assert_eq!((env.mounts(), plugin.mounts("db")), (before.clone(), 1));
        }
        let done = env.dvdcli(&format!("{line} --lazy")).output();
        assert_eq!(
            (done.code, is_warnings(&done.stderr)),
            (0, true),
            "{done:?}"
        );
        assert_eq!((env.mounts(), plugin.mounts("db")), (vec![other], 0));
        assert_eq!(env.records(), Vec::<String>::new());
    }
}

/// A user covers the directory above, which is his.
#[test]
fn a_users_mount_over_a_directory_above_goes_with_lazy() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("job/target");
    env.dvdcli(HELD).prints("$ROOT/job/target\n").succeeds();
    let _fuse = [mount_fuse(&env.path("job")), mount_fuse(&env.path("job"))];
    let line = "unmount -d fake -n db --id a";
    let words = covered("$ROOT/job/target", "theirs of type fuse");
    env.dvdcli(line)
        .fails(4, &format!("dvdcli: unmounting volume db: {words}"));
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (3, 1));
    env.dvdcli(&format!("{line} --lazy"))
        .warns(NO_LAZY)
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
    env.assert_nothing_is_left();
}

/// It may hold all that the host has, and more than one view.
#[test]
fn roots_mount_over_a_directory_above_stays() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("job/target");
    env.dvdcli(HELD).prints("$ROOT/job/target\n").succeeds();
    env.mount_tmpfs(&env.path("job"));
    for lazy in ["", "--lazy"] {
        env.dvdcli(&format!("unmount -d fake -n db --id a {lazy}")).fails(
            4,
            "dvdcli: unmounting volume db: tmpfs of type tmpfs is mounted over the volume at $ROOT/job/target, at $ROOT/job; unmount that first\n",
        );
        assert_eq!((env.mounts().len(), plugin.mounts("db")), (2, 1));
    }
    unmount(&env.path("job"));
    env.dvdcli("unmount -d fake -n db --id a").succeeds();
    env.assert_nothing_is_left();
}

/// Our view has gone, by hand: what is there now is not on top of it.
#[test]
fn what_is_not_on_top_of_a_view_stays() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("job/target");
    env.dvdcli(HELD).prints("$ROOT/job/target\n").succeeds();
    unmount(&target);
    env.mount_tmpfs(&target);
    let line = "unmount -d fake -n db --id a --target $ROOT/job/target";
    let words = "target $ROOT/job/target: something is mounted there that is not this volume\n";
    env.dvdcli(line)
        .fails(4, &format!("dvdcli: unmounting volume db: {words}"));
    assert_eq!(plugin.mounts("db"), 1);
    env.dvdcli(&format!("{line} --lazy"))
        .warns(&format!("dvdcli: warning: {words}"))
        .succeeds();
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![target], 0));
}

/// The directory above was renamed, and another one is in its place, with a mount of somebody else's.
#[test]
fn what_is_mounted_where_a_view_has_been_stays() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("job/target");
    env.dvdcli(HELD).prints("$ROOT/job/target\n").succeeds();
    fs::rename(env.path("job"), env.path("moved")).unwrap();
    let other = env.dir("job/target");
    env.mount_tmpfs(&other);
    env.dvdcli("unmount -d fake -n db --target $ROOT/job/target")
        .succeeds();
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![other], 0));
}

#[test]
fn a_task_is_released_whatever_its_user_has_mounted() {
    let Some(env) = Env::isolated() else { return };
    let path = env.dir("job/data");
    let variables = [
        ("NAME", "db"),
        ("DRIVER", "local"),
        ("CONTAINERPATH", "$ROOT/job/data"),
    ];
    task(&env, MOUNT, &variables)
        .prints("$ROOT/job/data\n")
        .succeeds();
    let _fuse = mount_fuse(&path);
    let words = covered("$ROOT/job/data", "theirs of type fuse");
    task(&env, UNMOUNT, &variables).fails(
        4,
        &format!("dvdcli: unmounting volume db (DVDI_VOLUME_NAME): {words}"),
    );
    assert_eq!(env.mounts().len(), 2);
    task(&env, &format!("{UNMOUNT} --lazy"), &variables).succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

/// The owner of a volume reaches its own mount point as well.
#[test]
fn what_is_mounted_over_the_volume_itself_goes_with_lazy() {
    let Some(env) = Env::isolated() else { return };
    for (driver, options, place) in [
        ("local", "type=tmpfs,device=x", "local/db/_data"),
        ("loop", "size=32MiB", "loop/db/mnt/data"),
    ] {
        let create = format!("create -d {driver} -n db --volumeopts={options},uid=65534");
        env.dvdcli(&create).succeeds();
        let done = env.dvdcli(&format!("mount -d {driver} -n db")).output();
        assert_eq!(done.code, 0, "{done:?}");
        let place = env.path("var/lib/dvdcli").join(place);
        let _fuse = mount_fuse(&place);
        let line = format!("unmount -d {driver} -n db");
        let refused = env.dvdcli(&line).output();
        assert_eq!(refused.code, 4, "{refused:?}");
        assert!(refused.stderr.contains("unmount --lazy"), "{refused:?}");
        assert!(mounted_at(&place).is_some());
        env.dvdcli(&format!("{line} --lazy")).succeeds();
        env.assert_nothing_is_left();
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
}

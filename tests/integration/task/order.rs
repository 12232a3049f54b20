//! Volumes of `--from-env` that depend on each other: a container path inside another's, a copy of another.

use std::os::unix::fs::symlink;

use nix::mount::{MsFlags, mount, umount};
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, outside, task};

#[test]
fn a_path_inside_another_comes_after_it() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let variables = [
        ("NAME", "innermost"),
        ("CONTAINERPATH", "$ROOT/job/in/most"),
        ("NAME1", "outer"),
        ("CONTAINERPATH1", "$ROOT/job"),
        ("NAME2", "inner"),
        ("CONTAINERPATH2", "$ROOT/job/in"),
        ("NAME3", "apart"),
        ("CONTAINERPATH3", "$ROOT/jobs"),
    ];
    let paths = "$ROOT/job/in/most\n$ROOT/job\n$ROOT/job/in\n$ROOT/jobs\n";
    for _ in 0..2 {
        task(&env, MOUNT, &variables).prints(paths).succeeds();
    }
    assert_eq!(env.mounts().len(), 4);
    fs::write(env.path("job/in/most/file"), "").unwrap();
    assert!(env.path("volumes/innermost/file").exists());
    // Made in the volumes, not below them.
    assert!(env.path("volumes/outer/in").is_dir() && env.path("volumes/inner/most").is_dir());
    task(&env, UNMOUNT, &variables).succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("innermost")), (0, 0));
    assert_eq!(env.names("job").len(), 0);
}

#[test]
fn a_path_inside_another_must_exist_in_that_volume() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let outside = outside(&env);
    // What the volume will hide does not count.
    fs::create_dir_all(outside.join("job/in")).unwrap();
    let variables = [
        ("NAME", "inner"),
        ("CONTAINERPATH", "/srv/job/in"),
        ("NAME1", "outer"),
        ("CONTAINERPATH1", "/srv/job"),
    ];
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: mounting volume inner (DVDI_VOLUME_NAME): container path: /srv/job/in: no such file or directory; create the directory first\n",
    );
    // Nor is a link followed that the volume's users could have made.
    symlink("/etc", env.dir("volumes/outer").join("in")).unwrap();
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: mounting volume inner (DVDI_VOLUME_NAME): container path: /srv/job/in is a symbolic link, and a container path leads over none\n",
    );
    assert_eq!(
        (plugin.mounts("outer"), plugin.bodies("Mount").len()),
        (0, 2)
    );
    fs::remove_file(env.path("volumes/outer/in")).unwrap();
    env.dir("volumes/outer/in");
    task(&env, MOUNT, &variables)
        .prints("/srv/job/in\n/srv/job\n")
        .succeeds();
    fs::remove_dir(outside.join("job/in")).unwrap_err();
    task(&env, UNMOUNT, &variables).succeeds();
    assert_eq!((plugin.mounts("inner"), plugin.mounts("outer")), (0, 0));
    fs::remove_dir(outside.join("job/in")).unwrap();
}

#[test]
fn what_is_mounted_inside_a_container_path_is_that_tasks_alone() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none).unwrap();
    env.mount_tmpfs(&env.dir("volumes/shared"));
    let other = [("NAME", "shared"), ("CONTAINERPATH", "$ROOT/other")];
    task(&env, "mount --from-env --id other", &other)
        .prints("$ROOT/other\n")
        .succeeds();
    let one = [
        ("NAME", "shared"),
        ("CONTAINERPATH", "$ROOT/one"),
        ("NAME1", "own"),
        ("CONTAINERPATH1", "$ROOT/one/own"),
    ];
    task(&env, "mount --from-env --id one", &one)
        .prints("$ROOT/one\n$ROOT/one/own\n")
        .succeeds();
    let expected = ["volumes/shared", "other", "one", "one/own"].map(|name| env.path(name));
    assert_eq!(env.mounts(), expected);
    // What comes to the volume itself is seen by all.
    env.mount_tmpfs(&env.dir("volumes/shared/later"));
    assert!(env.mounts().contains(&env.path("one/later")));
    umount(&env.path("volumes/shared/later")).unwrap();
    let stays = "dvdcli: warning: volume shared stays mounted, it is held by other\n";
    task(&env, "unmount --from-env --id one", &one)
        .warns(stays)
        .succeeds();
    assert_eq!(env.mounts(), expected[..2]);
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
}

#[test]
fn a_volumes_own_mount_point_is_not_hidden() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    env.dir("volumes/a/inside");
    for path in ["$ROOT/volumes", "$ROOT/volumes/a"] {
        task(&env, MOUNT, &[("NAME", "a"), ("CONTAINERPATH", path)]).fails(
            2,
            &format!("dvdcli: mounting volume a (DVDI_VOLUME_NAME): container path {path} would hide the volume's own mount point $ROOT/volumes/a\n"),
        );
    }
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (0, 0));
    let inside = [("NAME", "a"), ("CONTAINERPATH", "$ROOT/volumes/a/inside")];
    task(&env, MOUNT, &inside)
        .prints("$ROOT/volumes/a/inside\n")
        .succeeds();
    task(&env, UNMOUNT, &inside).succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (0, 0));
}

#[test]
fn a_copy_is_made_before_what_it_is_a_copy_of_is_mounted() {
    let Some(env) = Env::isolated() else { return };
    env.configure("dvdcli: {allow: {loop: {copies: true}}}");
    let variables = [
        ("NAME", "second"),
        ("DRIVER", "loop"),
        ("OPTS", "volumeName=first"),
        ("NAME1", "first"),
        ("DRIVER1", "loop"),
        ("OPTS1", "snapshotID=origin"),
        ("NAME2", "origin"),
        ("DRIVER2", "loop"),
        ("OPTS2", "size=20MiB"),
    ];
    let path = |name| format!("$ROOT/var/lib/dvdcli/loop/{name}/mnt/data\n");
    let paths = ["second", "first", "origin"].map(path).concat();
    for _ in 0..2 {
        task(&env, MOUNT, &variables).prints(&paths).succeeds();
    }
    task(&env, UNMOUNT, &variables).succeeds();
    let circle = [
        ("NAME", "a"),
        ("DRIVER", "loop"),
        ("OPTS", "volumeName=b"),
        ("NAME1", "b"),
        ("DRIVER1", "loop"),
        ("OPTS1", "volumeName=a"),
    ];
    task(&env, MOUNT, &circle).fails(
        3,
        "dvdcli: creating volume a (DVDI_VOLUME_NAME): there is no volume b to copy\n",
    );
    assert_eq!(env.mounts().len(), 0);
}

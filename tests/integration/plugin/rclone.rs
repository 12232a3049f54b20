//! A real plugin, rclone's: its volumes are created, mounted, written, unmounted and removed for real.

use std::path::PathBuf;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::rclone::Rclone;
use crate::harness::waiting::eventually;

fn mounted(env: &Env) -> Vec<PathBuf> {
    env.mounts()
        .into_iter()
        .filter(|point| point.starts_with(env.path("base")))
        .collect()
}

const OPTIONS: &str = "--volumeopts=type=local,path=$ROOT/data";

#[test]
fn a_volume_lives_from_create_to_remove() {
    let Some(env) = Env::isolated() else { return };
    let data = env.dir("data");
    let _rclone = Rclone::start(&env);
    env.dvdcli(&format!("create -d rclone -n db {OPTIONS}"))
        .succeeds();
    env.dvdcli("list -d rclone").prints("db\n").succeeds();
    env.dvdcli("get -d rclone -n db").prints("db\n").succeeds();
    env.dvdcli("exists -d rclone -n db").succeeds();
    env.dvdcli("exists -d rclone -n none").fails(3, "");
    let path = env.path("base/db");
    env.dvdcli("mount -d rclone -n db")
        .prints("$ROOT/base/db\n")
        .succeeds();
    assert_eq!(mounted(&env), [path.as_path()]);
    fs::write(path.join("file"), "written through the mount").unwrap();
    eventually("the file", || {
        fs::read_to_string(data.join("file")).is_ok_and(|text| text == "written through the mount")
    });
    env.dvdcli("path -d rclone -n db")
        .prints("$ROOT/base/db\n")
        .succeeds();
    // rclone itself would refuse it: "volume is already mounted by this id".
    env.dvdcli("mount -d rclone -n db")
        .prints("$ROOT/base/db\n")
        .succeeds();
    env.dvdcli("remove -d rclone -n db").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/base/db and held by a caller without an ID; unmount it first\n",
    );
    env.dvdcli("unmount -d rclone -n db").succeeds();
    assert_eq!(mounted(&env), Vec::<PathBuf>::new());
    assert_eq!(
        fs::read_to_string(data.join("file")).unwrap(),
        "written through the mount"
    );
    env.dvdcli("unmount -d rclone -n db")
        .warns("dvdcli: warning: unmounting volume db: plugin rclone: nothing is mounted at $ROOT/base/db; nothing was left to do\n")
        .succeeds();
    env.dvdcli("remove -d rclone -n db").succeeds();
    env.dvdcli("exists -d rclone -n db").fails(3, "");
    env.dvdcli("unmount -d rclone -n db")
        .warns("dvdcli: warning: unmounting volume db: plugin rclone: VolumeDriver.Path: volume not found; nothing was left to do\n")
        .succeeds();
}

#[test]
fn mount_creates_the_volume_and_holders_share_it() {
    let Some(env) = Env::isolated() else { return };
    env.write("data/file", "text");
    let _rclone = Rclone::start(&env);
    for id in ["a", "b"] {
        env.dvdcli(&format!("mount -d rclone -n db {OPTIONS} --id {id}"))
            .prints("$ROOT/base/db\n")
            .succeeds();
    }
    assert_eq!(
        fs::read_to_string(env.path("base/db/file")).unwrap(),
        "text"
    );
    env.dvdcli("unmount -d rclone -n db --id a")
        .warns("dvdcli: warning: volume db stays mounted, it is held by b\n")
        .succeeds();
    assert_eq!(mounted(&env).len(), 1);
    env.dvdcli("unmount -d rclone -n db --id b").succeeds();
    assert_eq!(mounted(&env).len(), 0);
}

#[test]
fn a_volume_that_appears_at_a_target_is_gone_from_there() {
    let Some(env) = Env::isolated() else { return };
    env.write("data/file", "text");
    let target = env.dir("target");
    let _rclone = Rclone::start(&env);
    env.dvdcli(&format!(
        "mount -d rclone -n db {OPTIONS} --target $ROOT/target"
    ))
    .prints("$ROOT/target\n")
    .succeeds();
    assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "text");
    env.dvdcli("unmount -d rclone -n db --target $ROOT/target")
        .succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

#[test]
fn a_mount_that_was_forgotten_is_taken_over() {
    let Some(env) = Env::isolated() else { return };
    env.dir("data");
    let _rclone = Rclone::start(&env);
    env.dvdcli(&format!("mount -d rclone -n db {OPTIONS}"))
        .prints("$ROOT/base/db\n")
        .succeeds();
    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
    env.dvdcli("mount -d rclone -n db")
        .prints("$ROOT/base/db\n")
        .succeeds();
    assert_eq!(mounted(&env).len(), 1);
    env.dvdcli("unmount -d rclone -n db").succeeds();
    assert_eq!(mounted(&env).len(), 0);
}

#[test]
fn a_mount_whose_plugin_was_killed_is_not_handed_out() {
    let Some(env) = Env::isolated() else { return };
    env.dir("data");
    let rclone = Rclone::start(&env);
    env.dvdcli(&format!("mount -d rclone -n db {OPTIONS}"))
        .prints("$ROOT/base/db\n")
        .succeeds();
    drop(rclone);
    assert_eq!(mounted(&env).len(), 1);
    env.dvdcli("mount -d rclone -n db --wait 0").fails(
        1,
        "dvdcli: warning: volume db is mounted anew: mount point $ROOT/base/db: transport endpoint is not connected\n\
         dvdcli: mounting volume db: plugin rclone: unix://$ROOT/run/docker/plugins/rclone.sock: connection refused\n",
    );
}

/// As after a crash: whoever served the mount is gone, and the plugin that was started anew does not know it.
#[test]
fn a_mount_whose_plugin_was_killed_is_unmounted() {
    let Some(env) = Env::isolated() else { return };
    env.dir("data");
    for _ in 0..2 {
        let rclone = Rclone::start(&env);
        env.dvdcli(&format!("mount -d rclone -n db {OPTIONS}"))
            .prints("$ROOT/base/db\n")
            .succeeds();
        drop(rclone);
        let _rclone = Rclone::start(&env);
        env.dvdcli("unmount -d rclone -n db")
            .warns("dvdcli: warning: unmounting volume db: plugin rclone: VolumeDriver.Unmount: volume not found; nobody served $ROOT/base/db any more, and it is unmounted\n")
            .succeeds();
        assert_eq!(mounted(&env), Vec::<PathBuf>::new());
        assert_eq!(env.records(), [""; 0]);
    }
}

#[test]
fn options_that_rclone_does_not_know_fail_in_its_words() {
    let Some(env) = Env::isolated() else { return };
    let _rclone = Rclone::start(&env);
    env.dvdcli("create -d rclone -n db --volumeopts=type=local,path=/tmp,bogus=1")
        .fails(
            1,
            "dvdcli: creating volume db: plugin rclone: VolumeDriver.Create: [..]bogus[..]\n",
        );
}

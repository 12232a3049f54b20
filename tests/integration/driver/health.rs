//! File systems of `loop` volumes that have given up: nobody gets them to write to.

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, mounted_at};
use crate::harness::volumes::{LOOP, data, image, inspected};

const COUNTED: &str = "its file system has an error";
const READ_ONLY: &str = "its file system was made read-only by the kernel, after an error";

fn repair() -> String {
    format!(
        "unmount it and repair $ROOT/{LOOP}/db/image (ext4: e2fsck -f), or mount it with --read-only"
    )
}

/// Has the kernel find an error in the file system.
fn trigger_error(env: &Env) {
    let source = mounted_at(&env.path(LOOP).join("db/mnt")).unwrap().source;
    let name = Path::new(&source).file_name().unwrap().to_str().unwrap();
    fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "test").unwrap();
}

#[test]
fn ext4_with_errors_is_named_and_handed_out_read_only_at_most() {
    let Some(env) = Env::isolated() else { return };
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    let mount = "mount -d loop -n db";
    for (options, problem) in [("", COUNTED), (",o=errors=remount-ro", READ_ONLY)] {
        env.mount_created(&format!("{mount} --volumeopts=size=64MiB{options}"))
            .prints(&printed)
            .succeeds();
        assert_eq!(inspected(&env, "-d loop -n db")["Problem"], Value::Null);
        trigger_error(&env);
        assert_eq!(inspected(&env, "-d loop -n db")["Problem"], problem);
        env.dvdcli(&format!("{mount} --id second")).fails(
            1,
            &format!("dvdcli: mounting volume db: {problem}; {}\n", repair()),
        );
        env.dvdcli("unmount -d loop -n db").fails(
            1,
            &format!("dvdcli: unmounting volume db: it is unmounted, but what was written last is lost: {problem}\n"),
        );
        env.assert_nothing_is_left();
        // It is remembered in the image.
        assert_eq!(inspected(&env, "-d loop -n db")["Problem"], COUNTED);
        env.dvdcli(mount).fails(
            1,
            &format!("dvdcli: mounting volume db: {COUNTED}; {}\n", repair()),
        );
        env.assert_nothing_is_left();
        env.dvdcli(&format!("{mount} --read-only"))
            .prints(&printed)
            .warns(&format!("dvdcli: warning: volume db: {COUNTED}\n"))
            .succeeds();
        env.dvdcli("unmount -d loop -n db").succeeds();
        let repair = format!("e2fsck -fp {} || [ $? = 1 ]", image(&env, "db").display());
        in_directory(Path::new("/"), &repair).unwrap();
        env.dvdcli(mount).prints(&printed).succeeds();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn xfs_that_was_shut_down_is_named() {
    let Some(env) = Env::isolated() else { return };
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    env.dvdcli("mount -d loop -n db --volumeopts=size=400MiB,fs=xfs")
        .prints(&printed)
        .succeeds();
    in_directory(&data(&env, "db"), "xfs_io -x -c shutdown .").unwrap();
    let problem = &inspected(&env, "-d loop -n db")["Problem"];
    assert_eq!(
        problem,
        "its file system was shut down by the kernel, after an error"
    );
    env.dvdcli("unmount -d loop -n db").fails(
        1,
        &format!("dvdcli: unmounting volume db: it is unmounted, but what was written last is lost: {}\n", problem.as_str().unwrap()),
    );
    // Its log makes it good.
    env.dvdcli("mount -d loop -n db")
        .prints(&printed)
        .succeeds();
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.assert_nothing_is_left();
}

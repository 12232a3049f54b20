//! A disk on which nothing more can be made, no file and no block: volumes on it are mounted, unmounted and removed all the same.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::mounts::{in_directory, unmount};
use crate::harness::process::is_warnings;
use crate::harness::volumes::{LOOP, volumes_on_disk_of};

const BLOCKS: &str = "dd if=/dev/zero of=fill bs=1M 2>/dev/null || dd if=/dev/zero of=more bs=512 2>/dev/null || true";
const FILES: &str =
    "mkdir many && i=0 && while true 2>/dev/null > many/$i; do i=$((i+1)); done || true";

#[test]
fn volumes_on_a_full_disk_are_mounted_and_removed() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, length, fill) in [
        ("ext4", 100 << 20, [FILES, BLOCKS]),
        ("xfs", 320 << 20, [BLOCKS, FILES]),
    ] {
        volumes_on_disk_of(&env, fs_type, length);
        let names = ["a", "b", "c"];
        for name in names {
            env.dvdcli(&format!("mount -d loop -n {name} --opt size=8MiB"))
                .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
                .succeeds();
            env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
        }
        fills(&env, fill);
        // xfs may have given the image all its space, so that nothing has to be said of it.
        let found = env.dvdcli("mount -d loop -n a").output();
        let path = format!("$ROOT/{LOOP}/a/mnt/data\n");
        assert_eq!((found.code, &found.stdout), (0, &path), "{found:?}");
        assert!(is_warnings(&found.stderr), "{found:?}");
        env.dvdcli("unmount -d loop -n a").succeeds();
        for name in names {
            env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
        }
        assert_eq!(env.names(LOOP), [""; 0]);
        unmount(&env.path("var/lib/dvdcli"));
    }
    env.assert_nothing_is_mounted();
}

/// A file system on which a file cannot even get another name. Files can be deleted there.
#[test]
fn where_nothing_can_be_renamed_volumes_are_removed() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "btrfs", 200 << 20);
    for (driver, name) in [("loop", "a"), ("loop", "b"), ("local", "c")] {
        let size = if driver == "loop" {
            "--opt size=8MiB"
        } else {
            ""
        };
        env.dvdcli(&format!("create -d {driver} -n {name} {size}"))
            .succeeds();
    }
    env.write("var/lib/dvdcli/local/c/_data/file", "text");
    fills(&env, [BLOCKS, FILES]);
    for (driver, name) in [("local", "c"), ("loop", "a"), ("loop", "b")] {
        env.dvdcli(&format!("remove -d {driver} -n {name}"))
            .succeeds();
        env.dvdcli(&format!("exists -d {driver} -n {name}"))
            .fails(3, "");
    }
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

#[track_caller]
fn fills(env: &Env, fill: [&str; 2]) {
    let disk = env.path("var/lib/dvdcli");
    in_directory(&disk, &format!("{}; {}; sync -f .", fill[0], fill[1])).unwrap();
    in_directory(&disk, "! mkdir loop/more 2>/dev/null").unwrap();
}

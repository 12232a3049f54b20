//! `loop` volumes on a disk that runs full.

use std::path::Path;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, unmount};
use crate::harness::volumes::{LOOP, data, volumes_on_disk_of};

const DISK: u64 = 200 << 20;

#[track_caller]
fn mount(env: &Env, name: &str, options: &str) {
    env.dvdcli(&format!("mount -d loop -n {name} {options}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
}

/// Writes so much to a file, to the disk.
fn write_to_disk(directory: &Path, megabytes: u32) -> Result<(), String> {
    let script = format!("dd if=/dev/urandom of=file bs=1M count={megabytes} conv=fsync 2>&1");
    in_directory(directory, &script)
}

#[test]
fn what_does_not_fit_is_refused_and_the_other_volumes_go_on() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    mount(&env, "neighbour", "--volumeopts=size=100MiB");
    mount(&env, "src", "--volumeopts=size=1");
    write_to_disk(&data(&env, "src"), 100).unwrap();
    env.dvdcli("unmount -d loop -n src").succeeds();
    let refused = |line: &str, doing: &str| {
        env.dvdcli(line).fails(
            1,
            &format!(
                "dvdcli: creating volume copy: {doing}: [..] MiB is more than the [..] MiB that are free, less [..] that are kept for the other volumes\n"
            ),
        );
        env.dvdcli("list -d loop")
            .prints("neighbour\nsrc\n")
            .succeeds();
        assert_eq!(env.names(LOOP), ["neighbour", "src"]);
    };
    refused(
        "create -d loop -n copy --volumeopts=volumeName=src",
        "copying $ROOT/var/lib/dvdcli/loop/src/image",
    );
    refused(
        "create -d loop -n copy --volumeopts=size=300,fs=xfs",
        "making an image of 300 GiB",
    );
    write_to_disk(&data(&env, "neighbour"), 10).unwrap();
    // Until nothing is left but what is kept.
    let fill = env.path("var/lib/dvdcli/fill");
    let script = "fallocate -l $(($(stat -f -c '%a*%S' .) - (8 << 20))) fill";
    in_directory(&env.path("var/lib/dvdcli"), script).unwrap();
    refused(
        "create -d loop -n copy --volumeopts=size=1",
        "making an image of 1 GiB",
    );
    write_to_disk(&data(&env, "neighbour"), 5).unwrap();
    fs::remove_file(fill).unwrap();
    env.dvdcli("create -d loop -n copy --volumeopts=size=1")
        .succeeds();
    env.dvdcli("unmount -d loop -n neighbour").succeeds();
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

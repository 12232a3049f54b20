//! What is mounted read-only is not written to, whatever is wrong with it.

use std::path::Path;

use crate::harness::env::Env;
use crate::harness::loop_devices::is_bound;
use crate::harness::mounts::in_directory;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOOP, checksum, image, made_with_mount_options};
use crate::harness::waiting::eventually;

const KINDS: [&str; 3] = [
    "size=20MiB,fs=ext4",
    "size=320MiB,fs=xfs",
    "size=120MiB,fs=btrfs",
];

const MOUNT: &str = "mount -d loop -n db";
const UNMOUNT: &str = "unmount -d loop -n db";

const COUNTED: &str = "dvdcli: warning: volume db: its file system has an error\n";

fn printed() -> String {
    format!("$ROOT/{LOOP}/db/mnt/data\n")
}

fn missing(repair: &str) -> String {
    format!(
        "dvdcli: mounting volume db: $ROOT/{LOOP}/db/mnt/data is missing, and a read-only mount makes no directory; {repair}\n"
    )
}

/// Does something to the root of an unmounted volume.
fn in_image(env: &Env, script: &str) {
    let (image, place) = (image(env, "db"), env.dir("by-hand"));
    let (path, place) = (image.display(), place.display());
    let script = format!("mount -o loop {path} {place}; (cd {place}; {script}); umount {place}");
    in_directory(Path::new("/"), &script).unwrap();
    eventually("the loop device", || !is_bound(&image));
}

/// As the kernel notes an error.
fn note_error(env: &Env) {
    for field in ["state 2", "error_count 1"] {
        let image = image(env, "db");
        let script = format!("debugfs -w -R 'ssv {field}' {} 2>&1", image.display());
        in_directory(Path::new("/"), &script).unwrap();
    }
}

/// Mounts it read-only, and then as one that is so by its options.
fn never_writes(env: &Env, warning: &str, is_missing: bool) {
    for (flag, repair) in [
        (" --read-only", "mount it once without --read-only"),
        (
            "",
            "its options make the volume read-only: make it in $ROOT/var/lib/dvdcli/loop/db/image (mount -o loop)",
        ),
    ] {
        if flag.is_empty() {
            made_with_mount_options(env, "ro,norecovery");
        }
        // What it is told to do otherwise is refused where there are errors.
        let repair = match warning {
            COUNTED => {
                "repair its file system in $ROOT/var/lib/dvdcli/loop/db/image first (ext4: e2fsck -f)"
            }
            _ => repair,
        };
        let before = checksum(env, "db");
        let run = env.dvdcli(&format!("{MOUNT}{flag}"));
        if is_missing {
            run.fails(1, &format!("{warning}{}", missing(repair)));
        } else {
            run.prints(&printed()).warns(warning).succeeds();
            env.dvdcli(UNMOUNT).succeeds();
        }
        assert!(checksum(env, "db") == before, "{flag}");
        env.assert_nothing_is_left();
    }
    env.dvdcli("remove -d loop -n db").succeeds();
}

fn mounted_once(env: &Env, options: &str) {
    env.dvdcli(&format!("{MOUNT} --volumeopts={options}"))
        .prints(&printed())
        .succeeds();
    env.dvdcli(UNMOUNT).succeeds();
}

#[test]
fn a_missing_directory_is_not_made_by_a_read_only_mount() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        mounted_once(&env, options);
        in_image(&env, "rmdir data");
        never_writes(&env, "", true);
    }
}

#[test]
fn a_volume_with_errors_is_not_written_by_a_read_only_mount() {
    let Some(env) = Env::isolated() else { return };
    for is_missing in [false, true] {
        mounted_once(&env, KINDS[0]);
        if is_missing {
            in_image(&env, "rmdir data");
        }
        note_error(&env);
        never_writes(&env, COUNTED, is_missing);
    }
}

#[test]
fn a_volume_that_was_only_created_is_not_written_by_a_read_only_mount() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        let create = "create -d loop -n db --opt mode=0750 --volumeopts=";
        env.dvdcli(&format!("{create}{options}")).succeeds();
        let before = checksum(&env, "db");
        env.dvdcli(&format!("{MOUNT} --read-only"))
            .prints(&printed())
            .succeeds();
        let mode = "[ $(stat -c %a mnt/data) = 750 ]";
        in_directory(&env.path(LOOP).join("db"), mode).unwrap();
        env.dvdcli(UNMOUNT).succeeds();
        assert!(checksum(&env, "db") == before, "{options}");
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

/// Where loop devices cannot be used, a volume is made without its directory, which the first writable mount makes.
#[test]
fn a_volume_is_created_where_it_cannot_be_mounted() {
    let Some(env) = Env::isolated() else { return };
    let create = "create -d loop -n db --volumeopts=size=20MiB";
    under_strace(
        env.dvdcli(create),
        &[
            "-e",
            "trace=fsopen",
            "-e",
            "inject=fsopen:error=ENOSYS",
            "-o",
            "/dev/null",
        ],
    )
    .succeeds();
    env.dvdcli(&format!("{MOUNT} --read-only"))
        .fails(1, &missing("mount it once without --read-only"));
    env.dvdcli(MOUNT).prints(&printed()).succeeds();
    env.dvdcli(UNMOUNT).succeeds();
    env.dvdcli(&format!("{MOUNT} --read-only"))
        .prints(&printed())
        .succeeds();
    env.dvdcli(UNMOUNT).succeeds();
    env.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_left();
}

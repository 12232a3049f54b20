//! `loop` volumes on a disk that runs full.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, mounted_at, unmount};
use crate::harness::process::is_warnings;
use crate::harness::programs::replace;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOOP, data, volumes_on_disk_of};

const DISK: u64 = 200 << 20;

/// Leaves no space on a disk.
const FILL: &str = "for size in 1M 64k 4k; do while head -c $size /dev/zero 2>/dev/null >>fill; do :; done; done; sync -f . || true";

const FULL: &str = "the disk with its image is full, [..]B are free: make space at $ROOT/var/lib/dvdcli, or remove a volume";

#[track_caller]
fn mount(env: &Env, name: &str, options: &str) {
    let line = format!("mount -d loop -n {name} {options}");
    let found = env.mount_created(&line).output();
    assert_eq!(found.code, 0, "{found:?}");
    // Of a disk that is nearly full.
    assert!(is_warnings(&found.stderr), "{found:?}");
    assert_eq!(found.stdout, format!("$ROOT/{LOOP}/{name}/mnt/data\n"));
}

/// Writes so much to a file, to the disk.
fn write_to_disk(directory: &Path, megabytes: u32) -> Result<(), String> {
    let script = format!("dd if=/dev/urandom of=file bs=1M count={megabytes} conv=fsync 2>&1");
    in_directory(directory, &script)
}

#[test]
fn what_does_not_fit_is_refused_and_the_other_volumes_go_on() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    volumes_on_disk_of(&env, "ext4", DISK);
    mount(&env, "neighbour", "--volumeopts=size=100MiB");
    mount(&env, "src", "--volumeopts=size=1");
    write_to_disk(&data(&env, "src"), 100).unwrap();
    env.dvdcli("unmount -d loop -n src").succeeds();
    let refused = |line: &str, doing: &str| {
        env.dvdcli(line).fails(
            1,
            &format!(
                "dvdcli: creating volume copy: {doing}: [..] is more than the [..] that are free, less [..] that stay free (setting dvdcli.allow.loop.reserve)\n"
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
    let script = "fallocate -l $(($(stat -f -c '%a*%S' .) - (16 << 20))) fill";
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

#[test]
fn what_did_not_reach_the_disk_is_an_error_of_unmount_and_run() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    for fs_type in ["ext4", "xfs", "btrfs"] {
        volumes_on_disk_of(&env, "ext4", DISK);
        let disk = env.path("var/lib/dvdcli");
        let lost = "it is unmounted, but what was written last is lost: [..]; the disk with its image is full\n";
        let fill = "dd if=/dev/zero of=fill bs=1M 2>/dev/null || true; sync -f .";
        // The kernel may write it out, and find that it cannot, before all is written.
        let write = "head -c 50000000 /dev/urandom > file || true";

        let options = format!("size=1,fs={fs_type}");
        mount(&env, "db", &format!("--volumeopts={options}"));
        in_directory(&disk, fill).unwrap();
        in_directory(&data(&env, "db"), write).unwrap();
        env.dvdcli("unmount -d loop -n db")
            .fails(1, &format!("dvdcli: unmounting volume db: {lost}"));
        assert_eq!((env.mounts(), env.records()), (vec![disk.clone()], vec![]));
        fs::remove_file(disk.join("fill")).unwrap();

        let fill = format!("cd {}; {fill}", disk.display());
        let script = format!("{fill}; cd $ROOT/{LOOP}/db2/mnt/data; {write}");
        let options = format!("--volumeopts={options}");
        env.dvdcli(&format!("create -d loop -n db2 {options}"))
            .succeeds();
        env.dvdcli_with([
            "run", "-d", "loop", "-n", "db2", &options, "--", "sh", "-c", &script,
        ])
        .fails(
            1,
            &format!(
                "dvdcli: running sh with volume db2: unmounting it: {}",
                lost
            ),
        );
        assert_eq!((env.mounts(), env.records()), (vec![disk.clone()], vec![]));
        unmount(&disk);
        env.assert_nothing_is_mounted();
    }
}

/// The kernel tells it once, whoever asks first, and knows it from then on only where something is written.
#[test]
fn a_journal_that_was_given_up_is_an_error_to_everybody() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "xfs", 400 << 20);
    let disk = env.path("var/lib/dvdcli");
    mount(&env, "db", "--volumeopts=size=64MiB");
    fill(&disk);
    // Without data, so that there is nothing but the journal that cannot be written.
    let make = "mkdir $(seq 1 200) || true; sync -f . || true";
    in_directory(&data(&env, "db"), make).unwrap();
    fs::remove_file(disk.join("fill")).unwrap();
    // The kernel may have noticed it by now, of its own accord.
    let why = "[..]\n";
    env.dvdcli("create -d loop -n copy --opt volumename=db")
        .fails(
            1,
            &format!("dvdcli: creating volume copy: copying $ROOT/{LOOP}/db/image: {why}"),
        );
    env.dvdcli("unmount -d loop -n db").fails(
        1,
        &format!("dvdcli: unmounting volume db: it is unmounted, but what was written last is lost: {why}"),
    );
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

/// A copy has the kernel write out what is in the page cache, and is told of what is lost; whoever holds the volume has to know it too.
#[test]
fn what_a_copy_was_told_is_told_to_the_holder() {
    told_to_another(
        "create -d loop -n copy --opt volumename=db",
        "creating volume copy: copying $ROOT/var/lib/dvdcli/loop/db/image",
    );
}

#[test]
fn what_trim_was_told_is_told_to_the_holder() {
    told_to_another("trim -d loop -n db", "trimming volume db");
}

/// Has another call write a volume out that does not fit on the disk; its holder is told as well.
fn told_to_another(line: &str, doing: &str) {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "xfs", 400 << 20);
    env.configure("dvdcli: {allow: {loop: {reserve: 0}}}");
    let disk = env.path("var/lib/dvdcli");
    mount(&env, "db", "--volumeopts=size=64MiB");
    // The journal has its space already.
    let warm =
        "dd if=/dev/zero of=file bs=1k count=300 oflag=dsync 2>/dev/null; rm file; sync -f .";
    in_directory(&data(&env, "db"), warm).unwrap();
    fill(&disk);
    // What the copy itself takes.
    in_directory(&disk, "truncate -s -2M fill; sync -f .").unwrap();
    let write = "head -c 9000000 /dev/urandom > file";
    in_directory(&data(&env, "db"), write).unwrap();
    env.dvdcli(line)
        .fails(1, &format!("dvdcli: {doing}: [..]\n"));
    fs::remove_file(disk.join("fill")).unwrap();
    env.dvdcli("unmount -d loop -n db").fails(
        1,
        "dvdcli: unmounting volume db: it is unmounted, but what was written last is lost: [..]\n",
    );
    env.dvdcli("mount -d loop -n db --read-only")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    // It is said once.
    env.dvdcli("unmount -d loop -n db").succeeds();
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

/// It is unmounted without its driver, which does not know the mount any more.
#[test]
fn what_did_not_reach_the_disk_is_an_error_where_the_image_was_replaced() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "xfs", 400 << 20);
    let disk = env.path("var/lib/dvdcli");
    mount(&env, "db", "--volumeopts=size=64MiB");
    let replace = "mv image ../../moved; truncate -s 64M image";
    in_directory(&env.path(&format!("{LOOP}/db")), replace).unwrap();
    fill(&disk);
    let write = "head -c 9000000 /dev/urandom > file || true";
    in_directory(&data(&env, "db"), write).unwrap();
    env.dvdcli("unmount -d loop -n db").fails(
        1,
        &format!(
            "dvdcli: unmounting volume db: driver loop: it is not mounted; $ROOT/{LOOP}/db/mnt was still mounted, and is unmounted \
             without its driver, but what was written last is lost: [..]\n"
        ),
    );
    assert_eq!((env.mounts(), env.records()), (vec![disk.clone()], vec![]));
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

/// A writable mount of which nothing is recorded is taken away where the volume is wanted read-only.
#[test]
fn what_did_not_reach_the_disk_is_an_error_where_a_volume_is_mounted_anew() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    let disk = env.path("var/lib/dvdcli");
    mount(&env, "db", "--volumeopts=size=1,fs=xfs");
    let fill = "dd if=/dev/zero of=fill bs=1M 2>/dev/null || true; sync -f .";
    in_directory(&disk, fill).unwrap();
    let write = "head -c 50000000 /dev/urandom > file";
    in_directory(&data(&env, "db"), write).unwrap();
    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
    env.dvdcli("mount -d loop -n db --read-only").fails(
        1,
        &format!(
            "dvdcli: mounting volume db: it is unmounted, but what was written last is lost: writing $ROOT/{LOOP}/db/mnt to the disk: [..]; the disk with its image is full\n"
        ),
    );
    assert_eq!((env.mounts(), env.records()), (vec![disk.clone()], vec![]));
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

/// What a full disk does to a file system is an input or output error to the kernel.
#[test]
fn a_mount_that_fails_on_a_full_disk_says_that_it_is_full() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "btrfs", DISK);
    let disk = env.path("var/lib/dvdcli");
    env.dvdcli("create -d loop -n db --opt size=8MiB")
        .succeeds();
    let fails = |why: &str| {
        let lacking = [
            "-e",
            "trace=mount",
            "-e",
            "inject=mount:error=EIO",
            "-o",
            "/dev/null",
        ];
        under_strace(env.dvdcli("mount -d loop -n db"), &lacking).fails(
            1,
            &format!("dvdcli: mounting volume db: mounting /dev/loop[..] at $ROOT/{LOOP}/db/mnt as ext4: input/output error{why}\n"),
        );
    };
    fails("");
    fill(&disk);
    fails(&format!("; {FULL}"));
    fs::remove_file(disk.join("fill")).unwrap();
    env.dvdcli("remove -d loop -n db").succeeds();
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

#[test]
fn a_copy_that_a_full_disk_cuts_off_says_that_it_is_full() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    env.configure("dvdcli: {allow: {loop: {reserve: 0, overcommit: true}}}");
    let disk = env.path("var/lib/dvdcli");
    for (options, program) in [
        ("size=16MiB,fs=ext4", "e2fsck"),
        ("size=16MiB,fs=ext4", "tune2fs"),
        ("size=300MiB,fs=xfs", "xfs_admin"),
    ] {
        env.dvdcli(&format!("create -d loop -n src --volumeopts={options}"))
            .succeeds();
        let fails = |script: &str, why: &str| {
            replace(&env, program, &format!("{script} echo no >&2; exit 9"));
            env.dvdcli("create -d loop -n copy --opt volumename=src").fails(
                1,
                &format!("dvdcli: creating volume copy: copying $ROOT/{LOOP}/src/image: {program}: exit status: 9: no{why}\n"),
            );
        };
        fails("", "");
        fails(
            &format!("cd {}; {FILL};", disk.display()),
            &format!("; {FULL}"),
        );
        fs::remove_file(disk.join("fill")).unwrap();
        replace(&env, program, "exec $ORIGINAL \"$@\"");
        env.dvdcli("remove -d loop -n src").succeeds();
    }
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

fn fill(disk: &Path) {
    in_directory(disk, FILL).unwrap();
}

/// Writes to a volume on a disk without any space. False if the unmount says that all is well, and it is not.
fn keeps_its_promise(env: &Env, disk: &Path, unmount: &mut dyn FnMut() -> bool) -> bool {
    fill(disk);
    let directory = data(env, "db");
    let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let written = fs::write(directory.join("file"), &bytes);
    let is_promised = unmount() && written.is_ok();
    fs::remove_file(disk.join("fill")).unwrap();
    if !is_promised {
        return true;
    }
    mount(env, "db", "--read-only");
    let found = fs::read(directory.join("file")).unwrap_or_default();
    env.dvdcli("unmount -d loop -n db").succeeds();
    found == bytes
}

/// Linux forgets what a loop device without direct I/O could not write, and an image that was copied by reflink had none.
#[test]
fn nothing_that_was_promised_is_lost_where_the_image_was_copied() {
    let Some(env) = Env::isolated() else { return };
    let disk = env.path("var/lib/dvdcli");
    // With 8 MiB its blocks are small, so that there is no direct I/O, and no promise.
    for size in ["8MiB", "32MiB"] {
        volumes_on_disk_of(&env, "xfs", 400 << 20);
        for _ in 0..4 {
            mount(&env, "db", &format!("--volumeopts=size={size}"));
            // Its journal and the beginning of the file to come have their space already.
            let warm = "dd if=/dev/zero of=file bs=1k count=300 oflag=dsync 2>/dev/null; rm file";
            in_directory(&data(&env, "db"), warm).unwrap();
            env.dvdcli("unmount -d loop -n db").succeeds();
            env.dvdcli("create -d loop -n copy --opt volumename=db")
                .succeeds();
            env.dvdcli("remove -d loop -n copy").succeeds();
            mount(&env, "db", "");
            let mut promised = false;
            let mut unmount = || {
                promised = env.dvdcli("unmount -d loop -n db").output().code == 0;
                promised
            };
            let is_kept = keeps_its_promise(&env, &disk, &mut unmount);
            assert!(is_kept && (size == "32MiB" || !promised), "{size}");
            env.dvdcli("remove -d loop -n db").succeeds();
        }
        unmount(&disk);
        env.assert_nothing_is_mounted();
    }
}

#[test]
fn direct_io_is_had_for_large_volumes_of_all_kinds() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "xfs", 900 << 20);
    for fs_type in ["ext4", "xfs", "btrfs"] {
        mount(
            &env,
            "db",
            &format!("--volumeopts=size=300MiB,fs={fs_type}"),
        );
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("create -d loop -n copy --opt volumename=db")
            .succeeds();
        for name in ["db", "copy"] {
            mount(&env, name, "");
            let mounted = mounted_at(&env.path(&format!("{LOOP}/{name}/mnt"))).unwrap();
            let device = mounted.source.strip_prefix("/dev/").unwrap();
            let direct = std::fs::read_to_string(format!("/sys/block/{device}/loop/dio"));
            assert_eq!(direct.unwrap(), "1\n", "{name}, {fs_type}");
            env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
            env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
        }
    }
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

/// Since Linux 6.15, btrfs turns direct writes of what has checksums into others, of which a full disk may take a part only, and a loop device
/// takes that for all.
#[test]
fn nothing_that_was_written_to_a_disk_with_btrfs_is_lost() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "btrfs", 400 << 20);
    let disk = env.path("var/lib/dvdcli");
    for source in ["", ",volumename=src"] {
        mount(&env, "src", "--volumeopts=size=32MiB");
        let zeros = "dd if=/dev/zero of=file bs=256k count=1 conv=fsync 2>&1";
        in_directory(&data(&env, "src"), zeros).unwrap();
        env.dvdcli("unmount -d loop -n src").succeeds();
        for leaving in [16, 64, 128] {
            mount(&env, "db", &format!("--volumeopts=size=32MiB{source}"));
            in_directory(&data(&env, "db"), zeros).unwrap();
            let fill = format!(
                "for size in 1M 64k 4k; do while head -c $size /dev/zero 2>/dev/null >>fill; do :; done; done; \
                 truncate -s -{leaving}k fill; sync -f . || true"
            );
            in_directory(&disk, &fill).unwrap();
            // Over what is there, so that nothing but these bytes is written.
            let ones = "tr '\\0' 1 <file >/dev/shm/$$; dd if=/dev/shm/$$ of=file bs=256k oflag=direct conv=notrunc 2>&1; \
                        is=$?; rm /dev/shm/$$; exit $is";
            let written = in_directory(&data(&env, "db"), ones);
            fs::remove_file(disk.join("fill")).unwrap();
            let unmounted = env.dvdcli("unmount -d loop -n db").output();
            mount(&env, "db", "");
            let found = fs::read(data(&env, "db").join("file")).unwrap();
            let is_kept = found.iter().all(|byte| *byte == b'1');
            assert!(
                is_kept || written.is_err() || unmounted.code != 0,
                "{source} {leaving}"
            );
            env.dvdcli("unmount -d loop -n db").succeeds();
            env.dvdcli("remove -d loop -n db").succeeds();
        }
        env.dvdcli("remove -d loop -n src").succeeds();
    }
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

/// What was written to it is thrown away in any case.
#[test]
fn a_throw_away_copy_goes_where_the_disk_is_full() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    volumes_on_disk_of(&env, "ext4", DISK);
    env.dvdcli("create -d loop -n db --volumeopts=size=1")
        .succeeds();
    let disk = env.path("var/lib/dvdcli");
    let fill = format!("cd {}; {FILL}", disk.display());
    let write = "head -c 50000000 /dev/urandom > $DVDCLI_MOUNTPOINT/file 2>/dev/null";
    for (end, code) in [("exit 7", 7), ("kill -9 $PPID", 137)] {
        let script = format!("{fill}; {write}; {end}");
        let words = ["run", "-d", "loop", "-n", "db", "--clone", "--"];
        let run = env.dvdcli_with(words.into_iter().chain(["sh", "-c", &script]));
        let found = run.output();
        assert_eq!(found.code, code, "{found:?}");
        assert!(is_warnings(&found.stderr), "{found:?}");
        if code == 137 {
            let pruned = env.dvdcli("prune --yes").output();
            assert!(
                pruned.code == 0 && is_warnings(&pruned.stderr),
                "{pruned:?}"
            );
        }
        fs::remove_file(disk.join("fill")).unwrap();
        env.dvdcli("list -d loop").prints("db\n").succeeds();
    }
    unmount(&disk);
    env.assert_nothing_is_mounted();
}

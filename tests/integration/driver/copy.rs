//! Copies of `loop` volumes: like their source but for the UUID, beside which they are mounted.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use pretty_assertions::{assert_eq, assert_ne};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::unmount;
use crate::harness::programs::finish;
use crate::harness::programs::replace;
use crate::harness::volumes::{LOOP, data, image, volumes_on};

/// Runs a program of the system that has to succeed.
#[track_caller]
fn run(program: &str, args: &[&str]) -> String {
    let output = finish(Command::new(program).args(args));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn uuid(image: &Path) -> String {
    run(
        "blkid",
        &["-p", "-o", "value", "-s", "UUID", image.to_str().unwrap()],
    )
}

#[track_caller]
fn mount(env: &Env, name: &str) {
    env.dvdcli(&format!("mount -d loop -n {name}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
}

/// A volume with a file in it, which is mounted.
#[track_caller]
fn mounted_source(env: &Env, options: &str) {
    env.dvdcli(&format!("create -d loop -n src --volumeopts={options}"))
        .succeeds();
    mount(env, "src");
    fs::write(data(env, "src").join("file"), "text".repeat(1 << 18)).unwrap();
}

#[test]
fn a_copy_has_a_uuid_of_its_own_keeps_holes_and_mounts_beside_its_source() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    for fs_type in ["ext4", "xfs", "btrfs"] {
        mounted_source(&env, &format!("size=20,fs={fs_type},mode=0700"));
        env.dvdcli("unmount -d loop -n src").succeeds();
        let mut uuids = vec![uuid(&image(&env, "src"))];
        let original = image(&env, "src").metadata().unwrap();
        let ways = ["volumeName", "volumeID", "snapshotName", "snapshotid"];
        for way in ways {
            env.dvdcli(&format!("create -d loop -n {way} --opt {way}=src"))
                .succeeds();
            let copy = image(&env, way).metadata().unwrap();
            assert_eq!(copy.len(), original.len());
            assert!(
                copy.blocks() <= original.blocks() + (4 << 11),
                "{fs_type}: {copy:?}"
            );
            uuids.push(uuid(&image(&env, way)));
            // As at every start of a task; not a copy of the copy.
            env.dvdcli(&format!("create -d loop -n {way} --strict --opt {way}=src"))
                .succeeds();
        }
        let made = uuids.len();
        uuids.sort();
        uuids.dedup();
        assert_eq!(uuids.len(), made);
        mount(&env, "src");
        for way in ways {
            mount(&env, way);
        }
        assert_eq!(bound_below(&env).len(), made);
        for way in ways {
            let file = data(&env, way).join("file");
            assert_eq!(
                fs::read(&file).unwrap(),
                fs::read(data(&env, "src").join("file")).unwrap()
            );
            // They are apart from each other.
            fs::write(file, way).unwrap();
        }
        assert_eq!(
            data(&env, "src").join("file").metadata().unwrap().len(),
            1 << 20
        );
        for name in ways.into_iter().chain(["src"]) {
            env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
            env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
        }
        env.assert_nothing_is_mounted();
    }
}

#[test]
fn a_mounted_source_is_copied_where_blocks_can_be_shared_and_refused_where_not() {
    for (below, shares) in [("ext4", false), ("xfs", true), ("btrfs", true)] {
        // Each in a mount namespace of its own.
        std::thread::scope(|scope| {
            let copied = scope.spawn(|| {
                let Some(env) = Env::isolated() else { return };
                volumes_on(&env, below);
                for fs_type in ["ext4", "xfs", "btrfs"] {
                    copy_mounted_source(&env, fs_type, shares);
                }
                unmount(&env.path("var/lib/dvdcli"));
                env.assert_nothing_is_mounted();
            });
            copied.join().unwrap();
        });
    }
}

fn copy_mounted_source(env: &Env, fs_type: &str, shares: bool) {
    mounted_source(env, &format!("size=500MiB,fs={fs_type}"));
    let create = env.dvdcli("create -d loop -n copy --volumeopts=volumeName=src");
    if shares {
        create.succeeds();
        assert_ne!(uuid(&image(env, "copy")), uuid(&image(env, "src")));
        // What comes after is not in it.
        fs::write(data(env, "src").join("later"), "").unwrap();
        mount(env, "copy");
        let copied = data(env, "copy");
        assert_eq!(
            fs::read(copied.join("file")).unwrap(),
            "text".repeat(1 << 18).as_bytes()
        );
        assert!(!copied.join("later").exists());
        env.dvdcli("unmount -d loop -n copy").succeeds();
        env.dvdcli("remove -d loop -n copy").succeeds();
    } else {
        create.fails(
            4,
            &format!("dvdcli: creating volume copy: copying $ROOT/{LOOP}/src/image: it is mounted, and the file system that it is on cannot copy it in one moment (reflink); unmount it first\n"),
        );
        env.dvdcli("list -d loop").prints("src\n").succeeds();
        let left = fs::names(env.path(LOOP)).len();
        assert_eq!(left, 1);
    }
    // The source goes on as before.
    fs::write(data(env, "src").join("file"), "").unwrap();
    env.dvdcli("unmount -d loop -n src").succeeds();
    env.dvdcli("remove -d loop -n src").succeeds();
}

#[test]
fn what_cannot_be_copied_is_refused() {
    let env = Env::new();
    env.configure("dvdcli: {allow: {loop: {copies: true}}}");
    env.dvdcli("create -d loop -n src --volumeopts=size=64MiB")
        .succeeds();
    env.dvdcli("create -d loop -n other --volumeopts=size=64MiB")
        .succeeds();
    for (options, code, refusal) in [
        ("volumeName=none", 3, "there is no volume none to copy"),
        ("snapshotID=none", 3, "there is no volume none to copy"),
        (
            "volumeName=src,snapshotName=other",
            3,
            "there is no snapshot other of volume src",
        ),
        (
            "volumeName=src,size=32MiB",
            2,
            "option size: a copy cannot be smaller than its original, which has 64 MiB; leave it out",
        ),
        (
            "volumeName=src,fs=xfs",
            2,
            "option newFsType: the original holds ext4; leave it out, or format the copy anew with overwriteFs=true",
        ),
        (
            "volumeName=../src",
            2,
            "volume name \"../src\" does not begin with a letter or digit",
        ),
    ] {
        for (verb, doing) in [("create", "creating"), ("mount", "mounting")] {
            env.dvdcli(&format!("{verb} -d loop -n copy --volumeopts={options}"))
                .fails(code, &format!("dvdcli: {doing} volume copy: {refusal}\n"));
        }
    }
    fs::write(image(&env, "other"), [0; 1 << 16]).unwrap();
    env.dvdcli("create -d loop -n copy --volumeopts=volumeName=other")
        .fails(
            1,
            &format!(
                "dvdcli: creating volume copy: $ROOT/{LOOP}/other/image holds no file system\n"
            ),
        );
    env.dvdcli("list -d loop").prints("other\nsrc\n").succeeds();
}

/// As xfs_admin(8) does where the disk is full.
#[test]
fn a_program_that_changes_nothing_makes_no_copy() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, size, program) in [("ext4", "16MiB", "tune2fs"), ("xfs", "300MiB", "xfs_admin")] {
        env.dvdcli(&format!(
            "create -d loop -n src --volumeopts=size={size},fs={fs_type}"
        ))
        .succeeds();
        replace(&env, program, "exit 0");
        env.dvdcli("create -d loop -n copy --opt volumeName=src")
            .fails(
                1,
                &format!(
                    "dvdcli: creating volume copy: copying $ROOT/{LOOP}/src/image: {program} has ended well, but has made no new UUID\n"
                ),
            );
        env.dvdcli("list -d loop").prints("src\n").succeeds();
        env.dvdcli("remove -d loop -n src").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_copy_is_formatted_anew_only_where_overwritefs_says_so() {
    let Some(env) = Env::isolated() else { return };
    mounted_source(&env, "size=400MiB");
    env.dvdcli("unmount -d loop -n src").succeeds();
    let before = fs::read(image(&env, "src")).unwrap();
    for (options, kept) in [
        ("overwritefs=false", true),
        ("size=400MiB,fs=ext4", true),
        ("overwritefs=true", false),
        ("overwritefs=true,fs=xfs", false),
    ] {
        env.mount_created(&format!(
            "mount -d loop -n copy --volumeopts=volumeName=src,{options}"
        ))
        .prints(&format!("$ROOT/{LOOP}/copy/mnt/data\n"))
        .succeeds();
        assert_eq!(data(&env, "copy").join("file").exists(), kept, "{options}");
        assert_eq!(image(&env, "copy").metadata().unwrap().len(), 400 << 20);
        env.dvdcli("unmount -d loop -n copy").succeeds();
        env.dvdcli("remove -d loop -n copy").succeeds();
    }
    // What is copied is never written to.
    assert!(fs::read(image(&env, "src")).unwrap() == before);
    env.assert_nothing_is_mounted();
}

/// What was synced last is in a log that the kernel replays at the next mount: of the source, and of each copy.
#[test]
fn a_source_that_was_cut_off_after_an_fsync_is_copied_with_what_was_synced() {
    let Some(env) = Env::isolated() else { return };
    for fs_type in ["ext4", "xfs", "btrfs"] {
        mounted_source(&env, &format!("size=500MiB,fs={fs_type}"));
        let directory = data(&env, "src");
        run("sync", &["-f", directory.to_str().unwrap()]);
        fs::write(directory.join("synced"), "synced").unwrap();
        run("sync", &[directory.join("synced").to_str().unwrap()]);
        // As a power cut leaves the image, which is written without a cache.
        let (image, aside) = (image(&env, "src"), env.path("aside"));
        let [from, to] = [&image, &aside].map(|path| path.to_str().unwrap());
        run("cp", &["--sparse=always", from, to]);
        env.dvdcli("unmount -d loop -n src").succeeds();
        run("cp", &["--sparse=always", to, from]);
        for (source, copy) in [("src", "copy"), ("copy", "again")] {
            env.dvdcli(&format!(
                "create -d loop -n {copy} --volumeopts=volumeName={source}"
            ))
            .succeeds();
        }
        for name in ["again", "src", "copy"] {
            mount(&env, name);
            let synced = fs::read_to_string(data(&env, name).join("synced"));
            assert_eq!(synced.unwrap(), "synced", "{fs_type}: {name}");
        }
        for name in ["again", "src", "copy"] {
            env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
            env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
        }
    }
    env.assert_nothing_is_mounted();
}

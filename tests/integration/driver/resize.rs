//! Volumes grow, mounted or not, and are trimmed.

use std::fs::File;
use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::{LOOP, data, image, volumes_on};
use crate::harness::waiting::eventually;

const SYSTEMS: [(&str, u64); 3] = [("ext4", 64), ("xfs", 320), ("btrfs", 128)];

#[track_caller]
fn mount(env: &Env, name: &str) {
    env.dvdcli(&format!("mount -d loop -n {name}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
}

fn number(env: &Env, key: &str) -> u64 {
    env.json("inspect -d loop -n db")[0][key].as_u64().unwrap()
}

/// Its image has so many MiB, and its file system nearly as many.
#[track_caller]
fn has_grown_to(env: &Env, mib: u64, fs_type: &str) {
    assert_eq!(number(env, "Size"), mib << 20, "{fs_type}");
    let inside = number(env, "Used") + number(env, "Free");
    assert!(
        inside > (mib * 8 / 10) << 20,
        "{fs_type}: {inside} of {mib} MiB"
    );
}

fn lengthen(image: &Path, length: u64) {
    let image = File::options().write(true).open(image).unwrap();
    image.set_len(length).unwrap();
}

/// Without CAP_SYS_RESOURCE, as in many containers, no program can grow an ext4 that is mounted.
fn may_grow_mounted_ext4() -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = u64::from_str_radix(effective.unwrap().trim(), 16).unwrap();
    bits >> CAP_SYS_RESOURCE & 1 == 1
}

#[test]
fn a_volume_grows_and_keeps_its_data() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, size) in SYSTEMS {
        env.dvdcli(&format!(
            "create -d loop -n db -o size={size}MiB -o fs={fs_type}"
        ))
        .succeeds();
        mount(&env, "db");
        fs::write(data(&env, "db").join("file"), "text".repeat(1 << 18)).unwrap();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli(&format!("resize -d loop -n db --size {}MiB", size * 2))
            .succeeds();
        has_grown_to(&env, size * 2, fs_type);
        mount(&env, "db");
        let grow = format!("resize -d loop -n db --size {}MiB", size * 3);
        if fs_type != "ext4" || may_grow_mounted_ext4() {
            env.dvdcli(&grow).succeeds();
        } else {
            env.dvdcli(&grow).fails(
                1,
                "dvdcli: growing volume db: the kernel grows a mounted ext4 only for CAP_SYS_RESOURCE; unmount it first: growing its \
                 ext4: operation not permitted\n",
            );
            env.dvdcli("unmount -d loop -n db").succeeds();
            // What was begun is finished where it can be.
            mount(&env, "db");
        }
        has_grown_to(&env, size * 3, fs_type);
        let text = fs::read_to_string(data(&env, "db").join("file")).unwrap();
        assert_eq!(text.len(), 4 << 18);
        env.dvdcli("unmount -d loop -n db").succeeds();
        assert_eq!(
            env.names(&format!("{LOOP}/db")),
            ["image", "mnt", "unclaimed", "volume.json"]
        );
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

#[test]
fn what_would_shrink_is_refused() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dvdcli("create -d loop -n db -o size=64MiB").succeeds();
    for (line, code, why) in [
        (
            "resize -d loop -n db --size 32MiB",
            2,
            "growing volume db: --size: 32 MiB is less than it has; a volume only grows, and the smallest that would do is 64 MiB",
        ),
        (
            "resize -d loop -n none --size 1",
            3,
            "growing volume none: driver loop: no such volume",
        ),
        (
            "resize -d fake -n db --size 1",
            2,
            "growing volume db: plugin fake: only volumes of the driver loop can grow, be trimmed and have snapshots",
        ),
        (
            "resize -d loop -n db --size many",
            2,
            "invalid value 'many' for '--size <SIZE>': \"many\" is no size; write it like 16 (GiB), 500MiB or 1.5T",
        ),
    ] {
        env.dvdcli(line).fails(code, &format!("dvdcli: {why}\n"));
    }
    // Where it has the size already, all is done.
    env.dvdcli("resize -d loop -n db --size 64MiB").succeeds();
}

/// Linux lets no btrfs grow to less than 256 MiB.
#[test]
fn what_the_file_system_cannot_have_is_refused() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db -o size=128MiB -o fs=btrfs")
        .succeeds();
    let impossible = "btrfs cannot grow to 200 MiB, and the smallest that would do is 256 MiB\n";
    for (line, doing) in [
        (
            "resize -d loop -n db --size 200MiB",
            "growing volume db: --size",
        ),
        (
            "create -d loop -n new -o volumeName=db -o size=200MiB",
            "creating volume new: option size",
        ),
    ] {
        env.dvdcli(line)
            .fails(2, &format!("dvdcli: {doing}: {impossible}"));
    }
    assert_eq!(number(&env, "Size"), 128 << 20);
    assert!(!env.path(&format!("{LOOP}/db/growing")).exists());
    env.dvdcli("create -d loop -n new -o volumeName=db -o size=256MiB")
        .succeeds();
    env.dvdcli("resize -d loop -n db --size 128MiB").succeeds();
    env.dvdcli("resize -d loop -n db --size 256MiB").succeeds();
    has_grown_to(&env, 256, "btrfs");
}

/// A call that was killed when the image was longer, or before.
#[test]
fn what_was_begun_is_finished_by_resize_or_mount() {
    let Some(env) = Env::isolated() else { return };
    for is_mounted in [false, true] {
        let (fs_type, size) = match is_mounted && !may_grow_mounted_ext4() {
            true => ("xfs", 320),
            false => ("ext4", 64),
        };
        is_finished(&env, fs_type, size, is_mounted);
    }
}

/// The volume may be mounted, and held by somebody.
fn is_finished(env: &Env, fs_type: &str, size: u64, is_mounted: bool) {
    let directory = env.path(LOOP).join("db");
    for (is_longer, is_resize) in [(false, true), (false, false), (true, false)] {
        env.dvdcli(&format!(
            "create -d loop -n db -o size={size}MiB -o fs={fs_type}"
        ))
        .succeeds();
        if is_mounted {
            mount(env, "db");
        }
        let length = (size * 2) << 20;
        fs::write(directory.join("growing"), length.to_string()).unwrap();
        if is_longer {
            lengthen(&directory.join("image"), length);
        }
        match is_resize {
            true => env
                .dvdcli(&format!("resize -d loop -n db --size {}MiB", size * 2))
                .succeeds(),
            false => mount(env, "db"),
        }
        has_grown_to(env, size * 2, fs_type);
        assert!(!directory.join("growing").exists());
        if is_mounted || !is_resize {
            env.dvdcli("unmount -d loop -n db").succeeds();
        }
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

/// A copy of a volume that was growing has nothing that tells of it.
#[test]
fn a_file_system_that_is_shorter_than_its_image_grows() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, size) in SYSTEMS {
        env.dvdcli(&format!(
            "create -d loop -n db -o size={size}MiB -o fs={fs_type}"
        ))
        .succeeds();
        lengthen(&image(&env, "db"), (size * 3) << 20);
        if fs_type != "ext4" || may_grow_mounted_ext4() {
            mount(&env, "db");
        }
        env.dvdcli(&format!("resize -d loop -n db --size {}MiB", size * 3))
            .succeeds();
        has_grown_to(&env, size * 3, fs_type);
        mount(&env, "db");
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

/// What is refused has not begun.
#[test]
fn a_volume_that_is_mounted_read_only_does_not_grow() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db -o size=64MiB").succeeds();
    env.dvdcli("mount -d loop -n db --read-only")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    let output = env.dvdcli("resize -d loop -n db --size 128MiB").output();
    assert_eq!(output.code, 4, "{output:?}");
    assert_eq!(number(&env, "Size"), 64 << 20);
    env.dvdcli("unmount -d loop -n db").succeeds();
    mount(&env, "db");
    assert_eq!(number(&env, "Size"), 64 << 20);
    env.dvdcli("unmount -d loop -n db").succeeds();
}

fn allocated(image: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    image.metadata().unwrap().blocks() * 512
}

/// What was deleted takes no space on the disk any more; a thick volume keeps its space, and leaves loop devices as it found them.
#[test]
fn trim_gives_back_what_is_not_used() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "xfs");
    for (fs_type, size) in SYSTEMS {
        env.dvdcli(&format!(
            "create -d loop -n db -o size={size}MiB -o fs={fs_type}"
        ))
        .succeeds();
        for is_mounted in [true, false] {
            mount(&env, "db");
            let file = data(&env, "db").join("file");
            fs::write(&file, vec![7; 20 << 20]).unwrap();
            nix::unistd::sync();
            fs::remove_file(&file).unwrap();
            nix::unistd::sync();
            if !is_mounted {
                env.dvdcli("unmount -d loop -n db").succeeds();
            }
            let before = allocated(&image(&env, "db"));
            // xfs frees what was deleted when it finds the time.
            eventually("the space", || {
                let output = env.dvdcli("trim -d loop -n db").output();
                assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{fs_type}");
                assert!(output.stdout.ends_with("B\n"), "{}", output.stdout);
                before >= allocated(&image(&env, "db")) + (15 << 20)
            });
            if is_mounted {
                env.dvdcli("unmount -d loop -n db").succeeds();
            }
        }
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.dvdcli("create -d loop -n thick -o size=16MiB -o volumeType=thick")
        .succeeds();
    env.dvdcli("trim -d loop -n thick").fails(
        2,
        "dvdcli: trimming volume thick: volumeType=thick keeps its space, and cannot be trimmed\n",
    );
}

/// The kernel keeps a loop device from making holes for good, once that was asked of it: the next user would never get space back.
#[test]
fn a_thick_volume_leaves_its_loop_device_as_it_was() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db -o size=16MiB -o volumeType=thick")
        .succeeds();
    for _ in 0..3 {
        mount(&env, "db");
        let device = env.json("inspect -d loop -n db")[0]["Device"].clone();
        let number = device.as_str().unwrap().strip_prefix("/dev/").unwrap();
        let queue = format!("/sys/block/{number}/queue");
        let limit = |name: &str| fs::read_to_string(format!("{queue}/{name}"));
        assert_eq!(limit("discard_max_bytes").unwrap(), "0\n");
        env.dvdcli("unmount -d loop -n db").succeeds();
        // It has gone, or was made anew.
        if let (Ok(now), Ok(most)) = (limit("discard_max_bytes"), limit("discard_max_hw_bytes")) {
            assert!(now != "0\n" || most == "0\n", "{number}: {now} of {most}");
        }
    }
}

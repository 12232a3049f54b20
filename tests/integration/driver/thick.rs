//! `volumeType=thick`: the space of a volume is its own for as long as it exists.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, mount_type, mounted_at, unmount};
use crate::harness::volumes::{LOOP, data, image, volumes_on, volumes_on_disk_of};

fn taken(env: &Env, name: &str) -> u64 {
    image(env, name).metadata().unwrap().blocks() * 512
}

#[track_caller]
fn mount(env: &Env, name: &str) {
    env.dvdcli(&format!("mount -d loop -n {name}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
}

/// Has the file system give back space in every way that there is.
fn give_back(env: &Env, name: &str) {
    let script = "head -c 20000000 /dev/urandom > a; sync -f .; fallocate -l 20000000 b; \
                  printf x | dd of=b bs=1 seek=9000000 conv=notrunc,fsync 2>/dev/null; rm a b; sync -f .; fstrim .. 2>/dev/null || true";
    in_directory(&data(env, name), script).unwrap();
}

#[test]
fn a_thick_volume_stays_thick() {
    for (below, fs_types) in [
        ("ext4", &["ext4", "xfs", "btrfs"][..]),
        ("xfs", &["ext4"]),
        ("btrfs", &["ext4", "btrfs"]),
        ("tmpfs", &["ext4", "xfs"]),
    ] {
        // Each in a mount namespace of its own.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let Some(env) = Env::isolated() else { return };
                match below {
                    "tmpfs" => mount_type("tmpfs", &env.dir("var/lib/dvdcli"), "size=2g"),
                    below => volumes_on(&env, below),
                }
                for fs_type in fs_types {
                    stays_thick(&env, below, fs_type);
                }
                unmount(&env.path("var/lib/dvdcli"));
                env.assert_nothing_is_mounted();
            });
        });
    }
}

/// xfs wants space to be free even for what is allocated already.
#[test]
fn a_thick_volume_and_its_copy_need_their_space_once() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "xfs", 900 << 20);
    let create = "create -d loop -n";
    env.dvdcli(&format!("{create} db --volumeopts=size=300MiB,type=thick"))
        .succeeds();
    env.dvdcli(&format!("{create} copy --volumeopts=volumeName=db"))
        .succeeds();
    assert!(taken(&env, "copy") >= 300 << 20);
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

fn stays_thick(env: &Env, below: &str, fs_type: &str) {
    let on = format!("{fs_type} on {below}");
    let megabytes = match fs_type {
        "ext4" => 100,
        "btrfs" => 160,
        _ => 320,
    };
    let size = megabytes << 20;
    env.dvdcli(&format!(
        "create -d loop -n thick --volumeopts=size={megabytes}MiB,fs={fs_type},type=thick"
    ))
    .succeeds();
    assert!(taken(env, "thick") >= size, "{on}, made");
    for _ in 0..2 {
        mount(env, "thick");
        give_back(env, "thick");
        assert!(taken(env, "thick") >= size, "{on}, mounted");
        // The same in one moment would share what is the original's own.
        env.dvdcli("create -d loop -n copy --volumeopts=volumeName=thick")
            .fails(
                4,
                &format!("dvdcli: creating volume copy: copying $ROOT/{LOOP}/thick/image: it is mounted, and a copy in one moment would share its space, which volumeType=thick forbids; unmount it first\n"),
            );
        env.dvdcli("unmount -d loop -n thick").succeeds();
        assert!(taken(env, "thick") >= size, "{on}, unmounted");
    }
    // A copy is as its original, unless it is to be otherwise.
    for (options, is_thick) in [("", true), (",type=thin", false)] {
        env.dvdcli(&format!(
            "create -d loop -n copy --volumeopts=volumeName=thick{options}"
        ))
        .succeeds();
        // What is allocated is data to tmpfs.
        if is_thick || below != "tmpfs" {
            let taken = taken(env, "copy");
            assert_eq!(taken >= size, is_thick, "{on}, copied{options}");
        }
        mount(env, "copy");
        env.dvdcli("unmount -d loop -n copy").succeeds();
        assert!(!shares(&image(env, "copy")), "{on}, copied{options}");
        env.dvdcli("remove -d loop -n copy").succeeds();
    }
    env.dvdcli(&format!(
        "create -d loop -n thin --volumeopts=size={megabytes}MiB,fs={fs_type}"
    ))
    .succeeds();
    env.dvdcli("create -d loop -n copy --volumeopts=volumeName=thin,type=thick")
        .succeeds();
    assert!(taken(env, "copy") >= size, "{on}, a copy of a thin one");
    assert!(taken(env, "thin") < size - (20 << 20), "{on}, thin");
    // The loop device of the thick one may be this one's now.
    mount(env, "thin");
    give_back(env, "thin");
    let before = taken(env, "thin");
    assert!(before < size - (20 << 20), "{on}, thin: {before}");
    env.dvdcli("unmount -d loop -n thin").succeeds();
    for name in ["thick", "thin", "copy"] {
        env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
    }
}

/// Whether it has blocks in common with another file.
fn shares(file: &Path) -> bool {
    let script = format!("! filefrag -v {} | grep -q shared", file.display());
    in_directory(Path::new("/"), &script).is_err()
}

#[test]
fn a_hole_is_filled_at_the_next_mount_and_discard_is_refused() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "ext4");
    for word in ["discard", "noatime,discard"] {
        env.dvdcli_with([
            "create", "-d", "loop", "-n", "db", "--opt", "size=20MiB", "--opt", "type=thick",
            "--opt", &format!("o={word}"),
        ])
        .fails(
            2,
            "dvdcli: creating volume db: option mountOpts: discard gives space back, which volumeType=thick keeps\n",
        );
    }
    env.dvdcli("create -d loop -n db --volumeopts=size=64MiB,type=thick,o=noatime")
        .succeeds();
    let image_file = image(&env, "db");
    in_directory(
        image_file.parent().unwrap(),
        "fallocate -p -o 56M -l 4M image",
    )
    .unwrap();
    assert!(taken(&env, "db") < 64 << 20);
    mount(&env, "db");
    assert!(taken(&env, "db") >= 64 << 20);
    let point = data(&env, "db").parent().unwrap().to_owned();
    assert!(mounted_at(&point).unwrap().has_option("noatime"));
    env.dvdcli("unmount -d loop -n db").succeeds();
    // Where there is no space for it, that is said.
    in_directory(
        image_file.parent().unwrap(),
        "fallocate -p -o 56M -l 4M image",
    )
    .unwrap();
    let fill = "dd if=/dev/zero of=fill bs=1M 2>/dev/null || true";
    in_directory(&env.path("var/lib/dvdcli"), fill).unwrap();
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .warns("dvdcli: warning: volume db has holes: allocating space: no space left on device\n")
        .succeeds();
    fs::remove_file(env.path("var/lib/dvdcli/fill")).unwrap();
    env.dvdcli("unmount -d loop -n db").succeeds();
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

//! What is mounted read-only is never written to, and a store that can only be read still serves what needs no more than that.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::is_bound;
use crate::harness::mounts::{bind, in_directory, mounted_at, unmount};
use crate::harness::site::{MOUNT, MOUNTED, Site, UNMOUNT};
use crate::harness::strace::killed_at_rename;
use crate::harness::volumes::{
    LOCAL, LOOP, checksum, data, image, inspected, local_data, local_volume, loop_volume,
    made_with_mount_options, volumes_on,
};
use crate::harness::waiting::eventually;

const KINDS: [&str; 3] = [
    "size=20MiB,fs=ext4",
    "size=320MiB,fs=xfs",
    "size=120MiB,fs=btrfs",
];

fn printed(name: &str) -> String {
    format!("$ROOT/{LOOP}/{name}/mnt/data\n")
}

/// As a power cut does it: what was written last is in the journal alone.
fn cut_off(env: &Env, name: &str, options: &str) {
    let mount = format!("mount -d loop -n {name} --volumeopts={options}");
    for file in ["kept", "last"] {
        env.dvdcli(&mount).prints(&printed(name)).succeeds();
        let write = format!("printf {file} | dd of={file} conv=fsync status=none");
        in_directory(&data(env, name), &write).unwrap();
        let image = image(env, name);
        let image = image.display();
        let copy = format!("cp {image} {image}.cut");
        in_directory(Path::new("/"), &copy).unwrap();
        env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    }
    let image = image(env, name);
    eventually("the loop device", || !is_bound(&image));
    fs::rename(image.with_extension("cut"), &image).unwrap();
}

/// Whether the loop device that is mounted for a volume is read-only.
fn device_is_read_only(env: &Env, name: &str) -> bool {
    let mount = mounted_at(&env.path(LOOP).join(name).join("mnt")).unwrap();
    let device = Path::new(&mount.source).file_name().unwrap().to_owned();
    let flag = Path::new("/sys/block").join(device).join("ro");
    fs::read_to_string(flag).unwrap() == "1\n"
}

#[test]
fn a_read_only_mount_never_writes_to_the_image() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        env.dvdcli(&format!("mount -d loop -n db --volumeopts={options}"))
            .prints(&printed("db"))
            .succeeds();
        fs::write(data(&env, "db").join("kept"), "kept").unwrap();
        env.dvdcli("unmount -d loop -n db").succeeds();
        let before = checksum(&env, "db");
        for _ in 0..2 {
            env.dvdcli("mount -d loop -n db --read-only")
                .prints(&printed("db"))
                .succeeds();
            assert!(device_is_read_only(&env, "db"), "{options}");
            let file = data(&env, "db").join("kept");
            assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
            assert!(fs::write(&file, "").is_err());
            env.dvdcli("unmount -d loop -n db").succeeds();
            assert!(checksum(&env, "db") == before, "{options}");
        }
        // It can be written again.
        env.dvdcli("mount -d loop -n db")
            .prints(&printed("db"))
            .succeeds();
        assert!(!device_is_read_only(&env, "db"), "{options}");
        fs::write(data(&env, "db").join("kept"), "more").unwrap();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn the_options_ro_and_norecovery_never_write_to_the_image() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        env.dvdcli(&format!(
            "create -d loop -n db --opt {} --opt o=ro,norecovery --opt mode=0750",
            options.replace(",", " --opt ")
        ))
        .succeeds();
        let before = checksum(&env, "db");
        for flag in ["", "--read-only"] {
            env.dvdcli(&format!("mount -d loop -n db {flag}"))
                .prints(&printed("db"))
                .succeeds();
            assert!(device_is_read_only(&env, "db"), "{options}");
            in_directory(&data(&env, "db"), "[ $(stat -c %a .) = 750 ]").unwrap();
            env.dvdcli("unmount -d loop -n db").succeeds();
            assert!(checksum(&env, "db") == before, "{options}");
        }
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_that_was_never_mounted_can_be_mounted_read_only() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        let options = format!("--volumeopts={options},mode=0750");
        env.dvdcli(&format!("mount -d loop -n db --read-only {options}"))
            .prints(&printed("db"))
            .succeeds();
        assert!(device_is_read_only(&env, "db"), "{options}");
        in_directory(&data(&env, "db"), "[ $(stat -c %a .) = 750 ]").unwrap();
        env.dvdcli("unmount -d loop -n db").succeeds();
        let before = checksum(&env, "db");
        // Another directory is not made in it, as its users may have something there.
        env.configure("linux.volume.rootPath: /other");
        env.dvdcli("mount -d loop -n db --read-only").fails(
            1,
            &format!("dvdcli: mounting volume db: $ROOT/{LOOP}/db/mnt/other is missing, and a read-only mount makes no directory; mount it once without --read-only\n"),
        );
        env.configure("");
        assert!(checksum(&env, "db") == before, "{options}");
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_journal_that_has_to_be_replayed_is_said_and_not_replayed() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        cut_off(&env, "db", options);
        let before = checksum(&env, "db");
        env.dvdcli("mount -d loop -n db --read-only").fails(
            1,
            "dvdcli: mounting volume db: its journal has to be replayed, which a read-only mount does not do; mount it once without --read-only\n",
        );
        assert!(checksum(&env, "db") == before, "{options}");
        env.assert_nothing_is_left();
        env.dvdcli("mount -d loop -n db")
            .prints(&printed("db"))
            .succeeds();
        let file = data(&env, "db").join("last");
        assert_eq!(fs::read_to_string(file).unwrap(), "last");
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("mount -d loop -n db --read-only")
            .prints(&printed("db"))
            .succeeds();
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_that_is_read_only_by_its_options_is_mounted_without_replay() {
    let Some(env) = Env::isolated() else { return };
    for options in KINDS {
        cut_off(&env, "db", options);
        for (words, warning) in [("ro,norecovery", String::new()), ("ro", unreplayed("db"))] {
            made_with_mount_options(&env, words);
            let before = checksum(&env, "db");
            env.dvdcli("mount -d loop -n db")
                .prints(&printed("db"))
                .warns(&warning)
                .succeeds();
            let file = data(&env, "db").join("kept");
            assert_eq!(fs::read_to_string(file).unwrap(), "kept");
            env.dvdcli("unmount -d loop -n db").succeeds();
            assert!(checksum(&env, "db") == before, "{options}");
        }
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_left();
}

fn unreplayed(name: &str) -> String {
    format!(
        "dvdcli: warning: volume {name}: its journal is not replayed, as nothing is written to $ROOT/{LOOP}/{name}/image: what was written last may be missing or damaged\n"
    )
}

#[test]
fn a_copy_of_a_mounted_volume_can_be_mounted_read_only_at_once() {
    let Some(env) = Env::isolated() else { return };
    // Of those that can copy in one moment.
    volumes_on(&env, "xfs");
    for options in KINDS {
        env.dvdcli(&format!("mount -d loop -n db --volumeopts={options}"))
            .prints(&printed("db"))
            .succeeds();
        let write = "printf last | dd of=last conv=fsync status=none";
        in_directory(&data(&env, "db"), write).unwrap();
        env.dvdcli("create -d loop -n copy --volumeopts=volumeName=db")
            .succeeds();
        env.dvdcli("mount -d loop -n copy --read-only")
            .prints(&printed("copy"))
            .succeeds();
        let file = data(&env, "copy").join("last");
        assert_eq!(fs::read_to_string(file).unwrap(), "last", "{options}");
        for name in ["copy", "db"] {
            env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
            env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
        }
    }
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_left();
}

/// What is said of a store that cannot be written.
fn read_only(driver: &str) -> String {
    format!(
        "its store $ROOT/var/lib/dvdcli/{driver} is read-only; make it writable (mount -o remount,rw $ROOT/var/lib/dvdcli)"
    )
}

fn remount(env: &Env, mode: &str) {
    let store = env.path("var/lib/dvdcli");
    let script = format!("mount -o remount,{mode} {}", store.display());
    // A volume that was just unmounted may still be open.
    eventually("the remount", || {
        in_directory(Path::new("/"), &script).is_ok()
    });
}

#[test]
fn a_store_that_has_gone_read_only_serves_what_only_reads() {
    let Some(env) = Env::isolated() else { return };
    for fs_type in ["ext4", "xfs"] {
        volumes_on(&env, fs_type);
        for name in ["db", "held"] {
            loop_volume(&env, name);
        }
        local_volume(&env, "files");
        env.dvdcli("create -d local -n memory --opt type=tmpfs --opt device=tmpfs --opt o=size=1m")
            .succeeds();
        cut_off(&env, "cut", "size=20MiB");
        env.dvdcli("mount -d loop -n held --read-only")
            .prints(&printed("held"))
            .succeeds();
        leftover_of_db(&env);
        remount(&env, "ro");
        only_reads(&env);
        is_refused(&env);
        remount(&env, "rw");
        env.dvdcli("unmount -d loop -n held")
            .warns("dvdcli: warning: unmounting volume held: driver loop: it is not mounted; nothing was left to do\n")
            .succeeds();
        for (driver, name) in [
            ("loop", "db"),
            ("loop", "held"),
            ("loop", "cut"),
            ("local", "files"),
            ("local", "memory"),
        ] {
            env.dvdcli(&format!("remove -d {driver} -n {name}"))
                .succeeds();
        }
        assert_eq!(env.names(LOOP), [""; 0]);
        unmount(&env.path("var/lib/dvdcli"));
        env.assert_nothing_is_left();
    }
}

/// What a killed creation of `db` leaves, which the next call that can write removes. The calls of others have ended before.
fn leftover_of_db(env: &Env) {
    let (aside, kept) = (
        env.path(LOOP).join(".aside"),
        env.path("var/lib/dvdcli/kept"),
    );
    killed_at_rename(env.dvdcli("create -d loop -n killed --opt size=16MiB"));
    fs::rename(&aside, &kept).unwrap();
    env.dvdcli("remove -d loop -n killed").fails(
        3,
        "dvdcli: removing volume killed: driver loop: no such volume\n",
    );
    fs::rename(kept, &aside).unwrap();
    for name in fs::names(&aside) {
        let own = name.to_str().unwrap().replace(".killed.", ".db.");
        fs::rename(aside.join(&name), aside.join(own)).unwrap();
    }
}

/// What works on a store that can only be read.
#[track_caller]
fn only_reads(env: &Env) {
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nlocal   files\nlocal   memory\nloop    cut\nloop    db\nloop    held\n")
        .succeeds();
    env.dvdcli("exists -d loop -n db").succeeds();
    env.dvdcli("exists -d loop -n none").fails(3, "");
    env.dvdcli("get -d local -n files")
        .prints("files\n")
        .succeeds();
    env.dvdcli("path -d loop -n db").succeeds();
    env.dvdcli("path -d loop -n held")
        .prints(&printed("held"))
        .succeeds();
    assert_eq!(inspected(env, "-d loop -n db")["FsType"], "ext4");
    for (target, path) in [
        ("", printed("db")),
        ("--target $ROOT/t", "$ROOT/t\n".into()),
    ] {
        env.dir("t");
        env.dir("u");
        env.dvdcli(&format!("mount -d loop -n db --read-only {target}"))
            .prints(&path)
            .succeeds();
        let kept = data(env, "db").join("kept");
        assert_eq!(fs::read_to_string(kept).unwrap(), "kept");
        let second = target.replace("/t", "/u");
        env.dvdcli(&format!(
            "mount -d loop -n db --read-only --id two {second}"
        ))
        .prints(&path.replace("/t", "/u"))
        .succeeds();
        env.dvdcli("mount -d loop -n db --id three").fails(
            4,
            "dvdcli: mounting volume db: it is mounted read-only already, and held by [..]\n",
        );
        env.dvdcli(&format!("unmount -d loop -n db --id two {second}"))
            .warns("dvdcli: warning: volume db stays mounted, it is held by [..]\n")
            .succeeds();
        env.dvdcli(&format!("unmount -d loop -n db {target}"))
            .succeeds();
    }
    env.dvdcli("run -d loop -n db --read-only -- true")
        .succeeds();
    let files = format!("$ROOT/{LOCAL}/files/_data\n");
    env.dvdcli("mount -d local -n files --read-only")
        .prints(&files)
        .succeeds();
    let kept = local_data(env, "files").join("kept");
    assert_eq!(fs::read_to_string(kept).unwrap(), "kept");
    env.dvdcli("unmount -d local -n files").succeeds();
    // What is mounted over the store is not on it.
    env.dvdcli("mount -d local -n memory")
        .prints(&format!("$ROOT/{LOCAL}/memory/_data\n"))
        .succeeds();
    fs::write(local_data(env, "memory").join("file"), "text").unwrap();
    env.dvdcli("unmount -d local -n memory").succeeds();
    env.dvdcli("mount -d loop -n cut --read-only")
        .prints(&printed("cut"))
        .warns(&unreplayed("cut"))
        .succeeds();
    assert_eq!(
        fs::read_to_string(data(env, "cut").join("kept")).unwrap(),
        "kept"
    );
    env.dvdcli("unmount -d loop -n cut").succeeds();
    // It was claimed when that could be written.
    let claimed = format!(
        "dvdcli: warning: volume held stays claimed by this host: renaming $ROOT/{LOOP}/held/claimed,[..]: read-only file system; unmount it again before another host mounts it\n"
    );
    env.dvdcli("unmount -d loop -n held")
        .warns(&claimed)
        .succeeds();
    env.dvdcli("unmount -d loop -n held")
        .warns(&format!("{claimed}dvdcli: warning: unmounting volume held: driver loop: it is not mounted; nothing was left to do\n"))
        .succeeds();
}

/// What a store that can only be read cannot do.
#[track_caller]
fn is_refused(env: &Env) {
    let is_refused = |line: &str, doing: &str, driver: &str, more: &str| {
        let said = read_only(driver);
        env.dvdcli(line)
            .fails(1, &format!("dvdcli: {doing}: {said}{more}\n"));
    };
    let or = ", or mount it with --read-only";
    is_refused("mount -d loop -n db", "mounting volume db", "loop", or);
    is_refused(
        "mount -d local -n files",
        "mounting volume files",
        "local",
        or,
    );
    for (driver, name) in [("loop", "db"), ("local", "files"), ("local", "memory")] {
        let doing = format!("removing volume {name}");
        is_refused(&format!("remove -d {driver} -n {name}"), &doing, driver, "");
        env.dvdcli(&format!("create -d {driver} -n {name}"))
            .succeeds();
        for verb in ["create", "mount"] {
            let doing = format!("{}ing volume new", verb.trim_end_matches('e'));
            is_refused(&format!("{verb} -d {driver} -n new"), &doing, driver, "");
        }
        env.dvdcli(&format!("remove -d {driver} -n none")).fails(
            3,
            &format!("dvdcli: removing volume none: driver {driver}: no such volume\n"),
        );
    }
    is_refused(
        "create -d loop -n copy --volumeopts=volumeName=db",
        "creating volume copy",
        "loop",
        "",
    );
    assert_eq!(env.records(), [""; 0]);
}

#[test]
fn a_store_that_an_error_has_made_read_only_lets_its_volumes_go() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "ext4");
    let store = env.path("var/lib/dvdcli");
    let script = format!("mount -o remount,errors=remount-ro {}", store.display());
    in_directory(Path::new("/"), &script).unwrap();
    loop_volume(&env, "db");
    loop_volume(&env, "idle");
    local_volume(&env, "files");
    env.dvdcli("mount -d loop -n db")
        .prints(&printed("db"))
        .succeeds();
    in_directory(&data(&env, "db"), "printf more > more; sync -f .").unwrap();
    let source = mounted_at(&store).unwrap().source;
    let name = Path::new(&source).file_name().unwrap().to_str().unwrap();
    fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "test").unwrap();
    let said = |driver: &str| {
        format!(
            "its store $ROOT/var/lib/dvdcli/{driver} was made read-only by the kernel, after an error; repair the file system at $ROOT/var/lib/dvdcli"
        )
    };
    let claimed = format!(
        "dvdcli: warning: volume db stays claimed by this host: renaming $ROOT/{LOOP}/db/claimed,[..]: [..]; unmount it again before another host mounts it\n"
    );
    env.dvdcli("unmount -d loop -n db").fails(
        1,
        &format!("{claimed}dvdcli: unmounting volume db: it is unmounted, but what was written last is lost: writing $ROOT/{LOOP}/db/mnt to the disk: [..]\n"),
    );
    env.dvdcli("unmount -d loop -n db")
        .warns(&format!("{claimed}dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n"))
        .succeeds();
    env.dvdcli("mount -d loop -n idle --read-only")
        .prints(&printed("idle"))
        .succeeds();
    env.dvdcli("unmount -d loop -n idle").succeeds();
    let (loop_, local) = (said("loop"), said("local"));
    env.dvdcli("mount -d loop -n idle").fails(
        1,
        &format!("dvdcli: mounting volume idle: {loop_}, or mount it with --read-only\n"),
    );
    env.dvdcli("remove -d local -n files")
        .fails(1, &format!("dvdcli: removing volume files: {local}\n"));
    env.dvdcli("create -d loop -n new")
        .fails(1, &format!("dvdcli: creating volume new: {loop_}\n"));
    unmount(&store);
    env.assert_nothing_is_left();
}

#[test]
fn a_store_that_cannot_be_read_any_more_lets_its_volumes_go() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "xfs");
    let mounts = [
        ("loop", "db", "--opt size=20MiB"),
        ("loop", "read", "--opt size=20MiB --opt o=ro"),
        ("local", "files", "--read-only"),
        (
            "local",
            "memory",
            "--opt type=tmpfs --opt device=tmpfs --opt o=size=1m",
        ),
    ];
    for (driver, name, options) in mounts {
        let data = if driver == "loop" {
            "mnt/data"
        } else {
            "_data"
        };
        env.mount_created(&format!("mount -d {driver} -n {name} {options}"))
            .prints(&format!("$ROOT/var/lib/dvdcli/{driver}/{name}/{data}\n"))
            .succeeds();
    }
    let store = env.path("var/lib/dvdcli");
    in_directory(&store, "xfs_io -x -c shutdown .").unwrap();
    for (driver, name, _) in mounts {
        let unmount = format!("unmount -d {driver} -n {name}");
        let why = format!("reading $ROOT/var/lib/dvdcli/{driver}/{name}: input/output error");
        env.dvdcli(&unmount).fails(
            1,
            &format!("dvdcli: unmounting volume {name}: driver {driver}: it is unmounted, but [..]what is known of it cannot be read: {why}\n"),
        );
        env.dvdcli(&unmount)
            .warns(&format!("dvdcli: warning: unmounting volume {name}: driver {driver}: it is not mounted, and what is known of it cannot be read: {why}; nothing was left to do\n"))
            .succeeds();
    }
    assert_eq!(env.mounts(), std::slice::from_ref(&store));
    assert_eq!(env.records(), [""; 0]);
    unmount(&store);
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_on_shared_storage_that_is_read_only_here_is_not_claimed() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "from a").unwrap();
    a.dvdcli(UNMOUNT).succeeds();
    let shared = env.path("shared");
    b.enter();
    bind(&shared, &shared);
    let script = format!("mount -o remount,bind,ro {}", shared.display());
    in_directory(Path::new("/"), &script).unwrap();
    let read = "mount -d loop -n db --read-only";
    b.dvdcli(read)
        .prints(MOUNTED)
        .warns("dvdcli: warning: volume db is not claimed, as its store is read-only here: if another host mounts it meanwhile, what is read here may be wrong\n")
        .succeeds();
    assert_eq!(fs::read_to_string(b.file()).unwrap(), "from a");
    b.dvdcli(UNMOUNT).succeeds();
    // The other host, which has it, is down.
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    a.goes_down();
    b.dvdcli(read).fails(4, "dvdcli: mounting volume db: mounted on host host-a (machine machine-a); unmount it there, or take it with the setting mount.preempt\n");
    b.configure("rexray.volume.mount.preempt: true");
    b.dvdcli(read)
        .prints(MOUNTED)
        .warns("dvdcli: warning: volume db is mounted on host host-a, and cannot be taken from it, as its store is read-only here: what is read here may be wrong\n")
        .succeeds();
    assert_eq!(fs::read_to_string(b.file()).unwrap(), "from a");
    b.dvdcli(UNMOUNT).succeeds();
    assert_eq!(b.mounts(), 1);
    b.goes_down();
    let a = site.boot("a", "2");
    a.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

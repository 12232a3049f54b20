//! What somebody has put in the place of the files of a volume.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::{in_directory, unmount};
use crate::harness::programs::Background;
use crate::harness::task::{MOUNT, UNMOUNT, owned, task};
use crate::harness::volumes::{
    LOCAL, LOOP, data, image, local_volume, loop_volume, mounts, unmounts_and_removes, volume,
};
use crate::harness::waiting::eventually;

#[test]
fn an_image_that_is_none_is_not_touched() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "other");
    env.dvdcli("mount -d loop -n other")
        .prints(&format!("$ROOT/{LOOP}/other/mnt/data\n"))
        .succeeds();
    let none = |what: &str| format!("is {what}, and so no image; move it away");
    let link = |place: &Path| symlink("../other/image", place).unwrap();
    let made = |script: &str, place: &Path| in_directory(place.parent().unwrap(), script).unwrap();
    for (plant, problem) in [
        (&link as &dyn Fn(&Path), none("a symbolic link")),
        (
            &|place| made("mknod image c 1 5", place),
            none("no regular file"),
        ),
        (
            &|place| made("mkfifo image", place),
            none("no regular file"),
        ),
        (&|place| made("mkdir image", place), none("no regular file")),
        (
            &|place| {
                fs::write(place, [0; 1 << 16]).unwrap();
                chown(place, Some(1000), None).unwrap();
            },
            "belongs to user 1000; if it is the image of this volume, run chown root on it".into(),
        ),
        (
            &|place| {
                fs::write(place, [0; 1 << 16]).unwrap();
                fs::set_permissions(place, fs::Permissions::from_mode(0o666)).unwrap();
            },
            "can be written by other users (mode 0666); run chmod 600 on it".into(),
        ),
    ] {
        loop_volume(&env, "db");
        let place = image(&env, "db");
        fs::remove_file(&place).unwrap();
        plant(&place);
        let problem = format!("$ROOT/{LOOP}/db/image {problem}\n");
        for (line, doing) in [
            ("mount -d loop -n db", "mounting volume db"),
            ("inspect -d loop -n db", "inspecting volume db"),
            (
                "create -d loop -n copy --volumeopts=volumeName=db",
                "creating volume copy",
            ),
        ] {
            env.dvdcli(line)
                .fails(1, &format!("dvdcli: {doing}: {problem}"));
        }
        env.dvdcli("list -d loop --format table")
            .prints("DRIVER  VOLUME NAME\nloop    db\nloop    other\n")
            .warns(&format!("dvdcli: warning: listing volume db: {problem}"))
            .succeeds();
        env.dvdcli("list -d loop").prints("db\nother\n").succeeds();
        env.dvdcli("unmount -d loop -n db")
            .warns("dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n")
            .succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
        assert_eq!(bound_below(&env).len(), 1);
        assert_eq!(fs::read(data(&env, "other").join("kept")).unwrap(), b"kept");
    }
    env.dvdcli("unmount -d loop -n other").succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn a_record_that_is_none_hangs_nobody() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        let directory = volume(&env, driver, "db");
        // A link to what would be a good one, as a file that only root may read.
        fs::copy(
            directory.join("volume.json"),
            env.path("var/lib/dvdcli/record"),
        )
        .unwrap();
        for (script, problem) in [
            ("mkfifo volume.json", "it is no regular file"),
            ("ln -s /dev/zero volume.json", "it is no regular file"),
            (
                "cp ../../record volume.json.aside; ln -s volume.json.aside volume.json",
                "it is no regular file",
            ),
            ("truncate -s 20G volume.json", "it is longer than 1 MiB"),
            ("mkdir volume.json", "is a directory"),
            (
                "printf {} > volume.json",
                "it is damaged: missing field `createdAt` at line 1 column 2",
            ),
            (
                ": > volume.json",
                "it is damaged: EOF while parsing a value at line 1 column 0",
            ),
        ] {
            in_directory(&directory, "rm -r volume.json").unwrap();
            in_directory(&directory, script).unwrap();
            let problem = format!(
                "reading $ROOT/var/lib/dvdcli/{driver}/db/volume.json: {problem}; mend it or move the directory away\n"
            );
            for (verb, doing) in [
                ("mount", "mounting"),
                ("unmount", "unmounting"),
                ("create", "creating"),
                ("remove", "removing"),
                ("inspect", "inspecting"),
                ("path", "asking for the path of"),
            ] {
                env.dvdcli(&format!("{verb} -d {driver} -n db"))
                    .fails(1, &format!("dvdcli: {doing} volume db: {problem}"));
            }
            let warning = format!("dvdcli: warning: listing volume db: {problem}");
            env.dvdcli(&format!("list -d {driver} --format table"))
                .prints(&format!("DRIVER  VOLUME NAME\n{driver:6}  db\n"))
                .warns(&warning)
                .succeeds();
            // For names no record is read. One that cannot be one is told all the same.
            let is_read = script.starts_with("printf");
            env.dvdcli(&format!("list -d {driver}"))
                .prints("db\n")
                .warns(if is_read { "" } else { &warning })
                .succeeds();
        }
    }
    env.assert_nothing_is_left();
}

/// Has a mount namespace of its own mount an image by its path there, where `source` is bound over `place`.
fn mounted_elsewhere(env: &Env, source: &str, place: &str) -> Background {
    let script = format!(
        "mount --bind {source} {place}; mkdir -p at; mount -o loop {place}/loop/db/image at; touch ready; exec sleep 1000"
    );
    let mut unshare = Command::new("unshare");
    unshare
        .args(["-m", "sh", "-ec", &script])
        .current_dir(env.path(""));
    let there = Background::start(&mut unshare);
    eventually("the mount", || env.path("ready").exists());
    fs::remove_file(env.path("ready")).unwrap();
    there
}

/// The path of a loop device's file is one of the mount namespace in which it was bound.
#[test]
fn a_loop_device_is_known_by_its_file_and_not_by_a_path() {
    let Some(env) = Env::isolated() else { return };
    for store in ["store", "other"] {
        env.configure(&format!("dvdcli:\n  root: $ROOT/{store}"));
        env.dvdcli("create -d loop -n db --opt size=20MiB")
            .succeeds();
    }
    // Another file is at that path here: the volume is mounted once more, not a second time.
    let there = mounted_elsewhere(&env, "store", "other");
    env.configure("dvdcli:\n  root: $ROOT/store");
    env.dvdcli("mount -d loop -n db")
        .prints("$ROOT/store/loop/db/mnt/data\n")
        .succeeds();
    let bound = bound_below(&env);
    assert_eq!(bound.len(), 1, "{bound:?}");
    env.dvdcli("unmount -d loop -n db").fails(
        4,
        "dvdcli: unmounting volume db: it is not mounted here any more, but still bound to /dev/loop[..], which is mounted at $ROOT/at in the mount namespace of PID [..] ([..]); unmount it again when that has ended\n",
    );
    env.configure("dvdcli:\n  root: $ROOT/other");
    // Its path is that of a file which is bound, and it is not.
    env.dvdcli("remove -d loop -n db").succeeds();
    env.configure("dvdcli:\n  root: $ROOT/store");
    env.dvdcli("remove -d loop -n db").fails(
        4,
        "dvdcli: removing volume db: bound to /dev/loop[..], which is mounted at $ROOT/at in the mount namespace of PID [..] ([..])\n",
    );
    drop(there);
    eventually("the loop device", || bound_below(&env).is_empty());
    env.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_left();
}

/// Another host that shares the store could have made them.
#[test]
fn what_a_volume_remembers_is_written_through_no_link() {
    let Some(env) = Env::isolated() else { return };
    let victim = env.write("victim", "kept");
    let source = env.dir("source/sub");
    env.mount_tmpfs(&source);
    owned(&env, "tasks", (65534, 65534, 0o755));
    let path = "$ROOT/tasks/db";
    let variables = [("NAME", "db"), ("DRIVER", "local"), ("CONTAINERPATH", path)];
    let bound = |link: Option<&str>| {
        let directory = local_volume(&env, "db");
        fs::remove_file(directory.join("_data/kept")).unwrap();
        if let Some(link) = link {
            symlink(&victim, directory.join(link)).unwrap();
        }
        task(&env, MOUNT, &variables)
            .prints(&format!("{path}\n"))
            .succeeds();
        assert!(
            directory
                .join("taken-over")
                .symlink_metadata()
                .unwrap()
                .is_file()
        );
        task(&env, UNMOUNT, &variables).succeeds();
        env.dvdcli("remove -d local -n db").succeeds();
    };
    bound(None);
    bound(Some("taken-over.new"));
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    bound(Some("taken-over"));
    assert_eq!(fs::read(&victim).unwrap(), b"kept");

    env.dvdcli("create -d local -n db --volumeopts=type=none,device=$ROOT/source --opt o=rbind")
        .succeeds();
    let directory = env.path(LOCAL).join("db");
    let before = env.names(&format!("{LOCAL}/db"));
    mounts(&env, "db", "");
    let mut written = env.names(&format!("{LOCAL}/db"));
    written.retain(|name| !before.contains(name));
    assert_eq!(written.len(), 2, "{written:?}");
    env.dvdcli("unmount -d local -n db").succeeds();
    for name in &written {
        for place in [
            directory.join(name),
            directory.join(name).with_extension("new"),
        ] {
            let _ = fs::remove_file(&place);
            symlink(&victim, &place).unwrap();
        }
    }
    mounts(&env, "db", "");
    for name in &written {
        assert!(
            directory.join(name).symlink_metadata().unwrap().is_file(),
            "{name}"
        );
    }
    assert_eq!(fs::read(&victim).unwrap(), b"kept");
    unmounts_and_removes(&env, "db");
    unmount(&source);
    env.assert_nothing_is_left();
}

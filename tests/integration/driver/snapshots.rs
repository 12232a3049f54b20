//! Snapshots of `loop` volumes: taken at one moment, made into volumes, restored, and kept when the volume goes.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use nix::sys::statvfs::statvfs;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::programs::finish;
use crate::harness::volumes::{LOOP, data, image, loop_volume, volumes_on, volumes_on_disk_of};
use crate::harness::waiting::eventually;

#[track_caller]
fn mount(env: &Env, name: &str) {
    env.dvdcli(&format!("mount -d loop -n {name}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
}

#[track_caller]
fn does(env: &Env, lines: &[&str]) {
    for line in lines {
        env.dvdcli(line).succeeds();
    }
}

fn content(env: &Env, name: &str) -> String {
    mount(env, name);
    let content = fs::read_to_string(data(env, name).join("file")).unwrap();
    env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    content
}

/// On a disk that shares blocks, while it is mounted and written to. The snapshot outlives the volume, and is never changed.
#[test]
fn a_mounted_volume_is_kept_at_one_moment() {
    for below in ["xfs", "btrfs"] {
        let Some(env) = Env::isolated() else { return };
        volumes_on(&env, below);
        for (fs_type, size) in [("ext4", 64), ("xfs", 320), ("btrfs", 128)] {
            let create =
                format!("create -d loop -n db -o size={size}MiB -o fs={fs_type} --label a=b");
            does(&env, &[&create]);
            mount(&env, "db");
            let file = data(&env, "db").join("file");
            fs::write(&file, "first").unwrap();
            does(&env, &["snapshot create -d loop -n db --snapshotname one"]);
            fs::write(&file, "second").unwrap();
            does(
                &env,
                &[
                    "snapshot create -d loop -n db --snapshotname two",
                    "create -d loop -n copy --volumeopts volumeName=db,snapshotName=one",
                ],
            );
            // Beside the original, so it has a UUID of its own.
            assert_eq!(content(&env, "copy"), "first");
            does(
                &env,
                &[
                    "unmount -d loop -n db",
                    "remove -d loop -n db",
                    "remove -d loop -n copy",
                ],
            );
            env.dvdcli("snapshot list -d loop -n db --format names")
                .prints("db@one\ndb@two\n")
                .succeeds();
            does(
                &env,
                &[
                    "create -d loop -n db -o snapshotName=one",
                    "create -d loop -n new -o snapshotID=db@two",
                ],
            );
            assert_eq!(
                (content(&env, "db"), content(&env, "new")),
                ("first".into(), "second".into())
            );
            does(&env, &["snapshot restore -d loop -n db --snapshotname two"]);
            assert_eq!(content(&env, "db"), "second");
            does(
                &env,
                &[
                    "snapshot remove -d loop -n db --snapshotname one",
                    "snapshot rm -d loop -n db --snapshotname two",
                    "remove -d loop -n db",
                    "remove -d loop -n new",
                ],
            );
            assert_eq!(env.names(LOOP), Vec::<String>::new(), "{below} {fs_type}");
        }
    }
}

/// Elsewhere only what is not mounted can be copied as a whole.
#[test]
fn where_no_blocks_are_shared_it_has_to_be_unmounted() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", 200 << 20);
    loop_volume(&env, "db");
    mount(&env, "db");
    env.dvdcli("snapshot create -d loop -n db --snapshotname s").fails(
        4,
        "dvdcli: taking snapshot s of volume db: copying $ROOT/var/lib/dvdcli/loop/db/image: it is mounted, and the file system that \
         it is on cannot copy it in one moment (reflink); unmount it first\n",
    );
    does(
        &env,
        &[
            "unmount -d loop -n db",
            "snapshot create -d loop -n db --snapshotname s",
        ],
    );
    let kept = fs::metadata(env.path(&format!("{LOOP}/db@s/image"))).unwrap();
    let original = fs::metadata(image(&env, "db")).unwrap();
    assert_eq!(kept.len(), original.len());
    use std::os::unix::fs::MetadataExt;
    assert!(kept.blocks() <= original.blocks(), "{kept:?}");
    does(&env, &["snapshot remove -d loop -n db --snapshotname s"]);
}

#[test]
fn what_snapshots_there_are_is_listed_and_inspected() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "a");
    loop_volume(&env, "b");
    does(
        &env,
        &[
            "snapshot create -d loop -n a --snapshotname s",
            "snapshot create -d loop -n b --snapshotname s",
            "snapshot create -d loop -n b --snapshotname t",
        ],
    );
    env.dvdcli("snapshot list --format names")
        .prints("a@s\nb@s\nb@t\n")
        .succeeds();
    let listed = env.json("snapshot list -d loop -n a --format json");
    let snapshot = &listed[0];
    let keys = ["Volume", "Name", "ID"].map(|key| snapshot[key].clone());
    assert_eq!(keys, [json!("a"), json!("s"), json!("a@s")]);
    assert_eq!(snapshot["Size"], 20 << 20);
    assert!(snapshot["Allocated"].is_u64() && snapshot["CreatedAt"].is_string());
    assert_eq!(
        env.json("inspect -d loop -n b")[0]["Snapshots"],
        json!(["b@s", "b@t"])
    );
    // They are no volumes.
    env.dvdcli("list -d loop").prints("a\nb\n").succeeds();
    env.dvdcli("create -d loop -n c -o snapshotName=s").fails(
        2,
        "dvdcli: creating volume c: option snapshotName: there are a@s and b@s; name the volume as well, with volumeName\n",
    );
    does(&env, &["create -d loop -n c -o snapshotName=t"]);
}

/// It is named with what is wrong, and keeps nobody from the volume and from the others.
#[test]
fn a_damaged_snapshot_is_said_and_the_others_are_listed() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    for name in ["bad", "good", "gone"] {
        does(
            &env,
            &[&format!(
                "snapshot create -d loop -n db --snapshotname {name}"
            )],
        );
    }
    env.write(&format!("{LOOP}/db@bad/volume.json"), "{");
    fs::remove_file(env.path(&format!("{LOOP}/db@gone/image"))).unwrap();
    for (line, printed) in [
        ("snapshot list -d loop --format names", "db@good\n"),
        (
            "inspect -d loop -n db --format {{.Snapshots}}",
            "[\"db@good\"]\n",
        ),
    ] {
        let output = env.dvdcli_with(line.split(' ')).output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (0, printed),
            "{}",
            output.stderr
        );
        let warnings: Vec<&str> = output.stderr.lines().collect();
        assert!(
            warnings.len() == 2
                && warnings[0].starts_with("dvdcli: warning: snapshot db@bad: ")
                && warnings[1].starts_with("dvdcli: warning: snapshot db@gone: "),
            "{warnings:?}"
        );
    }
    // They can go all the same.
    does(&env, &["snapshot remove -d loop -n db --snapshotname gone"]);
}

#[test]
fn what_cannot_be_is_refused() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    loop_volume(&env, "db");
    does(&env, &["snapshot create -d loop -n db --snapshotname s"]);
    let taking = "dvdcli: taking snapshot";
    for (line, code, why) in [
        ("snapshot create -d loop -n db --snapshotname s", 1, format!("{taking} s of volume db: it has a snapshot s already")),
        ("snapshot create -d loop -n none --snapshotname s", 3, format!("{taking} s of volume none: driver loop: no such volume")),
        ("snapshot create -d loop -n db --snapshotname a@b", 2, format!("{taking} a@b of volume db: snapshot name \"a@b\" has characters other than letters, digits, _ . and -")),
        ("snapshot create -d loop -n db", 2, "dvdcli: --snapshotname is missing; it names the snapshot".into()),
        ("snapshot list -d loop -n db --snapshotname s", 2, "dvdcli: --snapshotname: snapshot list takes none, it lists those of a volume, or all".into()),
        ("snapshot create -d fake -n db --snapshotname s", 2, format!("{taking} s of volume db: plugin fake: only volumes of the driver loop can grow, be trimmed and have snapshots")),
        ("snapshot remove -d loop -n db --snapshotname t", 3, "dvdcli: removing snapshot t of volume db: driver loop: there is no snapshot t of volume db".into()),
        ("snapshot restore -d loop -n db --snapshotname t", 3, "dvdcli: restoring snapshot t of volume db: driver loop: there is no snapshot t of volume db".into()),
        ("snapshot restore -d loop -n none --snapshotname s", 3, "dvdcli: restoring snapshot s of volume none: driver loop: no such volume".into()),
        ("create -d loop -n c --volumeopts volumeName=db,snapshotName=t", 3, "dvdcli: creating volume c: there is no snapshot t of volume db".into()),
        ("create -d loop -n c -o snapshotID=db@s -o size=8MiB", 2, "dvdcli: creating volume c: option size: a copy cannot be smaller than its original, which has 20 MiB; leave it out".into()),
    ] {
        env.dvdcli(line).fails(code, &format!("{why}\n"));
    }
    let long = "x".repeat(199);
    env.dvdcli(&format!("snapshot create -d loop -n db --snapshotname {long}"))
        .fails(2, &format!("{taking} {long} of volume db: snapshot name \"{long}\" is longer than 199 bytes together with the volume's\n"));
    mount(&env, "db");
    env.dvdcli("snapshot restore -d loop -n db --snapshotname s").fails(
        4,
        "dvdcli: restoring snapshot s of volume db: it is mounted at $ROOT/var/lib/dvdcli/loop/db/mnt/data and held by a caller \
         without an ID; unmount it first\n",
    );
    does(&env, &["unmount -d loop -n db"]);
}

/// Its claim is another host's, which may be writing at this moment.
#[test]
fn a_volume_that_another_host_has_is_left_alone() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    does(&env, &["snapshot create -d loop -n db --snapshotname s"]);
    let token = env.path(&format!("{LOOP}/db"));
    std::fs::rename(token.join("unclaimed"), token.join("claimed,m2,b2,other")).unwrap();
    let before = fs::read(image(&env, "db")).unwrap();
    for (line, doing) in [
        (
            "snapshot create -d loop -n db --snapshotname t",
            "taking snapshot t of volume db",
        ),
        (
            "snapshot restore -d loop -n db --snapshotname s",
            "restoring snapshot s of volume db",
        ),
        ("resize -d loop -n db --size 40MiB", "growing volume db"),
        ("trim -d loop -n db", "trimming volume db"),
    ] {
        let output = env.dvdcli(line).output();
        assert_eq!(
            (output.code, output.stdout.as_str()),
            (4, ""),
            "{line}: {}",
            output.stderr
        );
        assert!(
            output.stderr.starts_with(&format!("dvdcli: {doing}: ")),
            "{}",
            output.stderr
        );
        assert!(output.stderr.contains("other"), "{}", output.stderr);
    }
    assert!(fs::read(image(&env, "db")).unwrap() == before);
    assert!(token.join("claimed,m2,b2,other").exists());
}

/// A copy that is larger than the snapshot has grown with its file system.
#[test]
fn a_volume_made_from_a_snapshot_may_be_larger() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "xfs");
    for (fs_type, size, larger) in [("ext4", 64, 128), ("xfs", 320, 640), ("btrfs", 128, 256)] {
        does(
            &env,
            &[
                &format!("create -d loop -n db -o size={size}MiB -o fs={fs_type}"),
                "snapshot create -d loop -n db --snapshotname s",
                &format!("create -d loop -n new -o snapshotID=db@s -o size={larger}MiB"),
            ],
        );
        let volume = &env.json("inspect -d loop -n new")[0];
        let number = |key: &str| volume[key].as_u64().unwrap();
        assert_eq!(number("Size"), larger << 20);
        assert!(
            number("Used") + number("Free") > (larger * 8 / 10) << 20,
            "{volume}"
        );
        does(
            &env,
            &[
                "remove -d loop -n new",
                "remove -d loop -n db",
                "snapshot remove -d loop -n db --snapshotname s",
            ],
        );
    }
}

/// Appends numbered records, each with fsync, until it is told to stop. `acknowledged` is how many are on the disk.
fn write_records(log: &Path, acknowledged: &AtomicUsize, is_over: &AtomicBool) {
    let mut log = fs::File::options()
        .append(true)
        .create(true)
        .open(log)
        .unwrap();
    while !is_over.load(SeqCst) {
        writeln!(log, "{:08}", acknowledged.load(SeqCst)).unwrap();
        log.sync_all().unwrap();
        acknowledged.fetch_add(1, SeqCst);
    }
}

/// Takes snapshots `s0`, `s1` and so on while records are written. Returns how many records were acknowledged before each.
fn taken_while_writing(env: &Env, rounds: usize) -> Vec<usize> {
    let log = data(env, "db").join("log");
    let (acknowledged, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| write_records(&log, &acknowledged, &is_over));
        eventually("the first record", || acknowledged.load(SeqCst) > 0);
        let taken = (0..rounds).map(|round| {
            let before = acknowledged.load(SeqCst);
            let taken = env.dvdcli(&format!(
                "snapshot create -d loop -n db --snapshotname s{round}"
            ));
            (before, taken.output())
        });
        let taken: Vec<_> = taken.collect();
        is_over.store(true, SeqCst);
        let sound = taken.iter().find(|(_, output)| output.code != 0);
        assert!(sound.is_none(), "{sound:?}");
        taken.into_iter().map(|(before, _)| before).collect()
    })
}

/// The copy has these records at least, in their order.
#[track_caller]
fn holds_records(env: &Env, acknowledged: usize) {
    mount(env, "copy");
    let log = fs::read_to_string(data(env, "copy").join("log")).unwrap();
    does(env, &["unmount -d loop -n copy"]);
    let records: Vec<&str> = log.lines().take(acknowledged).collect();
    let wanted: Vec<String> = (0..acknowledged).map(|n| format!("{n:08}")).collect();
    assert!(records == wanted, "{} of {acknowledged}", records.len());
}

/// Each of many snapshots holds every record that was acknowledged before it was asked for, and its file system is sound.
#[test]
fn a_snapshot_holds_all_that_was_acknowledged() {
    let Some(env) = Env::isolated() else { return };
    volumes_on(&env, "xfs");
    for (fs_type, size, check) in [
        ("ext4", 64, "e2fsck -fn"),
        ("xfs", 320, "xfs_repair -n"),
        ("btrfs", 128, "btrfs check --readonly"),
    ] {
        does(
            &env,
            &[&format!(
                "create -d loop -n db -o size={size}MiB -o fs={fs_type}"
            )],
        );
        mount(&env, "db");
        let before = taken_while_writing(&env, 17);
        does(&env, &["unmount -d loop -n db"]);
        for (round, before) in before.into_iter().enumerate() {
            let made = format!("create -d loop -n copy -o snapshotID=db@s{round}");
            let gone = format!("snapshot remove -d loop -n db --snapshotname s{round}");
            does(&env, &[&made]);
            holds_records(&env, before);
            let mut words = check.split(' ');
            let mut checking = Command::new(words.next().unwrap());
            let checked = finish(checking.args(words).arg(image(&env, "copy")));
            assert!(checked.status.success(), "{fs_type} {round}: {checked:?}");
            does(&env, &["remove -d loop -n copy", &gone]);
        }
        does(&env, &["remove -d loop -n db"]);
    }
}

/// The record of the volume that has this name by now says how it is mounted.
#[test]
fn a_snapshot_of_another_file_system_is_not_restored() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    does(
        &env,
        &[
            "snapshot create -d loop -n db --snapshotname s",
            "remove -d loop -n db",
            "create -d loop -n db --volumeopts=size=300MiB,fs=xfs",
        ],
    );
    env.dvdcli("snapshot restore -d loop -n db --snapshotname s").fails(
        2,
        "dvdcli: restoring snapshot s of volume db: the snapshot is ext4, and the volume is xfs; remove the volume, and create it with \
         snapshotID=db@s\n",
    );
    mount(&env, "db");
    does(
        &env,
        &[
            "unmount -d loop -n db",
            "remove -d loop -n db",
            "create -d loop -n db -o snapshotID=db@s",
            "snapshot restore -d loop -n db --snapshotname s",
        ],
    );
    mount(&env, "db");
    does(&env, &["unmount -d loop -n db"]);
}

/// What was killed while it let the volume grow, or a restore to a time before that, leaves image and file system of one length.
#[test]
fn what_was_to_grow_grows_in_copies_and_not_in_what_is_restored() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    does(
        &env,
        &["snapshot create -d loop -n db --snapshotname small"],
    );
    let long = fs::File::options().write(true).open(image(&env, "db"));
    long.unwrap().set_len(64 << 20).unwrap();
    env.write(&format!("{LOOP}/db/growing"), "67108864\n");
    does(
        &env,
        &[
            "snapshot create -d loop -n db --snapshotname growing",
            "create -d loop -n copy -o volumeName=db",
            "create -d loop -n new -o snapshotID=db@growing",
            "snapshot restore -d loop -n db --snapshotname small",
        ],
    );
    let size = |name: &str| {
        mount(&env, name);
        let found = statvfs(&data(&env, name)).unwrap();
        let size = found.blocks() * found.fragment_size();
        does(&env, &[&format!("unmount -d loop -n {name}")]);
        let length = fs::metadata(image(&env, name)).unwrap().len();
        (length >> 20, size > 40 << 20)
    };
    assert_eq!(["copy", "new"].map(size), [(64, true); 2]);
    assert_eq!(size("db"), (20, false));
    does(
        &env,
        &["snapshot restore -d loop -n db --snapshotname growing"],
    );
    assert_eq!(size("db"), (64, true));
}

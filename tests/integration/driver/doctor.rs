//! `doctor` on the built-in drivers: leftovers, claims, loop devices, file systems, programs, files of others.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::{DVDCLI, Env};
use crate::harness::fs;
use crate::harness::loop_devices::{Device, is_bound};
use crate::harness::mounts::{bind, in_directory, mount_type, mounted_at, unmount};
use crate::harness::programs::program_at;
use crate::harness::site::Site;
use crate::harness::strace::{killed_at_rename, under_strace};
use crate::harness::volumes::{LOCAL, LOOP, image, loop_volume, own_claim, volume};

/// Otherwise, how full the disk of the machine is would be told as well.
const ANY_DISK: &str = "dvdcli: {allow: {loop: {reserve: 0}}}";

fn isolated() -> Option<Env> {
    let env = Env::isolated()?;
    env.configure(ANY_DISK);
    Some(env)
}

/// Finds this, repairs it, and finds nothing any more.
#[track_caller]
fn is_fixed(env: &Env, found: &str, fixed: &str) {
    env.dvdcli("doctor").prints(found).fails(1, "");
    env.dvdcli("doctor --fix").prints(fixed).succeeds();
    env.dvdcli("doctor").succeeds();
}

/// Finds this, and leaves it to people.
#[track_caller]
fn is_left(env: &Env, found: &str) {
    for flags in ["", " --fix"] {
        env.dvdcli(&format!("doctor{flags}"))
            .prints(found)
            .fails(1, "");
    }
}

#[test]
fn what_killed_calls_have_left_is_named_and_deleted() {
    let Some(env) = isolated() else { return };
    for driver in ["loop", "local"] {
        volume(&env, driver, "kept");
        killed_at_rename(env.dvdcli(&format!("create -d {driver} -n new")));
        is_fixed(
            &env,
            &format!(
                "{driver}/new: a call that was killed has left a part of a new volume; any call for driver {driver} deletes it, or run doctor --fix\n"
            ),
            &format!("fixed: {driver}/new: deleted what a killed call had left\n"),
        );
        let kill = [
            "-e",
            "trace=unlinkat",
            "-e",
            "inject=unlinkat:signal=KILL:when=1",
            "-o",
            "/dev/null",
        ];
        volume(&env, driver, "gone");
        let killed =
            under_strace(env.dvdcli(&format!("remove -d {driver} -n gone")), &kill).output();
        assert_eq!(killed.code, 137);
        is_fixed(
            &env,
            &format!(
                "{driver}/gone: its removal was cut off, and a part of it is left; any call for driver {driver} deletes it, or run doctor --fix\n"
            ),
            &format!("fixed: {driver}/gone: deleted what a killed call had left\n"),
        );
        assert_eq!(env.names(&format!("var/lib/dvdcli/{driver}")), ["kept"]);
        env.dvdcli(&format!("remove -d {driver} -n kept"))
            .succeeds();
    }
}

#[test]
fn snapshots_are_no_finding_and_what_is_left_of_them_is_deleted() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    let take = |name: &str| {
        env.dvdcli(&format!(
            "snapshot create -d loop -n db --snapshotname {name}"
        ))
    };
    take("one").succeeds();
    env.dvdcli("doctor").succeeds();
    killed_at_rename(take("two"));
    is_fixed(
        &env,
        "loop/db@two: a call that was killed has left a part of a new volume; any call for driver loop deletes it, or run doctor --fix\n",
        "fixed: loop/db@two: deleted what a killed call had left\n",
    );
    env.write(&format!("{LOOP}/db/growing"), "41943040\n");
    is_left(
        &env,
        "loop/db: growing it to 40 MiB was cut off; mount it, which goes on with that\n",
    );
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    env.dvdcli("mount -d loop -n db")
        .prints(&printed)
        .succeeds();
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.dvdcli("doctor").succeeds();
}

#[test]
fn snapshots_that_cannot_be_read_are_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    for name in ["bad", "gone", "good"] {
        env.dvdcli(&format!(
            "snapshot create -d loop -n db --snapshotname {name}"
        ))
        .succeeds();
    }
    env.write(&format!("{LOOP}/db@bad/volume.json"), "{");
    fs::remove_file(env.path(&format!("{LOOP}/db@gone/image"))).unwrap();
    is_left(
        &env,
        &format!(
            "loop/db@bad: reading $ROOT/{LOOP}/db@bad/volume.json: it is damaged: [..]; mend it or move the directory away\n\
             loop/db@gone: reading $ROOT/{LOOP}/db@gone/image: no such file or directory\n"
        ),
    );
}

/// A copy of a run that lives is its own, and one that somebody else holds by now is theirs.
#[test]
fn copies_of_runs_that_were_killed_are_named_and_removed() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    let run = |script: &str| {
        let words = ["run", "-d", "loop", "-n", "db", "--clone", "--"];
        env.dvdcli_with(words.into_iter().chain(["sh", "-c", script, DVDCLI]))
    };
    run("$0 doctor --fix").succeeds();
    assert_eq!(run("kill -9 $PPID").output().code, 137);
    let mut names = env.names(LOOP).into_iter();
    let copy = names.find(|name| name != "db").unwrap();
    let copied = format!(
        "loop/{copy}: it is a throw-away copy of db, and its run has ended; remove it (dvdcli remove -d loop -n {copy}), or run doctor --fix\n"
    );
    let found = env.dvdcli("doctor").output();
    assert!(found.stdout.ends_with(&copied), "{found:?}");
    env.dvdcli(&format!("mount -d loop -n {copy} --id me"))
        .prints("[..]\n")
        .succeeds();
    env.dvdcli("doctor").succeeds();
    env.dvdcli(&format!("unmount -d loop -n {copy} --id me"))
        .succeeds();
    is_fixed(
        &env,
        &copied,
        &format!("fixed: loop/{copy}: removed the copy\n"),
    );
    // At once, also while its mount is there.
    assert_eq!(run("kill -9 $PPID").output().code, 137);
    let fixed = env.dvdcli("doctor --fix").output();
    assert_eq!((fixed.code, fixed.stderr.as_str()), (0, ""), "{fixed:?}");
    assert_eq!(env.names(LOOP), ["db"]);
}

#[test]
fn claims_of_a_host_that_has_nothing_mounted_are_given_up() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let a = site.boot("a", "1");
    a.dvdcli("mount -d loop -n db --opt size=8MiB")
        .prints("[..]\n")
        .succeeds();
    let any_disk = "  allow: {loop: {reserve: 0}}";
    let b = site.boot("b", "1");
    b.configure(any_disk);
    b.dvdcli("doctor --fix")
        .warns("dvdcli: warning: loop/db is mounted on host host-a (machine machine-a); if that host is gone, mount it here with the setting mount.preempt\n")
        .succeeds();
    a.goes_down();
    let a = site.boot("a", "2");
    a.configure(any_disk);
    let held = b.dvdcli("mount -d loop -n db").output();
    assert_eq!(held.code, 4, "{held:?}");
    a.dvdcli("doctor")
        .prints("loop/db: an earlier boot of this host has claimed it; so that other hosts can mount it, mount and unmount it here, or run doctor --fix\n")
        .fails(1, "");
    a.dvdcli("doctor --fix")
        .prints("fixed: loop/db: gave up the claim of this host\n")
        .succeeds();
    a.dvdcli("doctor").succeeds();
    b.dvdcli("mount -d loop -n db").prints("[..]\n").succeeds();
    b.dvdcli("unmount -d loop -n db").succeeds();
    // One that stayed while the volume was in use elsewhere.
    let directory = env.path("shared/loop/db");
    fs::rename(
        directory.join("unclaimed"),
        directory.join("claimed,machine-a,2,host-a"),
    )
    .unwrap();
    a.dvdcli("doctor --fix")
        .prints("fixed: loop/db: gave up the claim of this host\n")
        .succeeds();
    assert!(directory.join("unclaimed").exists());
    site.enter();
}

/// A volume that another mount namespace keeps in use stays claimed; what keeps it so is named, and when that has ended, it is given up.
#[test]
fn what_keeps_a_volume_in_use_elsewhere_is_named() {
    let Some(env) = isolated() else { return };
    let directory = loop_volume(&env, "db");
    let image = image(&env, "db");
    let device = Device::of(&image);
    fs::rename(directory.join("unclaimed"), directory.join(own_claim())).unwrap();
    is_left(
        &env,
        &format!(
            "loop/db: it is not mounted here, but bound to {}; unmount it again (dvdcli unmount -d loop -n db) when that has ended\n",
            device.0
        ),
    );
    drop(device);
    assert!(!is_bound(&image));
    is_fixed(
        &env,
        "loop/db: this host claims it, and does not have it mounted; so that other hosts can mount it, mount and unmount it here, or run doctor --fix\n",
        "fixed: loop/db: gave up the claim of this host\n",
    );
}

#[test]
fn loop_devices_on_deleted_images_are_named_and_only_those_of_removed_volumes_detached() {
    let Some(env) = isolated() else { return };
    let make = |name: &str| {
        let file = env.write(name, vec![0; 1 << 16]);
        let device = Device::of(&file);
        fs::remove_file(file).unwrap();
        device
    };
    let of_others = make("image");
    let removed = make(&format!("{LOOP}/.aside/.db.0.gone/image"));
    fs::remove_dir_all(env.path(LOOP).join(".aside")).unwrap();
    let mut removed = removed;
    is_fixed(
        &env,
        &format!(
            "driver loop: {0} is bound to $ROOT/{LOOP}/.aside/.db.0.gone/image, which was deleted; detach it (losetup -d {0}), or run doctor --fix\n",
            removed.0
        ),
        &format!(
            "fixed: driver loop: detached {} from $ROOT/{LOOP}/.aside/.db.0.gone/image, which was deleted\n",
            removed.0
        ),
    );
    removed.0.clear();
    // Its content may be wanted.
    let deleted = make(&format!("{LOOP}/db/image"));
    fs::remove_dir_all(env.path(LOOP).join("db")).unwrap();
    is_left(
        &env,
        &format!(
            "driver loop: {0} is bound to $ROOT/{LOOP}/db/image, which was deleted; save what is on it, if it is wanted, before it is unmounted and detached (losetup -d {0})\n",
            deleted.0
        ),
    );
    drop((deleted, of_others));
    env.dvdcli("doctor").succeeds();
}

#[test]
fn file_systems_with_errors_are_named_with_their_repair() {
    let Some(env) = isolated() else { return };
    let mount = "mount -d loop -n db";
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    env.mount_created(&format!(
        "{mount} --volumeopts=size=64MiB,o=errors=remount-ro"
    ))
    .prints(&printed)
    .succeeds();
    let source = mounted_at(&env.path(LOOP).join("db/mnt")).unwrap().source;
    let name = Path::new(&source).file_name().unwrap().to_str().unwrap();
    fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "test").unwrap();
    let repair = format!("unmount it, and repair it (e2fsck -f $ROOT/{LOOP}/db/image)");
    is_left(
        &env,
        &format!(
            "loop/db: its file system was made read-only by the kernel, after an error; {repair}\n"
        ),
    );
    let unmounted = env.dvdcli("unmount -d loop -n db").output();
    assert_eq!(unmounted.code, 1, "{unmounted:?}");
    is_left(
        &env,
        &format!("loop/db: its file system has an error; {repair}\n"),
    );
    let repair = format!("e2fsck -fp {} || [ $? = 1 ]", image(&env, "db").display());
    in_directory(Path::new("/"), &repair).unwrap();
    env.dvdcli("doctor").succeeds();
}

/// What a mount would refuse is said before.
#[test]
fn volumes_that_cannot_be_mounted_are_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    let image = image(&env, "db");
    let kept = env.path("kept");
    fs::rename(&image, &kept).unwrap();
    let is_found = |found: &str| {
        let repair = "restore a snapshot of it, or remove it";
        is_left(&env, &format!("loop/db: its image {found}; {repair}\n"));
        let mounted = env.dvdcli("mount -d loop -n db").output();
        assert_eq!(mounted.code, 1, "{mounted:?}");
        env.dvdcli("unmount -d loop -n db").output().parts();
    };
    is_found("is missing");
    fs::write(&image, "").unwrap();
    is_found("holds no file system");
    fs::write(&image, [&b"XFSB"[..], &[0; 8192]].concat()).unwrap();
    is_found("holds xfs, and not ext4, which it was made with");
    fs::copy(&kept, &image).unwrap();
    let file = fs::File::options().write(true).open(&image).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length - (1 << 20)).unwrap();
    let show = |bytes: u64| format!("{} MiB", bytes >> 20);
    is_found(&format!(
        "has been cut off: it has {}, and its file system {}",
        show(length - (1 << 20)),
        show(length)
    ));
    fs::rename(&kept, &image).unwrap();
    env.dvdcli("create -d local -n l").succeeds();
    fs::remove_dir(env.path(LOCAL).join("l/_data")).unwrap();
    is_left(
        &env,
        &format!(
            "local/l: $ROOT/{LOCAL}/l/_data is missing; remove the volume, or make the directory\n"
        ),
    );
    env.dvdcli("remove -d local -n l").succeeds();
    env.dvdcli("doctor").succeeds();
}

#[test]
fn files_that_others_could_have_made_are_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    env.dvdcli("create -d local -n l").succeeds();
    let mode = |path: &str, mode: &str| {
        in_directory(&env.path(""), &format!("chmod {mode} {path}")).unwrap();
    };
    mode(&format!("{LOOP}/db/image"), "666");
    is_left(
        &env,
        &format!(
            "loop/db: $ROOT/{LOOP}/db/image can be written by other users (mode 0666); run chmod 600 on it\n"
        ),
    );
    mode(&format!("{LOOP}/db/image"), "600");
    mode(LOCAL, "777");
    is_left(
        &env,
        &format!(
            "driver local: using $ROOT/{LOCAL}: other users can write to it (mode 0777); run chmod go-w on it\n"
        ),
    );
    mode(LOCAL, "711");
    env.dir("run/dvdcli");
    mode("run/dvdcli", "777");
    is_left(
        &env,
        "holders: using $ROOT/run/dvdcli: other users can write to it (mode 0777); run chmod go-w on it\n",
    );
    mode("run/dvdcli", "700");
    env.write(&format!("{LOOP}/db/volume.json"), "{");
    is_left(
        &env,
        &format!(
            "loop/db: reading $ROOT/{LOOP}/db/volume.json: it is damaged: [..]; mend it or move the directory away\n"
        ),
    );
    fs::remove_file(env.path(&format!("{LOOP}/db/image"))).unwrap();
}

#[test]
fn what_a_volume_needs_and_the_host_has_not_is_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    for (options, found) in [
        (
            "type=fuse.nosuch,device=x",
            "neither mount.fuse.nosuch nor mount.fuse is installed in /sbin; install it\n",
        ),
        (
            "type=none,o=bind,device=$ROOT/source",
            "binding $ROOT/source: the source, option device: no such file or directory\n",
        ),
    ] {
        let source = env.dir("source");
        env.dvdcli_with(["create", "-d", "local", "-n", "l", "--volumeopts", options])
            .succeeds();
        fs::remove_dir_all(source).unwrap();
        let has_fuse = Path::new("/sbin/mount.fuse").exists();
        match has_fuse && options.contains("fuse") {
            true => env.dvdcli("doctor").succeeds(),
            false => is_left(&env, &format!("local/l: {found}")),
        }
        env.dvdcli("remove -d local -n l").succeeds();
    }
    let place = std::fs::canonicalize(program_at("e2fsck")).unwrap();
    let nothing = env.dir("nothing");
    bind(Path::new("/dev/null"), &place);
    env.dvdcli("doctor")
        .prints("driver loop: e2fsck is not installed, which ext4 needs; install the Debian package e2fsprogs\n")
        .fails(1, "");
    unmount(&place);
    // Where the kernel grows no ext4 for this process.
    let place = std::fs::canonicalize(program_at("resize2fs")).unwrap();
    bind(Path::new("/dev/null"), &place);
    env.dvdcli("doctor")
        .through("setpriv", &["--bounding-set=-sys_resource", "--"])
        .prints("driver loop: resize2fs is not installed, which growing ext4 needs; install the Debian package e2fsprogs\n")
        .fails(1, "");
    unmount(&place);
    env.dvdcli("doctor").succeeds();
    drop(nothing);
}

#[test]
fn a_kernel_that_lacks_something_is_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    let release = Path::new("/proc/sys/kernel/osrelease");
    bind(&env.write("release", "4.19.0-9-amd64\n"), release);
    is_left(
        &env,
        "driver loop: the kernel is older than Linux 5.8, and has no LOOP_CONFIGURE; boot a newer one\n",
    );
    unmount(release);
    let known = Path::new("/proc/filesystems");
    bind(&env.write("filesystems", "nodev\tproc\n\txfs\n"), known);
    let modules = Path::new("/lib/modules");
    if modules.exists() {
        mount_type("tmpfs", modules, "size=1m");
        // It cannot be known which modules there are.
        env.dvdcli("doctor").succeeds();
        let release = std::fs::read_to_string(release).unwrap();
        let directory = modules.join(release.trim());
        fs::create_dir(&directory).unwrap();
        let lists = |module: &str| {
            let line = format!("kernel/fs/{module}/{module}.ko.zst:\n");
            fs::write(directory.join("modules.dep"), line).unwrap();
        };
        lists("xfs");
        is_left(
            &env,
            "driver loop: the kernel has no ext4, and no module for it; install its module (modprobe ext4), or a kernel with it\n",
        );
        lists("ext4");
        env.dvdcli("doctor").succeeds();
        unmount(modules);
    }
    unmount(known);
    env.dvdcli("doctor").succeeds();
}

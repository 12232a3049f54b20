//! Mount points and targets in directories of others, who put a link in their place: nothing is mounted where the link leads.

use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::mounts::{in_directory, mounted_at, unmount};
use crate::harness::process::Output;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOCAL, LOOP};
use crate::harness::waiting::eventually;

const PATH: &str = "libstorage.integration.volume.operations.mount.path: $ROOT";

/// Drivers, and options of their volumes that are mounted.
const DRIVERS: [(&str, &str); 3] = [
    ("loop", "size=20MiB"),
    ("local", "type=tmpfs,device=tmpfs"),
    ("local", "type=none,o=bind,device=$ROOT/source"),
];

/// A user who is not root.
const USER: u32 = 1000;

/// A directory that must not be covered, with a file in it.
fn victim(env: &Env) -> PathBuf {
    env.dir("source");
    env.write("victim/file", "text");
    env.path("victim")
}

#[track_caller]
fn is_intact(env: &Env) {
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    assert_eq!(env.names("victim"), ["file"]);
    assert_eq!(fs::read_to_string(env.path("victim/file")).unwrap(), "text");
}

#[test]
fn a_link_in_the_place_of_a_mount_point_is_not_followed() {
    let Some(env) = Env::isolated() else { return };
    let victim = victim(&env);
    env.configure(&format!("{PATH}/volumes\n"));
    for (driver, options) in DRIVERS {
        env.dvdcli(&format!("create -d {driver} -n db --volumeopts={options}"))
            .succeeds();
        chown(env.dir("volumes"), Some(USER), None).unwrap();
        let link = env.path("volumes/db");
        symlink(&victim, &link).unwrap();
        env.dvdcli(&format!("mount -d {driver} -n db")).fails(
            1,
            "dvdcli: mounting volume db: mount point $ROOT/volumes/db is a symbolic link; remove it\n",
        );
        is_intact(&env);
        env.dvdcli(&format!("unmount -d {driver} -n db"))
            .warns(&format!("dvdcli: warning: unmounting volume db: driver {driver}: it is not mounted; nothing was left to do\n"))
            .succeeds();
        fs::remove_file(&link).unwrap();
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
        is_intact(&env);
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_link_in_the_place_of_a_volumes_own_mount_point_is_not_followed() {
    let Some(env) = Env::isolated() else { return };
    let victim = victim(&env);
    let plain = [("local", "mode=755")];
    for (driver, options) in DRIVERS.into_iter().chain(plain) {
        env.dvdcli(&format!("create -d {driver} -n db --volumeopts={options}"))
            .succeeds();
        let own = env.path(&match driver {
            "loop" => format!("{LOOP}/db/mnt"),
            _ => format!("{LOCAL}/db/_data"),
        });
        if own.exists() {
            fs::remove_dir(&own).unwrap();
        }
        symlink(&victim, &own).unwrap();
        let shown = env.with_root(&own.display().to_string());
        let refusal = match options {
            "mode=755" => format!("{shown} is missing; remove the volume, or make the directory"),
            _ => format!("mount point {shown} is a symbolic link; remove it"),
        };
        for flag in ["", "--read-only"] {
            env.dvdcli(&format!("mount -d {driver} -n db {flag}"))
                .fails(1, &format!("dvdcli: mounting volume db: {refusal}\n"));
            is_intact(&env);
        }
        // Nothing is behind it that is the volume's.
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
        is_intact(&env);
    }
    env.assert_nothing_is_left();
}

/// A link, by whom it belongs and in which directory it lies, and whether it is followed.
fn links(env: &Env) -> [(PathBuf, bool); 5] {
    let link = |directory: &str, mode: u32, owner: u32| {
        let directory = env.dir(directory);
        let link = directory.join("link");
        symlink(env.dir("real"), &link).unwrap();
        lchown(&link, Some(owner), None).unwrap();
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        link
    };
    [
        (link("of-root", 0o755, 0), true),
        (link("of-a-user", 0o755, USER), false),
        (link("of-all", 0o777, 0), false),
        (link("sticky", 0o1777, 0), true),
        (link("of-group", 0o775, 0), true),
    ]
}

#[test]
fn links_in_a_configured_path_are_followed_where_only_root_can_make_them() {
    let Some(env) = Env::isolated() else { return };
    let real = env.dir("real");
    for (link, is_followed) in links(&env) {
        let shown = env.with_root(&link.display().to_string());
        let refused = format!(
            "{shown} is a symbolic link that others than root could have made; name the directory itself"
        );
        let tmpfs = "mount -d local -n db --volumeopts=type=tmpfs,device=tmpfs";
        env.configure(&format!(
            "libstorage.integration.volume.operations.mount.path: {shown}/volumes\n"
        ));
        match is_followed {
            true => {
                env.mount_created(tmpfs)
                    .prints("$ROOT/real/volumes/db\n")
                    .succeeds();
                env.dvdcli("unmount -d local -n db --force").succeeds();
            }
            false => {
                env.dvdcli(tmpfs).fails(
                    1,
                    &format!("dvdcli: mounting volume db: setting mount.path: {refused}\n"),
                );
                assert_eq!(fs::names(&real).len(), 0);
            }
        }
        let _ = fs::remove_dir(real.join("volumes"));
        env.configure("");
        let target = format!("{tmpfs} --target {shown}");
        match is_followed {
            true => {
                env.dvdcli(&target).prints("$ROOT/real\n").succeeds();
                env.dvdcli("unmount -d local -n db --force").succeeds();
            }
            false => env.dvdcli(&target).fails(
                2,
                &format!("dvdcli: mounting volume db: target {shown}: {refused}\n"),
            ),
        }
        assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    }
    env.dvdcli("remove -d local -n db").succeeds();
}

/// Runs the line, and swaps `place` for a link to the victim before the first mount. On a machine so busy that the swap comes too
/// late, `undo` makes it good, and it is tried again with a longer pause.
fn swapped_before_mount(env: &Env, line: &str, place: &Path, undo: impl Fn()) -> Output {
    let log = env.path("strace.log");
    let logged = || fs::read_to_string(&log).unwrap_or_default();
    let moved = place.with_file_name("moved");
    for pause in [1, 5, 30, 100] {
        let _ = fs::remove_file(&log);
        let inject = format!("inject=mount,move_mount:delay_enter={pause}s:when=1");
        let args = ["-f", "-e", "trace=mount,move_mount", "-e", &inject, "-o"];
        let args = [&args[..], &[log.to_str().unwrap()]].concat();
        let run = under_strace(env.dvdcli(line), &args).start();
        eventually("the mount", || logged().contains("mount("));
        fs::rename(place, &moved).unwrap();
        symlink(env.path("victim"), place).unwrap();
        let is_late = logged().contains(" = ");
        let found = run.output();
        fs::remove_file(place).unwrap();
        fs::rename(&moved, place).unwrap();
        if !is_late {
            return found;
        }
        undo();
    }
    panic!("the machine is too busy");
}

/// The directory of a mount point is replaced between the look at it and the mount.
#[test]
fn a_mount_point_that_is_replaced_by_a_link_meanwhile_is_not_followed() {
    let Some(env) = Env::isolated() else { return };
    victim(&env);
    env.configure(&format!("{PATH}/volumes\n"));
    for (driver, options) in DRIVERS {
        env.dvdcli(&format!("create -d {driver} -n db --volumeopts={options}"))
            .succeeds();
        let undo = || drop(env.dvdcli(&format!("unmount -d {driver} -n db")).output());
        let line = format!("mount -d {driver} -n db");
        let found = swapped_before_mount(&env, &line, &env.path("volumes/db"), undo);
        assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{found:?}");
        let moved = "$ROOT/volumes/db was moved or replaced meanwhile, and nothing stays mounted\n";
        assert!(found.stderr.ends_with(moved), "{found:?}");
        is_intact(&env);
        fs::remove_dir(env.path("volumes/db")).unwrap();
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_target_that_is_replaced_by_a_link_meanwhile_is_not_followed() {
    let Some(env) = Env::isolated() else { return };
    victim(&env);
    env.mount_created("mount -d local -n db --volumeopts=type=tmpfs,device=tmpfs --id other")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    let target = env.dir("home/target");
    let release = "unmount -d local -n db --target $ROOT/home/target";
    for flag in ["", "--read-only"] {
        let line = format!("mount -d local -n db --target $ROOT/home/target {flag}");
        let undo = || drop(env.dvdcli(release).output());
        let found = swapped_before_mount(&env, &line, &target, undo);
        assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{found:?}");
        assert_eq!(env.mounts().len(), 1, "{:?}", env.mounts());
    }
    env.dvdcli("unmount -d local -n db --id other").succeeds();
    is_intact(&env);
    env.assert_nothing_is_left();
}

/// Programs go by names: what they have mounted in another place is taken away.
#[test]
fn what_a_program_has_mounted_behind_a_link_is_taken_away() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    victim(env);
    let script =
        "#!/bin/sh\nmv $2 $2.moved; ln -s $ROOT/victim $2; exec mount -i -t tmpfs none $2\n";
    host.write("/usr/sbin/mount.odd", script);
    env.configure(&format!("{PATH}/volumes\n"));
    let found = env
        .mount_created("mount -d local -n db --timeout 6s --volumeopts=type=odd,device=x")
        .output();
    assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{found:?}");
    assert!(mounted_at(&env.path("victim")).is_none(), "{found:?}");
    assert_eq!(env.names("victim"), ["file"]);
}
/// An unmount goes to what was mounted, wherever its name leads by now.
#[test]
fn an_unmount_is_not_led_astray() {
    let Some(env) = Env::isolated() else { return };
    env.dir("source");
    for (driver, options) in DRIVERS {
        env.configure(&format!("{PATH}/volumes\n"));
        let mount = format!("mount -d {driver} -n db --volumeopts={options}");
        let path = env.mount_created(&mount).output().stdout;
        let path = Path::new(path.trim())
            .strip_prefix("$ROOT/volumes")
            .unwrap()
            .to_owned();
        in_directory(&env.path("volumes").join(path), "printf kept > kept").unwrap();
        let other = env.dir("other/db");
        env.mount_tmpfs(&other);
        fs::rename(env.path("volumes"), env.path("moved")).unwrap();
        symlink("other", env.path("volumes")).unwrap();
        let found = env.dvdcli(&format!("unmount -d {driver} -n db")).output();
        assert_eq!(
            env.mounts(),
            [other.as_path()],
            "{driver} {options}: {found:?}"
        );
        assert_eq!(found.code, 0, "{found:?}");
        unmount(&other);
        fs::remove_file(env.path("volumes")).unwrap();
        fs::remove_dir_all(env.path("moved")).unwrap();
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    env.assert_nothing_is_left();
}

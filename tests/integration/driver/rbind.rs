//! `local` volumes that bind a directory with the mounts below it: taken away as a whole or not at all, in every mount namespace, and
//! nothing of the source with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sys::statvfs::{FsFlags, statvfs};
use pretty_assertions::{assert_eq, assert_ne};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, mounted_at, unmount};
use crate::harness::programs::Background;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOCAL, inspected, local_data, mounts, user_of};
use crate::harness::waiting::eventually;

const RBIND: &str = "--volumeopts=type=none,device=$ROOT/source --opt o=rbind";
const BIND: &str = "--volumeopts=type=none,device=$ROOT/source --opt o=bind";
const UNMOUNT: &str = "unmount -d local -n db";

/// A source with two file systems below it, one inside the other.
fn source(env: &Env) -> [PathBuf; 2] {
    let below = ["source/sub", "source/sub/deep"].map(|name| {
        let path = env.dir(name);
        env.mount_tmpfs(&path);
        fs::write(path.join("file"), name).unwrap();
        path
    });
    assert_eq!(env.mounts(), below);
    below
}

/// As systemd has it: what is mounted appears in other mount namespaces as well.
fn share_all() {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SHARED, none).unwrap();
}

/// A process in a mount namespace of its own, which runs a script there and then sleeps.
fn namespace(propagation: &str, script: &str) -> Background {
    let mut unshare = Command::new("unshare");
    let script = format!("{script} exec sleep 1000");
    unshare.args(["--mount", "--propagation", propagation, "sh", "-c", &script]);
    let started = Background::start(&mut unshare);
    let comm = format!("/proc/{}/comm", started.pid());
    eventually("the process", || {
        fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n")
    });
    started
}

/// How many mounts there are at a directory and below it where the process is.
fn seen_by(process: &Background, directory: &Path) -> usize {
    let table = fs::read_to_string(format!("/proc/{}/mountinfo", process.pid())).unwrap();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4));
    points
        .filter(|point| Path::new(point).starts_with(directory))
        .count()
}

fn busy(user: &str) -> String {
    format!(
        "dvdcli: unmounting volume db: $ROOT/{LOCAL}/db/_data is busy, used by {user}; unmount --lazy (umount -l) takes it away all the same\n"
    )
}

#[test]
fn a_refused_unmount_leaves_the_whole_tree() {
    let Some(env) = Env::isolated() else { return };
    source(&env);
    for shared in [false, true] {
        if shared {
            share_all();
        }
        let path = mounts(&env, "db", RBIND);
        let before = env.mounts();
        assert_eq!(before.len(), 5);
        for place in ["", "sub", "sub/deep"] {
            let user = user_of(&path.join(place));
            env.dvdcli(UNMOUNT).fails(4, &busy("PID [..] (sleep)"));
            assert_eq!(env.mounts(), before, "used in {place:?}");
            let file = fs::read_to_string(path.join("sub/deep/file"));
            assert_eq!(file.unwrap(), "source/sub/deep");
            drop(user);
        }
        env.dvdcli(UNMOUNT).succeeds();
        assert_eq!(env.mounts(), before[..2]);
        // Whoever uses it loses nothing but the names.
        let user = user_of(&mounts(&env, "db", RBIND).join("sub"));
        env.dvdcli(&format!("{UNMOUNT} --lazy")).succeeds();
        assert_eq!(env.mounts(), before[..2]);
        drop(user);
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

#[test]
fn nothing_stays_in_other_mount_namespaces() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    share_all();
    let others = ["unchanged", "slave"].map(|propagation| namespace(propagation, ""));
    for lazy in ["", " --lazy", ""] {
        let path = mounts(&env, "db", RBIND);
        assert!(path.join("sub/deep/file").exists());
        for other in &others {
            assert_eq!(seen_by(other, &path), 3);
        }
        env.dvdcli(&format!("{UNMOUNT}{lazy}")).succeeds();
        assert_eq!(env.mounts(), below);
        for other in &others {
            assert_eq!(seen_by(other, &path), 0, "{lazy}");
            assert_eq!(seen_by(other, &env.path("source")), 2, "{lazy}");
        }
    }
    env.dvdcli("remove -d local -n db").succeeds();
}

#[test]
fn a_user_in_another_mount_namespace_keeps_the_whole_tree() {
    let Some(env) = Env::isolated() else { return };
    source(&env);
    share_all();
    let deep = local_data(&env, "db").join("sub/deep");
    let path = mounts(&env, "db", RBIND);
    let other = namespace("slave", &format!("cd {};", deep.display()));
    let before = env.mounts();
    env.dvdcli(UNMOUNT).fails(4, &busy("PID [..] (sleep)"));
    assert_eq!(env.mounts(), before);
    assert_eq!(seen_by(&other, &path), 3);
    drop(other);
    // A copy that is not ours to take away keeps nothing busy.
    let other = namespace("private", &format!("cd {};", deep.display()));
    env.dvdcli(UNMOUNT).succeeds();
    assert_eq!(env.mounts(), before[..2]);
    assert_eq!(seen_by(&other, &path), 3);
}

#[test]
fn a_bind_and_its_source_pass_no_mounts_on_to_each_other() {
    let Some(env) = Env::isolated() else { return };
    source(&env);
    share_all();
    let [later, inside] = ["later", "inside"].map(|name| {
        env.dir(&format!("source/{name}"));
        name
    });
    for options in [BIND, RBIND] {
        let path = mounts(&env, "db", options);
        let own = mounted_at(&path).unwrap();
        assert_eq!(own.source, mounted_at(Path::new("/")).unwrap().source);
        env.mount_tmpfs(&env.path("source").join(later));
        assert!(mounted_at(&path.join(later)).is_none(), "{options}");
        env.mount_tmpfs(&path.join(inside));
        assert!(mounted_at(&env.path("source").join(inside)).is_none());
        let before = env.mounts();
        // It may hold data that is nowhere else.
        env.dvdcli(UNMOUNT).fails(
            4,
            &busy(&format!("the mount at $ROOT/{LOCAL}/db/_data/inside")),
        );
        assert_eq!(env.mounts(), before, "{options}");
        env.dvdcli(&format!("{UNMOUNT} --lazy")).succeeds();
        let left: Vec<_> = before
            .into_iter()
            .filter(|it| !it.starts_with(&path))
            .collect();
        assert_eq!(env.mounts(), left, "{options}");
        unmount(&env.path("source").join(later));
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

#[test]
fn with_rslave_mounts_of_the_source_appear_and_go_with_the_volume() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    share_all();
    let later = env.dir("source/later");
    let path = mounts(&env, "db", &format!("{RBIND},rslave"));
    env.mount_tmpfs(&later);
    assert!(mounted_at(&path.join("later")).is_some());
    env.dvdcli(UNMOUNT).succeeds();
    assert_eq!(env.mounts(), [&below[..], &[later]].concat());
}

#[test]
fn what_was_unmounted_at_the_source_is_still_taken_away() {
    let Some(env) = Env::isolated() else { return };
    let [sub, deep] = source(&env);
    let path = mounts(&env, "db", RBIND);
    unmount(&deep);
    unmount(&sub);
    let file = fs::read_to_string(path.join("sub/deep/file"));
    assert_eq!(file.unwrap(), "source/sub/deep");
    env.dvdcli(UNMOUNT).succeeds();
    env.assert_nothing_is_mounted();
}

/// As an agent's container, which lives a little longer.
#[test]
fn whoever_has_bound_the_volume_keeps_all_of_it() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    share_all();
    let path = mounts(&env, "db", RBIND);
    let container = env.dir("container");
    in_directory(&path, &format!("mount --rbind . {}", container.display())).unwrap();
    env.dvdcli(UNMOUNT).succeeds();
    let inside = ["", "sub", "sub/deep"].map(|name| container.join(name));
    assert_eq!(env.mounts(), [&below[..], &inside].concat());
    let script = format!(
        "mount --make-rprivate {0}; umount -R {0}",
        container.display()
    );
    in_directory(Path::new("/"), &script).unwrap();
    assert_eq!(env.mounts(), below);
}

#[test]
fn a_mount_that_is_cut_off_leaves_nothing() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    for call in ["open_tree", "mount_setattr", "move_mount"] {
        let inject = format!("inject={call}:signal=KILL:when=1");
        let trace = format!("trace={call}");
        let run = env.mount_created(&format!("mount -d local -n db {RBIND}"));
        let killed = under_strace(run, &["-e", &trace, "-e", &inject, "-o", "/dev/null"]).output();
        assert_ne!(killed.code, 0, "{call}: {killed:?}");
        env.dvdcli(UNMOUNT).output().parts();
        assert_eq!(env.mounts(), below, "{call}");
    }
    mounts(&env, "db", RBIND);
    env.dvdcli(UNMOUNT).succeeds();
    assert_eq!(env.mounts(), below);
}

#[test]
fn what_the_options_forbid_is_forbidden_below_as_well() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    for options in [
        format!("{RBIND},ro,nosuid,nodev"),
        format!("{RBIND},nosuid,nodev --read-only"),
    ] {
        let path = mounts(&env, "db", &options);
        for place in ["", "sub", "sub/deep"] {
            let place = path.join(place);
            let written = fs::write(place.join("new"), "").map_err(|error| error.kind());
            assert_eq!(
                written,
                Err(std::io::ErrorKind::ReadOnlyFilesystem),
                "{place:?}"
            );
            let flags = statvfs(&place).unwrap().flags();
            assert!(
                flags.contains(FsFlags::ST_NOSUID | FsFlags::ST_NODEV),
                "{place:?}"
            );
        }
        // The source is as it was.
        for place in &below {
            fs::write(place.join("new"), "").unwrap();
            assert!(!statvfs(place).unwrap().flags().contains(FsFlags::ST_NODEV));
        }
        env.dvdcli(UNMOUNT).succeeds();
        assert_eq!(env.mounts(), below);
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

#[test]
fn without_the_newer_calls_nothing_is_forbidden_by_half() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    for call in ["open_tree", "mount_setattr"] {
        for options in ["rbind,ro", "rbind,noexec"] {
            let (trace, inject) = (
                format!("trace={call}"),
                format!("inject={call}:error=ENOSYS"),
            );
            let run = env.mount_created(&format!(
                "mount -d local -n db {}",
                RBIND.replace("rbind", options)
            ));
            under_strace(run, &["-e", &trace, "-e", &inject, "-o", "/dev/null"]).fails(1, &format!("dvdcli: mounting volume db: mounting $ROOT/source at $ROOT/{LOCAL}/db/_data as none: its options would not count for the mounts below it; o=rbind with ro or noexec needs Linux 5.12\n"));
            assert_eq!(env.mounts(), below);
            env.dvdcli("remove -d local -n db").succeeds();
        }
    }
}

/// Linux before 5.2 and 5.12.
#[test]
fn without_the_newer_calls_it_is_bound_only_where_nothing_can_be_left() {
    let Some(env) = Env::isolated() else { return };
    let below = source(&env);
    for call in ["open_tree", "mount_setattr"] {
        let lacking = |line: &str| {
            let (trace, inject) = (
                format!("trace={call}"),
                format!("inject={call}:error=ENOSYS"),
            );
            under_strace(
                env.dvdcli(line),
                &["-e", &trace, "-e", &inject, "-o", "/dev/null"],
            )
        };
        for options in [BIND, RBIND] {
            env.dvdcli(&format!("create -d local -n db {options}"))
                .succeeds();
            lacking(&format!("mount -d local -n db {options}"))
                .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
                .succeeds();
            assert!(inspected(&env, "-d local -n db")["Mountpoint"].is_string());
            let path = local_data(&env, "db");
            assert_eq!(path.join("sub/deep/file").exists(), options == RBIND);
            lacking(UNMOUNT).succeeds();
            assert_eq!(env.mounts(), below);
            env.dvdcli("remove -d local -n db").succeeds();
        }
    }
    share_all();
    let lacking = [
        "-e",
        "trace=open_tree",
        "-e",
        "inject=open_tree:error=ENOSYS",
        "-o",
        "/dev/null",
    ];
    let run = env.mount_created(&format!("mount -d local -n db {RBIND}"));
    under_strace(run, &lacking).fails(1, &format!("dvdcli: mounting volume db: mounting $ROOT/source at $ROOT/{LOCAL}/db/_data as none: the mounts below it would stay in other mount namespaces; o=rbind needs Linux 5.12 where mounts are shared\n"));
    let run = env.mount_created(&format!("mount -d local -n other {BIND}"));
    under_strace(run, &lacking)
        .prints(&format!("$ROOT/{LOCAL}/other/_data\n"))
        .succeeds();
    env.dvdcli("unmount -d local -n other").succeeds();
    assert_eq!(env.mounts(), below);
}

#[test]
fn what_is_mounted_below_forbids_the_same() {
    let Some(env) = Env::isolated() else { return };
    source(&env);
    let path = mounts(&env, "db", &format!("{RBIND},nosymfollow,noexec"));
    for place in [path.clone(), path.join("sub"), path.join("sub/deep")] {
        let mount = mounted_at(&place).unwrap();
        for word in ["nosymfollow", "noexec", "nosuid"] {
            assert!(mount.has_option(word), "{mount:?}");
        }
    }
    env.dvdcli(UNMOUNT).succeeds();
}

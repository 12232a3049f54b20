//! A plugin's volume that stays mounted in another place after the plugin has unmounted it: that is said.

use std::path::PathBuf;
use std::process::Command;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{bind, in_directory, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::programs::Background;
use crate::harness::waiting::eventually;

/// A plugin that mounts its volumes `db` and `other` from `disks`.
fn mounting() -> Option<(Env, FakePlugin)> {
    let env = Env::isolated()?;
    let plugin = FakePlugin::start(&env, "fake")
        .with_volume("db")
        .with_volume("other")
        .mounting(&env);
    Some((env, plugin))
}

/// The same, where `db` is a disk of its own.
fn with_disk() -> Option<(Env, FakePlugin)> {
    let (env, plugin) = mounting()?;
    let script = "truncate -s 8M image; mkfs.ext4 -q image";
    in_directory(&env.dir("disks/db"), script).unwrap();
    Some((env, plugin))
}

fn mounts(env: &Env, rest: &str) {
    let mounted = env.dvdcli(&format!("mount -d fake {rest}")).output();
    assert_eq!((mounted.code, mounted.stderr.as_str()), (0, ""));
}

#[track_caller]
fn is_said(env: &Env, rest: &str, place: &str) {
    env.dvdcli(&format!("unmount -d fake -n db {rest}")).fails(
        4,
        &format!("dvdcli: unmounting volume db: plugin fake: it is not mounted here any more, but still mounted at {place}; end that before it is used elsewhere\n"),
    );
}

/// A mount namespace of its own, which has all that is mounted now.
fn namespace(script: &str) -> Background {
    let mut unshare = Command::new("unshare");
    let script = format!("exec sleep {script}");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    let started = Background::start(&mut unshare);
    let comm = format!("/proc/{}/comm", started.pid());
    eventually("the process", || {
        fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n")
    });
    started
}

#[test]
fn a_disk_that_stays_bound_is_said() {
    let Some((env, plugin)) = with_disk() else {
        return;
    };
    let elsewhere = env.dir("elsewhere");
    for id in ["", "--id a"] {
        mounts(&env, &format!("-n db {id}"));
        bind(&env.path("volumes/db"), &elsewhere);
        is_said(&env, id, "$ROOT/elsewhere");
        assert_eq!(
            (env.mounts(), plugin.mounts("db")),
            (vec![elsewhere.clone()], 0)
        );
        unmount(&elsewhere);
        // A part of it.
        mounts(&env, &format!("-n db {id}"));
        bind(&env.path("volumes/db/lost+found"), &elsewhere);
        is_said(&env, id, "$ROOT/elsewhere");
        unmount(&elsewhere);
        mounts(&env, &format!("-n db {id}"));
        env.dvdcli(&format!("unmount -d fake -n db {id}"))
            .succeeds();
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn a_disk_that_stays_mounted_in_another_mount_namespace_is_said() {
    let Some((env, _plugin)) = with_disk() else {
        return;
    };
    mounts(&env, "-n db");
    let container = namespace("1000");
    is_said(
        &env,
        "",
        "$ROOT/volumes/db in the mount namespace of PID [..] (sleep)",
    );
    drop(container);
    // One that is just being made for a container has a copy for a moment.
    mounts(&env, "-n db");
    let _container = namespace("0.3");
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.assert_nothing_is_mounted();
}

/// As two volumes from one share, which the mount table shows alike.
#[test]
fn what_others_have_from_the_same_file_system_is_theirs() {
    let Some((env, plugin)) = mounting() else {
        return;
    };
    let share = env.dir("disks/db");
    env.mount_tmpfs(&share);
    bind(&share, &env.dir("disks/other"));
    let before = env.dir("before");
    bind(&share, &before);
    for name in ["db", "other"] {
        mounts(&env, &format!("-n {name}"));
    }
    mounts(
        &env,
        &format!("-n other --id b --target {}", env.dir("target").display()),
    );
    let namespace = namespace("1000");
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!((plugin.mounts("db"), plugin.mounts("other")), (0, 1));
    drop(namespace);
    // And what was bound since then is not.
    mounts(&env, "-n db");
    let elsewhere = env.dir("elsewhere");
    bind(&env.path("volumes/db"), &elsewhere);
    is_said(&env, "", "$ROOT/elsewhere");
    unmount(&elsewhere);
    env.dvdcli("unmount -d fake -n other --force").succeeds();
    for place in [before, env.path("disks/other"), share] {
        unmount(&place);
    }
    assert_eq!(env.mounts(), [] as [PathBuf; 0]);
}

#[test]
fn a_directory_that_the_host_has_anyway_is_not_asked() {
    let Some((env, plugin)) = mounting() else {
        return;
    };
    let elsewhere = env.dir("elsewhere");
    mounts(&env, "-n db");
    bind(&env.path("volumes/db"), &elsewhere);
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(
        (env.mounts(), plugin.mounts("db")),
        (vec![elsewhere.clone()], 0)
    );
    unmount(&elsewhere);
}

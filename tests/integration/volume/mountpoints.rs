//! A path is printed only if it is good; what was mounted for nothing is unmounted again.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::{Env, PATH};
use crate::harness::http::{json, refuses};
use crate::harness::mounts::{bind, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::programs::Background;
use crate::harness::waiting::eventually;

/// Mount points, and what is said of them.
fn bad_paths(env: &Env) -> Vec<(Value, &'static str)> {
    let root = env.path("").display().to_string();
    let below = |name: &str| json!(format!("{root}{name}"));
    env.write("a-file", "");
    env.dir("with\nnewline");
    env.dir("with-blank ");
    env.dir("volumes/db");
    symlink("nowhere", env.path("dangling")).unwrap();
    symlink("loop", env.path("loop")).unwrap();
    vec![
        (json!(""), "the mount point is empty"),
        (json!(null), "the mount point is empty"),
        (
            json!("volumes/db"),
            "mount point 'volumes/db' is no absolute path",
        ),
        (
            json!("./volumes/db"),
            "mount point './volumes/db' is no absolute path",
        ),
        (
            below("nowhere"),
            "mount point $ROOT/nowhere: no such file or directory",
        ),
        (below("a-file"), "mount point $ROOT/a-file: not a directory"),
        (
            below("a-file/x"),
            "mount point $ROOT/a-file/x: not a directory",
        ),
        (
            below("dangling"),
            "mount point $ROOT/dangling: no such file or directory",
        ),
        (
            below("loop"),
            "mount point $ROOT/loop: too many levels of symbolic links",
        ),
        (
            below("with\nnewline"),
            "mount point '$ROOT/with\\nnewline' has a line end or blanks that callers cut off",
        ),
        (
            below("volumes/db\n"),
            "mount point '$ROOT/volumes/db\\n' has a line end or blanks that callers cut off",
        ),
        (
            below("with-blank "),
            "mount point '$ROOT/with-blank ' has a line end or blanks that callers cut off",
        ),
        (
            below("volumes\0/db"),
            "mount point '$ROOT/volumes\\0/db' has a line end or blanks that callers cut off",
        ),
    ]
}

/// From then on it is known whether the plugin names a directory for what is not mounted.
fn mounted_before(env: &Env, plugin: &FakePlugin) {
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    plugin.take_calls();
}

#[test]
fn a_path_that_is_not_good_is_unmounted_again() {
    let (env, plugin) = FakePlugin::with_db();
    mounted_before(&env, &plugin);
    plugin.on("Unmount", json(json!({ "Err": "" })));
    for (path, message) in bad_paths(&env) {
        plugin.on("Mount", json(json!({ "Mountpoint": path, "Err": "" })));
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: {message}\n"),
        );
        assert_eq!(plugin.bodies("Mount"), plugin.bodies("Unmount"), "{path}");
        assert_eq!(
            plugin.take_calls(),
            ["Activate", "Get", "Mount", "Unmount"],
            "{path}"
        );
        assert_eq!(env.json("inspect -d fake -n db")[0]["Holders"], json!([]));
        plugin.take_calls();
    }
}

#[test]
fn a_directory_of_the_system_is_no_volume() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    plugin.on("Unmount", json(json!({})));
    symlink("/etc", env.path("link")).unwrap();
    bind(Path::new("/etc"), &env.dir("bound"));
    bind(Path::new("/usr"), &env.dir("bound usr"));
    bind(Path::new("/usr/bin"), &env.dir("part"));
    env.dvdcli("create -d local -n other").succeeds();
    let system = " is a directory of the operating system";
    let store = ": a built-in driver keeps its volumes there";
    for (path, why) in [
        ("/etc", system),
        ("/", system),
        ("/usr/../etc/", system),
        ("/var/lib", system),
        ("/proc/self", system),
        ("/dev/shm", system),
        ("$ROOT/link", system),
        ("$ROOT/bound", system),
        ("$ROOT/bound usr/bin", system),
        ("$ROOT/part", system),
        ("$ROOT/var/lib/dvdcli", store),
        ("$ROOT/var/lib/dvdcli/local", store),
        ("$ROOT/var/lib/dvdcli/local/other/_data", store),
    ] {
        let said = json(json!({ "Mountpoint": path.replace("$ROOT", env.root()) }));
        plugin.on("Mount", said);
        let said = json(json!({ "Mountpoint": path.replace("$ROOT", env.root()) }));
        plugin.on("Path", said);
        plugin.take_calls();
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: mount point {path}{why}\n"),
        );
        let calls = plugin.take_calls();
        let count = |method: &str| calls.iter().filter(|call| *call == method).count();
        assert_eq!((count("Mount"), count("Unmount")), (1, 1), "{calls:?}");
        assert_eq!(env.records(), [""; 0]);
        env.dvdcli("path -d fake -n db").fails(
            1,
            &format!(
                "dvdcli: asking for the path of volume db: plugin fake: mount point {path}{why}\n"
            ),
        );
    }
}

/// What a plugin calls its volume, and is a mount of the system, is not unmounted in its place.
#[test]
fn a_mount_of_the_system_is_not_unmounted_as_a_volume() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let boot = Path::new("/boot");
    if !boot.is_dir() {
        return;
    }
    bind(&env.dir("kernels"), boot);
    plugin
        .on("Path", json(json!({ "Mountpoint": boot })))
        .on("Unmount", json(json!({ "Err": "not mounted" })));
    env.dvdcli("unmount -d fake -n db --force")
        .warns("dvdcli: warning: unmounting volume db: [..]\n")
        .succeeds();
    assert!(mounted_at(boot).is_some());
    unmount(boot);
}

#[test]
fn an_answer_without_a_mount_point_is_unmounted_again() {
    let (env, plugin) = FakePlugin::with_db();
    mounted_before(&env, &plugin);
    plugin.on("Unmount", json(json!({ "Err": "" })));
    for answer in [
        json!({}),
        json!({ "Err": "" }),
        json!({ "mountpath": "/tmp" }),
    ] {
        plugin.on("Mount", json(answer));
        env.dvdcli("mount -d fake -n db").fails(
            1,
            "dvdcli: mounting volume db: plugin fake: the mount point is empty\n",
        );
        assert_eq!(plugin.take_calls(), ["Activate", "Get", "Mount", "Unmount"]);
    }
}

#[test]
fn a_long_path_fails_in_one_line() {
    let (env, plugin) = FakePlugin::with_db();
    for length in [2_048, 5_000] {
        let path = "/x".repeat(length);
        plugin.on("Mount", json(json!({ "Mountpoint": path })));
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!(
                "dvdcli: mounting volume db: plugin fake: mount point {} ...: file name too long\n",
                "/x".repeat(100)
            ),
        );
    }
    assert_eq!(plugin.bodies("Unmount").len(), 2);
}

/// It is in memory no oftener than it has to be.
#[test]
fn a_path_of_many_megabytes_takes_little_memory() {
    let (env, plugin) = FakePlugin::with_db();
    // Blanks that are shown by their numbers.
    let path = "/\u{a0}".repeat((8 << 20) / 3);
    plugin.on("Mount", json(json!({ "Mountpoint": path })));
    let run = env.dvdcli("mount -d fake -n db");
    run.through("prlimit", &["--data=33554432", "--"]).fails(
        1,
        "dvdcli: mounting volume db: plugin fake: mount point [..] ...: file name too long\n",
    );
    assert_eq!(plugin.bodies("Unmount").len(), 1);
}

#[test]
fn where_unmounting_again_fails_both_reasons_are_said() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on("Mount", json(json!({ "Mountpoint": "" })));
    plugin.on("Unmount", refuses("boom"));
    env.dvdcli("mount -d fake -n db").fails(
        1,
        "dvdcli: mounting volume db: plugin fake: the mount point is empty; unmounting it again: plugin fake: VolumeDriver.Unmount: boom\n",
    );
}

#[test]
fn a_symbolic_link_to_a_directory_is_good() {
    let (env, plugin) = FakePlugin::with_db();
    env.dir("real");
    symlink("real", env.path("link")).unwrap();
    for method in ["Mount", "Path"] {
        plugin.on(method, json(json!({ "Mountpoint": env.path("link") })));
    }
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/link\n")
        .succeeds();
    env.dvdcli("mount -d fake -n db")
        .prints("$ROOT/link\n")
        .succeeds();
    assert_eq!(plugin.bodies("Mount").len(), 1);
}

#[test]
fn a_path_of_any_text_is_printed_to_the_byte() {
    let (env, plugin) = FakePlugin::with_db();
    for name in ["a b", "é\u{1f4be}", "tab\there", "quote'\"\\", "-n"] {
        plugin.on("Mount", json(json!({ "Mountpoint": env.dir(name) })));
        env.dvdcli("mount -d fake -n db")
            .prints(&format!("$ROOT/{name}\n"))
            .succeeds();
        env.dvdcli("unmount -d fake -n db").succeeds();
    }
}

/// A FUSE file system whose process is stopped: whoever looks at it waits for ever. Its end aborts the connection, and whoever
/// waits gets an error.
struct Stopped(Background);

impl Stopped {
    /// By rclone, in the mount namespace of the test.
    fn at(env: &Env, path: &Path) -> Stopped {
        let mut command = Command::new("rclone");
        command.args(["mount", "--config", "", "--cache-dir"]);
        command
            .arg(env.dir("cache"))
            .arg(env.dir("source"))
            .arg(path);
        command
            .env_clear()
            .env("PATH", PATH)
            .env("HOME", env.root());
        let stopped = Stopped(Background::start(&mut command));
        eventually("the FUSE mount", || {
            env.mounts().iter().any(|point| point == path)
        });
        kill(stopped.pid(), Signal::SIGSTOP).unwrap();
        stopped
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.pid().try_into().unwrap())
    }
}

#[test]
fn a_path_that_hangs_is_unmounted_again() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = env.dir("volumes/db");
    let _hanging = Stopped::at(&env, &path);
    plugin.on("Mount", json(json!({ "Mountpoint": path })));
    plugin.on("Unmount", json(json!({ "Err": "" })));
    env.dvdcli("mount -d fake -n db --timeout 4s").fails(
        1,
        "dvdcli: mounting volume db: plugin fake: mount point $ROOT/volumes/db: no answer within [..]\n",
    );
    assert_eq!(
        plugin.take_calls(),
        ["Activate", "Get", "Path", "Mount", "Unmount"]
    );
}

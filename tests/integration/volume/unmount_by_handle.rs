//! An unmount goes to the view that was made, whatever the owner of the directories above does meanwhile; and what still keeps the
//! volume is said.

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use pretty_assertions::assert_eq;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{bind, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Output;
use crate::harness::programs::Background;
use crate::harness::waiting::eventually;

/// Runs the line while the owner of two directories exchanges them, and puts them back.
fn exchanging(env: &Env, one: &Path, other: &Path, line: &str) -> Output {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut count = 0;
            while !done.load(SeqCst) || count % 2 == 1 {
                renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
                count += 1;
            }
        });
        let found = env.dvdcli(line).output();
        done.store(true, SeqCst);
        found
    })
}

const MOUNT: &str = "mount -d fake -n db --id a --target $ROOT/home/one/x";

const RELEASES: [&str; 2] = [
    "unmount -d fake -n db --id a --target $ROOT/home/one/x",
    "unmount -d fake -n db --id a --target $ROOT/home/one/x --lazy",
];

#[test]
fn a_directory_that_is_exchanged_meanwhile_leads_to_no_other_mount() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let (one, other) = (env.path("home/one"), env.path("home/other"));
    env.dir("home/one/x");
    let theirs = env.dir("home/other/x");
    env.mount_tmpfs(&theirs);
    for round in 0..20 {
        env.dvdcli(MOUNT).prints("$ROOT/home/one/x\n").succeeds();
        let found = exchanging(&env, &one, &other, RELEASES[round % 2]);
        assert_eq!(found.parts(), (0, "", ""), "{round}");
        assert_eq!(
            (env.mounts(), plugin.mounts("db")),
            (vec![theirs.clone()], 0)
        );
    }
    unmount(&theirs);
    env.assert_nothing_is_left();
}

#[test]
fn a_directory_that_is_exchanged_for_a_link_meanwhile_does_not_keep_the_view() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("home/one/x");
    let victim = env.dir("victim/x");
    env.mount_tmpfs(&victim);
    let link = env.path("home/link");
    symlink(env.path("victim"), &link).unwrap();
    for round in 0..20 {
        env.dvdcli(MOUNT).prints("$ROOT/home/one/x\n").succeeds();
        let found = exchanging(&env, &env.path("home/one"), &link, RELEASES[round % 2]);
        assert_eq!(found.parts(), (0, "", ""), "{round}");
        assert_eq!(
            (env.mounts(), plugin.mounts("db")),
            (vec![victim.clone()], 0)
        );
    }
    unmount(&victim);
    env.assert_nothing_is_left();
}

/// The mount of a volume, where it is made below a configured path.
#[test]
fn a_configured_path_that_is_exchanged_meanwhile_leads_to_no_other_mount() {
    let Some(env) = Env::isolated() else { return };
    env.configure("libstorage.integration.volume.operations.mount.path: $ROOT/home/one\n");
    let (one, other) = (env.path("home/one"), env.path("home/other"));
    let theirs = env.dir("home/other/db");
    env.mount_tmpfs(&theirs);
    for (driver, options) in [("local", "type=tmpfs,device=x"), ("loop", "size=20MiB")] {
        env.dvdcli(&format!("create -d {driver} -n db --volumeopts={options}"))
            .succeeds();
        for round in 0..20 {
            let mounted = env.dvdcli(&format!("mount -d {driver} -n db")).output();
            assert_eq!(mounted.code, 0, "{mounted:?}");
            let line = ["", "--lazy"][round % 2];
            let line = format!("unmount -d {driver} -n db {line}");
            let found = exchanging(&env, &one, &other, &line);
            assert_eq!(found.parts(), (0, "", ""), "{driver} {round}");
            assert_eq!(env.mounts(), [theirs.as_path()], "{driver} {round}");
        }
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    unmount(&theirs);
    env.assert_nothing_is_left();
}

const USER: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// A user of the host, with user and mount namespaces of his own that see nothing of what is mounted later.
struct User(Background);

impl User {
    fn new(env: &Env) -> User {
        fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        User::of("exec sleep 1000")
    }

    fn of(script: &str) -> User {
        let mut user = Command::new("setpriv");
        user.args(USER);
        user.args(["unshare", "--user", "--map-root-user", "--mount"]);
        user.args(["--propagation", "private", "sh", "-ec", script]);
        let user = User(Background::start(&mut user));
        let comm = format!("/proc/{}/comm", user.0.pid());
        eventually("the user", || {
            fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n")
        });
        user
    }

    fn does(&self, env: &Env, script: &str) {
        let pid = self.0.pid().to_string();
        let enter = ["nsenter", "--user", "--mount", "--preserve-credentials"];
        let command = ["--target", &*pid, "sh", "-ec", script];
        let args = USER.into_iter().chain(enter).chain(command);
        env.program("setpriv", args).succeeds();
    }
}

/// There, the view is not mounted, and its directory can be renamed; the view goes along.
#[test]
fn a_view_whose_own_directory_was_renamed_is_found() {
    for release in ["--target $ROOT/home/one/x", "--id a", "--force"] {
        let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
            return;
        };
        let user = User::new(&env);
        for name in ["home", "home/one", "home/one/x", "home/other"] {
            chown(env.dir(name), Some(65534), Some(65534)).unwrap();
        }
        env.mount_tmpfs(&env.dir("volumes/db"));
        env.dvdcli(MOUNT).prints("$ROOT/home/one/x\n").succeeds();
        user.does(
            &env,
            &format!("mv {0}/home/one/x {0}/home/other/y", env.root()),
        );
        let moved = env.path("home/other/y");
        assert!(mounted_at(&moved).is_some());
        env.dvdcli(&format!("unmount -d fake -n db {release}"))
            .succeeds();
        assert_eq!(
            (env.mounts(), plugin.mounts("db")),
            (vec![env.path("volumes/db")], 0),
            "{release}"
        );
    }
}

fn still(place: &str) -> String {
    format!(
        "it is not mounted here any more, but still [..]mounted at {place}; unmount it again when that has ended\n"
    )
}

/// A volume that was made for a user, who keeps it in namespaces of his own.
#[test]
fn what_a_user_keeps_is_said() {
    for (driver, options) in [
        ("local", "type=tmpfs,device=x,o=size=1m,uid=65534"),
        ("loop", "size=32MiB,uid=65534"),
    ] {
        let Some(env) = Env::isolated() else { return };
        fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let create = format!("create -d {driver} -n db --volumeopts={options}");
        env.dvdcli(&create).succeeds();
        for lazy in ["", "--lazy"] {
            let mounted = env
                .dvdcli(&format!("mount -d {driver} -n db --id a"))
                .output();
            assert_eq!(mounted.code, 0, "{mounted:?}");
            let path = mounted.stdout.trim().replace("$ROOT", env.root());
            let user = User::of(&format!("cd {path}; mount --bind . /mnt; exec sleep 1000"));
            let place = "[..] in the mount namespace of PID [..] (sleep)";
            let released = env.dvdcli(&format!("unmount -d {driver} -n db --id a {lazy}"));
            match lazy {
                "" => released.fails(
                    4,
                    &format!("dvdcli: unmounting volume db: {}", still(place)),
                ),
                // No user has a node drained.
                _ => released
                    .warns(&format!("dvdcli: warning: volume db: {}", still(place)))
                    .succeeds(),
            }
            drop(user);
        }
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
        env.assert_nothing_is_left();
    }
}

#[test]
fn what_is_bound_here_is_an_error() {
    let Some(env) = Env::isolated() else { return };
    let elsewhere = env.dir("elsewhere");
    for (driver, options, place) in [
        ("local", "type=tmpfs,device=x", "local/db/_data"),
        ("loop", "size=32MiB", "loop/db/mnt"),
    ] {
        let create = format!("create -d {driver} -n db --volumeopts={options}");
        env.dvdcli(&create).succeeds();
        for id in ["", "--id a"] {
            let mounted = env
                .dvdcli(&format!("mount -d {driver} -n db {id}"))
                .output();
            assert_eq!(mounted.code, 0, "{mounted:?}");
            bind(&env.path("var/lib/dvdcli").join(place), &elsewhere);
            let released = env.dvdcli(&format!("unmount -d {driver} -n db {id}"));
            let words = still("$ROOT/elsewhere");
            released.fails(4, &format!("dvdcli: unmounting volume db: {words}"));
            assert_eq!(env.mounts(), [elsewhere.as_path()]);
            unmount(&elsewhere);
        }
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

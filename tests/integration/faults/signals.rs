//! SIGINT, SIGTERM and the like end what a command waits for at once. What it has begun is undone, and the next command finds
//! everything in order.

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::pipe2;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::http::{Answer, hang};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Output, Run, Running, fill, is_warnings};
use crate::harness::programs::replace;
use crate::harness::run::{STAY, go, is_alive, run, script, stays};
use crate::harness::task::{MOUNT, THREE, THREE_PATHS, UNMOUNT, plugin_mounts, task};
use crate::harness::volumes::LOOP;
use crate::harness::waiting::{at_once, eventually};

const DB: &str = "-d fake -n db";

/// With their names; those that a person, an agent or a terminal that goes away sends, and one without a name.
const SIGNALS: [(i32, &str); 4] = [
    (libc::SIGHUP, "SIGHUP"),
    (libc::SIGINT, "SIGINT"),
    (libc::SIGTERM, "SIGTERM"),
    (40, "signal 40"),
];

fn send(running: &Running, signal: i32) {
    // SAFETY: a system call.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(running.child.id().cast_signed(), signal) };
    assert_eq!(sent, 0);
}

/// Waits until it holds its signals back: before, one would end it as any program.
fn blocks(running: &Running) {
    let path = format!("/proc/{}/status", running.child.id());
    eventually("blocked signals", || {
        let text = std::fs::read_to_string(&path).unwrap();
        let mask = text.lines().find_map(|line| line.strip_prefix("SigBlk:\t"));
        u64::from_str_radix(mask.unwrap(), 16).unwrap() & 1 << (libc::SIGTERM - 1) != 0
    });
}

/// The end of a run that gets this signal once `is_there`.
fn interrupted(run: Run, signal: i32, is_there: impl FnMut() -> bool) -> Output {
    let running = run.start();
    eventually("what is to be interrupted", is_there);
    send(&running, signal);
    running.output()
}

fn asked(plugin: &FakePlugin, method: &str) -> bool {
    !plugin.bodies(method).is_empty()
}

/// Whether the record tells of a mount that is done.
fn is_held(env: &Env) -> bool {
    let files = fs::entries(env.path("run/dvdcli")).unwrap_or_default();
    files.iter().any(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.contains("\"settled\":true")
    })
}

/// Mounted once and then not at all, whatever was cut off before.
#[track_caller]
fn comes_out_right(env: &Env, plugin: &FakePlugin) {
    for (verb, path, mounts) in [("mount", "$ROOT/volumes/db\n", 1), ("unmount", "", 0)] {
        let found = env.dvdcli(&format!("{verb} {DB}")).output();
        assert_eq!((found.code, found.stdout.as_str()), (0, path), "{found:?}");
        assert!(is_warnings(&found.stderr), "{found:?}");
        assert_eq!(plugin.mounts("db"), mounts, "{verb}");
    }
    env.assert_nothing_is_left();
}

#[test]
fn they_end_a_call_that_a_plugin_does_not_answer() {
    let verbs = [
        ("create", "Create", "creating volume db"),
        ("mount", "Get", "mounting volume db"),
        ("mount", "Mount", "mounting volume db"),
        ("unmount", "Unmount", "unmounting volume db"),
        ("remove", "Remove", "removing volume db"),
        ("run", "Mount", "running true with volume db: mounting it"),
        (
            "run",
            "Unmount",
            "running true with volume db: unmounting it",
        ),
    ];
    let cases = verbs.map(|verb| SIGNALS.map(|signal| (verb, signal)));
    at_once(cases.concat(), |((verb, method, doing), (signal, name))| {
        let (env, plugin) = match verb {
            "create" => {
                let env = Env::new();
                let plugin = FakePlugin::start(&env, "fake");
                (env, plugin)
            }
            _ => FakePlugin::with_db(),
        };
        if verb == "unmount" {
            env.mount_db();
        }
        plugin.on_each(method, [hang(), Answer::Act]);
        let line = match verb {
            "run" => run(&env, DB, ["true"]),
            verb => env.dvdcli(&format!("{verb} {DB}")),
        };
        let found = interrupted(line, signal, || asked(&plugin, method));
        let why = match method {
            "Unmount" => format!("not done 1 s after {name}"),
            _ => format!("interrupted by {name}"),
        };
        let why = format!("VolumeDriver.{method}: {why}");
        let message = format!("dvdcli: {doing}: plugin fake: {why}\n");
        assert_eq!(found.parts(), (128 + signal, "", message.as_str()));
        comes_out_right(&env, &plugin);
    });
}

/// By TCP, where a host may take in a connection without a word.
#[test]
fn they_end_a_call_by_whatever_way() {
    let env = Env::new();
    let plugin = FakePlugin::tcp(&env).with_volume("db");
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent_address = silent.local_addr().unwrap();
    for (name, address) in [
        ("fake", format!("tcp://{}", plugin.address)),
        ("silent", format!("tcp://{silent_address}")),
        ("tls", format!("https://{silent_address}")),
    ] {
        env.write(&format!("etc/docker/plugins/{name}.spec"), address);
    }
    plugin.on("Get", hang());
    let found = interrupted(env.dvdcli(&format!("mount {DB}")), libc::SIGTERM, || {
        asked(&plugin, "Get")
    });
    let message =
        "dvdcli: mounting volume db: plugin fake: VolumeDriver.Get: interrupted by SIGTERM\n";
    assert_eq!(found.parts(), (143, "", message));
    for name in ["silent", "tls"] {
        let running = env.dvdcli(&format!("mount -d {name} -n db")).start();
        blocks(&running);
        send(&running, libc::SIGTERM);
        let found = running.output();
        assert_eq!((found.code, found.stdout.as_str()), (143, ""), "{found:?}");
        assert!(found.stderr.contains("interrupted by SIGTERM"), "{found:?}");
    }
    env.assert_nothing_is_left();
}

#[test]
fn they_end_the_wait_for_a_plugin() {
    let env = Env::new();
    for (signal, name) in SIGNALS {
        for verb in ["create", "mount", "unmount", "remove"] {
            let running = env.dvdcli(&format!("{verb} {DB} --wait 100s")).start();
            blocks(&running);
            send(&running, signal);
            let found = running.output();
            assert_eq!((found.code, found.stdout.as_str()), (128 + signal, ""));
            let why = format!("no plugin is there: interrupted by {name}\n");
            assert!(found.stderr.ends_with(&why), "{found:?}");
        }
    }
    env.assert_nothing_is_left();
}

#[test]
fn they_end_the_wait_for_a_lock_that_another_keeps() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.hold_back("Mount", "List", 1);
    let first = env.dvdcli(&format!("mount {DB}")).start();
    plugin.wait_for("Mount");
    for (verb, doing) in [
        ("mount", "mounting"),
        ("unmount", "unmounting"),
        ("remove", "removing"),
    ] {
        let second = env.dvdcli(&format!("{verb} {DB}")).start();
        blocks(&second);
        send(&second, libc::SIGINT);
        second.fails(130, &format!("dvdcli: {doing} volume db: locking the volume in $ROOT/run/dvdcli: another dvdcli is at work on it: interrupted by SIGINT\n"));
    }
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    assert_eq!(first.output().parts(), (0, "$ROOT/volumes/db\n", ""));
    env.dvdcli(&format!("unmount {DB}")).succeeds();
    env.assert_nothing_is_left();
}

/// An answer that has come is not thrown away: what it tells of is undone.
#[test]
fn what_was_mounted_meanwhile_is_unmounted() {
    for (signal, name) in SIGNALS {
        let (env, plugin) = FakePlugin::with_db();
        plugin.hold_back("Mount", "List", 1);
        let running = env.dvdcli(&format!("mount {DB}")).start();
        plugin.wait_for("Mount");
        send(&running, libc::SIGSTOP);
        let stat = format!("/proc/{}/stat", running.child.id());
        let stopped = || std::fs::read_to_string(&stat).unwrap().contains(") T ");
        eventually("the stop", stopped);
        send(&running, signal);
        env.dvdcli("list -d fake").prints("db\n").succeeds();
        eventually("the mount", || plugin.mounts("db") == 1);
        send(&running, libc::SIGCONT);
        let found = running.output();
        assert_eq!((found.code, found.stdout.as_str()), (128 + signal, ""));
        assert!(
            found.stderr.ends_with(&format!("interrupted by {name}\n")),
            "{found:?}"
        );
        assert_eq!(
            (plugin.bodies("Unmount").len(), plugin.mounts("db")),
            (1, 0)
        );
        env.assert_nothing_is_left();
    }
}

#[test]
fn a_path_that_nobody_reads_is_not_waited_for() {
    for (line, variables) in [
        (format!("mount {DB}"), &[][..]),
        (MOUNT.to_owned(), &[("NAME", "db"), ("DRIVER", "fake")]),
    ] {
        let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
            return;
        };
        let (_reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let stdout = fill(writer);
        let run = task(&env, &line, variables).prints_into(stdout);
        let found = interrupted(run, libc::SIGTERM, || is_held(&env));
        assert_eq!(found.code, 143, "{found:?}");
        assert_eq!(found.stderr.lines().count(), 1, "{found:?}");
        assert_eq!(plugin.mounts("db"), 0);
        env.assert_nothing_is_left();
    }
}

/// Undoing has a time of its own, and where that is not enough, the next command goes on with it.
#[test]
fn a_plugin_that_does_not_unmount_keeps_nobody() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on_each("Unmount", [hang(), Answer::Act]);
    let (_reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let run = env.dvdcli(&format!("mount {DB}")).prints_into(fill(writer));
    let found = interrupted(run, libc::SIGTERM, || is_held(&env));
    let why = "interrupted by SIGTERM; unmounting it again: plugin fake: VolumeDriver.Unmount: not done 10 s after SIGTERM\n";
    assert_eq!((found.code, found.stdout.as_str()), (143, ""));
    assert!(found.stderr.ends_with(why), "{found:?}");
    comes_out_right(&env, &plugin);
}

#[test]
fn a_file_system_that_is_being_made_is_given_up() {
    let Some(env) = Env::isolated() else { return };
    let pid = env.path("pid");
    let script = format!("sleep 1000 & echo $! >{}; wait", pid.display());
    replace(&env, "mkfs.ext4", &script);
    for line in ["create", "mount"] {
        let line = format!("{line} -d loop -n db --opt size=20MiB");
        let run = env.dvdcli(&line);
        let found = interrupted(run, libc::SIGINT, || {
            fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
        });
        assert_eq!((found.code, found.stdout.as_str()), (130, ""), "{found:?}");
        let why = "making an image of 20 MiB: mkfs.ext4: interrupted by SIGINT\n";
        assert!(found.stderr.ends_with(why), "{found:?}");
        let child = stays(&env, "pid");
        eventually("the end of its children", || !is_alive(child));
        fs::remove_file(&pid).unwrap();
        assert_eq!(env.names(LOOP), [""; 0]);
        env.assert_nothing_is_left();
    }
}

#[test]
fn a_mount_helper_that_hangs_is_given_up() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    // Before and after it has mounted.
    for act in ["", "mount -i -t tmpfs none \"$2\"; "] {
        let helper = format!("#!/bin/sh\n{act}echo $$ >{}/pid\nsleep 1000\n", env.root());
        host.write("/usr/sbin/mount.hangs", &helper);
        let line = "mount -d local -n db --volumeopts=type=hangs,device=x";
        let run = env.mount_created(line);
        let found = interrupted(run, libc::SIGTERM, || env.path("pid").exists());
        assert_eq!((found.code, found.stdout.as_str()), (143, ""), "{found:?}");
        assert!(found.stderr.contains("SIGTERM"), "{found:?}");
        fs::remove_file(env.path("pid")).unwrap();
        assert_eq!(host.volumes(), [""; 0].map(std::path::PathBuf::from));
        let found = env.dvdcli("unmount -d local -n db").output();
        assert!(found.code == 0 && is_warnings(&found.stderr), "{found:?}");
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

#[test]
fn a_task_is_left_with_none_of_its_volumes() {
    for (signal, name) in SIGNALS {
        let Some(env) = Env::isolated() else { return };
        let plugin = FakePlugin::start(&env, "rexray");
        let slow = FakePlugin::start(&env, "slow");
        slow.on_each("Mount", [hang(), Answer::Act]);
        let variables = [THREE, &[("DRIVER1", "slow")]].concat();
        let found = interrupted(task(&env, MOUNT, &variables), signal, || {
            asked(&slow, "Mount") && plugin_mounts(&plugin, ["a", "c"]) == [1; 2]
        });
        // The others may not have been looked at yet.
        let why = format!("interrupted by {name}\n");
        assert_eq!((found.code, found.stdout.as_str()), (128 + signal, ""));
        assert!(found.stderr.ends_with(&why), "{found:?}");
        assert_eq!(plugin_mounts(&plugin, ["a", "c"]), [0; 2]);
        task(&env, MOUNT, &variables).prints(THREE_PATHS).succeeds();
        slow.take_calls();
        slow.on_each("Unmount", [hang(), Answer::Act]);
        let found = interrupted(task(&env, UNMOUNT, &variables), signal, || {
            asked(&slow, "Unmount")
        });
        let message = format!(
            "dvdcli: unmounting volume b (DVDI_VOLUME_NAME1): plugin slow: VolumeDriver.Unmount: not done 1 s after {name}\n"
        );
        assert_eq!((found.code, found.stdout.as_str()), (128 + signal, ""));
        assert!(found.stderr.contains(&message), "{found:?}");
        let again = task(&env, UNMOUNT, &variables).output();
        assert!(again.code == 0 && is_warnings(&again.stderr), "{again:?}");
        let mounts = (plugin_mounts(&plugin, ["a", "c"]), slow.mounts("b"));
        assert_eq!(mounts, ([0; 2], 0));
    }
}

/// What the command has got does not end the unmount that follows.
#[test]
fn the_commands_signals_are_not_ours() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.hold_back("Unmount", "List", 1);
    let words = format!("trap 'exit 9' TERM; {STAY}");
    let running = script(&env, DB, &words).env("NAME", "ready").start();
    stays(&env, "ready");
    for _ in 0..5 {
        send(&running, libc::SIGTERM);
    }
    plugin.wait_for("Unmount");
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    assert_eq!(running.output().parts(), (9, "", ""));
    assert_eq!(plugin.mounts("db"), 0);
    env.assert_nothing_is_left();
    go(&env);
}

/// As by nohup(1), and as a shell does it for what runs in the background.
#[test]
fn what_the_caller_ignores_ends_nothing() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.hold_back("Mount", "List", 1);
    let run = env.dvdcli(&format!("mount {DB}"));
    let shell = ["-c", "trap '' HUP INT; exec \"$@\"", "sh"];
    let running = run.through("sh", &shell).start();
    plugin.wait_for("Mount");
    send(&running, libc::SIGHUP);
    send(&running, libc::SIGINT);
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    assert_eq!(running.output().parts(), (0, "$ROOT/volumes/db\n", ""));
}

/// umount(8) and mount(8) have exit codes of their own.
#[test]
fn helpers_end_as_well() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let env = &host.env;
    env.dir("target");
    plugin.on_each("Mount", [hang(), Answer::Act]);
    let mount = "mount -t dvdcli fake/db $ROOT/target";
    let run = host.run(&format!(
        "/usr/sbin/mount.dvdcli fake/db {}/target",
        env.root()
    ));
    let found = interrupted(run, libc::SIGTERM, || asked(&plugin, "Mount"));
    let message = "dvdcli: mounting fake/db at $ROOT/target: plugin fake: VolumeDriver.Mount: interrupted by SIGTERM\n";
    assert_eq!(found.parts(), (32, "", message));
    host.run(mount).succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    host.run("umount $ROOT/target").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
}

//! Where a plugin is found, which place goes before which, what is said where there is none, and waiting for one.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::{DVDCLI, Env};
use crate::harness::fs;
use crate::harness::managed;
use crate::harness::mounts::bind;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Run, is_warnings};
use crate::harness::volume_driver::Kind;
use crate::harness::waiting::eventually;

/// Every place of a legacy plugin `fake`, in the order of precedence. Only sockets lie below `run`.
const PLACES: &[&str] = &[
    "run/docker/plugins/fake.sock",
    "run/docker/plugins/fake/fake.sock",
    "etc/docker/plugins/fake.spec",
    "etc/docker/plugins/fake/fake.spec",
    "etc/docker/plugins/fake.json",
    "etc/docker/plugins/fake/fake.json",
    "usr/lib/docker/plugins/fake.spec",
    "usr/lib/docker/plugins/fake/fake.spec",
    "usr/lib/docker/plugins/fake.json",
    "usr/lib/docker/plugins/fake/fake.json",
];

/// A plugin at that place, with one volume named after it.
fn plugin_at(env: &Env, place: &str, number: usize) -> FakePlugin {
    let volume = format!("volume-{number}");
    if place.ends_with(".sock") {
        return FakePlugin::at(env, Kind::Counting, place).with_volume(&volume);
    }
    let plugin =
        FakePlugin::at(env, Kind::Counting, &format!("sockets/{number}.sock")).with_volume(&volume);
    let address = &plugin.address;
    env.write(
        place,
        if place.ends_with(".json") {
            format!("{{\"Addr\":\"{address}\"}}")
        } else {
            address.clone()
        },
    );
    plugin
}

#[test]
fn a_plugin_is_found_in_every_place() {
    for (number, place) in PLACES.iter().enumerate() {
        let env = Env::new();
        let _plugin = plugin_at(&env, place, number);
        env.dvdcli("list -d fake")
            .prints(&format!("volume-{number}\n"))
            .succeeds();
        env.dvdcli("list --format names")
            .prints(&format!("volume-{number}\n"))
            .succeeds();
    }
}

#[test]
fn each_place_goes_before_those_after_it() {
    let env = Env::new();
    let mut plugins = Vec::new();
    for (number, place) in PLACES.iter().enumerate().rev() {
        plugins.push(plugin_at(&env, place, number));
        env.dvdcli("list -d fake")
            .prints(&format!("volume-{number}\n"))
            .succeeds();
        // However many places name it, it is one plugin.
        env.dvdcli("list --format names")
            .prints(&format!("volume-{number}\n"))
            .succeeds();
    }
}

#[test]
fn what_is_no_socket_is_passed_over() {
    let env = Env::new();
    env.write("run/docker/plugins/fake.sock", "");
    env.dir("run/docker/plugins/fake/fake.sock");
    let _plugin = plugin_at(&env, "etc/docker/plugins/fake.spec", 7);
    env.dvdcli("list -d fake").prints("volume-7\n").succeeds();
}

#[test]
fn a_name_may_hold_slashes() {
    let env = Env::new();
    let _plugin = FakePlugin::at(&env, Kind::Counting, "run/docker/plugins/vendor/fake.sock")
        .with_volume("db");
    env.dvdcli("list -d vendor/fake").prints("db\n").succeeds();
}

#[test]
fn nothing_outside_of_the_places_is_reached_by_a_name() {
    let env = Env::new();
    let outside = FakePlugin::at(&env, Kind::Counting, "run/docker/outside.sock");
    for name in [
        "../outside",
        "./../outside",
        "x/../../outside",
        "..",
        ".",
        "/run/docker/outside",
        "$ROOT/run/docker/outside",
    ] {
        env.dvdcli(&format!("list -d {name} --wait 0")).fails(
            2,
            &format!("dvdcli: --volumedriver: '{name}' is no name of a driver\n"),
        );
    }
    assert_eq!(outside.connections(), 0);
}

const LOOKED: &str = "not found in $ROOT/run/docker/plugins, $ROOT/etc/docker/plugins, $ROOT/usr/lib/docker/plugins or $ROOT/var/lib/docker/plugins";

#[test]
fn where_there_is_none_it_says_where_it_looked_and_what_is_there() {
    let env = Env::new();
    let get = |name: &str| env.dvdcli(&format!("get -d {name} -n db --wait 0"));
    let message = |name: &str, there: &str| {
        format!("dvdcli: looking up volume db: plugin {name}: {LOOKED}; {there}\n")
    };
    get("rexray").fails(1, &message("rexray", "no plugin is there"));
    env.write("etc/docker/plugins/rclone.spec", "tcp://127.0.0.1:1");
    get("rexray").fails(1, &message("rexray", "there is rclone"));
    env.write("usr/lib/docker/plugins/rexray.json", "");
    get("rexry").fails(
        1,
        &message("rexry", "there is rclone, rexray; did you mean rexray?"),
    );
    get("RexRay").fails(
        1,
        &message("RexRay", "there is rclone, rexray; did you mean rexray?"),
    );
    // A plugin is suggested as it has to be written, and none that is another.
    let _managed = managed::plugin(&env, managed::ID, "me/x:v1", "");
    let there = "there is me/x:v1, rclone, rexray";
    for name in ["me/x", "me/x:v2"] {
        let meant = format!("{there}; did you mean me/x:v1?");
        get(name).fails(1, &message(name, &meant));
    }
    for name in ["me/y", "x", "reclaim"] {
        get(name).fails(1, &message(name, there));
    }
    for number in 0..19 {
        env.write(&format!("etc/docker/plugins/other{number}.spec"), "");
    }
    get("rexry").fails(
        1,
        &message(
            "rexry",
            "there are 22 others, see dvdcli drivers; did you mean rexray?",
        ),
    );
}

#[test]
fn a_socket_that_nobody_listens_on_is_named() {
    let env = Env::new();
    env.dir("run/docker/plugins");
    drop(UnixListener::bind(env.path("run/docker/plugins/fake.sock")).unwrap());
    env.dvdcli("mount -d fake -n db --wait 0").fails(
        1,
        "dvdcli: mounting volume db: plugin fake: unix://$ROOT/run/docker/plugins/fake.sock: connection refused\n",
    );
    env.write("etc/docker/plugins/tcp.spec", "tcp://127.0.0.1:1");
    env.dvdcli("mount -d tcp -n db --wait 0").fails(
        1,
        "dvdcli: mounting volume db: plugin tcp: tcp://127.0.0.1:1: connection refused\n",
    );
}

#[test]
fn waiting_is_announced_once_and_ends() {
    let env = Env::new();
    let missing = format!("{LOOKED}; no plugin is there");
    env.dvdcli("get -d fake -n db --wait 300ms").fails(
        1,
        &format!("dvdcli: warning: waiting up to 300ms for plugin fake: {missing}\ndvdcli: looking up volume db: plugin fake: {missing}\n"),
    );
    env.dvdcli("get -d fake -n db").env("DVDCLI_WAIT", "200ms").fails(
        1,
        &format!("dvdcli: warning: waiting up to 200ms for plugin fake: {missing}\ndvdcli: looking up volume db: plugin fake: {missing}\n"),
    );
    env.write("etc/dvdcli/config.yml", "dvdcli:\n  wait: 0s\n");
    env.dvdcli("get -d fake -n db").fails(
        1,
        &format!("dvdcli: looking up volume db: plugin fake: {missing}\n"),
    );
}

#[test]
fn waiting_ends_with_the_time_of_the_whole_command() {
    let env = Env::new();
    // What ran out is named.
    env.dvdcli("get -d fake -n db --wait 1h --timeout 1s")
        .fails(
            1,
            &format!(
                "dvdcli: warning: waiting up to 1h for plugin fake: {LOOKED}; no plugin is there\n\
             dvdcli: looking up volume db: plugin fake: [..]1s (--timeout)[..]\n"
            ),
        );
}

#[test]
fn a_plugin_that_comes_late_is_used() {
    let env = Env::new();
    let missing = format!(
        "dvdcli: warning: waiting up to 1m for plugin fake: {LOOKED}; no plugin is there\n"
    );
    let waiting = env.dvdcli("mount -d fake -n db --wait 1m").start();
    // It has looked once when it takes the volume's lock, and so waits.
    eventually("the lock", || env.path("run/dvdcli").exists());
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let found = waiting.output();
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "$ROOT/volumes/db\n"),
        "{found:?}"
    );
    assert!(
        found.stderr == missing || found.stderr.is_empty(),
        "{found:?}"
    );
}

#[test]
fn a_plugin_that_comes_back_is_used() {
    let env = Env::new();
    env.dir("run/docker/plugins");
    let socket = env.path("run/docker/plugins/fake.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let waiting = env.dvdcli("mount -d fake -n db --wait 1m").start();
    eventually("the lock", || env.path("run/dvdcli").exists());
    fs::remove_file(&socket).unwrap();
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let found = waiting.output();
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "$ROOT/volumes/db\n"),
        "{found:?}"
    );
    assert!(is_warnings(&found.stderr), "{found:?}");
}

/// An environment for a user who is not root: where the tests run as root, with the program at a path that all may search.
fn nobodys() -> Env {
    let Some(env) = is_root().then(Env::isolated).flatten() else {
        return Env::new();
    };
    fs::set_permissions(env.root(), fs::Permissions::from_mode(0o777)).unwrap();
    bind(Path::new(DVDCLI), &env.write("dvdcli", ""));
    env
}

fn as_nobody<'a>(env: &'a Env, line: &str) -> Run<'a> {
    if !is_root() {
        return env.dvdcli(line);
    }
    let program = env.path("dvdcli");
    let mut run = env.program(program.to_str().unwrap(), line.split(' '));
    run.command.uid(65534).gid(65534);
    run
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn what_may_not_be_read_is_named() {
    for (file, mode) in [
        ("etc/docker/plugins/fake.spec", 0o000),
        ("etc/docker/plugins/fake.json", 0o200),
    ] {
        let env = nobodys();
        let path = env.write(file, "tcp://127.0.0.1:1");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let run = as_nobody(&env, "list -d fake --wait 0");
        run.fails(
            1,
            &format!(
                "dvdcli: listing volumes: plugin fake: reading $ROOT/{file}: permission denied\n"
            ),
        );
    }
    let env = nobodys();
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let socket = env.path("run/docker/plugins/fake.sock");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o000)).unwrap();
    let run = as_nobody(&env, "list -d fake --wait 0");
    run.fails(1, "dvdcli: listing volumes: plugin fake: Plugin.Activate: unix://$ROOT/run/docker/plugins/fake.sock: permission denied\n");
}

#[test]
fn a_directory_that_may_not_be_searched_is_named() {
    let env = nobodys();
    let hidden = env.dir("run/docker/plugins");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o000)).unwrap();
    let listed = as_nobody(&env, "list -d fake --wait 0").start();
    listed.fails(1, "dvdcli: listing volumes: plugin fake: looking at $ROOT/run/docker/plugins/fake.sock: permission denied\n");
    fs::set_permissions(&hidden, fs::Permissions::from_mode(0o700)).unwrap();
}

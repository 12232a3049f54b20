//! Plugins that are not there yet, or not any more: waited for, and named with their addresses.

use std::fs::remove_file;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::response;
use crate::harness::managed::{ID, config, install};
use crate::harness::mounts::bind;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::is_warnings;
use crate::harness::waiting::eventually;

/// What is said of a plugin that is waited for in vain.
#[track_caller]
fn is_waited_for(env: &Env, through: &[&str], before: &str, absence: &str) {
    let run = env.dvdcli("list -d fake --wait 200ms --timeout 1m");
    let run = match through {
        [] => run,
        [program, args @ ..] => run.through(program, args),
    };
    run.fails(
        1,
        &format!("{before}dvdcli: warning: waiting up to 200ms for plugin fake: {absence}\ndvdcli: listing volumes: plugin fake: {absence}\n"),
    );
}

#[test]
fn a_network_that_is_down_is_waited_for() {
    // A network namespace needs the same rights as one of mounts.
    let Some(env) = Env::isolated() else { return };
    env.write("etc/docker/plugins/fake.spec", "tcp://127.0.0.1:1");
    let absence = "tcp://127.0.0.1:1: network is unreachable";
    is_waited_for(&env, &["unshare", "--net"], "", absence);
}

#[test]
fn a_name_that_does_not_resolve_is_waited_for() {
    let Some(env) = Env::isolated() else { return };
    let hosts = no_names(&env);
    let plugin = FakePlugin::tcp(&env).with_volume("db");
    let port = plugin.address.rsplit(':').next().unwrap();
    let address = format!("tcp://plugin.invalid:{port}");
    env.write("etc/docker/plugins/fake.spec", &address);
    let absence = format!("{address}: its name does not resolve[..]");
    // Once, however often it is tried.
    let plain = format!(
        "dvdcli: warning: plugin fake: all that goes to plugin.invalid:{port}, passwords too, can be read on the way; give the plugin an https:// address\n"
    );
    is_waited_for(&env, &[], &plain, &absence);

    let waiting = env.dvdcli("mount -d fake -n db --wait 1m").start();
    eventually("the lock", || env.path("run/dvdcli").exists());
    fs::write(hosts, "127.0.0.1 plugin.invalid\n").unwrap();
    let found = waiting.output();
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "$ROOT/volumes/db\n"),
        "{found:?}"
    );
    assert!(is_warnings(&found.stderr), "{found:?}");
}

/// Has no name known to anybody, and no server that is asked; names can be written into the file that is returned.
fn no_names(env: &Env) -> PathBuf {
    let hosts = env.write("hosts", "");
    bind(&hosts, Path::new("/etc/hosts"));
    for (file, text) in [("resolv.conf", ""), ("nsswitch.conf", "hosts: files\n")] {
        let path = Path::new("/etc").join(file);
        if path.exists() {
            bind(&env.write(file, text), &path);
        }
    }
    hosts
}

#[test]
fn a_managed_plugin_that_is_enabled_and_not_running_waits_for_docker() {
    let env = Env::new();
    install(&env, "var/lib/docker", ID, &config(ID, "fake:latest", ""));
    let socket = format!("run/docker/plugins/{ID}/x.sock");
    env.dir(&format!("run/docker/plugins/{ID}"));
    for why in ["no such file or directory", "connection refused"] {
        let absence =
            format!("it is enabled and not running; start Docker (unix://$ROOT/{socket}: {why})");
        env.dvdcli("list -d fake --wait 0").fails(
            1,
            &format!("dvdcli: listing volumes: plugin fake:latest: {absence}\n"),
        );
        if !env.path(&socket).exists() {
            drop(UnixListener::bind(env.path(&socket)).unwrap());
        }
    }
}

/// A plugin that is activated, and then gone.
fn gone_once_activated(socket: &Path) -> JoinHandle<()> {
    fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(socket).unwrap();
    let socket = socket.to_owned();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        drop(listener);
        remove_file(socket).unwrap();
        let body = json!({ "Implements": ["VolumeDriver"] }).to_string();
        let answer = response(200, "Connection: close\r\n", &body);
        stream.write_all(&answer).unwrap();
    })
}

#[test]
fn a_plugin_that_is_gone_between_two_calls_is_named_with_its_socket() {
    let env = Env::new();
    let socket = env.path("run/docker/plugins/fake.sock");
    let absence = "unix://$ROOT/run/docker/plugins/fake.sock: no such file or directory";
    let failed = format!("dvdcli: listing volumes: plugin fake: VolumeDriver.List: {absence}\n");
    let warning = format!("dvdcli: warning: waiting up to 100ms for plugin fake: {absence}\n");
    for (wait, said) in [
        ("0", failed.clone()),
        ("100ms", format!("{warning}{failed}")),
    ] {
        let plugin = gone_once_activated(&socket);
        env.dvdcli(&format!("list -d fake --wait {wait}"))
            .fails(1, &said);
        plugin.join().unwrap();
    }
}

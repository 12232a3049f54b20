//! Files, sockets and directories that other users could have written or replaced: root acts on none, others are warned.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::managed::{ID, plugin};
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;
use crate::harness::volumes::local_volume;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Makes a file somebody else's, and then one that others can write to; both times a command fails with these words. Before and after
/// it works.
fn is_refused(env: &Env, path: &Path, line: &str, code: i32, words: &str) {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let works = || assert_eq!(env.dvdcli(line).output().code, 0);
    let refused = |flaw: &str| env.dvdcli(line).fails(code, &format!("{words}{flaw}\n"));
    works();
    chown(path, Some(1000), None).unwrap();
    refused("it belongs to user 1000; run chown root on it if it is to be trusted");
    chown(path, Some(0), None).unwrap();
    if !words.contains("connecting") {
        chmod(path, mode | 0o022);
        let mode = mode | 0o022;
        refused(&format!(
            "other users can write to it (mode {mode:04o}); run chmod go-w on it"
        ));
    }
    chmod(path, mode);
    works();
}

#[test]
fn a_configuration_of_others_is_refused() {
    let Some(env) = Env::isolated() else { return };
    let file = env.write("etc/dvdcli/config.yml", "dvdcli.driver: local\n");
    let reading = "dvdcli: reading $ROOT/etc/dvdcli/config.yml: ";
    is_refused(&env, &file, "list -d local", 2, reading);
    let directory = file.parent().unwrap();
    let words = format!("{reading}$ROOT/etc/dvdcli: ");
    is_refused(&env, directory, "list -d local", 2, &words);
    // With the sticky bit, nobody can take the file away.
    chmod(directory, 0o1777);
    env.dvdcli("list -d local").succeeds();
}

#[test]
fn a_plugin_that_others_could_have_named_is_not_called() {
    let Some(env) = Env::isolated() else { return };
    let there = FakePlugin::at(&env, Kind::Counting, "there/x.sock").with_volume("db");
    let spec = env.write("etc/docker/plugins/fake.spec", &there.address);
    let daemon = env.write("etc/docker/daemon.json", "{}");
    let started = "dvdcli: listing volumes: plugin fake: ";
    for (path, words) in [
        (spec.clone(), "reading $ROOT/etc/docker/plugins/fake.spec: "),
        (
            env.path("etc/docker/plugins"),
            "reading $ROOT/etc/docker/plugins/fake.spec: $ROOT/etc/docker/plugins: ",
        ),
        (
            env.path("there/x.sock"),
            "connecting to $ROOT/there/x.sock: ",
        ),
        (
            env.path("there"),
            "connecting to $ROOT/there/x.sock: $ROOT/there: ",
        ),
        (daemon, "reading $ROOT/etc/docker/daemon.json: "),
    ] {
        is_refused(&env, &path, "list -d fake", 1, &format!("{started}{words}"));
    }
    // As Docker's own are.
    chmod(&env.path("there/x.sock"), 0o660);
    env.dvdcli("list -d fake").prints("db\n").succeeds();
}

#[test]
fn a_managed_plugin_of_others_is_not_called() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = plugin(&env, ID, "fake:latest", "/data");
    let config = format!("var/lib/docker/plugins/{ID}/config.json");
    let sockets = format!("run/docker/plugins/{ID}");
    let started = "dvdcli: listing volumes: plugin fake:latest: ";
    let reading = format!("{started}reading $ROOT/{config}: ");
    let using = format!("{started}using $ROOT/{sockets}: ");
    is_refused(&env, &env.path(&config), "list -d fake", 1, &reading);
    is_refused(&env, &env.path(&sockets), "list -d fake", 1, &using);
    // The plugin may run as any user.
    chown(env.path(&format!("{sockets}/x.sock")), Some(1000), None).unwrap();
    env.dvdcli("list -d fake").prints("db\n").succeeds();
}

#[test]
fn records_and_volumes_of_others_are_not_acted_on() {
    let Some(env) = Env::isolated() else { return };
    let directory = local_volume(&env, "db");
    env.dvdcli("mount -d local -n db")
        .prints("$ROOT/var/lib/dvdcli/local/db/_data\n")
        .succeeds();
    let volumes = "$ROOT/var/lib/dvdcli/local";
    for (path, words) in [
        (
            env.path("run/dvdcli"),
            "locking the volume in $ROOT/run/dvdcli: using $ROOT/run/dvdcli: ".to_owned(),
        ),
        (
            directory.join("volume.json"),
            format!("reading {volumes}/db/volume.json: "),
        ),
        (
            directory.clone(),
            format!("reading {volumes}/db/volume.json: {volumes}/db: "),
        ),
    ] {
        let words = format!("dvdcli: mounting volume db: {words}");
        is_refused(&env, &path, "mount -d local -n db", 1, &words);
    }
    for (path, words) in [
        (env.path("var/lib/dvdcli/local"), ""),
        (env.path("var/lib/dvdcli"), "$ROOT/var/lib/dvdcli: "),
    ] {
        let words = format!("dvdcli: using {volumes}: {words}");
        is_refused(&env, &path, "mount -d local -n db", 1, &words);
    }
    env.dvdcli("unmount -d local -n db").succeeds();
    env.dvdcli("remove -d local -n db").succeeds();
    // Nor is anything made where others could replace it.
    fs::remove_dir(env.path("var/lib/dvdcli/local")).unwrap();
    chmod(&env.path("var/lib/dvdcli"), 0o777);
    env.dvdcli("create -d local -n db").fails(
        1,
        &format!("dvdcli: using {volumes}: $ROOT/var/lib/dvdcli: other users can write to it (mode 0777); run chmod go-w on it\n"),
    );
}

#[test]
fn a_certificate_of_others_is_not_trusted() {
    let Some(env) = Env::isolated() else { return };
    let file = env.write("ca.pem", "");
    chmod(&file, 0o666);
    let spec = json!({ "Addr": "https://127.0.0.1:1", "TLSConfig": { "CAFile": file } });
    env.write("etc/docker/plugins/fake.json", spec.to_string());
    env.dvdcli("list -d fake").fails(
        1,
        "dvdcli: listing volumes: plugin fake: reading $ROOT/ca.pem: other users can write to it (mode 0666); run chmod go-w on it\n",
    );
}

#[test]
fn who_is_not_root_is_warned() {
    let Some(env) = Env::isolated() else { return };
    let there = FakePlugin::at(&env, Kind::Counting, "there/x.sock").with_volume("db");
    let spec = env.write("etc/docker/plugins/fake.spec", &there.address);
    chmod(&env.path(""), 0o755);
    chmod(&env.path("there/x.sock"), 0o666);
    chmod(&spec, 0o666);
    let program = env.path("dvdcli");
    fs::copy(crate::harness::env::DVDCLI, &program).unwrap();
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let run = env.program(program.to_str().unwrap(), ["list", "-d", "fake"]);
    run.through("setpriv", &user)
        .prints("db\n")
        .warns("dvdcli: warning: reading $ROOT/etc/docker/plugins/fake.spec: other users can write to it (mode 0666); run chmod go-w on it\n")
        .succeeds();
}

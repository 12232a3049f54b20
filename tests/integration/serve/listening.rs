//! Where a service listens, and how others find it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::served::Served;

#[test]
fn the_socket_is_roots_and_goes_with_the_service() {
    let env = Env::new();
    // What a service left behind that was killed.
    let socket = env.dir("run/docker/plugins").join("dvdcli.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let served = Served::start(&env, "local");
    let metadata = fs::metadata(&socket).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o660);
    if nix::unistd::geteuid().is_root() {
        assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    }
    env.dvdcli("serve -d local").fails(
        4,
        "dvdcli: serving driver local: listening on unix://$ROOT/run/docker/plugins/dvdcli.sock: another process listens there; stop \
         it, or name another address with --listen\n",
    );
    assert_eq!(served.stop().parts(), (0, "", ""));
    assert_eq!(env.names("run/docker/plugins"), [""; 0]);
    // Nor is anything else taken.
    env.write("run/docker/plugins/dvdcli.sock", "");
    env.dvdcli("serve -d local").fails(
        1,
        "dvdcli: serving driver local: listening on unix://$ROOT/run/docker/plugins/dvdcli.sock: there is something else than a \
         socket; remove it\n",
    );
}

/// Its volumes are known by their own driver's name.
#[test]
fn what_we_serve_ourselves_counts_once() {
    let env = Env::new();
    env.dvdcli("create -d local -n db").succeeds();
    let served = Served::start(&env, "local");
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nlocal   db\n")
        .succeeds();
    let drivers = env.dvdcli("drivers --format names").output();
    assert_eq!(drivers.parts(), (0, "local\nloop\n", ""));
    env.dvdcli("doctor").succeeds();
    env.dvdcli("get -d dvdcli -n db").fails(
        2,
        "dvdcli: looking up volume db: plugin dvdcli: Plugin.Activate: it is dvdcli serving driver local; give that name\n",
    );
    assert_eq!(served.stop().code, 0);
    // A service cannot be its own plugin.
    let own = "serve -d own --listen unix://$ROOT/run/docker/plugins/own.sock";
    let served = Served::started(&env, env.dvdcli(own), "own");
    let (status, refused) = served.call("VolumeDriver.List", Value::Null);
    assert_eq!(status, 500);
    let words = refused["Err"].as_str().unwrap();
    assert!(words.contains("it is dvdcli serving driver own"), "{words}");
    served.kill();
}

/// As with the aliases of those who come from REX-Ray.
#[test]
fn an_alias_is_served_under_its_own_name() {
    let env = Env::new();
    env.configure("dvdcli:\n  aliases:\n    rexray: local\n");
    let served = Served::start(&env, "rexray");
    served.done("VolumeDriver.Create", serde_json::json!({"Name": "db"}));
    assert_eq!(env.names("var/lib/dvdcli/local"), ["db"]);
    assert_eq!(served.stop().code, 0);
}

#[test]
fn what_cannot_be_served_is_refused() {
    let env = Env::new();
    let closed = "give --tls-cert, --tls-key and --tls-client-ca, or listen on 127.0.0.1";
    for (line, code, why) in [
        (
            "serve",
            2,
            "no driver is named; give --volumedriver (in fstab: DRIVER/VOLUME), or set dvdcli.driver".to_owned(),
        ),
        (
            "serve -d own",
            2,
            "serving plugin own: its own name would lead to this service; give --listen unix:///run/docker/plugins/NAME.sock with \
             another name"
                .to_owned(),
        ),
        (
            "serve -d a/b:latest",
            2,
            "serving plugin a/b:latest: its own name would lead to this service; give --listen unix:///run/docker/plugins/NAME.sock \
             with another name"
                .to_owned(),
        ),
        (
            "serve -d local --listen tcp://0.0.0.0:7001",
            2,
            format!(
                "serving driver local: listening on tcp://0.0.0.0:7001: 0.0.0.0:7001 can be reached from other hosts, and whoever \
                 calls it is root here; {closed}"
            ),
        ),
        (
            "serve -d local --listen /run/x.sock",
            2,
            "serving driver local: --listen: address '/run/x.sock' has no scheme; write unix://, tcp://, http:// or https:// in \
             front"
                .to_owned(),
        ),
    ] {
        env.dvdcli(line).fails(code, &format!("dvdcli: {why}\n"));
    }
}

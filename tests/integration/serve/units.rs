//! The units of systemd that are shipped, and what systemd and a service tell each other.

use std::os::unix::net::UnixDatagram;
use std::process::Command;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::{finish, program_at};
use crate::harness::served::Served;
use crate::harness::waiting::KILL_AFTER;

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd");

/// With the program where it is, in place of where packages put it.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let env = Env::new();
    let mut verify = Command::new(program_at("systemd-analyze"));
    verify.args(["verify", "--man=no"]);
    for kind in ["service", "socket"] {
        let text = fs::read_to_string(format!("{UNITS}/dvdcli@.{kind}")).unwrap();
        let text = text.replace("/usr/bin/dvdcli", env!("CARGO_BIN_EXE_dvdcli"));
        verify.arg(env.write(&format!("units/dvdcli@loop.{kind}"), text));
    }
    let verified = finish(&mut verify);
    let words = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<&str> = words
        .lines()
        .filter(|line| line.contains("dvdcli"))
        .collect();
    assert_eq!(ours, [""; 0]);
}

/// They would hide the mounts, or end file systems that run as processes.
#[test]
fn the_service_has_no_mounts_of_its_own() {
    let text = fs::read_to_string(format!("{UNITS}/dvdcli@.service")).unwrap();
    let settings = |name: &str| text.lines().any(|line| line.starts_with(name));
    for name in [
        "Private",
        "Protect",
        "ReadOnly",
        "Temporary",
        "RootDirectory",
        "User=",
    ] {
        assert!(!settings(name), "{name}");
    }
    for line in ["KillMode=process", "Before=docker.service", "Type=notify"] {
        assert!(settings(line), "{line}");
    }
}

/// The socket is systemd's, and stays when the service ends.
#[test]
fn a_socket_of_systemd_is_taken_over() {
    let env = Env::new();
    let socket = env.dir("run/docker/plugins").join("dvdcli.sock");
    let run = env.dvdcli("serve -d dvdcli");
    let listen = format!("--listen={}", socket.display());
    let run = run.through("systemd-socket-activate", &[&listen, "-E", "DVDCLI_ROOT"]);
    // It is started by the first call.
    let served = Served::started(&env, run, "dvdcli");
    served.done("VolumeDriver.Create", json!({"Name": "db"}));
    assert_eq!(env.names("var/lib/dvdcli/local"), ["db"]);
    let output = served.stop();
    assert_eq!((output.code, output.stdout.as_str()), (0, ""));
    assert!(socket.exists());
}

#[test]
fn systemd_is_told_when_it_begins_and_ends() {
    let env = Env::new();
    let path = env.path("notify");
    let told = UnixDatagram::bind(&path).unwrap();
    told.set_read_timeout(Some(KILL_AFTER)).unwrap();
    let says = || {
        let mut text = [0; 100];
        let length = told.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let run = env
        .dvdcli("serve -d local")
        .env("NOTIFY_SOCKET", path.to_str().unwrap());
    let served = Served::started(&env, run, "dvdcli");
    assert_eq!(says(), "READY=1");
    assert_eq!(served.stop().parts(), (0, "", ""));
    assert_eq!(says(), "STOPPING=1");
}

//! Requests and answers, to the byte, and clients that misbehave.

use std::io::{Read, Write};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::served::{Served, read, request};
use crate::harness::waiting::at_once;

const NAME: fn() -> Value = || json!({"Name": "db"});

#[test]
fn a_volume_lives_from_create_to_remove() {
    let Some(env) = Env::isolated() else { return };
    let served = Served::start(&env, "loop");
    let path = format!("{}/var/lib/dvdcli/loop/db/mnt/data", env.root());
    let done = |method: &str, body: Value| served.done(method, body);
    assert_eq!(
        done("Plugin.Activate", Value::Null)["Implements"],
        json!(["VolumeDriver"])
    );
    assert_eq!(
        done("VolumeDriver.Capabilities", json!({})),
        json!({"Capabilities": {"Scope": "local"}})
    );
    let absent = "looking up volume db: driver loop: no such volume";
    assert_eq!(
        served.call("VolumeDriver.Get", NAME()),
        (500, json!({"Err": absent}))
    );
    let create = json!({"Name": "db", "Opts": {"size": "20MiB"}});
    assert_eq!(done("VolumeDriver.Create", create), json!({}));
    let got = done("VolumeDriver.Get", NAME());
    let inspected = env.json("inspect -d loop -n db");
    assert_eq!(
        (&got["Volume"]["Name"], &got["Volume"]["Mountpoint"]),
        (&json!("db"), &json!(""))
    );
    assert_eq!(got["Volume"]["CreatedAt"], inspected[0]["CreatedAt"]);
    assert_eq!(got["Volume"]["Status"]["FsType"], json!("ext4"));
    assert_eq!(done("VolumeDriver.Path", NAME()), json!({"Mountpoint": ""}));
    let mount = json!({"Name": "db", "ID": "a"});
    assert_eq!(
        done("VolumeDriver.Mount", mount.clone()),
        json!({"Mountpoint": path})
    );
    assert_eq!(
        done("VolumeDriver.Path", NAME()),
        json!({"Mountpoint": path})
    );
    assert_eq!(
        done("VolumeDriver.List", json!({})),
        json!({"Volumes": [{"Name": "db", "Mountpoint": path}]})
    );
    let (status, refused) = served.call("VolumeDriver.Remove", NAME());
    assert_eq!(status, 500);
    let held = format!(
        "removing volume db: it is mounted at {path} and held by engine a; unmount it first"
    );
    assert_eq!(refused, json!({"Err": held}));
    assert_eq!(done("VolumeDriver.Unmount", mount), json!({}));
    assert_eq!(done("VolumeDriver.Remove", NAME()), json!({}));
    assert_eq!(done("VolumeDriver.List", json!({})), json!({"Volumes": []}));
    let output = served.stop();
    assert_eq!(output.code, 0);
    assert_eq!(output.stderr, env.with_root(&format!("dvdcli: {held}\n")));
    env.assert_nothing_is_left();
}

/// Docker creates again what it cannot look up, and sends options in three forms of none.
#[test]
fn create_is_idempotent() {
    let env = Env::new();
    let served = Served::start(&env, "local");
    for body in [
        json!({"Name": "db", "Opts": null, "Unknown": 1}),
        json!({"Name": "db"}),
        json!({"Name": "db", "Opts": {}}),
    ] {
        assert_eq!(served.done("VolumeDriver.Create", body), json!({}));
    }
    let other = json!({"Name": "db", "Opts": {"type": "tmpfs", "device": "tmpfs"}});
    served.done("VolumeDriver.Create", other);
    let output = served.stop();
    assert_eq!(
        output.parts(),
        (
            0,
            "",
            "dvdcli: warning: creating volume db: it exists already with another device, type\n"
        )
    );
}

/// The retry of Docker's client carries an empty body: it never acts.
#[test]
fn what_cannot_be_read_never_acts() {
    let env = Env::new();
    env.dvdcli("create -d local -n db").succeeds();
    let served = Served::start(&env, "local");
    let engine = served.engine();
    let error = |text: &str| json!({ "Err": text });
    for method in ["Create", "Remove", "Mount", "Unmount", "Path", "Get"] {
        let method = format!("VolumeDriver.{method}");
        for body in ["", " \n"] {
            assert_eq!(
                engine.raw(&request(&method, body)),
                (400, error("the request has no body")),
                "{method}"
            );
        }
        for body in ["null", "{}", "[]", "{", "7"] {
            assert_eq!(
                engine.raw(&request(&method, body)).0,
                400,
                "{method} {body}"
            );
        }
        for name in ["", "..", "a/b", "/", "size=1,db"] {
            let (status, _) = engine.call(&method, json!({"Name": name, "ID": "a"}));
            assert_eq!(status, 500, "{method} {name}");
        }
    }
    let mount = json!({"Name": "db", "ID": ""});
    assert_eq!(
        served.call("VolumeDriver.Mount", mount),
        (500, error("the request has no ID"))
    );
    for (request, status) in [
        ("GET /VolumeDriver.List HTTP/1.1\r\n\r\n", 405),
        ("POST /VolumeDriver.Nothing HTTP/1.1\r\n\r\n", 404),
        ("POST / HTTP/1.1\r\n\r\n", 404),
        ("nothing\r\n\r\n", 400),
        (
            "POST /VolumeDriver.List HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n",
            413,
        ),
        (
            "POST /VolumeDriver.List HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            411,
        ),
        (
            "POST /VolumeDriver.List HTTP/1.1\r\nOrigin: http://evil\r\n\r\n",
            403,
        ),
    ] {
        assert_eq!(engine.raw(request.as_bytes()).0, status, "{request}");
    }
    // Neither matters.
    let strange = "POST /VolumeDriver.List HTTP/1.0\r\nHost: \r\nAccept-Encoding: gzip\r\n\r\n";
    assert_eq!(engine.raw(strange.as_bytes()).0, 200);
    assert_eq!(env.names("var/lib/dvdcli/local"), ["db"]);
    served.kill();
}

/// Whoever drips, floods or stays silent costs nobody else anything, and too many are turned away.
#[test]
fn a_client_that_misbehaves_disturbs_no_other() {
    let env = Env::new();
    env.dvdcli("create -d local -n db").succeeds();
    let served = Served::start(&env, "local");
    let engine = served.engine();
    let mut idle: Vec<_> = (0..40).map(|_| engine.connect().unwrap()).collect();
    let mut dripping = engine.connect().unwrap();
    dripping.write_all(b"POST /Volu").unwrap();
    let mut flood = engine.connect().unwrap();
    let _ = flood.write_all(&vec![b'x'; 1 << 20]);
    let answers = at_once(0..16, |_| served.call("VolumeDriver.Get", NAME()).0);
    assert_eq!(answers, [200; 16]);
    assert_eq!(read(&mut flood).unwrap().0, 431);
    // Those that are too many.
    idle.extend((0..30).map(|_| engine.connect().unwrap()));
    let (status, refused) = loop {
        match served.call("VolumeDriver.Get", NAME()) {
            (200, _) => {}
            other => break other,
        }
    };
    assert_eq!(
        (status, refused),
        (503, json!({"Err": "64 calls are under way; try again"}))
    );
    drop(idle);
    dripping
        .write_all(b"meDriver.Get HTTP/1.1\r\nContent-Length: 13\r\n\r\n{\"Name\":\"db\"}")
        .unwrap();
    assert_eq!(read(&mut dripping).unwrap().0, 200);
    let output = served.stop();
    assert_eq!(output.parts(), (0, "", ""));
}

/// SIGTERM lets those finish that have begun, and waits for nobody who has said nothing.
#[test]
fn what_is_under_way_is_finished_at_the_end() {
    let env = Env::new();
    env.dvdcli("create -d local -n db").succeeds();
    let served = Served::start(&env, "local");
    let mut silent = served.engine().connect().unwrap();
    let mut begun = served.engine().connect().unwrap();
    let request = request("VolumeDriver.Get", r#"{"Name": "db"}"#);
    let (first, rest) = request.split_at(20);
    begun.write_all(first).unwrap();
    nix::sys::signal::kill(served.pid(), nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    begun.write_all(rest).unwrap();
    assert_eq!(read(begun).unwrap().0, 200);
    assert_eq!(served.output().parts(), (0, "", ""));
}

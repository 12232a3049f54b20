//! JSON as Docker's decoder takes it: keys in any case, text that is none, more than one value.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{Answer, json, status};
use crate::harness::managed::{ID, config, install};
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;

/// Status 200 and these bytes.
fn bytes(body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    Answer::Bytes([head.as_bytes(), body].concat())
}

#[test]
fn an_error_is_one_however_its_key_is_written() {
    for (line, method, doing) in [
        ("create -d fake -n new", "Create", "creating volume new"),
        ("mount -d fake -n db", "Mount", "mounting volume db"),
        ("remove -d fake -n db", "Remove", "removing volume db"),
    ] {
        let (env, plugin) = FakePlugin::with_db();
        for body in [
            r#"{"err": "disk on fire"}"#,
            r#"{"ERR": "disk on fire", "mountpoint": "/"}"#,
            r#"{"error": "disk on fire"}"#,
            r#"{"Err": "", "Err": "disk on fire"}"#,
            r#"{"Err": "disk on fire", "err": ""}"#,
            r#"{"Err": null, "err": "disk on fire"} {}"#,
        ] {
            for code in [200, 500] {
                plugin.on(method, status(code, body));
                env.dvdcli(line).fails(
                    1,
                    &format!("dvdcli: {doing}: plugin fake: VolumeDriver.{method}: disk on fire\n"),
                );
            }
        }
    }
}

#[test]
fn an_unmount_that_failed_is_no_success() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    plugin.on("Unmount", json(json!({ "err": "disk on fire" })));
    env.dvdcli("unmount -d fake -n db").fails(
        1,
        "dvdcli: unmounting volume db: plugin fake: VolumeDriver.Unmount: disk on fire; unmount --force forgets it\n",
    );
}

#[test]
fn a_volume_is_found_however_its_keys_are_written() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    let path = env.dir("volumes/db");
    let volume = json!({ "NAME": "db", "mountPoint": path, "STATUS": { "a": 1 }, "createdat": "2026-01-02T03:04:05Z" });
    plugin
        .on("Activate", json(json!({ "implements": ["VolumeDriver"] })))
        .on("Get", json(json!({ "volume": volume })))
        .on("List", json(json!({ "VOLUMES": [volume] })))
        .on("Path", json(json!({ "mountpoint": path })))
        .on("Mount", json(json!({ "MountPoint": path })))
        .on(
            "Capabilities",
            json(json!({ "capabilities": { "scope": "Global" } })),
        );
    env.dvdcli("exists -d fake -n db").succeeds();
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    env.dvdcli("path -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.mount_db();
    assert_eq!(plugin.bodies("Create").len(), 0);
    let shown = &env.json("inspect -d fake -n db")[0];
    let found = ["Scope", "Status", "CreatedAt", "Mountpoint"].map(|key| shown[key].clone());
    assert_eq!(
        found,
        [
            json!("global"),
            json!({ "a": 1 }),
            json!("2026-01-02T03:04:05Z"),
            json!("$ROOT/volumes/db")
        ]
    );
}

#[test]
fn one_bad_name_does_not_spoil_a_list() {
    let (env, plugin) = FakePlugin::with_db();
    let bodies: [&[u8]; 3] = [
        b"{\"Volumes\": [{\"Name\": \"a\"}, {\"Name\": \"b\xff\"}, {\"Name\": \"c\"}]}",
        br#"{"Volumes": [{"Name": "a"}, {"Name": "b\udc00"}, {"Name": "c"}]}"#,
        br#"{"Volumes": [{"Name": "a"}, {"Name": "b\ufffd", "Name": null}, {"Name": "c"}]}{"Volumes": []}"#,
    ];
    for body in bodies {
        plugin.on("List", bytes(body));
        env.dvdcli("list -d fake")
            .prints("a\nb\u{fffd}\nc\n")
            .succeeds();
    }
}

#[test]
fn null_is_an_answer_without_content() {
    let (env, plugin) = FakePlugin::with_db();
    for answer in [status(200, "null"), status(200, " null\n")] {
        for method in ["Get", "Create", "List", "Unmount"] {
            plugin.on(method, answer.clone());
        }
        env.dvdcli("list -d fake").succeeds();
        env.dvdcli("get -d fake -n db").fails(
            3,
            "dvdcli: looking up volume db: plugin fake: no such volume\n",
        );
        env.mount_db();
        env.dvdcli("unmount -d fake -n db").succeeds();
    }
}

#[test]
fn files_are_read_in_the_same_way() {
    let env = Env::new();
    let plugin = FakePlugin::at(&env, Kind::Counting, "else.sock").with_volume("db");
    let address = &plugin.address;
    let latin = [
        b"{\"name\": \"caf\xe9\", \"ADDR\": \"",
        address.as_bytes(),
        b"\"}",
    ];
    for spec in [
        format!(r#"{{"addr": "{address}"}}"#).into_bytes(),
        format!(r#"{{"Addr": "{address}", "Addr": null}} {{}}"#).into_bytes(),
        format!(r#"{{"addr": "{address}", "tlsconfig": {{"cafile": "/none"}}}}"#).into_bytes(),
        latin.concat(),
    ] {
        env.write("etc/docker/plugins/fake.json", spec);
        env.dvdcli("list -d fake").prints("db\n").succeeds();
    }
}

#[test]
fn a_managed_plugin_is_found_however_its_keys_are_written() {
    let env = Env::new();
    let socket = format!("run/docker/plugins/{ID}/x.sock");
    let _plugin = FakePlugin::at(&env, Kind::Counting, &socket).with_volume("db");
    let text = config(ID, "fake:latest", "").to_string().to_lowercase();
    let lower = serde_json::from_str(&text).unwrap();
    install(&env, "var/lib/docker", ID, &lower);
    for docker in ["{}", "null", r#"{"data-root": ""}"#] {
        env.write("etc/docker/daemon.json", docker);
        env.dvdcli("list -d fake").prints("db\n").succeeds();
    }
}

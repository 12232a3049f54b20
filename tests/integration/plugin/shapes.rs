//! Volumes as plugins tell them, answers of the wrong shape, and very long ones.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::http::{chunked, json, missing, no_length, refuses};
use crate::harness::plugin::FakePlugin;

#[test]
fn a_volume_may_be_told_in_many_ways() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for volume in [
        json!({ "Name": "db" }),
        json!({ "Name": "db", "Mountpoint": null, "Status": null, "CreatedAt": null }),
        json!({ "Name": "db", "Mountpoint": "", "CreatedAt": "" }),
        json!({ "Name": "db", "CreatedAt": "2026-01-02T03:04:05.000Z" }),
        json!({ "Name": "db", "CreatedAt": "yesterday" }),
        json!({ "Name": "db", "CreatedAt": 1767323045, "Status": [] }),
        json!({ "Name": "db", "Status": { "a": { "b": [null] } }, "Labels": { "x": "y" } }),
    ] {
        plugin.on("Get", json(json!({ "Volume": volume })));
        plugin.on("List", json(json!({ "Volumes": [volume] })));
        env.dvdcli("exists -d fake -n db").succeeds();
        env.dvdcli("get -d fake -n db").prints("db\n").succeeds();
        env.dvdcli("list -d fake").prints("db\n").succeeds();
        let shown = env.json("inspect -d fake -n db");
        assert_eq!(
            (&shown[0]["Name"], shown[0]["Status"].is_object()),
            (&json!("db"), true),
            "{volume}"
        );
    }
}

#[test]
fn answers_of_the_wrong_shape_fail_in_one_line() {
    let env = Env::new();
    for (line, method, body) in [
        ("list -d fake", "List", json!({ "Volumes": {} })),
        ("list -d fake", "List", json!({ "Volumes": [1] })),
        (
            "list -d fake",
            "List",
            json!({ "Volumes": [{ "Name": [] }] }),
        ),
        ("list -d fake", "List", json!([])),
        ("get -d fake -n db", "Get", json!({ "Volume": [] })),
        ("get -d fake -n db", "Get", json!({ "Volume": "db" })),
        (
            "get -d fake -n db",
            "Get",
            json!({ "Volume": { "Name": 7 } }),
        ),
        ("exists -d fake -n db", "Get", json!([])),
        ("exists -d fake -n db", "Get", json!("db")),
        ("path -d fake -n db", "Path", json!({ "Mountpoint": {} })),
        ("create -d fake -n db", "Create", json!("done")),
        (
            "get -d fake -n db",
            "Activate",
            json!({ "Implements": "VolumeDriver" }),
        ),
        ("get -d fake -n db", "Activate", json!("VolumeDriver")),
    ] {
        let plugin = FakePlugin::start(&env, "fake");
        plugin.on(method, json(body.clone()));
        env.dvdcli(line).fails(
            1,
            &format!("dvdcli: [..]{method}: the answer is not as the protocol has it[..]\n"),
        );
    }
}

#[test]
fn a_plugin_of_another_kind_is_refused() {
    let (env, plugin) = FakePlugin::with_db();
    for (implements, what) in [
        (
            json!(["NetworkDriver", "IpamDriver"]),
            "NetworkDriver, IpamDriver",
        ),
        (json!([]), "nothing"),
    ] {
        plugin.on("Activate", json(json!({ "Implements": implements })));
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: Plugin.Activate: it is no volume driver, it implements {what}\n"),
        );
        assert_eq!(plugin.take_calls(), ["Activate"]);
    }
    plugin.on(
        "Activate",
        json(json!({ "Implements": ["NetworkDriver", "VolumeDriver"] })),
    );
    env.dvdcli("get -d fake -n db").prints("db\n").succeeds();
}

#[test]
fn a_list_of_ten_thousand_volumes_passes() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let names: Vec<String> = (0..10_000)
        .map(|number| format!("volume-{number:04}"))
        .collect();
    let status = "x".repeat(100);
    let volumes: Vec<Value> = names
        .iter()
        .map(|name| json!({ "Name": name, "Status": { "Text": status } }))
        .collect();
    let all = names
        .iter()
        .map(|name| format!("{name}\n"))
        .collect::<String>();
    for answer in [
        json(json!({ "Volumes": volumes })),
        chunked(json!({ "Volumes": volumes })),
        no_length(json!({ "Volumes": volumes })),
    ] {
        plugin.on("List", answer);
        env.dvdcli("list -d fake").prints(&all).succeeds();
    }
}

/// What is not known is an error, whatever the words of the refusal say: they may speak of anything.
#[test]
fn exists_says_why_where_the_plugin_refuses() {
    let (env, plugin) = FakePlugin::with_db();
    plugin
        .on("Get", missing())
        .on("List", refuses("volume not found"));
    env.dvdcli("exists -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: VolumeDriver.List: volume not found\n",
    );
}

//! The verbs that only ask: `path`, `get`, `list`, `inspect`, `exists`, `drivers`, and their formats.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{json, missing, refuses};
use crate::harness::managed::listed_plugins;
use crate::harness::plugin::FakePlugin;

#[test]
fn path_prints_the_path_or_nothing() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("path -d fake -n db").succeeds();
    env.mount_db();
    env.dvdcli("path -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.dvdcli("path -d fake -n db").succeeds();
    plugin.on("Path", refuses("volume is not mounted"));
    env.dvdcli("path -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn path_says_why_it_failed() {
    let (env, plugin) = FakePlugin::with_db();
    let asking =
        |volume: &str| format!("dvdcli: asking for the path of volume {volume}: plugin fake:");
    env.dvdcli("path -d fake -n none").fails(
        3,
        &format!("{} VolumeDriver.Path: volume not found\n", asking("none")),
    );
    plugin.on("Path", refuses("backend unreachable"));
    env.dvdcli("path -d fake -n db").fails(
        1,
        &format!("{} VolumeDriver.Path: backend unreachable\n", asking("db")),
    );
    plugin.on("Path", json(json!({ "Mountpoint": "volumes/db" })));
    env.dvdcli("path -d fake -n db").fails(
        1,
        &format!(
            "{} mount point 'volumes/db' is no absolute path\n",
            asking("db")
        ),
    );
}

#[test]
fn path_of_what_we_mounted_is_known_where_the_plugin_does_not_say() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    plugin.on("Path", json(json!({ "Mountpoint": "", "Err": "" })));
    env.dvdcli("path -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
}

#[test]
fn get_prints_the_name() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("get -d fake -n db").prints("db\n").succeeds();
    assert_eq!(plugin.take_calls(), ["Activate", "Get"]);
    env.dvdcli("get -d fake -n none").fails(
        3,
        "dvdcli: looking up volume none: plugin fake: no such volume\n",
    );
    plugin.on("Get", refuses("backend unreachable"));
    env.dvdcli("get -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: VolumeDriver.Get: backend unreachable\n",
    );
}

#[test]
fn exists_answers_by_its_exit_code() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("exists -d fake -n db").succeeds();
    env.dvdcli("exists -d fake -n none").fails(3, "");
    plugin.on("Get", json(json!({})));
    env.dvdcli("exists -d fake -n db").fails(3, "");
    plugin.on("Get", missing());
    env.dvdcli("exists -d fake -n db").succeeds();
    env.dvdcli("exists -d fake -n none").fails(3, "");
    plugin.on("List", missing());
    env.dvdcli("exists -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: it has neither VolumeDriver.Get nor VolumeDriver.List, and cannot say\n",
    );
    plugin.on("Get", refuses("backend unreachable"));
    env.dvdcli("exists -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: VolumeDriver.Get: backend unreachable\n",
    );
}

#[test]
fn list_prints_a_name_per_line() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    env.dvdcli("list -d fake").succeeds();
    let plugin = plugin.with_volume("b").with_volume("a");
    env.dvdcli("list -d fake").prints("a\nb\n").succeeds();
    assert_eq!(plugin.bodies("List"), [json!({}), json!({})]);
    plugin.on("List", json(json!({ "Volumes": null })));
    env.dvdcli("list -d fake").succeeds();
    plugin.on(
        "List",
        json(json!({ "Volumes": [{ "Name": "x" }, { "Name": "y\nz", "CreatedAt": "" }] })),
    );
    env.dvdcli("list -d fake").prints("x\ny\\nz\n").succeeds();
    plugin.on("List", refuses("backend unreachable"));
    env.dvdcli("list -d fake").fails(
        1,
        "dvdcli: listing volumes: plugin fake: VolumeDriver.List: backend unreachable\n",
    );
    plugin.on("List", missing());
    env.dvdcli("list -d fake").fails(
        1,
        "dvdcli: listing volumes: plugin fake: it has no VolumeDriver.List\n",
    );
}

#[test]
fn list_has_formats() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake")
        .with_volume("a")
        .with_volume("b");
    env.dvdcli("mount -d fake -n b")
        .prints("$ROOT/volumes/b\n")
        .succeeds();
    env.dvdcli("list -d fake --format names")
        .prints("a\nb\n")
        .succeeds();
    env.dvdcli("list -d fake --format table")
        .prints("DRIVER  VOLUME NAME\nfake    a\nfake    b\n")
        .succeeds();
    assert_eq!(
        env.json("list -d fake --format json"),
        json!([
            { "Driver": "fake", "Name": "a", "Mountpoint": null, "Labels": {} },
            { "Driver": "fake", "Name": "b", "Mountpoint": "$ROOT/volumes/b", "Labels": {} },
        ])
    );
}

#[test]
fn list_without_a_driver_asks_them_all() {
    let env = Env::new();
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\n")
        .succeeds();
    let _one = FakePlugin::start(&env, "one").with_volume("a");
    let _other = FakePlugin::start(&env, "the-other")
        .with_volume("b")
        .with_volume("c");
    let table = "DRIVER     VOLUME NAME\none        a\nthe-other  b\nthe-other  c\n";
    env.dvdcli("list").prints(table).succeeds();
    env.dvdcli("list --format names")
        .prints("a\nb\nc\n")
        .succeeds();
    env.write("etc/docker/plugins/dead.spec", "unix:///nowhere/dead.sock");
    env.dvdcli("list").prints(table).fails(
        1,
        "dvdcli: listing volumes: plugin dead: unix:///nowhere/dead.sock: no such file or directory\n",
    );
}

#[test]
fn inspect_speaks_in_the_keys_of_docker() {
    let (env, plugin) = FakePlugin::with_db();
    let inspected = || env.json("inspect -d fake -n db");
    assert_eq!(
        inspected(),
        json!([{
            "CreatedAt": null, "Driver": "fake", "Labels": {}, "Mountpoint": "", "Name": "db", "Options": null,
            "Scope": "local", "Status": {}, "Holders": [],
            "Size": null, "Allocated": null, "Used": null, "Free": null, "Snapshots": null,
        }])
    );
    env.dvdcli("mount -d fake -n db --id task")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    plugin.on(
        "Capabilities",
        json(json!({ "Capabilities": { "Scope": "global" } })),
    );
    let volume =
        json!({ "Name": "db", "CreatedAt": "2026-01-02T03:04:05Z", "Status": { "disk": [1, 2] } });
    plugin.on("Get", json(json!({ "Volume": volume })));
    assert_eq!(
        inspected(),
        json!([{
            "CreatedAt": "2026-01-02T03:04:05Z", "Driver": "fake", "Labels": {}, "Mountpoint": "$ROOT/volumes/db",
            "Name": "db", "Options": null, "Scope": "global", "Status": { "disk": [1, 2] }, "Holders": ["task"],
            "Size": null, "Allocated": null, "Used": null, "Free": null, "Snapshots": null,
        }])
    );
    assert_eq!(env.json("inspect -d fake -n db --format json"), inspected());
    plugin.on("Get", refuses("volume not found"));
    env.dvdcli("inspect -d fake -n db").fails(
        3,
        "dvdcli: inspecting volume db: plugin fake: no such volume\n",
    );
}

#[test]
fn a_scope_that_is_not_known_is_local() {
    let (env, plugin) = FakePlugin::with_db();
    for answer in [
        missing(),
        refuses("boom"),
        json(json!({ "Capabilities": { "Scope": "galaxy" } })),
        json(json!({ "Capabilities": null })),
        json(json!({})),
        json(json!({ "Capabilities": [] })),
        json(json!({ "Capabilities": { "Scope": 7 } })),
    ] {
        plugin.on("Capabilities", answer);
        assert_eq!(env.json("inspect -d fake -n db")[0]["Scope"], "local");
    }
}

#[test]
fn drivers_shows_each_and_whether_it_answers() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on(
        "Capabilities",
        json(json!({ "Capabilities": { "Scope": "global" } })),
    );
    env.write("etc/docker/plugins/gone.spec", "unix:///nowhere/gone.sock");
    env.write("usr/lib/docker/plugins/broken.spec", "");
    assert_eq!(
        listed_plugins(&env),
        json!([
            {
                "Name": "broken", "Type": "legacy", "Scope": null, "Address": "-", "Allowed": true, "Policy": { "views": "nosuid,nodev" }, "Answers": false,
                "Error": "plugin broken: reading $ROOT/usr/lib/docker/plugins/broken.spec: it holds no address",
            },
            {
                "Name": "fake", "Type": "legacy", "Scope": "global", "Allowed": true, "Policy": { "views": "nosuid,nodev" }, "Answers": true, "Error": null,
                "Address": "unix://$ROOT/run/docker/plugins/fake.sock",
            },
            {
                "Name": "gone", "Type": "legacy", "Scope": null, "Address": "unix:///nowhere/gone.sock",
                "Allowed": true, "Policy": { "views": "nosuid,nodev" }, "Answers": false, "Error": "plugin gone: unix:///nowhere/gone.sock: no such file or directory",
            },
        ])
    );
    // The path that `$ROOT` stands for is longer.
    let wide = |text: &str| format!("{text:0$}", 50 + "$ROOT".len() - env.root().len());
    let row = |name, kind, scope, address: &str, status| {
        let address = if address.contains("$ROOT") {
            wide(address)
        } else {
            format!("{address:50}")
        };
        format!("{name:8}{kind:10}{scope:8}{address} {status}\n")
    };
    let table = [
        row("DRIVER", "TYPE", "SCOPE", "ADDRESS", "STATUS"),
        row(
            "local",
            "built-in",
            "local",
            "$ROOT/var/lib/dvdcli/local",
            "answers",
        ),
        row(
            "loop",
            "built-in",
            "local",
            "$ROOT/var/lib/dvdcli/loop",
            "answers",
        ),
        row(
            "broken",
            "legacy",
            "-",
            "-",
            "plugin broken: reading $ROOT/usr/lib/docker/plugins/broken.spec: it holds no address",
        ),
        row(
            "fake",
            "legacy",
            "global",
            "unix://$ROOT/run/docker/plugins/fake.sock",
            "answers",
        ),
        row(
            "gone",
            "legacy",
            "-",
            "unix:///nowhere/gone.sock",
            "plugin gone: unix:///nowhere/gone.sock: no such file or directory",
        ),
    ];
    env.dvdcli("drivers").prints(&table.concat()).succeeds();
}

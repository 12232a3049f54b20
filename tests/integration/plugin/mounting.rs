//! What `mount` and `unmount` call, and what they print and return.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{Answer, json, missing, refuses};
use crate::harness::plugin::FakePlugin;

#[test]
fn mount_and_unmount_call_what_they_need_under_one_id() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    let ids = [
        &plugin.bodies("Mount")[0]["ID"],
        &plugin.bodies("Unmount")[0]["ID"],
    ]
    .map(Clone::clone);
    assert_eq!(ids[0], ids[1]);
    assert!(ids[0].as_str().is_some_and(|id| !id.is_empty()), "{ids:?}");
    let calls: Vec<_> = plugin
        .requests()
        .into_iter()
        .map(|call| (call.connection, call.method, call.body))
        .collect();
    let get = json!({ "Name": "db" });
    let holder = json!({ "Name": "db", "ID": ids[0] });
    assert_eq!(
        calls,
        [
            (1, "Activate".to_owned(), json!(null)),
            (1, "Get".to_owned(), get.clone()),
            (1, "Path".to_owned(), get),
            (2, "Mount".to_owned(), holder.clone()),
            (3, "Activate".to_owned(), json!(null)),
            (4, "Unmount".to_owned(), holder),
        ]
    );
}

#[test]
fn requests_are_what_plugins_of_all_sorts_take() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    for request in plugin.requests() {
        let header = |name: &str| request.headers.get(name).map(String::as_str);
        assert!(
            header("accept")
                .is_some_and(|kind| kind.starts_with("application/vnd.docker.plugins.v1"))
        );
        assert!(header("host").is_some_and(|host| !host.is_empty()));
        assert!(header("content-length").is_some());
    }
}

#[test]
fn two_volumes_are_mounted_under_ids_of_their_own() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake")
        .with_volume("a")
        .with_volume("b");
    env.dvdcli("mount -d fake -n a")
        .prints("$ROOT/volumes/a\n")
        .succeeds();
    env.dvdcli("mount -d fake -n b")
        .prints("$ROOT/volumes/b\n")
        .succeeds();
    let ids: Vec<_> = plugin
        .bodies("Mount")
        .into_iter()
        .map(|body| body["ID"].clone())
        .collect();
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn mount_creates_what_is_known_to_be_absent() {
    for absent in [
        refuses("volume not found"),
        refuses("resource not found"),
        refuses("Could not find volume db."),
        refuses("no such volume: db"),
        json(json!({ "Error": "Volume db not found" })),
        json(json!({ "Err": "volume db does not exist" })),
        json(json!({ "Volume": null })),
        json(json!({ "Volume": null, "Err": "" })),
        json(json!({ "Volume": null, "Err": null })),
        json(json!({})),
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        plugin.on("Get", absent);
        env.dvdcli("mount -d fake -n db --volumeopts=size=5,iops=150")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        assert_eq!(plugin.options("db"), json!({ "size": "5", "iops": "150" }));
        assert_eq!(
            plugin.take_calls(),
            ["Activate", "Get", "Create", "Path", "Mount"]
        );
        // What changes something goes out on a connection that no call has used.
        assert_eq!(plugin.connections(), 3);
    }
}

#[test]
fn mount_creates_nothing_where_the_plugin_is_in_trouble() {
    for words in [
        "backend unreachable",
        "exec: rbd: executable file not found in $PATH",
        "lookup storage.example: host not found",
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        plugin.on("Get", refuses(words));
        plugin.on("List", refuses(words));
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: VolumeDriver.Get: {words}\n"),
        );
        assert_eq!(plugin.take_calls(), ["Activate", "Get", "List"]);
    }
}

#[test]
fn mount_asks_list_where_the_plugin_has_no_get() {
    for no_get in [
        missing(),
        refuses("Handler not found: POST /VolumeDriver.Get"),
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake").with_volume("other");
        plugin.on("Get", no_get);
        env.mount_db();
        assert_eq!(
            plugin.take_calls(),
            ["Activate", "Get", "List", "Create", "Path", "Mount"]
        );
        env.dvdcli("unmount -d fake -n db").succeeds();
        assert_eq!(plugin.take_calls(), ["Activate", "Unmount"]);
        env.mount_db();
        assert_eq!(plugin.take_calls(), ["Activate", "Get", "List", "Mount"]);
        assert_eq!(plugin.volumes(), ["db", "other"]);
    }
}

#[test]
fn mount_sends_create_where_nothing_can_be_known() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("Get", missing()).on("List", missing());
    env.mount_db();
    assert_eq!(
        plugin.take_calls(),
        ["Activate", "Get", "List", "Create", "Path", "Mount"]
    );
    env.dvdcli("unmount -d fake -n db").succeeds();
    // That it exists already is as good.
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    plugin.take_calls();
    plugin.on("Create", refuses("no space in the pool"));
    env.dvdcli("mount -d fake -n db").fails(
        1,
        "dvdcli: mounting volume db: plugin fake: VolumeDriver.Create: no space in the pool\n",
    );
    assert_eq!(plugin.take_calls(), ["Activate", "Get", "List", "Create"]);
}

#[test]
fn a_failed_mount_says_why_in_the_words_of_the_plugin() {
    for (words, code) in [
        ("volume is attached to another host", 1),
        ("device is busy", 4),
        ("volume is in use", 4),
        // Get has it, whatever these words say.
        ("volume not found", 1),
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "rexray").with_volume("db");
        plugin.on("Mount", refuses(words));
        env.dvdcli("mount -d rexray -n db").fails(
            code,
            &format!("dvdcli: mounting volume db: plugin rexray: VolumeDriver.Mount: {words}\n"),
        );
    }
}

#[test]
fn unmount_needs_no_get() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    plugin.take_calls();
    for method in ["Get", "List", "Path", "Capabilities"] {
        plugin.on(method, missing());
    }
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.take_calls(), ["Activate", "Unmount"]);
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn unmount_of_what_is_not_mounted_is_done_with_a_warning() {
    let (env, plugin) = FakePlugin::with_db();
    let done = |volume: &str, words: &str| {
        format!(
            "dvdcli: warning: unmounting volume {volume}: plugin fake: {words}; nothing was left to do\n"
        )
    };
    env.dvdcli("unmount -d fake -n db")
        .warns(&done("db", "it is not mounted"))
        .succeeds();
    env.dvdcli("unmount -d fake -n none")
        .warns(&done("none", "VolumeDriver.Path: volume not found"))
        .succeeds();
    env.mount_db();
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.dvdcli("unmount -d fake -n db")
        .warns(&done("db", "it is not mounted"))
        .succeeds();
    env.dvdcli("unmount -d fake -n db --force")
        .warns(&done("db", "it is not mounted"))
        .succeeds();
    assert_eq!(plugin.volumes(), ["db"]);
}

#[test]
fn unmount_says_that_a_plugin_cannot_do_it_lazily() {
    let (env, plugin) = FakePlugin::with_db();
    let warning =
        "dvdcli: warning: plugin fake: --lazy has no effect: a plugin has no lazy unmount\n";
    for id in ["", " --id a"] {
        env.dvdcli(&format!("mount -d fake -n db{id}"))
            .prints("$ROOT/volumes/db\n")
            .succeeds();
    }
    // Nothing is unmounted yet.
    env.dvdcli("unmount -d fake -n db --lazy")
        .warns("dvdcli: warning: volume db stays mounted, it is held by a\n")
        .succeeds();
    plugin.on_each("Unmount", [refuses("volume is busy"), Answer::Act]);
    env.dvdcli("unmount -d fake -n db --id a --lazy").fails(
        4,
        &format!("{warning}dvdcli: unmounting volume db: plugin fake: VolumeDriver.Unmount: volume is busy\n"),
    );
    env.dvdcli("unmount -d fake -n db --id a --lazy")
        .warns(warning)
        .succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn unmount_that_fails_is_a_failure_and_may_be_tried_again() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    plugin.on_each(
        "Unmount",
        [
            refuses("cannot detach the disk"),
            refuses("target is busy"),
            Answer::Act,
        ],
    );
    let failed = "dvdcli: unmounting volume db: plugin fake: VolumeDriver.Unmount:";
    env.dvdcli("unmount -d fake -n db").fails(
        1,
        &format!("{failed} cannot detach the disk; unmount --force forgets it\n"),
    );
    env.dvdcli("unmount -d fake -n db")
        .fails(4, &format!("{failed} target is busy\n"));
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

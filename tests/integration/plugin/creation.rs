//! What `create` and `remove` call, and what they print and return.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{missing, refuses};
use crate::harness::plugin::FakePlugin;

#[test]
fn create_prints_nothing_and_takes_what_exists() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    env.dvdcli("create -d fake -n db --volumeopts=size=5")
        .succeeds();
    assert_eq!(plugin.options("db"), json!({ "size": "5" }));
    env.dvdcli("create -d fake -n db").succeeds();
    let unknown = "creating volume db: it exists already, and plugin fake does not tell its options to compare";
    env.dvdcli("create -d fake -n db --volumeopts=size=6")
        .warns(&format!("dvdcli: warning: {unknown}\n"))
        .succeeds();
    env.dvdcli("create -d fake -n db --volumeopts=size=6 --strict")
        .fails(1, &format!("dvdcli: {unknown}\n"));
    assert_eq!(plugin.options("db"), json!({ "size": "5" }));
}

#[test]
fn create_needs_neither_get_nor_list() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("Get", missing()).on("List", missing());
    env.dvdcli("create -d fake -n db").succeeds();
    env.dvdcli("create -d fake -n db").succeeds();
    assert_eq!(plugin.volumes(), ["db"]);
}

#[test]
fn create_says_why_it_failed() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("Create", refuses("size is too large"));
    env.dvdcli("create -d fake -n db").fails(
        1,
        "dvdcli: creating volume db: plugin fake: VolumeDriver.Create: size is too large\n",
    );
}

#[test]
fn remove_removes_what_nobody_uses() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("mount -d fake -n db --id task")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("remove -d fake -n db").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db and held by task; unmount it first\n",
    );
    env.dvdcli("remove -d fake -n db --force").fails(
        4,
        "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db and held by task; unmount it first\n",
    );
    assert_eq!(plugin.volumes(), ["db"]);
    env.dvdcli("unmount -d fake -n db --id task").succeeds();
    env.dvdcli("remove -d fake -n db").succeeds();
    assert_eq!(plugin.volumes(), [""; 0]);
    env.dvdcli("remove -d fake -n db").fails(
        3,
        "dvdcli: removing volume db: plugin fake: no such volume\n",
    );
    env.dvdcli("remove -d fake -n db --force").succeeds();
}

#[test]
fn remove_says_why_it_failed() {
    for (words, code) in [
        ("volume is in use", 4),
        // Get has it, whatever these words say.
        ("volume not found", 1),
        ("it is protected", 1),
    ] {
        let (env, plugin) = FakePlugin::with_db();
        plugin.on("Remove", refuses(words));
        env.dvdcli("remove -d fake -n db").fails(
            code,
            &format!("dvdcli: removing volume db: plugin fake: VolumeDriver.Remove: {words}\n"),
        );
        assert_eq!(plugin.volumes(), ["db"]);
    }
}

#[test]
fn remove_needs_neither_get_nor_list() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on("Get", missing()).on("List", missing());
    env.dvdcli("remove -d fake -n db").succeeds();
    assert_eq!(plugin.volumes(), [""; 0]);
}

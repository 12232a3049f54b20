//! In which words real plugins say that they do not have a volume. None of them says it alike, so what `List` has decides.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::http::{Answer, json, refuses};
use crate::harness::plugin::FakePlugin;

/// Of each: which plugin, and its answer to `Get` of a volume `db` that it does not have.
fn answers() -> Vec<(&'static str, Answer)> {
    let err = |words: &str| json(json!({ "Err": words }));
    vec![
        ("vieux/sshfs", refuses("volume db not found")),
        ("lebokus/bindfs", refuses("volume [db] not found")),
        (
            "StudioEtrange/bindfs",
            refuses("Failed to get volume db because it doesn't exists"),
        ),
        ("ContainX/netshare", json(Value::Null)),
        (
            "REX-Ray 0.11",
            refuses("docker-legacy: Get: db: failed: resource not found"),
        ),
        (
            "REX-Ray 0.2",
            json(json!({ "Error": "Volume not found: db" })),
        ),
        ("convoy", err("Could not find volume db.")),
        (
            "Portworx, openstorage",
            err("Failed to locate volume: cannot locate volume with name db"),
        ),
        (
            "openstorage",
            err("Failed to locate volume: Cannot locate volume with name db"),
        ),
        ("local-persist", refuses("No volume found with the name db")),
        ("moosefs", err("volume db unknown")),
        (
            "maaso/moosefs",
            err("Error: ENOENT: no such file or directory, access '/mnt/moosefs/db'"),
        ),
        ("linode", refuses("got a NIL volume. Volume may not exist")),
        ("quobyte", refuses("/mnt/quobyte/db not mounted")),
        ("wetopi/rbd", refuses("Image db does not exist")),
        ("rbd", refuses("rbd image not found")),
        ("s3fs", refuses("could not get volume config for 'db'")),
        (
            "hetzner",
            refuses("getting cloud volume \"docker-db\": %!w(<nil>)"),
        ),
        ("kmaris/iso", refuses("Mount volume db not found")),
        (
            "ashald/loopback",
            refuses("01M7ZG16JB8QA4PP4PNHDVT617: volume 'db' does not exist"),
        ),
        ("trajano", refuses("volume db does not exist")),
    ]
}

#[test]
fn what_is_not_in_the_list_is_absent() {
    for (name, answer) in answers() {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake").with_volume("other");
        plugin.on("Get", answer);
        for (verb, doing) in [
            ("get", "looking up"),
            ("inspect", "inspecting"),
            ("remove", "removing"),
        ] {
            let stderr = format!("dvdcli: {doing} volume db: plugin fake: no such volume\n");
            let found = env.dvdcli(&format!("{verb} -d fake -n db")).output();
            assert_eq!(found.parts(), (3, "", stderr.as_str()), "{name}: {verb}");
        }
        let found = env.dvdcli("exists -d fake -n db").output();
        assert_eq!(found.parts(), (3, "", ""), "{name}");
        let found = env.dvdcli("remove --force -d fake -n db").output();
        assert_eq!(found.parts(), (0, "", ""), "{name}");
        let found = env.dvdcli("mount --explicitcreate -d fake -n db").output();
        assert_eq!(found.code, 3, "{name}: {found:?}");
        assert!(!plugin.take_calls().contains(&"Mount".to_owned()), "{name}");
        env.mount_db();
        let mut calls = plugin.take_calls();
        calls.retain(|call| ["Create", "Mount", "Unmount"].contains(&call.as_str()));
        assert_eq!(calls, ["Create", "Mount"], "{name}");
    }
}

#[test]
fn create_makes_what_is_not_in_the_list() {
    for (name, answer) in answers() {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake").with_volume("other");
        plugin.on("Get", answer);
        let found = env.dvdcli("create -d fake -n db --opt size=1").output();
        assert_eq!(found.parts(), (0, "", ""), "{name}");
        assert_eq!(plugin.options("db"), json!({ "size": "1" }), "{name}");
    }
}

/// The same words of a volume that the plugin has: something is wrong, and nothing is made or removed.
#[test]
fn what_is_in_the_list_is_not_absent_for_words_that_speak_of_something_else() {
    for words in [
        "unknown volume type gp9",
        "unable to find volume attachment: connection lost",
        "rbd image not found",
        "got a NIL volume. Volume may not exist",
        "Error: ENOENT: no such file or directory, access '/mnt/moosefs/db'",
        "/mnt/quobyte/db not mounted",
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake").with_volume("db");
        plugin.on("Get", refuses(words));
        for (verb, doing) in [
            ("get", "looking up"),
            ("exists", "looking up"),
            ("mount", "mounting"),
            ("remove --force", "removing"),
        ] {
            let said =
                format!("dvdcli: {doing} volume db: plugin fake: VolumeDriver.Get: {words}\n");
            let found = env.dvdcli(&format!("{verb} -d fake -n db")).output();
            assert_eq!(found.parts(), (1, "", said.as_str()), "{verb}");
        }
        let calls = plugin.take_calls();
        assert!(
            calls
                .iter()
                .all(|call| ["Activate", "Get", "List"].contains(&call.as_str())),
            "{calls:?}"
        );
    }
}

/// `Path` is refused in the same words as `Get`, or answers as of a volume that is there.
#[test]
fn what_is_not_in_the_list_has_no_path() {
    for (name, answer) in answers() {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake").with_volume("other");
        plugin.on("Get", answer.clone());
        for path in [
            answer,
            json(json!({ "Mountpoint": "" })),
            json(json!({ "Mountpoint": "/none/db" })),
        ] {
            plugin.on("Path", path);
            let found = env.dvdcli("path -d fake -n db").output();
            assert_eq!(
                (found.code, found.stdout.as_str()),
                (3, ""),
                "{name}: {found:?}"
            );
            let found = env.dvdcli("unmount -d fake -n db").output();
            assert_eq!(
                (found.code, found.stdout.as_str()),
                (0, ""),
                "{name}: {found:?}"
            );
            assert!(
                !plugin.take_calls().contains(&"Unmount".to_owned()),
                "{name}"
            );
        }
    }
}

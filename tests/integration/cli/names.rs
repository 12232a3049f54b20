//! Names in answers: what a plugin calls its volumes is told apart by its lines, whatever it is, and in order.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::http::{Answer, json, missing, refuses};
use crate::harness::plugin::FakePlugin;

fn listing(names: &[&str]) -> Answer {
    let volumes = names.iter().map(|name| json!({ "Name": name }));
    json(json!({ "Volumes": volumes.collect::<Vec<Value>>() }))
}

/// Names as a plugin may give them, and how each is shown; in the order of a list.
const NAMES: &[(&str, &str)] = &[
    ("  ", "  "),
    (" a", " a"),
    ("A", "A"),
    ("\u{1b}[31m", "\\u{1b}[31m"),
    ("a", "a"),
    ("a b", "a b"),
    ("a\nb", "a\\nb"),
    ("a\u{a0}b", "a\\u{a0}b"),
    ("a\u{200b}", "a\\u{200b}"),
    ("a\u{2028}b", "a\\u{2028}b"),
    ("a\u{2029}b", "a\\u{2029}b"),
    ("a\u{202e}txt", "a\\u{202e}txt"),
    ("a\u{2066}b", "a\\u{2066}b"),
    ("b\\'\"", "b\\'\""),
    ("e\u{301}", "e\u{301}"),
    ("z\u{feff}", "z\\u{feff}"),
    ("\u{e9}", "\u{e9}"),
    ("\u{65e5}\u{672c}", "\u{65e5}\u{672c}"),
];

#[test]
fn a_line_of_a_list_is_always_one_name() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let mut names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let shown = |name: &str| {
        let mut found = NAMES.iter().filter(|(known, _)| *known == name);
        found.next().unwrap().1
    };
    let lines: String = names
        .iter()
        .map(|name| shown(name).to_owned() + "\n")
        .collect();
    // A plugin's own order does not matter, and what has no name is none.
    let mut given = names.clone();
    given.reverse();
    given.extend(["", ""]);
    plugin.on("List", listing(&given));
    env.dvdcli("list -d fake").prints(&lines).succeeds();
    let rows: String = names
        .iter()
        .map(|name| format!("fake    {}", shown(name)).trim_end().to_owned() + "\n")
        .collect();
    for line in ["list", "list -d fake --format table"] {
        env.dvdcli(line)
            .prints(&format!("DRIVER  VOLUME NAME\n{rows}"))
            .succeeds();
    }
    let found = env.json("list -d fake --format json");
    let found = found.as_array().unwrap().iter();
    let found: Vec<&str> = found.map(|it| it["Name"].as_str().unwrap()).collect();
    assert_eq!(found, names);
}

#[test]
fn lists_of_all_drivers_are_sorted_by_driver_and_name() {
    let env = Env::new();
    let b = FakePlugin::start(&env, "b");
    b.on("List", listing(&["z", "", "a"]));
    let a = FakePlugin::start(&env, "a");
    a.on("List", listing(&["y", "x"]));
    for name in ["two", "one"] {
        env.dvdcli(&format!("create -d local -n {name}")).succeeds();
    }
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nlocal   one\nlocal   two\na       x\na       y\nb       a\nb       z\n")
        .succeeds();
    env.dvdcli("list -d local").prints("one\ntwo\n").succeeds();
}

#[test]
fn get_prints_the_name_that_was_asked_for() {
    let (env, plugin) = FakePlugin::with_db();
    for (other, shown) in [
        ("other", "other"),
        ("DB", "DB"),
        ("db:latest", "db:latest"),
        ("db\u{202e}", "db\\u{202e}"),
        ("x\ny", "x\\ny"),
    ] {
        plugin.on("Get", json(json!({ "Volume": { "Name": other } })));
        let warning = format!(
            "dvdcli: warning: plugin fake: asked for volume db, it answers with volume {shown}\n"
        );
        env.dvdcli("get -d fake -n db")
            .prints("db\n")
            .warns(&warning)
            .succeeds();
        let inspected = env.dvdcli("inspect -d fake -n db").output();
        assert_eq!((inspected.code, inspected.stderr), (0, warning));
        let inspected: Value = serde_json::from_str(&inspected.stdout).unwrap();
        assert_eq!(inspected[0]["Name"], "db");
    }
    plugin.on("Get", json(json!({ "Volume": { "Name": "a\u{202e}b" } })));
    env.dvdcli("get -d fake -n a\u{202e}b")
        .prints("a\\u{202e}b\n")
        .succeeds();
    // A built-in driver's own name of the volume counts, without the options in it.
    env.dvdcli("create -d loop -n name=db,size=1").succeeds();
    env.dvdcli("get -d loop -n name=db,size=1")
        .prints("db\n")
        .succeeds();
}

#[test]
fn a_volume_that_get_does_not_name_is_looked_for_in_the_list() {
    let (env, plugin) = FakePlugin::with_db();
    for volume in [json!({}), json!({ "Name": "", "Mountpoint": "" })] {
        plugin.on("Get", json(json!({ "Volume": volume })));
        env.dvdcli("get -d fake -n db").prints("db\n").succeeds();
        env.dvdcli("exists -d fake -n db").succeeds();
        env.dvdcli("exists -d fake -n none").fails(3, "");
    }
    plugin.on("List", missing());
    env.dvdcli("exists -d fake -n db").fails(3, "");
    plugin.on("List", refuses("backend unreachable"));
    env.dvdcli("exists -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: VolumeDriver.List: backend unreachable\n",
    );
}

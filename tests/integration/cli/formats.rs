//! The formats of `list`, `inspect` and `drivers`: templates as Docker's users type them, and the keys that the man page promises.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;

#[test]
fn a_template_is_printed_for_each() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "fake").with_volume("b");
    env.dvdcli("create -d local -n a --label team=web")
        .succeeds();
    for (line, text) in [
        ("list|{{.Name}} {{.Driver}}", "a local\nb fake\n"),
        ("list -d local|{{.Labels.team}}", "web\n"),
        ("list|{{.Label \"team\"}}.", "web.\n.\n"),
        (
            "list -d local|{{json .Labels}}\\t!",
            "{\"team\":\"web\"}\t!\n",
        ),
        ("list -d fake|{{.Name}}: {{.Mountpoint}}", "b: \n"),
        (
            "inspect -d local -n a|{{upper .Name}} {{.Scope}}",
            "A local\n",
        ),
        (
            "inspect -d local -n a|{% if Labels.team %}yes{% endif %}",
            "yes\n",
        ),
        (
            "inspect -d local -n a|{{range $key, $value := .Labels}}{{$key}}={{$value}}{{end}}",
            "team=web\n",
        ),
        (
            "list|{{.Name}}{{if eq .Driver \"local\"}} here{{end}}",
            "a here\nb\n",
        ),
        (
            "drivers|{{.Name}} {{.Type}}",
            "local built-in\nloop built-in\nfake legacy\n",
        ),
    ] {
        let (verb, template) = line.split_once('|').unwrap();
        let words = verb.split(' ').chain(["--format", template]);
        env.dvdcli_with(words).prints(text).succeeds();
    }
    env.dvdcli("inspect -d local -n a --format names")
        .prints("a\n")
        .succeeds();
    env.dvdcli("inspect -d local -n a --format table")
        .prints("DRIVER  VOLUME NAME\nlocal   a\n")
        .succeeds();
    env.dvdcli("drivers --format names")
        .prints("local\nloop\nfake\n")
        .succeeds();
}

#[test]
fn a_name_cannot_forge_a_line_of_a_template() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake").with_volume("a\nb\u{202e}");
    env.dvdcli_with(["list", "-d", "fake", "--format", "{{.Name}}"])
        .prints("a\\nb\\u{202e}\n")
        .succeeds();
}

#[test]
fn a_wrong_template_is_refused_before_anything_is_asked() {
    let (env, plugin) = FakePlugin::with_db();
    let invalid = |template: &str| format!("invalid value '{template}' for '--format <FORMAT>': ");
    for (template, why) in [
        ("{{.Nope}}", "--format: there is no key 'Nope'; there are Driver, Name, Mountpoint, Labels, Problem, Size, Allocated, Used, Free".to_owned()),
        ("{{.Name", invalid("{{.Name") + "the template is wrong: '{{' without '}}'"),
        ("{{range .Labels}}", invalid("{{range .Labels}}") + "the template is wrong: {{if}} or {{range}} without {{end}}"),
        ("{{.Name | nope}}", "--format: the template is wrong: filter nope is unknown".to_owned()),
    ] {
        env.dvdcli_with(["list", "-d", "fake", "--format", template])
            .fails(2, &format!("dvdcli: {why}\n"));
    }
    assert_eq!(plugin.take_calls(), Vec::<String>::new());
}

fn keys(answer: &Value) -> BTreeSet<String> {
    let things = answer.as_array().unwrap().iter();
    things
        .flat_map(|thing| thing.as_object().unwrap().keys().cloned())
        .collect()
}

/// The keys that the man page has for a verb, in its paragraph: `KEY (SHAPE), KEY (SHAPE).`
fn promised(verb: &str) -> BTreeSet<String> {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/man/dvdcli.8")).unwrap();
    let section = page.split_once("FORMATS AND FILTERS").unwrap().1;
    let term = format!("\\fB{verb}\\fR\n");
    let paragraph = section.split_once(term.as_str()).unwrap().1;
    let line = paragraph.lines().next().unwrap();
    line.trim_end_matches('.')
        .split("), ")
        .map(|entry| entry.split(" (").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_man_page_has_the_keys_of_the_json() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "fake").with_volume("b");
    env.dvdcli("create -d loop -n lp -o size=16MiB").succeeds();
    for (verb, line, seldom) in [
        ("list", "list --size --format json", &["Problem"][..]),
        ("inspect", "inspect -d loop -n lp", &["Problem"]),
        ("drivers", "drivers --format json", &[]),
    ] {
        let mut found = keys(&env.json(line));
        found.extend(seldom.iter().map(|key| (*key).to_owned()));
        assert_eq!(found, promised(verb), "{line}");
    }
}

/// A volume's shapes, as the man page has them, in numbers, texts and so on.
#[test]
fn the_json_has_the_promised_shapes() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n lp -o size=16MiB --label a=b")
        .succeeds();
    let volume = &env.json("inspect -d loop -n lp")[0];
    for key in [
        "CreatedAt",
        "Driver",
        "Mountpoint",
        "Name",
        "Scope",
        "FsType",
    ] {
        assert!(volume[key].is_string(), "{key}: {volume}");
    }
    for key in ["Labels", "Options", "Status"] {
        assert!(volume[key].is_object(), "{key}: {volume}");
    }
    for key in ["Size", "Allocated", "Used", "Free"] {
        assert!(volume[key].is_u64(), "{key}: {volume}");
    }
    assert!(volume["Holders"].is_array() && volume["Device"].is_null());
    assert_eq!(volume["Size"], 16 << 20);
    let listed = &env.json("list -d loop --format json")[0];
    assert!(listed["Mountpoint"].is_null() && listed["Labels"]["a"] == "b");
    assert!(listed.get("Size").is_none(), "{listed}");
}

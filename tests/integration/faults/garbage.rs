//! Whatever comes in, nothing panics: arguments, spec files, answers and records of random content.

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::{Answer, json, response};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Output;

fn config() -> Config {
    Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    }
}

/// An exit code of ours, one line for a failure, and no word on stdout with it.
fn ended_well(found: &Output) -> Result<(), TestCaseError> {
    prop_assert!((0..=4).contains(&found.code), "{found:?}");
    prop_assert!(!found.stderr.contains("panicked"), "{found:?}");
    if found.code != 0 {
        prop_assert_eq!(&found.stdout, "");
        prop_assert!(found.stderr.lines().count() <= 1, "{found:?}");
    }
    Ok(())
}

/// Any JSON, of the names that plugins use.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let names = "Name|Mountpoint|Volume|Volumes|Err|Error|Status|CreatedAt|Capabilities|Scope";
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

const CALLS: [(&str, &str); 7] = [
    ("get", "Activate"),
    ("get", "Get"),
    ("mount", "Mount"),
    ("unmount", "Unmount"),
    ("path", "Path"),
    ("create", "Create"),
    ("list", "List"),
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn random_arguments(args in prop::collection::vec("(mount|-d|-n|--opt|--volumeopts=|--id|[^\0]{0,10})", 0..6)) {
        let env = Env::new();
        let found = env.dvdcli_with(&args).env("DVDCLI_WAIT", "0").output();
        prop_assert!(found.code != 101 && found.code < 128, "{:?} {:?}", args, found);
    }

    #[test]
    fn random_spec_files(name in r"fake\.(spec|json)", text in prop::collection::vec(any::<u8>(), 0..60), start in "|unix://|tcp://|https://|\\{\"Addr\":\"") {
        let env = Env::new();
        env.write(&format!("etc/docker/plugins/{name}"), [start.as_bytes(), &text].concat());
        ended_well(&env.dvdcli("list -d fake --wait 0 --timeout 2s").output())?;
    }

    #[test]
    fn random_bytes_as_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..60), start in "|HTTP/1.1 |HTTP/1.1 200 OK\r\n|HTTP/1.1 200 OK\r\n\r\n") {
        let (env, plugin) = FakePlugin::with_db();
        plugin.on("Get", Answer::BytesAndClose([start.as_bytes(), &bytes].concat()));
        ended_well(&env.dvdcli("get -d fake -n db").output())?;
    }

    #[test]
    fn random_text_as_an_answer(code in 200_u16..600, text in ".{0,60}", call in prop::sample::select(CALLS.to_vec())) {
        let (env, plugin) = FakePlugin::with_db();
        let (verb, method) = call;
        plugin.on(method, Answer::Bytes(response(code, "", &text)));
        let found = env.dvdcli(&format!("{verb} -d fake -n db --timeout 5s")).output();
        prop_assert!(found.code <= 4 && !found.stderr.contains("panicked"), "{:?}", found);
    }

    #[test]
    fn random_json_as_an_answer(body in any_json(), call in prop::sample::select(CALLS.to_vec())) {
        let (env, plugin) = FakePlugin::with_db();
        let (verb, method) = call;
        plugin.on(method, json(body));
        ended_well(&env.dvdcli(&format!("{verb} -d fake -n db")).output())?;
    }

    #[test]
    fn random_json_as_a_record(body in any_json()) {
        let (env, plugin) = FakePlugin::with_db();
        env.mount_db();
        for record in fs::entries(env.path("run/dvdcli")).unwrap() {
            fs::write(record, body.to_string()).unwrap();
        }
        env.dvdcli("mount -d fake -n db").prints("$ROOT/volumes/db\n").warns("[..]set aside\n").succeeds();
        plugin.on("Unmount", json(json!({})));
        env.dvdcli("unmount -d fake -n db").succeeds();
    }
}

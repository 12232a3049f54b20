//! Command lines as the Go program of this name took them: the word after a flag is its value, and of a flag that is given twice
//! the last one counts.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;

#[test]
fn a_name_may_begin_with_a_hyphen() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "-fake").with_volume("-x");
    for (name, line) in [
        ("-x", "get --volumedriver -fake --volumename -x"),
        ("-x", "get --volumedriver=-fake --volumename=-x"),
        ("-x", "get -d -fake -n -x"),
        ("-x", "get -d=-fake -n-x"),
        ("-x", "--driver -fake --name -x get"),
        ("--", "create -d -fake --volumename=--"),
        ("-data", "create -d -fake --volumename -data"),
        ("--verb", "create --volumename --verb -d -fake"),
        ("--verbose", "create -d -fake --volumename=--verbose"),
    ] {
        let printed = format!("{name}\n");
        let printed = if line.contains("get") { &printed } else { "" };
        env.dvdcli(line).prints(printed).succeeds();
        let get = env.dvdcli(&format!("get -d=-fake -n={name}"));
        get.prints(&format!("{name}\n")).succeeds();
    }
}

#[test]
fn other_values_may_begin_with_a_hyphen() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("create -d fake -n a --volumeopts -a=b --volumeopts --c=-d -o -e=f --opt -g=")
        .succeeds();
    assert_eq!(
        plugin.options("a"),
        json!({ "-a": "b", "--c": "-d", "-e": "f", "-g": "" })
    );
    env.dvdcli("mount -d fake -n db --id -1")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --id=-1").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    env.dvdcli("get -d fake -n db --timeout -5s").fails(
        2,
        "dvdcli: invalid value '-5s' for '--timeout <TIME>': '-5s' is no duration such as 90s, 2m or 500ms\n",
    );
    let run = env.dvdcli("run -n db -d fake -- printf %s -n -d --volumename");
    run.prints("-n-d--volumename").succeeds();
}

#[test]
fn a_flag_is_no_value_of_another_and_surplus_words_are_refused() {
    let (env, plugin) = FakePlugin::with_db();
    let needed = "a value is required for '--volumename <NAME>' but none was supplied";
    for (line, message) in [
        ("mount --volumename --volumedriver=fake", needed),
        ("mount --volumedriver=fake --volumename --verbose", needed),
        ("--volumename --volumedriver fake mount", needed),
        ("mount -d fake -n -- db", "unexpected argument 'db' found"),
        ("mount -d fake -n --", needed),
        ("mount -d fake -n", needed),
        (
            "mount -d fake -n db true",
            "unexpected argument 'true' found",
        ),
        (
            "mount -d fake -n db --explicitcreate perhaps",
            "unexpected argument 'perhaps' found",
        ),
        (
            "mount -d fake -n db --explicitcreate true true",
            "unexpected argument 'true' found",
        ),
        ("mount -d fake -n db -x", "unexpected argument '-x' found"),
    ] {
        env.dvdcli(line).fails(2, &format!("dvdcli: {message}\n"));
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn explicitcreate_takes_a_truth_value_as_a_word_of_its_own() {
    let (env, plugin) = FakePlugin::with_db();
    let absent = "dvdcli: mounting volume x: plugin fake: no such volume\n";
    for (words, creates) in [
        (["1", "t", "T", "TRUE", "True", "true"], false),
        (["0", "f", "F", "FALSE", "False", "false"], true),
    ] {
        for word in words {
            for line in [
                format!("mount --explicitcreate {word} -d fake -n x"),
                format!("mount -d fake -n x --explicitCreate {word}"),
                format!("--explicitcreate {word} mount -d fake -n x"),
                format!("--explicit-create={word} mount -d fake -n x"),
            ] {
                let mount = env.dvdcli(&line);
                if creates {
                    mount.prints("$ROOT/volumes/x\n").succeeds();
                    env.dvdcli("unmount -d fake -n x").succeeds();
                    env.dvdcli("remove -d fake -n x").succeeds();
                } else {
                    mount.fails(3, absent);
                }
            }
        }
    }
    // What is none of these words is no value.
    for line in [
        "--explicitcreate mount -d fake -n x",
        "run --explicitcreate -d fake -n x -- true",
    ] {
        let output = env.dvdcli(line).output();
        assert_eq!((output.code, output.stdout.as_str()), (3, ""), "{line}");
    }
    assert_eq!(plugin.volumes(), ["db"]);
}

#[test]
fn of_a_flag_that_is_given_twice_the_last_one_counts() {
    let (env, plugin) = FakePlugin::with_db();
    let _other = FakePlugin::start(&env, "other").with_volume("db");
    for (line, twice) in [
        ("get -d fake -n db -n db", ""),
        ("get --volumedriver=fake -d fake --driver fake -n db", ""),
        ("get -d fake --verbose=x -n db --name=db", "error"),
        ("get -d fake -n none --volumename=db", "volumename"),
        ("-n none get -d fake -n db", "volumename"),
        ("get -d nobody --driver fake -n db", "volumedriver"),
        ("get -d fake -n db --timeout=1ns --timeout 60s", "timeout"),
    ] {
        let get = env.dvdcli(line);
        match twice {
            "error" => get.fails(
                2,
                "dvdcli: unexpected value 'x' for '--verbose' found; no more were expected\n",
            ),
            "" => get.prints("db\n").succeeds(),
            flag => {
                let warning = format!(
                    "dvdcli: warning: --{flag} is given twice, with different values; the last one counts\n"
                );
                get.prints("db\n").warns(&warning).succeeds();
            }
        }
    }
    plugin.take_calls();
    // The same truth value in two words is the same; a flag alone is true.
    for flags in [
        "--explicitcreate --explicitcreate",
        "--explicitcreate=1 --explicitCreate true",
        "--explicitcreate --explicit-create=T",
    ] {
        env.dvdcli(&format!("mount -d fake -n x {flags}")).fails(
            3,
            "dvdcli: mounting volume x: plugin fake: no such volume\n",
        );
    }
    env.dvdcli("mount -d fake -n x --explicitcreate --explicitcreate=0")
        .prints("$ROOT/volumes/x\n")
        .warns("dvdcli: warning: --explicitcreate is given twice, with different values; the last one counts\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n x --force --force")
        .succeeds();
}

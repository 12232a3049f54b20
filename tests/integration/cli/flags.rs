//! The command line: flags before and after the verb and in all their spellings, the options of volumes, and the configured
//! driver.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;

#[test]
fn flags_stand_before_and_after_the_verb_in_all_their_spellings() {
    for line in [
        "mount --volumedriver=fake --volumename=db",
        "mount --volumedriver fake --volumename db",
        "--volumedriver=fake --volumename=db mount",
        "--volumedriver fake mount --volumename db",
        "--volumename=db mount --volumedriver=fake",
        "-d fake -n db mount",
        "mount -d fake -n db",
        "-dfake mount -ndb",
        "--driver fake --name=db mount",
        "mount --volumename=db --volumedriver=fake --volumeopts=a=1 --volumeopts b=2 -o c=3 --opt d=4 --opt=e=5",
        "--volumeopts=a=1 --volumedriver=fake --volumename=db mount",
        "--timeout 50s --wait 1s mount -d fake -n db",
        "mount -d fake -n db --timeout=50s --wait=0",
        "--id a mount -d fake -n db",
        "-o a=1 --opt b=2 -d fake -n db mount --id=mount",
    ] {
        let (env, plugin) = FakePlugin::with_db();
        env.dvdcli(line).prints("$ROOT/volumes/db\n").succeeds();
        assert_eq!(
            plugin.take_calls(),
            ["Activate", "Get", "Path", "Mount"],
            "{line}"
        );
    }
}

#[test]
fn a_verb_has_its_second_name() {
    let (env, plugin) = FakePlugin::with_db();
    env.mount_db();
    env.dvdcli("umount -d fake -n db").succeeds();
    env.dvdcli("ls -d fake").prints("db\n").succeeds();
    env.dvdcli("rm -d fake -n db").succeeds();
    assert_eq!(plugin.volumes(), [""; 0]);
}

#[test]
fn explicitcreate_is_understood_in_all_spellings() {
    for (flag, creates) in [
        ("--explicitcreate", false),
        ("--explicitCreate=true", false),
        ("--explicit-create=false", true),
    ] {
        for line in [
            format!("mount -d fake -n db {flag}"),
            format!("{flag} mount -d fake -n db"),
        ] {
            let env = Env::new();
            let plugin = FakePlugin::start(&env, "fake");
            if creates {
                env.dvdcli(&line).prints("$ROOT/volumes/db\n").succeeds();
            } else {
                let absent = "dvdcli: mounting volume db: plugin fake: no such volume\n";
                env.dvdcli(&line).fails(3, absent);
                assert_eq!(plugin.take_calls(), ["Activate", "Get"], "{line}");
            }
        }
    }
}

/// Arguments of `create`, and the options that the plugin gets.
fn options_that_are_understood() -> Vec<(&'static [&'static str], Value)> {
    vec![
        (&[], json!({})),
        (
            &["--volumeopts=o=addr=10.0.0.1,rw,type=nfs"],
            json!({ "o": "addr=10.0.0.1,rw", "type": "nfs" }),
        ),
        (
            &["-o", "a=1,b=2", "-o", "c=3"],
            json!({ "a": "1,b=2", "c": "3" }),
        ),
        (
            &["--volumeopts=type=nfs,o=\"addr=10.0.0.4,nfsvers=4\",device=:/x"],
            json!({ "type": "nfs", "o": "addr=10.0.0.4,nfsvers=4", "device": ":/x" }),
        ),
        (
            &["--opt", "allow_other", "-o", "port"],
            json!({ "allow_other": "", "port": "" }),
        ),
        (
            &["--opt=a=x y\"z\n\u{e9}"],
            json!({ "a": "x y\"z\n\u{e9}" }),
        ),
    ]
}

#[test]
fn options_arrive_as_they_were_meant() {
    for (args, options) in options_that_are_understood() {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        env.dvdcli_with(["create", "-d", "fake", "-n", "db"].iter().chain(args))
            .succeeds();
        assert_eq!(plugin.options("db"), options, "{args:?}");
    }
}

#[test]
fn a_built_in_driver_judges_each_option() {
    let env = Env::new();
    for (args, words) in [
        (
            "-d local --volumeopts=type=nfs,o=addr=10.0.0.4,nfsvers=4,device=:/x",
            "unknown option nfsvers (known: [..]); if it belongs to o, put the value of o into double quotes: \
             o=\"KEY=VALUE,nfsvers=VALUE\"",
        ),
        (
            "-d local --opt allow_other",
            "unknown option allow_other (known: [..])",
        ),
        ("-d loop --opt size", "option size: [..]"),
    ] {
        env.dvdcli(&format!("create -n db {args}"))
            .fails(2, &format!("dvdcli: creating volume db: {words}\n"));
    }
}

#[test]
fn of_an_option_that_is_given_twice_the_last_one_counts() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    env.dvdcli("create -d fake -n db --volumeopts=a=1,b=2,a=1 --volumeopts=b=2,c=3 --opt b=2")
        .succeeds();
    env.dvdcli("create -d fake -n twice --volumeopts=a=1,b=2,a=3 --opt b=4")
        .warns(
            "dvdcli: warning: --volumeopts: option 'a' is given twice, with different values; the last one counts\n\
             dvdcli: warning: --opt: option 'b' is given twice, with different values; the last one counts\n",
        )
        .succeeds();
    assert_eq!(
        plugin.options("db"),
        json!({ "a": "1", "b": "2", "c": "3" })
    );
    assert_eq!(plugin.options("twice"), json!({ "a": "3", "b": "4" }));
}

#[test]
fn a_plugin_gets_the_name_of_a_volume_verbatim() {
    for name in [
        "name=db,size=10,repl=3",
        "a/b",
        "a..b",
        "x:y@z#1",
        " db ",
        "é",
        "-n",
        "db\"\\",
        "a\nb",
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        env.dvdcli_with(["create", "-d", "fake", &format!("--volumename={name}")])
            .succeeds();
        assert_eq!(plugin.volumes(), [name]);
    }
}

#[test]
fn a_name_that_would_lead_out_of_a_plugins_directory_is_refused() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for name in ["../x"] {
        for verb in [
            "create", "mount", "unmount", "remove", "path", "get", "exists", "inspect",
        ] {
            env.dvdcli_with([verb, "-d", "fake", "-n", name]).fails(
                2,
                &format!("dvdcli: --volumename: '{name}' is no name of a volume\n"),
            );
        }
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn the_driver_is_the_configured_one_where_none_is_given() {
    let env = Env::new();
    // The built-in's name wins over a plugin's.
    let _local = FakePlugin::start(&env, "local").with_volume("of-plugin");
    env.dvdcli("get -d local -n of-plugin").fails(
        3,
        "dvdcli: looking up volume of-plugin: driver local: no such volume\n",
    );
    let _fake = FakePlugin::start(&env, "fake").with_volume("db");
    env.write("etc/dvdcli/config.yml", "dvdcli:\n  driver: fake\n");
    env.dvdcli("get -n db").prints("db\n").succeeds();
    let other = env.write(
        "other.yml",
        "dvdcli:\n  driver: nobody\n  wait: 0s\n  aliases:\n    short: fake\n",
    );
    env.dvdcli("get -n db -d short --config $ROOT/other.yml")
        .prints("db\n")
        .succeeds();
    env.dvdcli("get -n db -d short")
        .env("DVDCLI_CONFIG", other.to_str().unwrap())
        .prints("db\n")
        .succeeds();
    env.dvdcli("get -n db --config=$ROOT/other.yml").fails(
        1,
        "dvdcli: looking up volume db: plugin nobody: not found in [..]\n",
    );
}

#[test]
fn a_configuration_that_cannot_be_read_is_wrong_usage() {
    let (env, plugin) = FakePlugin::with_db();
    env.write("etc/dvdcli/config.yml", "dvdcli:\n  timeout: soon\n");
    env.dvdcli("get -d fake -n db").fails(
        2,
        "dvdcli: reading $ROOT/etc/dvdcli/config.yml: line 2: dvdcli.timeout: 'soon' is no duration such as 90s, 2m or 500ms\n",
    );
    env.dvdcli("get -d fake -n db --config $ROOT/none.yml")
        .fails(
            2,
            "dvdcli: reading $ROOT/none.yml: no such file or directory\n",
        );
    assert_eq!(plugin.connections(), 0);
}

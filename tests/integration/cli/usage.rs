//! Wrong usage: one line on stderr, nothing on stdout, exit code 2, and no plugin called.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;

/// Arguments, and what is said of them.
const WRONG: &[(&str, &str)] = &[
    (
        "mout",
        "unrecognized subcommand 'mout'; some similar subcommands exist: 'import', 'umount', 'mount'",
    ),
    (
        "--bogus mount -d fake -n db",
        "unexpected argument '--bogus' found",
    ),
    (
        "mount -d fake",
        "--volumename is missing; it names the volume",
    ),
    (
        "mount -d fake --volumename=",
        "a value is required for '--volumename <NAME>' but none was supplied",
    ),
    (
        "mount -d fake -n db --explicitcreate=perhaps",
        "invalid value 'perhaps' for '--explicitcreate[=<BOOL>]' [possible values: true, false]",
    ),
    (
        "mount -d fake -n db --read-only",
        "mounting volume db: --read-only needs --target: a plugin mounts for all its callers alike",
    ),
    (
        "mount -d fake -n db --volumeopts=size",
        "--volumeopts: option 'size' has no value; write size=VALUE",
    ),
    (
        "mount -d fake -n db --volumeopts=a=1 --volumeopts=size",
        "--volumeopts: option 'size' has no value; write size=VALUE",
    ),
    (
        "create -d fake -n x --volumeopts=size=5,",
        "--volumeopts: nothing follows a comma after option 'size'; leave the comma out, or put the value into double quotes if it belongs there",
    ),
    (
        "create -d fake -n x --volumeopts=iops=100 --volumeopts=size=5,rw",
        "--volumeopts: option 'rw' has no value; write rw=VALUE, or put the value of 'size' into double quotes if it belongs there",
    ),
    (
        "create -d fake -n x --volumeopts=o=\"a=1",
        "--volumeopts: option 'o': the closing quote is missing",
    ),
    (
        "create -d fake -n x --opt==1",
        "--opt: an option without a name; write KEY=VALUE",
    ),
    (
        "mount -d fake -n db --timeout=soon",
        "invalid value 'soon' for '--timeout <TIME>': 'soon' is no duration such as 90s, 2m or 500ms",
    ),
    (
        "list -d fake --format=xml",
        "invalid value 'xml' for '--format <FORMAT>': it is names, table, json, or a template such as '{{.Name}}'",
    ),
    (
        "mount -d .. -n db",
        "--volumedriver: '..' is no name of a driver",
    ),
];

#[test]
fn wrong_usage_is_one_line_and_nothing_is_done() {
    let (env, plugin) = FakePlugin::with_db();
    for (line, message) in WRONG {
        env.dvdcli(line).fails(2, &format!("dvdcli: {message}\n"));
    }
    for empty in [["-n", "", "-d", "fake"], ["-n", "db", "-d", ""]] {
        env.dvdcli_with(["mount"].into_iter().chain(empty)).fails(
            2,
            "dvdcli: a value is required for '--volume[..]' but none was supplied\n",
        );
    }
    assert_eq!(plugin.connections(), 0);
    assert!(!env.path("run/dvdcli").exists());
}

#[test]
fn no_verb_at_all_is_wrong_usage_that_names_the_verbs() {
    let env = Env::new();
    for line in ["", "-d fake -n db"] {
        env.dvdcli(line).fails(
            2,
            "dvdcli: [..]create, mount, unmount, umount, run, remove[..]\n",
        );
    }
}

#[test]
fn every_verb_that_needs_a_volume_says_so() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for verb in [
        "create", "mount", "unmount", "remove", "path", "get", "inspect", "exists",
    ] {
        let missing = "dvdcli: --volumename is missing; it names the volume\n";
        env.dvdcli(&format!("{verb} -d fake")).fails(2, missing);
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn every_verb_of_a_volume_needs_a_driver() {
    let env = Env::new();
    for verb in [
        "create",
        "mount",
        "mount --explicitcreate",
        "unmount",
        "unmount --force",
        "remove",
        "path",
        "get",
        "inspect",
        "exists",
        "run -- true",
    ] {
        let run = env.dvdcli(&format!("-n db {verb}"));
        run.fails(2, NO_DRIVER);
    }
    for nothing in ["", "dvdcli:\n  driver: ~\n", "dvdcli.driver: \"\"\n"] {
        env.configure(nothing);
        env.dvdcli("get -n db").fails(2, NO_DRIVER);
    }
    env.configure("dvdcli.driver: local\n");
    env.dvdcli("get -n db").fails(
        3,
        "dvdcli: looking up volume db: driver local: no such volume\n",
    );
    assert_eq!(env.names(""), ["etc"]);
}

const NO_DRIVER: &str = "dvdcli: no driver is named; give --volumedriver (in fstab: DRIVER/VOLUME), or set dvdcli.driver\n";

#[test]
fn bytes_that_are_no_text_are_wrong_usage() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let name = OsStr::from_bytes(b"db\xff");
    env.dvdcli_with([
        "mount".as_ref(),
        "-d".as_ref(),
        "fake".as_ref(),
        "-n".as_ref(),
        name,
    ])
    .fails(2, "dvdcli: [..]UTF-8[..]\n");
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn a_bad_value_in_the_environment_is_wrong_usage() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("mount -d fake -n db").env("DVDCLI_TIMEOUT", "soon").fails(
        2,
        "dvdcli: invalid value 'soon' for '--timeout <TIME>': 'soon' is no duration such as 90s, 2m or 500ms\n",
    );
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn an_empty_variable_is_not_set() {
    let (env, _plugin) = FakePlugin::with_db();
    for variable in ["DVDCLI_TIMEOUT", "DVDCLI_WAIT", "DVDCLI_CONFIG"] {
        let get = env.dvdcli("get -d fake -n db");
        get.env(variable, "").prints("db\n").succeeds();
    }
    // Without a root, the machine's own directories are searched.
    let get = env.dvdcli("get -d fake.of.nobody -n db --wait=0 --config=/dev/null");
    get.env("DVDCLI_ROOT", "").fails(
        1,
        "dvdcli: looking up volume db: plugin fake.of.nobody: not found in /run/docker/plugins, [..]\n",
    );
}

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
        "unrecognized subcommand 'mout'; some similar subcommands exist: 'umount', 'mount'",
    ),
    (
        "mount -d fake -n db --volumenam=x",
        "unexpected argument '--volumenam' found; a similar argument exists: '--volumename'",
    ),
    (
        "--bogus mount -d fake -n db",
        "unexpected argument '--bogus' found",
    ),
    (
        "mount -d fake -n db more",
        "unexpected argument 'more' found",
    ),
    (
        "unmount -d fake -n db --explicitcreate",
        "unexpected argument '--explicitcreate' found",
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
        "mount -d fake --volumename",
        "a value is required for '--volumename <NAME>' but none was supplied",
    ),
    (
        "mount --volumedriver= -n db",
        "a value is required for '--volumedriver <DRIVER>' but none was supplied",
    ),
    (
        "mount -d fake -n db -n other",
        "the argument '--volumename <NAME>' cannot be used multiple times",
    ),
    (
        "-n db mount -d fake -n other",
        "the argument '--volumename <NAME>' cannot be used multiple times",
    ),
    (
        "mount -d fake -n db --explicitcreate=perhaps",
        "invalid value 'perhaps' for '--explicitcreate[=<BOOL>]' [possible values: true, false]",
    ),
    (
        "mount -d fake -n db --id=",
        "a value is required for '--id <ID>' but none was supplied",
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
        "mount -d fake -n db --volumeopts=size,iops=5",
        "--volumeopts: option 'size' has no value; write size=VALUE",
    ),
    (
        "mount -d fake -n db --volumeopts=",
        "--volumeopts: an option without a name; write KEY=VALUE",
    ),
    (
        "mount -d fake -n db --volumeopts==5",
        "--volumeopts: an option without a name; write KEY=VALUE",
    ),
    (
        "create -d fake -n db --volumeopts=a=1,=5",
        "--volumeopts: an option without a name; write KEY=VALUE",
    ),
    (
        "create -d fake -n db --volumeopts=a=1,a=2",
        "--volumeopts: option 'a' is given twice with different values",
    ),
    (
        "create -d fake -n db --volumeopts=a=1 --opt=a=2",
        "--opt: option 'a' is given twice with different values",
    ),
    (
        "create -d fake -n db --opt=a",
        "--opt: option 'a' has no value; write a=VALUE",
    ),
    (
        "create -d fake -n db -o =1",
        "--opt: an option without a name; write KEY=VALUE",
    ),
    (
        "mount -d fake -n db --timeout=soon",
        "invalid value 'soon' for '--timeout <TIME>': 'soon' is no duration such as 90s, 2m or 500ms",
    ),
    (
        "mount -d fake -n db --timeout=-5s",
        "invalid value '-5s' for '--timeout <TIME>': '-5s' is no duration such as 90s, 2m or 500ms",
    ),
    (
        "mount -d fake -n db --timeout=0",
        "invalid value '0' for '--timeout <TIME>': it must be more than zero",
    ),
    (
        "mount -d fake -n db --wait=never",
        "invalid value 'never' for '--wait <TIME>': 'never' is no duration such as 90s, 2m or 500ms",
    ),
    (
        "list -d fake --format=xml",
        "invalid value 'xml' for '--format <FORMAT>' [possible values: names, table, json]",
    ),
    (
        "inspect -d fake -n db --format=table",
        "invalid value 'table' for '--format <FORMAT>' [possible values: json]",
    ),
    (
        "completions cmd",
        "invalid value 'cmd' for '<SHELL>' [possible values: bash, zsh, fish]",
    ),
    (
        "mount -d .. -n db",
        "--volumedriver: '..' is no name of a driver",
    ),
    (
        "mount -d ../fake -n db",
        "--volumedriver: '../fake' is no name of a driver",
    ),
    (
        "mount -d /etc/passwd -n db",
        "--volumedriver: '/etc/passwd' is no name of a driver",
    ),
    (
        "mount -d a//b -n db",
        "--volumedriver: 'a//b' is no name of a driver",
    ),
    (
        "mount -d ////// -n db",
        "--volumedriver: '//////' is no name of a driver",
    ),
    (
        "mount -d fake/ -n db",
        "--volumedriver: 'fake/' is no name of a driver",
    ),
];

#[test]
fn wrong_usage_is_one_line_and_nothing_is_done() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
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
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.dvdcli("mount -d fake -n db").env("DVDCLI_TIMEOUT", "soon").fails(
        2,
        "dvdcli: invalid value 'soon' for '--timeout <TIME>': 'soon' is no duration such as 90s, 2m or 500ms\n",
    );
    assert_eq!(plugin.connections(), 0);
}

//! Bad input to `--from-env`: one line that names the variable, exit code 2, and nothing done.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, outside, task};

type Variables<'a> = &'a [(&'a str, &'a str)];

/// What is wrong for both verbs, beside a volume that is fine.
const WRONG: &[(Variables, &str)] = &[
    (
        &[("NAME1", "a/b")],
        "DVDI_VOLUME_NAME1: it must not hold '/'",
    ),
    (
        &[("NAME1", "b"), ("OPTS1", "size")],
        "DVDI_VOLUME_OPTS1: option 'size' has no value; write size=VALUE",
    ),
    (
        &[("NAME1", "b"), ("EXPLICITCREATE1", "yes")],
        "DVDI_VOLUME_EXPLICITCREATE1: 'yes' is neither true nor false",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "srv")],
        "DVDI_VOLUME_CONTAINERPATH1: 'srv' is no absolute path",
    ),
    (
        &[("NAME0", "b")],
        "DVDI_VOLUME_NAME and DVDI_VOLUME_NAME0 are of the same volume, and have different values; unset one of them",
    ),
    (
        &[("NAME1", "a"), ("CONTAINERPATH1", "$ROOT/there")],
        "DVDI_VOLUME_CONTAINERPATH1: DVDI_VOLUME_NAME1 is the same volume as DVDI_VOLUME_NAME, and a task has it at one place",
    ),
    (
        &[
            ("NAME1", "b"),
            ("CONTAINERPATH1", "$ROOT/there"),
            ("NAME2", "c"),
            ("CONTAINERPATH2", "$ROOT//there/"),
        ],
        "DVDI_VOLUME_CONTAINERPATH2: it is the same directory as DVDI_VOLUME_CONTAINERPATH1",
    ),
    (
        &[("NAME1", "_b"), ("DRIVER1", "loop")],
        "DVDI_VOLUME_NAME1: volume name \"_b\" does not begin with a letter or digit",
    ),
];

/// What is wrong for `mount` alone: `unmount` looks at no directory, and options do not matter to it.
const WRONG_TO_MOUNT: &[(Variables, &str)] = &[
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "/srv/none/there")],
        "DVDI_VOLUME_CONTAINERPATH1: /srv/none/there: no such file or directory; create the directory first",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "/usr/local/bin")],
        "DVDI_VOLUME_CONTAINERPATH1: /usr/local/bin: it would hide /usr or a part of it, whatever dvdcli.allow.containerpaths says",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "/mnt/b")],
        "DVDI_VOLUME_CONTAINERPATH1: /mnt/b: it is not below /tmp or /srv (setting dvdcli.allow.containerpaths)",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "$ROOT/file")],
        "DVDI_VOLUME_CONTAINERPATH1: $ROOT/file: not a directory",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "$ROOT/file/below")],
        "DVDI_VOLUME_CONTAINERPATH1: $ROOT/file: not a directory",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "$ROOT/link")],
        "DVDI_VOLUME_CONTAINERPATH1: $ROOT/link is a symbolic link, and a container path leads over none",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "$ROOT/link/new/one")],
        "DVDI_VOLUME_CONTAINERPATH1: $ROOT/link is a symbolic link, and a container path leads over none",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "$ROOT/var/lib")],
        "DVDI_VOLUME_CONTAINERPATH1: $ROOT/var/lib: a volume there would hide $ROOT/var/lib/dvdcli",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "/")],
        "DVDI_VOLUME_CONTAINERPATH1: /: it would hide /usr or a part of it, whatever dvdcli.allow.containerpaths says",
    ),
    (
        &[("NAME1", "b"), ("CONTAINERPATH1", "/tmp/")],
        "DVDI_VOLUME_CONTAINERPATH1: /tmp: it is not below /tmp or /srv (setting dvdcli.allow.containerpaths)",
    ),
    (
        &[("NAME1", "b"), ("DRIVER1", "loop"), ("OPTS1", "siez=5")],
        "DVDI_VOLUME_OPTS1: unknown option siez; did you mean size? (known: [..])",
    ),
    (
        &[
            ("NAME1", "b"),
            ("DRIVER1", "local"),
            ("OPTS1", "type=tmpfs"),
        ],
        "DVDI_VOLUME_OPTS1: option type needs option device as well",
    ),
];

fn refused(env: &Env, lines: &[&str], wrong: &[(Variables, &str)]) {
    for (variables, message) in wrong {
        let variables: Vec<_> = [("NAME", "a")].iter().chain(*variables).copied().collect();
        for line in lines {
            task(env, line, &variables).fails(2, &format!("dvdcli: {message}\n"));
        }
    }
}

#[test]
fn bad_input_is_one_line_and_nothing_is_done() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").with_volume("a");
    env.write("file", "");
    outside(&env);
    symlink("/etc", env.path("link")).unwrap();
    refused(&env, &[MOUNT, UNMOUNT], WRONG);
    refused(&env, &[MOUNT], WRONG_TO_MOUNT);
    assert_eq!((plugin.connections(), env.mounts().len()), (0, 0));
    assert!(!env.path("run/dvdcli").exists() && !env.path("there").exists());
}

#[test]
fn a_long_path_or_name_is_wrong_usage() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").with_volume("a");
    let long = "x".repeat(300);
    let too_long = format!("dvdcli: DVDI_VOLUME_CONTAINERPATH: [..]{long}: file name too long\n");
    let path = format!("$ROOT/{long}");
    task(&env, MOUNT, &[("NAME", "a"), ("CONTAINERPATH", &path)]).fails(2, &too_long);
    let deep = format!("$ROOT{}", "/x".repeat(50_000));
    task(&env, MOUNT, &[("NAME", "a"), ("CONTAINERPATH", &deep)]).fails(
        2,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH: '$ROOT/x[..]...' is longer than a path can be\n",
    );
    assert_eq!(plugin.connections(), 0);
    assert!(!env.path("x").exists());
}

#[test]
fn bytes_that_are_no_text_are_wrong_usage() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    for kind in ["NAME", "DRIVER", "OPTS", "CONTAINERPATH", "EXPLICITCREATE"] {
        let variable = format!("DVDI_VOLUME_{kind}4");
        let mut run = task(&env, MOUNT, &[("NAME", "a")]);
        run.command.env(&variable, OsStr::from_bytes(b"/a\xff"));
        run.fails(2, &format!("dvdcli: {variable}: it is not UTF-8\n"));
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn flags_that_describe_one_volume_do_not_go_with_it() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    for (line, flag) in [
        ("mount --from-env -n db", "--volumename <NAME>"),
        ("--from-env mount -n db", "--volumename <NAME>"),
        ("mount --from-env -d loop", "--volumedriver <DRIVER>"),
        (
            "mount --from-env --volumeopts=a=1",
            "--volumeopts <KEY=VALUE[,KEY=VALUE]>",
        ),
        ("mount --from-env -o a=1", "--opt <KEY=VALUE>"),
        ("mount --from-env --target /x", "--target <PATH>"),
        (
            "mount --from-env --explicitcreate",
            "--explicitcreate[=<BOOL>]",
        ),
        ("mount --from-env --read-only", "--read-only"),
        ("unmount --from-env -n db", "--volumename <NAME>"),
        ("unmount --from-env -d loop", "--volumedriver <DRIVER>"),
        ("unmount --from-env --target /x", "--target <PATH>"),
    ] {
        env.dvdcli(line).env("DVDI_VOLUME_NAME", "a").fails(
            2,
            &format!("dvdcli: the argument '--from-env' cannot be used with '{flag}'\n"),
        );
    }
    for line in ["mount --chown", "mount -d loop -n db --chown"] {
        env.dvdcli(line)
            .fails(2, "dvdcli: --chown needs --from-env\n");
    }
    for verb in ["create", "remove", "path"] {
        env.dvdcli(&format!("{verb} --from-env"))
            .fails(2, "dvdcli: unexpected argument '--from-env' found\n");
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn without_the_flag_the_environment_means_nothing() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    task(
        &env,
        "mount -d fake -n db",
        &[("NAME", "a b"), ("BOGUS", "x")],
    )
    .prints("$ROOT/volumes/db\n")
    .succeeds();
}

#[test]
fn the_directories_that_are_looked_at_stay_as_they_are() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray");
    task(
        &env,
        MOUNT,
        &[
            ("NAME", "a"),
            ("CONTAINERPATH", "$ROOT/new/one"),
            ("NAME1", "b"),
            ("CONTAINERPATH1", "/none"),
        ],
    )
    .fails(
        2,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH1: /none: it is not below /tmp (setting dvdcli.allow.containerpaths)\n",
    );
    assert!(!env.path("new").exists());
    assert!(env.names("run").len() <= 1);
}

//! `doctor`: plugins and settings, its formats, and that it changes nothing.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::backlog::FullBacklog;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::managed::{ID, config, install};
use crate::harness::mounts::mounted_below;
use crate::harness::plugin::FakePlugin;
use crate::harness::tree::{assert_intact, tree};
use crate::harness::volumes::{LOOP, image};

/// Otherwise, how full the disk of the machine is would be told as well.
const ANY_DISK: &str = "dvdcli: {allow: {loop: {reserve: 0}}}";

#[test]
fn nothing_is_wrong_on_a_host_with_volumes() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("doctor").succeeds();
    assert_eq!(env.names(""), [""; 0]);
    env.configure(&format!(
        "{ANY_DISK}\nlibstorage: {{service: ebs, host: x}}\nrexray: {{logLevel: warn}}"
    ));
    let _plugin = FakePlugin::start(&env, "fake")
        .with_volume("p")
        .mounting(&env);
    env.dvdcli("mount -d fake -n p")
        .prints("$ROOT/volumes/p\n")
        .succeeds();
    for (line, path) in [
        (
            "mount -d loop -n a --opt size=8MiB",
            format!("$ROOT/{LOOP}/a/mnt/data\n"),
        ),
        (
            "mount -d loop -n a --id other --target $ROOT/seen",
            format!("$ROOT/{LOOP}/a/mnt/data\n"),
        ),
        (
            "mount -d local -n b --id me",
            "$ROOT/var/lib/dvdcli/local/b/_data\n".to_owned(),
        ),
    ] {
        env.dir("seen");
        let done = env.dvdcli(line).output();
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{line}: {path}");
    }
    env.dvdcli("create -d loop -n c --opt size=8MiB").succeeds();
    for flags in ["", " --fix", " -d loop", " -d fake", " --format names"] {
        env.dvdcli(&format!("doctor{flags}")).succeeds();
    }
    env.dvdcli("doctor --format json").prints("[]\n").succeeds();
    for line in [
        "unmount -d loop -n a --force",
        "unmount -d local -n b --id me",
        "unmount -d fake -n p",
    ] {
        env.dvdcli(line).succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn plugins_that_do_not_answer_are_named_in_seconds() {
    let env = Env::new();
    let _good = FakePlugin::start(&env, "good");
    let _mute = FullBacklog::at(&env.path("run/docker/plugins/mute.sock"));
    let stale = env.path("run/docker/plugins/stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    env.write("etc/docker/plugins/bad.spec", "nonsense");
    env.write("etc/docker/plugins/gone.spec", "unix:///no/such/socket");
    let mute =
        "plugin mute: Plugin.Activate: no answer within [..]; look at its log, or restart it\n";
    let bad = "plugin bad: reading $ROOT/etc/docker/plugins/bad.spec: address 'nonsense' has no scheme; write unix://, tcp://, http:// or https:// in front; mend that file, or remove it\n";
    let gone = "plugin gone: unix:///no/such/socket: no such file or directory; start the plugin; if it is gone for good, remove $ROOT/etc/docker/plugins/gone.spec\n";
    let stale = "plugin stale: unix://$ROOT/run/docker/plugins/stale.sock: connection refused; start the plugin; if it is gone for good, remove $ROOT/run/docker/plugins/stale.sock\n";
    let before = tree(&env.path(""));
    let began = Instant::now();
    env.dvdcli("doctor --fix --timeout 2s")
        .prints(&[bad, gone, mute, stale].concat())
        .fails(1, "");
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_intact(&before, &env.path(""));
    env.dvdcli("doctor -d stale").prints(stale).fails(1, "");
    env.dvdcli("doctor -d good").succeeds();
    env.dvdcli("doctor -d bad --format names")
        .prints("plugin bad\n")
        .fails(1, "");
}

/// Nothing of a plugin that was not started is to be found but its name.
#[test]
fn plugins_that_somebody_needs_and_that_are_gone_are_named() {
    let env = Env::new();
    env.configure("dvdcli: {driver: one, aliases: {a: two, b: one, c: loop}}");
    let gone = |name: &str, repair: &str| {
        format!("plugin {name}: not found in [..]; no plugin is there; start the plugin{repair}\n")
    };
    let named = [
        gone(
            "one",
            ", or change the alias b and the setting dvdcli.driver",
        ),
        gone("two", ", or change the alias a"),
    ];
    env.dvdcli("doctor").prints(&named.concat()).fails(1, "");
    env.configure("");
    let plugin = FakePlugin::start(&env, "fake")
        .with_volume("p")
        .mounting(&env);
    env.dvdcli("mount -d fake -n p")
        .prints("$ROOT/volumes/p\n")
        .succeeds();
    env.dvdcli("doctor").succeeds();
    let socket = env.path("run/docker/plugins/fake.sock");
    let aside = env.path("fake.sock");
    fs::rename(&socket, &aside).unwrap();
    env.dvdcli("doctor").prints(&gone("fake", "")).fails(1, "");
    fs::rename(&aside, &socket).unwrap();
    env.dvdcli("unmount -d fake -n p").succeeds();
    assert_eq!(plugin.mounts("p"), 0);
}

#[test]
fn plugins_that_are_disabled_or_not_allowed_are_no_finding() {
    let env = Env::new();
    env.configure("dvdcli: {allow: {drivers: [loop, local]}}");
    drop(UnixListener::bind(env.dir("run/docker/plugins").join("stale.sock")).unwrap());
    env.dvdcli("doctor").succeeds();
    env.configure("");
    fs::remove_file(env.path("run/docker/plugins/stale.sock")).unwrap();
    let mut disabled = config(ID, "rexray/ebs:latest", "");
    disabled["plugin"]["Enabled"] = json!(false);
    install(&env, "var/lib/docker", ID, &disabled);
    env.dvdcli("doctor").succeeds();
}

#[test]
fn settings_that_nobody_reads_are_named() {
    let env = Env::new();
    env.configure("other: {size: 1}\nrexray:\n  volume:\n    mount:\n      premt: true\ndocker: {fstpye: xfs}\n");
    let at = "configuration: $ROOT/etc/rexray/config.yml";
    env.dvdcli("doctor")
        .prints(&format!(
            "{at}: line 5: nobody here reads rexray.volume.mount.premt; did you mean rexray.volume.mount.preempt?\n\
             {at}: line 6: nobody here reads docker.fstpye; did you mean docker.fstype?\n"
        ))
        .fails(1, "");
    env.configure("dvdcli:\n  rot: /x\n");
    let wrong = "configuration: reading $ROOT/etc/rexray/config.yml: line 2: unknown setting dvdcli.rot; did you mean dvdcli.root?\n";
    env.dvdcli("doctor").prints(wrong).fails(1, "");
    env.dvdcli("doctor --fix").prints(wrong).fails(
        1,
        "dvdcli: warning: nothing is fixed before the configuration is\n",
    );
    env.configure("docker: {fsType: zfs}\n");
    env.dvdcli("doctor")
        .prints("configuration: reading $ROOT/etc/rexray/config.yml: line 1: docker.fsType: option fstype: \"zfs\" cannot be made here; known are ext4, xfs, btrfs\n")
        .fails(1, "");
}

#[test]
fn a_finding_in_every_format() {
    let env = Env::new();
    env.write("etc/docker/plugins/a.spec", "tcp://user:hunter2@");
    let found = env.dvdcli("doctor --format json").output();
    let rows: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found.code, 1);
    assert!(!found.stdout.contains("hunter2"), "{}", found.stdout);
    assert_eq!(rows[0]["Subject"], "plugin a");
    assert_eq!(rows[0]["Repair"], "mend that file, or remove it");
    assert_eq!(
        (&rows[0]["Fixable"], &rows[0]["Fixed"]),
        (&json!(false), &json!(null))
    );
    env.dvdcli_with(["doctor", "--format", "{{.Subject}}: {{.Repair}}"])
        .prints("plugin a: mend that file, or remove it\n")
        .fails(1, "");
    let table = env.dvdcli("doctor --format table").output();
    assert_eq!(
        table
            .stdout
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>(),
        ["SUBJECT", "PROBLEM", "REPAIR"]
    );
    env.dvdcli("doctor -n db").fails(
        2,
        "dvdcli: doctor takes no --volumename; --volumedriver limits it to one driver\n",
    );
    env.dvdcli("doctor -d ../x")
        .fails(2, "dvdcli: --volumedriver: '../x' is no name of a driver\n");
    env.dvdcli_with(["doctor", "--format", "{{.Nme}}"])
        .output()
        .parts();
}

#[test]
fn who_is_not_root_is_told_what_root_could_see() {
    let Some(env) = Env::isolated() else { return };
    env.configure(ANY_DISK);
    env.dvdcli("mount -d loop -n a --opt size=8MiB")
        .prints(&format!("$ROOT/{LOOP}/a/mnt/data\n"))
        .succeeds();
    fs::set_permissions(env.root(), Permissions::from_mode(0o755)).unwrap();
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "--"];
    let found = env.dvdcli("doctor").through("setpriv", &user).output();
    assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
    for line in found.stderr.lines() {
        let is_said =
            line.starts_with("dvdcli: warning: ") && line.ends_with("permission denied; root can");
        assert!(is_said, "{line}");
    }
    assert!(
        found.stderr.contains("driver loop was not looked at"),
        "{found:?}"
    );
    env.dvdcli("unmount -d loop -n a").succeeds();
    env.assert_nothing_is_left();
}

/// Ordinary verbs delete what killed calls have left, and release dead holders.
#[test]
fn without_fix_nothing_changes() {
    let Some(env) = Env::isolated() else { return };
    env.configure(ANY_DISK);
    env.dvdcli("mount -d loop -n a --opt size=8MiB")
        .prints(&format!("$ROOT/{LOOP}/a/mnt/data\n"))
        .succeeds();
    let host = env.names(&format!("{LOOP}/a"));
    let aside = env.dir(&format!("{LOOP}/.aside"));
    fs::create_dir_all(aside.join(".b.0.gone/x")).unwrap();
    fs::create_dir(env.dir(&format!("{LOOP}/empty")).join("file")).unwrap();
    env.write("run/dvdcli/damaged.json", "{");
    env.write(
        "run/dvdcli/old.json",
        r#"{"boot":"0","driver":"loop","volume":"x","settled":true,"mounted":null,"holders":{}}"#,
    );
    let (before, mounts, devices) = (
        tree(&env.path("")),
        mounted_below(&env.path("")),
        bound_below(&env),
    );
    let found = env.dvdcli("doctor").output();
    assert_eq!(found.code, 1, "{found:?}");
    for subject in [
        "loop/empty: ",
        "$ROOT/run/dvdcli/damaged.json: ",
        "$ROOT/run/dvdcli/old.json: ",
    ] {
        let mut lines = found.stdout.lines();
        assert!(
            lines.any(|line| line.starts_with(subject)),
            "{subject} {found:?}"
        );
    }
    assert_intact(&before, &env.path(""));
    assert_eq!(
        (mounted_below(&env.path("")), bound_below(&env)),
        (mounts, devices)
    );
    assert_eq!(env.names(&format!("{LOOP}/a")), host);
    assert!(image(&env, "a").exists());
    env.dvdcli("unmount -d loop -n a").succeeds();
}

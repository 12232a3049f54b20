//! `--from-env`: the volumes that an environment describes, mounted side by side and unmounted again.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::http::refuses;
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, THREE, THREE_PATHS, UNMOUNT, plugin_mounts, task};
use crate::harness::volume_driver::KINDS;

#[test]
fn ten_volumes_are_mounted_in_the_order_of_their_digits() {
    for kind in KINDS {
        let Some(env) = Env::isolated() else { return };
        let plugin = FakePlugin::start_kind(&env, "rexray", kind);
        let names: Vec<String> = (0..10).rev().map(|digit| format!("NAME{digit}")).collect();
        let variables: Vec<_> = names
            .iter()
            .map(|name| (name.as_str(), name.as_str()))
            .collect();
        let paths: String = (0..10)
            .map(|digit| format!("$ROOT/volumes/NAME{digit}\n"))
            .collect();
        for _ in 0..2 {
            task(&env, MOUNT, &variables).prints(&paths).succeeds();
        }
        assert_eq!(plugin.bodies("Mount").len(), 10);
        task(&env, UNMOUNT, &variables).succeeds();
        assert_eq!(plugin.bodies("Unmount").len(), 10);
        assert_eq!(env.records(), [""; 0]);
    }
}

#[test]
fn they_are_worked_on_side_by_side() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    plugin.gather("Mount", 3);
    task(&env, MOUNT, THREE).prints(THREE_PATHS).succeeds();
    plugin.gather("Unmount", 3);
    task(&env, UNMOUNT, THREE).succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0; 3]);
}

#[test]
fn each_has_its_driver_and_options() {
    let Some(env) = Env::isolated() else { return };
    let rexray = FakePlugin::start(&env, "rexray");
    let other = FakePlugin::start(&env, "other");
    task(
        &env,
        MOUNT,
        &[
            ("NAME", "a"),
            ("OPTS", ",size=5,,o=addr=10.0.0.1,rw,"),
            ("NAME1", "b"),
            ("OPTS1", r#"o="addr=10.0.0.4,nfsvers=4",size=5"#),
            ("DRIVER1", "other"),
            ("DVDCLI1", "/usr/bin/dvdcli"),
        ],
    )
    .prints("$ROOT/volumes/a\n$ROOT/volumes/b\n")
    .succeeds();
    let expected = serde_json::json!({ "size": "5", "o": "addr=10.0.0.1,rw" });
    assert_eq!(rexray.options("a"), expected);
    let expected = serde_json::json!({ "size": "5", "o": "addr=10.0.0.4,nfsvers=4" });
    assert_eq!(other.options("b"), expected);
    assert_eq!(
        (rexray.volumes(), other.volumes()),
        (vec!["a".into()], vec!["b".into()])
    );
}

#[test]
fn a_volume_that_is_to_exist_is_not_created() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").with_volume("a");
    for value in ["true", "TRUE"] {
        task(
            &env,
            MOUNT,
            &[("NAME", "a"), ("NAME1", "new"), ("EXPLICITCREATE1", value)],
        )
        .fails(
            3,
            "dvdcli: mounting volume new (DVDI_VOLUME_NAME1): plugin rexray: no such volume\n",
        );
    }
    assert_eq!((plugin.bodies("Create").len(), plugin.mounts("a")), (0, 0));
    task(&env, MOUNT, &[("NAME", "new"), ("EXPLICITCREATE", "False")])
        .prints("$ROOT/volumes/new\n")
        .succeeds();
}

#[test]
fn the_default_driver_may_be_an_alias() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "other").with_volume("a");
    env.write(
        "etc/dvdcli/config.yml",
        "dvdcli:\n  driver: nobody\n  aliases:\n    rexray: other\n",
    );
    task(&env, MOUNT, &[("NAME", "a")])
        .prints("$ROOT/volumes/a\n")
        .succeeds();
}

#[test]
fn without_a_volume_there_is_nothing_to_do() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    env.write("etc/dvdcli/config.yml", "not: [yaml");
    for line in [MOUNT, UNMOUNT, "umount --from-env --force --lazy --id job"] {
        env.dvdcli(line).succeeds();
        task(
            &env,
            line,
            &[("DRIVER", "other"), ("NAME1", ""), ("DVDCLI2", "x")],
        )
        .succeeds();
        task(&env, line, &[("OPTS", "size=5"), ("CONTAINERPATH7", "/x")])
            .warns(
                "dvdcli: warning: DVDI_VOLUME_OPTS: no effect without DVDI_VOLUME_NAME\n\
                 dvdcli: warning: DVDI_VOLUME_CONTAINERPATH7: no effect without DVDI_VOLUME_NAME7\n",
            )
            .succeeds();
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn a_volume_that_is_named_twice_is_mounted_once() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    env.write(
        "etc/dvdcli/config.yml",
        "dvdcli: {aliases: {other: rexray}}",
    );
    let twice = [
        ("NAME", "a"),
        ("NAME1", "b"),
        ("NAME2", "a"),
        ("DRIVER3", "other"),
        ("NAME3", "b"),
    ];
    task(&env, MOUNT, &twice)
        .prints("$ROOT/volumes/a\n$ROOT/volumes/b\n")
        .succeeds();
    task(&env, UNMOUNT, &twice).succeeds();
    assert_eq!(
        (plugin.bodies("Mount").len(), plugin.bodies("Unmount").len()),
        (2, 2)
    );
}

#[test]
fn tasks_share_a_volume() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let one = [("NAME", "a"), ("NAME1", "shared")];
    let other = [("NAME", "shared"), ("NAME1", "b")];
    task(&env, "mount --from-env --id one", &one)
        .prints("$ROOT/volumes/a\n$ROOT/volumes/shared\n")
        .succeeds();
    task(&env, "mount --from-env --id other", &other)
        .prints("$ROOT/volumes/shared\n$ROOT/volumes/b\n")
        .succeeds();
    task(&env, "unmount --from-env --id one", &one)
        .warns("dvdcli: warning: volume shared stays mounted, it is held by other\n")
        .succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "shared", "b"]), [0, 1, 1]);
    task(&env, "unmount --from-env --id other", &other).succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "shared", "b"]), [0, 0, 0]);
}

#[test]
fn force_releases_every_holder_of_every_volume() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    for id in ["one", "other"] {
        task(&env, &format!("{MOUNT} --id {id}"), THREE)
            .prints(THREE_PATHS)
            .succeeds();
    }
    task(&env, "unmount --from-env --force", THREE).succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "b", "c"]), [0; 3]);
}

#[test]
fn what_was_never_mounted_is_no_error() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").with_volume("a");
    let found = task(&env, UNMOUNT, THREE).output();
    let mut warnings: Vec<&str> = found.stderr.lines().collect();
    warnings.sort_unstable();
    let warning = |name, why| {
        format!(
            "dvdcli: warning: unmounting volume {name}: plugin rexray: {why}; nothing was left to do"
        )
    };
    assert_eq!((found.code, found.stdout.as_str()), (0, ""));
    assert_eq!(
        warnings,
        [
            warning("a", "it is not mounted"),
            warning("b", "VolumeDriver.Path: volume not found"),
            warning("c", "VolumeDriver.Path: volume not found")
        ]
    );
    assert_eq!(plugin.bodies("Create").len(), 0);
}

#[test]
fn unmounting_goes_on_and_names_every_failure() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let other = FakePlugin::start(&env, "other");
    let variables = [
        ("NAME", "a"),
        ("NAME1", "b"),
        ("DRIVER1", "other"),
        ("NAME2", "c"),
    ];
    task(&env, MOUNT, &variables).prints(THREE_PATHS).succeeds();
    plugin.on("Unmount", refuses("device is in use"));
    task(&env, UNMOUNT, &variables).fails(
        4,
        "dvdcli: unmounting volume a (DVDI_VOLUME_NAME): plugin rexray: VolumeDriver.Unmount: device is in use\n\
         dvdcli: unmounting volume c (DVDI_VOLUME_NAME2): plugin rexray: VolumeDriver.Unmount: device is in use\n",
    );
    assert_eq!((plugin.mounts("a"), other.mounts("b")), (1, 0));
    plugin.on("Unmount", crate::harness::http::Answer::Act);
    task(&env, UNMOUNT, &variables)
        .warns("dvdcli: warning: unmounting volume b: plugin other: it is not mounted; nothing was left to do\n")
        .succeeds();
    assert_eq!(plugin_mounts(&plugin, ["a", "c"]), [0, 0]);
}

#[test]
fn a_plugin_that_is_not_there_is_announced_once_for_all() {
    let Some(env) = Env::isolated() else { return };
    let found = task(&env, "mount --from-env --wait 300ms", THREE).output();
    assert_eq!((found.code, found.stdout.as_str()), (1, ""));
    let lines: Vec<&str> = found.stderr.lines().collect();
    let [waiting, error] = lines[..] else {
        panic!("{found:?}");
    };
    assert!(waiting.starts_with("dvdcli: warning: waiting up to 300ms for plugin rexray: "));
    assert!(error.starts_with("dvdcli: mounting volume a (DVDI_VOLUME_NAME): plugin rexray: "));
}

#[test]
fn passwords_are_masked_in_whatever_is_said_of_any_volume() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    plugin.on("Create", refuses("no hunter2 for sesame"));
    let variables = [
        ("NAME", "name=a,token=sesame"),
        ("NAME1", "b"),
        ("OPTS1", "o=username=joe,password=hunter2"),
    ];
    for line in [MOUNT, "mount --from-env --verbose"] {
        let found = task(&env, line, &variables).output();
        assert_eq!(found.code, 1);
        assert!(found.stderr.contains("no **** for ****\n"), "{found:?}");
        assert!(
            !found.stderr.contains("hunter2") && !found.stderr.contains("sesame"),
            "{found:?}"
        );
    }
}

//! Calls that end badly take nothing from those who hold the volume already, and nothing that is not the volume's.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::refuses;
use crate::harness::mounts::mounted_at;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::filled;
use crate::harness::volume_driver::{KINDS, Kind};

#[test]
fn a_caller_without_time_does_not_unmount_what_another_holds() {
    let env = Env::new();
    for kind in KINDS {
        let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
        env.dvdcli("mount -d fake -n db --id a")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        for timeout in ["1ms", "2ms", "3ms", "5ms"] {
            let line = format!("mount -d fake -n db --id b --timeout {timeout}");
            let found = env.dvdcli(&line).output();
            // Its time may have been enough.
            if found.code == 0 {
                assert_eq!(found.parts(), (0, "$ROOT/volumes/db\n", ""));
            } else {
                // Whether a step was begun with what was left is a matter of chance.
                let late = match found.stderr.contains("no time is left") {
                    true => "dvdcli: mounting volume db: [..]no time is left [..]\n",
                    false => "dvdcli: mounting volume db: [..]no answer within [..]\n",
                };
                assert_eq!(found.parts(), (1, "", filled(late, &found.stderr).as_str()));
            }
            assert_eq!(plugin.mounts("db"), 1);
        }
        assert_eq!(plugin.bodies("Unmount").len(), 0);
        env.dvdcli("unmount -d fake -n db --force").succeeds();
        assert_eq!(plugin.mounts("db"), 0);
    }
}

#[test]
fn a_volume_is_not_taken_for_absent_because_of_its_name() {
    let env = Env::new();
    for (name, method, words, line) in [
        (
            "unknown-volume",
            "Get",
            "reading unknown-volume: timed out",
            "mount",
        ),
        (
            "unknown volume",
            "Get",
            "reading unknown volume: timed out",
            "mount",
        ),
        (
            "not-mounted-1",
            "Unmount",
            "not-mounted-1: quota exceeded",
            "unmount",
        ),
        (
            "db",
            "Unmount",
            "fusermount: no mount helper for db",
            "unmount",
        ),
    ] {
        let plugin = FakePlugin::start(&env, "fake").with_volume(name);
        if method == "Unmount" {
            env.dvdcli_with(["mount", "-d", "fake", "-n", name])
                .prints(&format!("$ROOT/volumes/{name}\n"))
                .succeeds();
        }
        plugin.on(method, refuses(words));
        let repair = match method {
            "Unmount" => "; unmount --force forgets it",
            _ => "",
        };
        env.dvdcli_with([line, "-d", "fake", "-n", name]).fails(
            1,
            &format!(
                "dvdcli: {line}ing volume {name}: plugin fake: VolumeDriver.{method}: {words}{repair}\n"
            ),
        );
        assert_eq!(plugin.bodies("Create").len(), 0, "{name}");
    }
}

#[test]
fn looking_at_a_damaged_record_does_not_lose_that_it_is_damaged() {
    let (env, plugin) = FakePlugin::of_kind_with_db(Kind::Counting);
    env.mount_db();
    for path in fs::entries(env.path("run/dvdcli")).unwrap() {
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            fs::write(path, "{").unwrap();
        }
    }
    assert_eq!(env.json("inspect -d fake -n db")[0]["Holders"], json!([]));
    env.dvdcli("create -d fake -n db")
        .warns("dvdcli: warning: the holders' record [..] is damaged ([..]); set aside\n")
        .succeeds();
    env.mount_db();
    assert_eq!(plugin.mounts("db"), 1);
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_mount_of_somebody_else_at_a_target_stays() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.dvdcli("mount -d fake -n db --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    nix::mount::umount(&target).unwrap();
    env.mount_tmpfs(&target);
    let message = "target $ROOT/target: something is mounted there that is not this volume";
    env.dvdcli("mount -d fake -n db --target $ROOT/target")
        .fails(4, &format!("dvdcli: mounting volume db: {message}\n"));
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .fails(4, &format!("dvdcli: unmounting volume db: {message}\n"));
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![target], 1));
    env.dvdcli("unmount -d fake -n db --force").succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (1, 0));
}

#[test]
fn a_plugin_that_is_not_there_is_waited_for_once() {
    let env = Env::new();
    let missing = "not found in $ROOT/run/docker/plugins, $ROOT/etc/docker/plugins, $ROOT/usr/lib/docker/plugins or $ROOT/var/lib/docker/plugins; no plugin is there";
    env.dvdcli("create -d fake -n db --wait 300ms").fails(
        1,
        &format!(
            "dvdcli: warning: waiting up to 300ms for plugin fake: {missing}\n\
             dvdcli: creating volume db: plugin fake: {missing}\n"
        ),
    );
}

#[test]
fn a_view_keeps_what_its_volume_forbids() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("target");
    nix::mount::mount(
        Some("none"),
        &env.dir("volumes/db"),
        Some("tmpfs"),
        nix::mount::MsFlags::MS_NOSUID
            | nix::mount::MsFlags::MS_NODEV
            | nix::mount::MsFlags::MS_NOEXEC,
        None::<&str>,
    )
    .unwrap();
    env.dvdcli("mount -d fake -n db --target $ROOT/target --read-only")
        .prints("$ROOT/target\n")
        .succeeds();
    let view = mounted_at(&env.path("target")).unwrap();
    assert_eq!(view.options, "ro,nosuid,nodev,noexec,relatime");
}

#[test]
fn an_answer_that_cannot_be_read_is_a_call_that_may_have_been_carried_out() {
    let (env, plugin) = FakePlugin::of_kind_with_db(Kind::Counting);
    plugin.on("Mount", crate::harness::http::status(200, "<html>"));
    for _ in 0..2 {
        env.dvdcli("mount -d fake -n db").fails(
            1,
            "dvdcli: mounting volume db: plugin fake: VolumeDriver.Mount: HTTP status 200 and an HTML page; is this the address of a plugin?\n",
        );
    }
    // It may have mounted, so the next call asks; here it has not, and nothing is unmounted.
    assert_eq!(
        plugin.take_calls(),
        [
            "Activate", "Get", "Path", "Mount", "Activate", "Get", "Path", "Get", "Mount"
        ]
    );
}

#[test]
fn a_holder_with_and_without_a_target_holds_twice() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("target");
    env.dvdcli("mount -d fake -n db --id a")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    env.dvdcli("mount -d fake -n db --id a --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --id a --target $ROOT/target")
        .warns("dvdcli: warning: volume db stays mounted, it is held by a\n")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 1));
    env.dvdcli("unmount -d fake -n db --id a").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_view_is_not_taken_for_one_of_another_mode() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("target");
    env.dvdcli("mount -d fake -n db --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    env.dvdcli("mount -d fake -n db --target $ROOT/target --read-only")
        .fails(
            4,
            "dvdcli: mounting volume db: target $ROOT/target: it is there already, writable\n",
        );
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .succeeds();
    assert_eq!(env.mounts().len(), 0);
}

#[test]
fn a_path_that_reaches_nobody_is_held_by_nobody() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("mount -d fake -n db").into_full_device().fails(
        1,
        "dvdcli: mounting volume db: writing the answer to stdout: no space left on device\n",
    );
    assert_eq!((plugin.bodies("Mount").len(), plugin.mounts("db")), (1, 0));
    env.assert_nothing_is_left();
}

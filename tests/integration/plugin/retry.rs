//! Which calls are repeated when a connection breaks, and which never are; and what runs out when a plugin hangs.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::backlog::FullBacklog;
use crate::harness::env::Env;
use crate::harness::http::{Answer, close, hang};
use crate::harness::plugin::FakePlugin;
use crate::harness::waiting::at_once;

#[test]
fn calls_that_change_nothing_are_repeated_with_their_whole_body() {
    let begun =
        || Answer::BytesAndClose(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{".to_vec());
    for (line, method, stdout) in [
        ("get -d fake -n db", "Activate", "db\n"),
        ("get -d fake -n db", "Get", "db\n"),
        ("list -d fake", "List", "db\n"),
        ("path -d fake -n db", "Path", ""),
    ] {
        for broken in [close(), begun(), Answer::ActInSilence] {
            let (env, plugin) = FakePlugin::with_db();
            if method == "Unmount" {
                env.mount_db();
            }
            plugin.on_each(method, [broken, Answer::Act]);
            env.dvdcli(line).prints(stdout).succeeds();
            let bodies = plugin.bodies(method);
            assert_eq!(bodies.len(), 2, "{method}");
            assert_eq!(bodies[0], bodies[1], "{method}");
        }
    }
}

#[test]
fn capabilities_may_be_repeated_too() {
    let (env, plugin) = FakePlugin::with_db();
    let global = crate::harness::http::json(json!({ "Capabilities": { "Scope": "global" } }));
    plugin.on_each("Capabilities", [close(), global]);
    assert_eq!(env.json("inspect -d fake -n db")[0]["Scope"], "global");
}

#[test]
fn a_plugin_that_always_closes_is_given_up() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on("Get", close());
    env.dvdcli("get -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: VolumeDriver.Get: the plugin closed the connection before it answered; look at its log\n",
    );
    plugin.on("Activate", close());
    env.dvdcli("get -d fake -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin fake: Plugin.Activate: the plugin closed the connection before it answered; look at its log\n",
    );
}

#[test]
fn calls_that_change_something_are_never_repeated() {
    for (line, method, doing) in [
        ("create -d fake -n new", "Create", "creating volume new"),
        ("mount -d fake -n new", "Create", "mounting volume new"),
        ("mount -d fake -n db", "Mount", "mounting volume db"),
        ("unmount -d fake -n db", "Unmount", "unmounting volume db"),
        ("remove -d fake -n db", "Remove", "removing volume db"),
    ] {
        for broken in [
            close(),
            Answer::ActInSilence,
            Answer::BytesAndClose(b"HTTP/1.1 200 OK\r\nConte".to_vec()),
        ] {
            let (env, plugin) = FakePlugin::with_db();
            if method == "Unmount" {
                env.mount_db();
            }
            plugin.on_each(method, [broken, Answer::Act]);
            env.dvdcli(line).fails(
                1,
                &format!("dvdcli: {doing}: plugin fake: VolumeDriver.{method}: the plugin closed the connection before it answered; look at its log\n"),
            );
            assert_eq!(plugin.bodies(method).len(), 1, "{line}");
        }
    }
}

#[test]
fn a_connection_that_was_closed_between_two_calls_is_made_anew() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for method in ["Activate", "Get", "Create", "Mount", "Unmount", "Remove"] {
        plugin.on(method, Answer::ActAndClose);
    }
    env.dvdcli("mount -d fake -n db --volumeopts=a=1")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    assert_eq!(plugin.options("db"), json!({ "a": "1" }));
    assert_eq!(
        plugin.take_calls(),
        ["Activate", "Get", "Create", "Path", "Mount"]
    );
    env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.take_calls(), ["Activate", "Unmount"]);
    env.dvdcli("remove -d fake -n db").succeeds();
    assert_eq!(plugin.take_calls(), ["Activate", "Get", "Path", "Remove"]);
}

/// The next request lies unread in a connection that the plugin closes.
#[test]
fn a_plugin_that_closes_each_connection_a_moment_late_gets_every_call_once() {
    let env = Env::new();
    let unix = FakePlugin::start(&env, "unix");
    let tcp = FakePlugin::tcp(&env);
    env.write(
        "etc/docker/plugins/tcp.spec",
        format!("tcp://{}", tcp.address),
    );
    for (driver, plugin) in [("unix", unix), ("tcp", tcp)] {
        for method in ["Activate", "Get", "Create", "Mount", "Unmount", "Remove"] {
            plugin.on(method, Answer::ActAndCloseLate);
        }
        let path = "$ROOT/volumes/db\n";
        for (line, stdout, changes) in [
            ("create", "", &["Create"][..]),
            ("mount", path, &["Mount"]),
            ("unmount", "", &["Unmount"]),
            ("remove", "", &["Remove"]),
            ("mount", path, &["Create", "Mount"]),
        ] {
            env.dvdcli(&format!("{line} -d {driver} -n db"))
                .prints(stdout)
                .succeeds();
            let mut calls = plugin.take_calls();
            calls.retain(|call| ["Create", "Mount", "Unmount", "Remove"].contains(&&**call));
            assert_eq!(calls, changes);
        }
    }
}

/// Long enough for a busy machine to come to the point where the plugin hangs.
const SHORT: &str = "--timeout=3s";

#[test]
fn a_plugin_that_hangs_at_any_point_is_given_up_in_time() {
    let hangs = || {
        let part = |text: &str| Answer::BytesAndHang(text.into());
        [
            hang(),
            Answer::ActAndHang,
            part("HTTP/1.1 200 OK\r\nContent-Le"),
            part("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"),
            part("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"Err\": "),
            part("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{\"\r\n"),
            part("HTTP/1.1 200 OK\r\n\r\n{\"Err\": \"\"}"),
            Answer::Drip(b"HTTP/1.1 200 OK\r\nX: x".to_vec()),
            Answer::Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n{ ".to_vec()),
            Answer::Drip(b"HTTP/1.1 200 OK\r\n\r\n ".to_vec()),
        ]
    };
    let calls = [
        (
            "mount -d fake -n db",
            "Activate",
            "mounting volume db: plugin fake: Plugin.Activate",
        ),
        (
            "mount -d fake -n db",
            "Get",
            "mounting volume db: plugin fake: VolumeDriver.Get",
        ),
        (
            "mount -d fake -n db",
            "Mount",
            "mounting volume db: plugin fake: VolumeDriver.Mount",
        ),
        (
            "unmount -d fake -n db",
            "Unmount",
            "unmounting volume db: plugin fake: VolumeDriver.Unmount",
        ),
        (
            "create -d fake -n new",
            "Create",
            "creating volume new: plugin fake: VolumeDriver.Create",
        ),
        (
            "list -d fake",
            "List",
            "listing volumes: plugin fake: VolumeDriver.List",
        ),
    ];
    // All at once, since each takes its whole time.
    let cases = calls.map(|call| hangs().map(|answer| (call, answer)));
    at_once(cases.into_iter().flatten().enumerate(), |(number, case)| {
        let ((line, method, doing), answer) = case;
        let (env, plugin) = FakePlugin::with_db();
        if method == "Unmount" {
            env.mount_db();
        }
        plugin.on(method, answer);
        env.dvdcli(&format!("{line} {SHORT}")).fails(
            1,
            &format!("dvdcli: {doing}: no answer within 3s (--timeout)\n"),
        );
        assert_eq!(plugin.bodies(method).len(), 1, "{line} {number}");
    });
}

#[test]
fn a_plugin_that_does_not_accept_is_given_up_in_time() {
    let env = Env::new();
    let _nobody = FullBacklog::at(&env.path("run/docker/plugins/fake.sock"));
    env.dvdcli("mount -d fake -n db --timeout=1s")
        .fails(1, "dvdcli: mounting volume db: plugin fake: Plugin.Activate: no answer within 1s (--timeout)\n");
}

#[test]
fn the_time_limit_comes_from_flag_environment_and_configuration_in_this_order() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on("Get", hang());
    let after = |limit: &str| {
        format!(
            "dvdcli: looking up volume db: plugin fake: VolumeDriver.Get: no answer within {limit} (--timeout)\n"
        )
    };
    env.write("etc/dvdcli/config.yml", "dvdcli:\n  timeout: 1s\n");
    let cases = [
        ("", None, "1s"),
        ("", Some("1100ms"), "1s 100ms"),
        ("--timeout 1200ms", Some("1100ms"), "1s 200ms"),
    ];
    at_once(cases, |(flag, variable, limit)| {
        let run = env.dvdcli(&format!("get -d fake -n db {flag}"));
        let run = match variable {
            Some(value) => run.env("DVDCLI_TIMEOUT", value),
            None => run,
        };
        run.fails(1, &after(limit));
    });
}

#[test]
fn a_dead_plugin_does_not_hold_up_the_others() {
    let env = Env::new();
    let _good = FakePlugin::start(&env, "good").with_volume("db");
    let bad = FakePlugin::start(&env, "bad");
    bad.on("List", hang());
    let _nobody = FullBacklog::at(&env.path("run/docker/plugins/nobody.sock"));
    env.dvdcli("list --timeout 2s").prints("DRIVER  VOLUME NAME\ngood    db\n").fails(
        1,
        "dvdcli: listing volumes: plugin bad: VolumeDriver.List: no answer within 2s (--timeout)\n\
         dvdcli: listing volumes: plugin nobody: Plugin.Activate: no answer within 2s (--timeout)\n",
    );
}

#[test]
fn an_overview_gives_each_driver_five_seconds_whatever_is_configured() {
    let env = Env::new();
    let bad = FakePlugin::start(&env, "bad");
    bad.on("List", hang());
    env.write("etc/dvdcli/config.yml", "dvdcli:\n  timeout: 9s\n");
    env.dvdcli("list").prints("DRIVER  VOLUME NAME\n").fails(
        1,
        "dvdcli: listing volumes: plugin bad: VolumeDriver.List: no answer within 5s (--timeout)\n",
    );
}

//! Managed plugins: found in Docker's data root by name, tag, ID or prefix.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::missing;
use crate::harness::managed::{ID, OTHER_ID, config, install, listed_plugins, plugin};
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;

#[test]
fn a_plugin_is_found_by_name_tag_id_and_prefix() {
    let env = Env::new();
    let _plugin = plugin(&env, ID, "rexray/ebs:latest", "");
    let _other = FakePlugin::start(&env, "other");
    for name in [
        "rexray/ebs",
        "rexray/ebs:latest",
        ID,
        "0",
        "0123456",
        &ID[..63],
    ] {
        env.dvdcli(&format!("list -d {name}"))
            .prints("db\n")
            .succeeds();
    }
    for name in [
        "rexray/ebs:1.0",
        "rexray",
        "ebs",
        "1234",
        "x",
        "0123x",
        "rexray/ebs:latest:latest",
    ] {
        env.dvdcli(&format!("list -d {name} --wait 0")).fails(
            1,
            &format!("dvdcli: listing volumes: plugin {name}: not found in [..]; there is other, rexray/ebs:latest[..]\n"),
        );
    }
}

#[test]
fn tags_tell_plugins_apart() {
    let env = Env::new();
    let _latest = plugin(&env, ID, "vendor/fake:latest", "").with_volume("of-latest");
    let _next = plugin(&env, OTHER_ID, "vendor/fake:next", "").with_volume("of-next");
    env.dvdcli("list -d vendor/fake")
        .prints("db\nof-latest\n")
        .succeeds();
    env.dvdcli("list -d vendor/fake:next")
        .prints("db\nof-next\n")
        .succeeds();
    env.dvdcli("list -d 01234")
        .prints("db\nof-latest\n")
        .succeeds();
    env.dvdcli("list -d 0123f")
        .prints("db\nof-next\n")
        .succeeds();
    env.dvdcli("list -d 0123").fails(
        1,
        "dvdcli: listing volumes: plugin 0123: the beginning of more than one ID: vendor/fake:[..], vendor/fake:[..]; give more digits\n",
    );
}

#[test]
fn a_registry_with_a_port_is_part_of_the_name() {
    let env = Env::new();
    let _plugin = plugin(&env, ID, "registry:5000/fake:latest", "");
    env.dvdcli("list -d registry:5000/fake")
        .prints("db\n")
        .succeeds();
    env.dvdcli("list -d registry:5000/fake:latest")
        .prints("db\n")
        .succeeds();
}

#[test]
fn a_managed_plugin_goes_before_a_legacy_one() {
    let env = Env::new();
    let legacy = FakePlugin::start(&env, "fake").with_volume("of-legacy");
    let _managed = plugin(&env, ID, "fake:latest", "");
    env.dvdcli("list -d fake").prints("db\n").succeeds();
    env.dvdcli("list --format names").prints("db\n").succeeds();
    assert_eq!(legacy.connections(), 0);
    // But a prefix of an ID does not.
    let _short = FakePlugin::start(&env, "01").with_volume("of-short");
    env.dvdcli("list -d 01").prints("of-short\n").succeeds();
}

#[test]
fn one_that_is_disabled_is_an_error_that_says_so() {
    let env = Env::new();
    let legacy = FakePlugin::start(&env, "fake").with_volume("db");
    let mut disabled = config(ID, "fake:latest", "");
    disabled["plugin"]["Enabled"] = json!(false);
    install(&env, "var/lib/docker", ID, &disabled);
    for name in ["fake", "fake:latest", ID] {
        env.dvdcli(&format!("mount -d {name} -n db")).fails(
            1,
            &format!("dvdcli: mounting volume db: plugin {name}: it is disabled; run docker plugin enable fake:latest\n"),
        );
    }
    assert_eq!(legacy.connections(), 0);
}

#[test]
fn one_of_another_kind_is_refused() {
    let env = Env::new();
    let plugin = plugin(&env, ID, "fake:latest", "");
    let mut network = config(ID, "fake:latest", "");
    network["plugin"]["Config"]["Interface"]["Types"] = json!(["docker.networkdriver/1.0"]);
    install(&env, "var/lib/docker", ID, &network);
    env.dvdcli("list -d fake").fails(
        1,
        "dvdcli: listing volumes: plugin fake: it is no volume driver\n",
    );
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn it_needs_no_activation() {
    let env = Env::new();
    let plugin = plugin(&env, ID, "fake:latest", "");
    plugin.on("Activate", missing());
    env.dvdcli("list -d fake").prints("db\n").succeeds();
}

#[test]
fn the_data_root_may_have_been_moved() {
    let env = Env::new();
    let data_root = env.dir("moved");
    env.write(
        "etc/docker/daemon.json",
        json!({ "data-root": data_root, "debug": true }).to_string(),
    );
    install(&env, "moved", ID, &config(ID, "fake:latest", "/data"));
    let _plugin = FakePlugin::at(
        &env,
        Kind::Counting,
        &format!("run/docker/plugins/{ID}/x.sock"),
    )
    .with_volume("db")
    .says("/data");
    env.dir(&format!("moved/plugins/{ID}/propagated-mount/db"));
    env.dvdcli("mount -d fake -n db")
        .prints(&format!("$ROOT/moved/plugins/{ID}/propagated-mount/db\n"))
        .succeeds();
    env.write("etc/docker/daemon.json", "{}");
    env.dvdcli("list -d fake --wait 0").fails(
        1,
        "dvdcli: listing volumes: plugin fake: not found in $ROOT/run/docker/plugins, $ROOT/etc/docker/plugins, $ROOT/usr/lib/docker/plugins or $ROOT/var/lib/docker/plugins; no plugin is there\n",
    );
}

#[test]
fn a_broken_configuration_of_docker_is_named() {
    let env = Env::new();
    let deep = format!("{{\"more\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for (text, message) in [
        (deep.as_str(), "it is nested more than 100 deep"),
        ("{", "EOF while parsing an object at line 1 column 1"),
        (
            "{\"data-root\":7}",
            "data-root: invalid type: integer `7`, expected path string",
        ),
    ] {
        env.write("etc/docker/daemon.json", text);
        env.dvdcli("list -d fake --wait 0")
            .fails(1, &format!("dvdcli: listing volumes: plugin fake: reading $ROOT/etc/docker/daemon.json: {message}\n"));
    }
}

#[test]
fn what_is_no_installed_plugin_is_passed_over() {
    let env = Env::new();
    let _plugin = plugin(&env, ID, "fake:latest", "");
    let half = OTHER_ID;
    for broken in ["", "{", "[]", "{\"plugin\":{}}", "{\"plugin\":7}"] {
        env.write(
            &format!("var/lib/docker/plugins/{half}/config.json"),
            broken,
        );
        env.dvdcli("list -d fake").prints("db\n").succeeds();
        env.dvdcli("list --format names").prints("db\n").succeeds();
    }
    env.write(
        "var/lib/docker/plugins/storage/config.json",
        config("x", "stray:latest", "").to_string(),
    );
    env.write("var/lib/docker/plugins/tmp", "");
    env.dvdcli("list --format names").prints("db\n").succeeds();
}

#[test]
fn a_socket_outside_of_its_place_is_refused() {
    let env = Env::new();
    let outside = FakePlugin::start(&env, "outside").with_volume("db");
    for socket in [
        "../outside.sock",
        "/run/docker/plugins/outside.sock",
        "",
        "..",
        "a/b.sock",
    ] {
        let mut bad = config(ID, "fake:latest", "");
        bad["plugin"]["Config"]["Interface"]["Socket"] = json!(socket);
        install(&env, "var/lib/docker", ID, &bad);
        env.dvdcli("list -d fake").fails(
            1,
            &format!(
                "dvdcli: listing volumes: plugin fake: its socket '{socket}' is no file name\n"
            ),
        );
    }
    assert_eq!(outside.connections(), 0);
}

#[test]
fn an_overview_warns_of_disabled_plugins_and_leaves_out_those_of_other_kinds() {
    let env = Env::new();
    let _plugin = plugin(&env, ID, "rexray/ebs:latest", "");
    let mut other = config(OTHER_ID, "vendor/other:latest", "");
    other["plugin"]["Enabled"] = json!(false);
    install(&env, "var/lib/docker", OTHER_ID, &other);
    env.dvdcli("list --format names")
        .prints("db\n")
        .warns("dvdcli: warning: plugin vendor/other:latest: it is disabled; run docker plugin enable vendor/other:latest\n")
        .succeeds();
    other["plugin"]["Enabled"] = json!(true);
    other["plugin"]["Config"]["Interface"]["Types"] = json!(["docker.networkdriver/1.0"]);
    install(&env, "var/lib/docker", OTHER_ID, &other);
    env.dvdcli("list --format names").prints("db\n").succeeds();
    let drivers = listed_plugins(&env);
    assert_eq!(drivers.as_array().unwrap().len(), 1, "{drivers}");
}

#[test]
fn drivers_shows_managed_plugins() {
    let env = Env::new();
    let _plugin = plugin(&env, ID, "rexray/ebs:latest", "");
    let mut disabled = config(OTHER_ID, "vendor/off:latest", "");
    disabled["plugin"]["Enabled"] = json!(false);
    install(&env, "var/lib/docker", OTHER_ID, &disabled);
    assert_eq!(
        listed_plugins(&env),
        json!([
            {
                "Name": "rexray/ebs:latest", "Type": "managed", "Scope": "local", "Allowed": true, "Policy": { "views": "nosuid,nodev" }, "Answers": true, "Error": null,
                "Address": format!("unix://$ROOT/run/docker/plugins/{ID}/x.sock"),
            },
            {
                "Name": "vendor/off:latest", "Type": "managed", "Scope": null, "Allowed": true, "Policy": { "views": "nosuid,nodev" }, "Answers": false, "Address": "-",
                "Error": "plugin vendor/off:latest: it is disabled; run docker plugin enable vendor/off:latest",
            },
        ])
    );
}

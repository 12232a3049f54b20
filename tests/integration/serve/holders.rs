//! Who holds what engines have mounted.

use std::io::Write;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::run::holders;
use crate::harness::served::{Served, request};
use crate::harness::volumes::loop_volume;
use crate::harness::waiting::{at_once, eventually};

/// Docker may mount twice under one ID, and unmounts as often.
#[test]
fn an_engines_mounts_count_and_a_shell_holds_beside_them() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    let served = Served::start(&env, "loop");
    let engine = served.engine();
    let path = engine.mount("db", "a");
    let shown = env.with_root(&path);
    for id in ["a", "a", "b"] {
        assert_eq!(engine.mount("db", id), path);
    }
    env.dvdcli("mount -d loop -n db --id b")
        .prints(&format!("{shown}\n"))
        .succeeds();
    let held = || holders(&env, "-d loop -n db");
    assert_eq!(held(), ["b", "engine a (3 times)", "engine b"]);
    engine.unmount("db", "b");
    // An ID of a command is another one.
    assert_eq!(held(), ["b", "engine a (3 times)"]);
    engine.unmount("db", "b");
    engine.unmount("db", "a");
    // It is kept over a restart.
    assert_eq!(served.stop().code, 0);
    let served = Served::start(&env, "loop");
    let engine = served.engine();
    assert_eq!(held(), ["b", "engine a (2 times)"]);
    engine.unmount("db", "a");
    engine.unmount("db", "a");
    assert_eq!(held(), ["b"]);
    env.dvdcli("unmount -d loop -n db --id b").succeeds();
    env.assert_nothing_is_mounted();
    let words = served.stop();
    assert_eq!(words.parts(), (0, "", ""));
}

/// An engine that hangs up before it is answered never unmounts.
#[test]
fn a_mount_that_cannot_be_answered_is_taken_back() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    let served = Served::start(&env, "loop");
    let engine = served.engine();
    let mount = json!({"Name": "db", "ID": "gone"});
    engine.send_only("VolumeDriver.Mount", mount.clone());
    let is_free = || env.nothing_is_mounted().is_ok() && env.records().is_empty();
    eventually("the mount to be taken back", is_free);
    // One that takes the answer, and does not read it.
    engine.mount("db", "stays");
    let mut stream = engine.connect().unwrap();
    let request = request("VolumeDriver.Mount", &mount.to_string());
    stream.write_all(&request).unwrap();
    let held = || holders(&env, "-d loop -n db");
    eventually("the answer", || held().len() == 2);
    drop(stream);
    eventually("the mount to be taken back", || held() == ["engine stays"]);
    engine.unmount("db", "stays");
    env.assert_nothing_is_mounted();
    let said = served.stop().stderr;
    let warning = "dvdcli: warning: mounting volume db: the engine has gone without its answer, so it is taken back\n";
    assert_eq!(said, warning.repeat(2));
}

#[test]
fn calls_for_different_volumes_run_side_by_side() {
    let Some(env) = Env::isolated() else { return };
    let served = Served::start(&env, "loop");
    let engine = served.engine();
    let names: Vec<String> = (0..6).map(|number| format!("v{number}")).collect();
    at_once(&names, |name| {
        let create = json!({"Name": name, "Opts": {"size": "20MiB"}});
        engine.done("VolumeDriver.Create", create);
        for id in ["a", "b"] {
            engine.mount(name, id);
        }
        for id in ["b", "a"] {
            engine.unmount(name, id);
        }
        engine.done("VolumeDriver.Remove", json!({"Name": name}));
    });
    // And of one volume.
    loop_volume(&env, "db");
    at_once(&names, |name| {
        engine.mount("db", name);
        engine.unmount("db", name);
    });
    env.assert_nothing_is_mounted();
    assert_eq!(served.stop().parts(), (0, "", ""));
}

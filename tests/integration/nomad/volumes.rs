//! Volumes from their creation to their end.

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::http::refuses;
use crate::harness::mounts::bind;
use crate::harness::nomad::{ID, LOOP, call, is_refused, made, reboot, shown};
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::user_of;

const SMALL: (&str, &str) = ("CAPACITY_MIN_BYTES", "20971520");

/// A plugin `fake`, where the host's own programs find it.
fn plugin(host: &Host) -> FakePlugin {
    fs::create_dir_all("/run/docker").unwrap();
    bind(&host.env.dir("run/docker"), Path::new("/run/docker"));
    FakePlugin::start(&host.env, "fake")
}

#[track_caller]
fn create(host: &Host) {
    call(host, "loop", "create", &[SMALL])
        .prints(&made(ID, 20 << 20))
        .succeeds();
}

#[test]
fn a_volume_is_made_mounted_again_and_deleted() {
    let Some(host) = Host::new() else { return };
    let version = json!({ "version": env!("CARGO_PKG_VERSION") });
    call(&host, "loop", "fingerprint", &[])
        .prints(&format!("{version}\n"))
        .succeeds();
    create(&host);
    let path = format!("{LOOP}/{ID}/mnt/data");
    fs::write(Path::new(&path).join("file"), "kept").unwrap();
    create(&host);
    let volume = &shown(&host, &format!("inspect -d loop -n {ID}"))[0];
    let labels = json!({ "nomad.name": "db", "nomad.namespace": "default" });
    let holders = json!([format!("nomad {ID}")]);
    assert_eq!((&volume["Labels"], &volume["Holders"]), (&labels, &holders));

    reboot(&host);
    assert!(!Path::new(&path).join("file").exists());
    create(&host);
    assert_eq!(
        fs::read_to_string(Path::new(&path).join("file")).unwrap(),
        "kept"
    );

    for _ in 0..2 {
        call(&host, "loop", "delete", &[("CREATED_PATH", &path)]).succeeds();
        host.assert_no_volume();
        assert_eq!(fs::names(LOOP), [""; 0]);
    }
}

/// Nomad does so where it could not write down what it was answered: with the directory of all volumes, and without a name.
#[test]
fn a_volume_that_nomad_could_not_keep_is_deleted() {
    let Some(host) = Host::new() else { return };
    create(&host);
    let variables = [
        ("CREATED_PATH", "/srv/volumes"),
        ("VOLUME_NAME", ""),
        ("NAMESPACE", ""),
    ];
    call(&host, "loop", "delete", &variables).succeeds();
    assert_eq!(fs::names(LOOP), [""; 0]);
}

#[test]
fn what_others_hold_is_not_deleted() {
    let Some(host) = Host::new() else { return };
    create(&host);
    let path = format!("{LOOP}/{ID}/mnt/data");
    let of_shell = ["-d", "loop", "-n", ID, "--id", "shell"];
    let shell = |verb| host.daemon("dvdcli", &[&[verb], &of_shell[..]].concat());
    shell("mount").prints(&format!("{path}\n")).succeeds();
    let held = format!("deleting volume {ID}: it is held by shell; unmount it first");
    is_refused(call(&host, "loop", "delete", &[]), 4, &held);
    let holders = &shown(&host, &format!("inspect -d loop -n {ID}"))[0]["Holders"];
    assert_eq!(holders, &json!([format!("nomad {ID}"), "shell"]));

    let stays = format!("dvdcli: warning: volume {ID} stays mounted, it is held by nomad {ID}\n");
    shell("unmount").warns(&stays).succeeds();
    let elsewhere = [("CREATED_PATH", "/srv/volumes/other")];
    let other = format!(
        "deleting volume {ID}: DHV_CREATED_PATH: it is /srv/volumes/other, but the volume is mounted at {path}"
    );
    is_refused(call(&host, "loop", "delete", &elsewhere), 2, &other);
    call(&host, "loop", "delete", &[("CREATED_PATH", &path)]).succeeds();
    host.assert_no_volume();
}

#[test]
fn what_is_busy_is_deleted_when_it_is_free() {
    let Some(host) = Host::new() else { return };
    create(&host);
    let path = format!("{LOOP}/{ID}/mnt/data");
    let user = user_of(Path::new(&path));
    let delete = || call(&host, "loop", "delete", &[("CREATED_PATH", &path)]);
    let found = delete().output();
    let begins = format!("dvdcli: deleting volume {ID}: ");
    assert!(
        found.code == 4 && found.stderr.starts_with(&begins),
        "{found:?}"
    );
    create(&host);
    drop(user);
    delete().succeeds();
    host.assert_no_volume();
    assert_eq!(fs::names(LOOP), [""; 0]);
}

/// Nomad gives the next attempt another ID.
#[test]
fn a_volume_that_nomad_does_not_get_goes_again() {
    let Some(host) = Host::new() else { return };
    let full = format!(
        "dvdcli: creating volume {ID}: writing the answer to stdout: no space left on device\n"
    );
    call(&host, "loop", "create", &[SMALL])
        .into_full_device()
        .fails(1, &full);
    assert_eq!(fs::names(LOOP), [""; 0]);
    // One that was there before stays.
    create(&host);
    reboot(&host);
    call(&host, "loop", "create", &[SMALL])
        .into_full_device()
        .fails(1, &full);
    host.assert_no_volume();
    create(&host);

    let plugin = plugin(&host);
    plugin.on("Mount", refuses("out of order"));
    let why = format!("creating volume {ID}: plugin fake: VolumeDriver.Mount: out of order");
    is_refused(call(&host, "fake", "create", &[]), 1, &why);
    // A plugin may have had it before, and not known.
    assert_eq!(plugin.volumes(), [ID]);
}

#[test]
fn calls_come_side_by_side() {
    let Some(host) = Host::new() else { return };
    let other = "12eb1d8e-945e-50ee-7640-68b92f622870";
    let all = |operation: &str, answers: [&str; 3]| {
        let ids = [ID, ID, other];
        let running =
            ids.map(|id| call(&host, "loop", operation, &[("VOLUME_ID", id), SMALL]).start());
        for (running, expected) in running.into_iter().zip(answers) {
            let found = running.output();
            assert_eq!(found.parts(), (0, expected, ""));
        }
    };
    let (first, second) = (made(ID, 20 << 20), made(other, 20 << 20));
    all("create", [&first, &first, &second]);
    let holders = &shown(&host, &format!("inspect -d loop -n {ID}"))[0]["Holders"];
    assert_eq!(holders, &json!([format!("nomad {ID}")]));
    all("delete", ["", "", ""]);
    host.assert_no_volume();
    assert_eq!(fs::names(LOOP), [""; 0]);
}

#[test]
fn a_link_may_be_named_after_an_alias_or_a_plugin() {
    let Some(host) = Host::new() else { return };
    host.write(
        "/etc/dvdcli/config.yml",
        "dvdcli: {aliases: {rexray: loop}}\n",
    );
    call(&host, "rexray", "create", &[SMALL])
        .prints(&made(ID, 20 << 20))
        .succeeds();
    call(&host, "rexray", "delete", &[]).succeeds();

    let plugin = plugin(&host).mounting(&host.env);
    let parameters = r#"{"size":"7","type":"gp2"}"#;
    let path = format!("$ROOT/volumes/{ID}");
    let answer = json!({ "path": path, "bytes": 0 });
    let found = call(
        &host,
        "fake",
        "create",
        &[("PARAMETERS", parameters), SMALL],
    )
    .output();
    let no_size = "dvdcli: warning: plugin fake: capacity_min has no effect, since its volumes have no size of their own\n";
    assert_eq!((found.code, found.stderr.as_str()), (0, no_size));
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!(found, answer);
    assert_eq!(plugin.options(ID), json!({ "size": "7", "type": "gp2" }));
    call(&host, "fake", "delete", &[]).succeeds();
    assert_eq!((plugin.volumes(), plugin.mounts(ID)), (Vec::new(), 0));
}

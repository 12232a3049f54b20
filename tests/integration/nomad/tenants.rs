//! Name, capacity and parameters are the words of a tenant, who is not root.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::nomad::{ID, LOOP, call, is_refused, made, shown};

#[test]
fn a_tenant_gets_what_the_owner_allows() {
    let Some(host) = Host::new() else { return };
    host.daemon(
        "dvdcli",
        &["create", "-d", "loop", "-n", "secret", "-o", "size=20MiB"],
    )
    .succeeds();
    let creating = format!("creating volume {ID}: ");
    for (driver, variable, value, why) in [
        (
            "loop",
            "PARAMETERS",
            r#"{"volumeName":"secret"}"#,
            "option volumeName: a copy of another volume is not for whoever only mounts; create the volume first, or set dvdcli.allow.loop.copies",
        ),
        (
            "loop",
            "PARAMETERS",
            r#"{"mountOpts":"suid"}"#,
            "option mountOpts: suid is not for whoever only mounts; create the volume first, or set dvdcli.allow.loop.mountopts",
        ),
        (
            "local",
            "PARAMETERS",
            r#"{"type":"none","o":"bind","device":"/etc"}"#,
            "option type: none is not for whoever only mounts; create the volume first, or set dvdcli.allow.local.types",
        ),
        (
            "loop",
            "PARAMETERS",
            r#"{"size":"1MiB","":"x"}"#,
            "DHV_PARAMETERS: an option has no name",
        ),
        (
            "loop",
            "PARAMETERS",
            "{",
            "DHV_PARAMETERS: EOF while parsing an object at line 1 column 1",
        ),
        (
            "loop",
            "CAPACITY_MIN_BYTES",
            "-1",
            "DHV_CAPACITY_MIN_BYTES: invalid digit found in string",
        ),
    ] {
        let run = call(&host, driver, "create", &[(variable, value)]);
        is_refused(run, 2, &format!("{creating}{why}"));
    }
    assert_eq!(fs::names(LOOP), ["secret"]);
    host.assert_no_volume();
}

/// Only Nomad itself makes IDs, and names no volume of others by one.
#[test]
fn no_other_volume_can_be_named() {
    let Some(host) = Host::new() else { return };
    host.daemon(
        "dvdcli",
        &["create", "-d", "loop", "-n", "db", "-o", "size=20MiB"],
    )
    .succeeds();
    for operation in ["create", "delete"] {
        for id in ["db", "name=db,size=1", "../loop/db", ""] {
            let why =
                format!("DHV_VOLUME_ID: {id:?} is no UUID, as Nomad gives them to its volumes");
            is_refused(
                call(&host, "loop", operation, &[("VOLUME_ID", id)]),
                2,
                &why,
            );
        }
    }
    assert_eq!(fs::names(LOOP), ["db"]);
    // A name is only a label, whatever it says.
    let name = "../db\n\u{1b}[31m";
    let variables = [("VOLUME_NAME", name), ("CAPACITY_MIN_BYTES", "20971520")];
    call(&host, "loop", "create", &variables)
        .prints(&made(ID, 20 << 20))
        .succeeds();
    let labels = &shown(&host, &format!("inspect -d loop -n {ID}"))[0]["Labels"];
    assert_eq!(labels["nomad.name"], "../db\\n\\u{1b}[31m");
    call(&host, "loop", "delete", &[]).succeeds();
    assert_eq!(fs::names(LOOP), ["db"]);
}

#[test]
fn a_driver_that_may_not_be_used_is_not_offered() {
    let Some(host) = Host::new() else { return };
    host.write("/etc/dvdcli/config.yml", "dvdcli.allow.drivers: [local]\n");
    let why = "driver loop: it may not be used here (setting dvdcli.allow.drivers)";
    is_refused(call(&host, "loop", "fingerprint", &[]), 2, why);
    let creating = format!("creating volume {ID}: {why}");
    is_refused(call(&host, "loop", "create", &[]), 2, &creating);
    let unknown = "DHV_OPERATION: resize: there is no such operation";
    is_refused(call(&host, "local", "resize", &[]), 2, unknown);
}

#[test]
fn secrets_are_masked_in_what_nomad_writes_down() {
    let Some(host) = Host::new() else { return };
    let parameters = r#"{"type":"cifs","device":"//nas/x","o":"password=geheim12"}"#;
    let found = call(&host, "local", "create", &[("PARAMETERS", parameters)]).output();
    assert_eq!(found.code, 2, "{found:?}");
    let said = found.stdout + &found.stderr;
    assert!(!said.contains("geheim12"), "{said}");
}

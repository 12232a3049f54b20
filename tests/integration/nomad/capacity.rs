//! How large volumes are, and how they grow.

use pretty_assertions::assert_eq;

use crate::harness::host::Host;
use crate::harness::nomad::{ID, call, is_refused, made, reboot};

#[track_caller]
fn create(host: &Host, mib: u64, parameters: &str) {
    let bytes = mib << 20;
    let variables = [
        ("CAPACITY_MIN_BYTES", &*bytes.to_string()),
        ("PARAMETERS", parameters),
    ];
    call(host, "loop", "create", &variables)
        .prints(&made(ID, bytes))
        .succeeds();
}

#[test]
fn a_volume_grows_when_nomad_asks_for_more() {
    let Some(host) = Host::new() else { return };
    create(&host, 20, "{}");
    reboot(&host);
    create(&host, 40, "{}");
    // It is larger than that, and stays so.
    call(
        &host,
        "loop",
        "create",
        &[("CAPACITY_MIN_BYTES", "20971520")],
    )
    .prints(&made(ID, 40 << 20))
    .succeeds();
    call(&host, "loop", "delete", &[]).succeeds();
    // Also while it is mounted.
    for mib in [320, 400] {
        create(&host, mib, r#"{"fs":"xfs"}"#);
    }
    call(&host, "loop", "delete", &[]).succeeds();
    host.assert_no_volume();
}

#[test]
fn what_a_tenant_may_have_counts_for_growth_as_well() {
    let Some(host) = Host::new() else { return };
    let settings = "dvdcli.allow.loop: {maxsize: 30MiB}\n";
    host.write("/etc/dvdcli/config.yml", settings);
    create(&host, 20, "{}");
    let large = [("CAPACITY_MIN_BYTES", "41943040")];
    let why = "option size: 40 MiB, more than 30 MiB, is not for whoever only mounts; create the volume first, or set dvdcli.allow.loop.maxsize";
    let growing = format!("creating volume {ID}: growing it: {why}");
    is_refused(call(&host, "loop", "create", &large), 2, &growing);
    create(&host, 20, "{}");
    call(&host, "loop", "delete", &[]).succeeds();
    let making = format!("creating volume {ID}: {why}");
    is_refused(call(&host, "loop", "create", &large), 2, &making);

    let settings = "dvdcli.allow.loop: {overcommit: false}\n";
    host.write("/etc/dvdcli/config.yml", settings);
    create(&host, 20, "{}");
    let huge = [("CAPACITY_MIN_BYTES", "1125899906842624")];
    let found = call(&host, "loop", "create", &huge).output();
    let begins =
        format!("dvdcli: creating volume {ID}: growing it: option size: 1 PiB is more than the ");
    assert!(
        found.code == 2 && found.stderr.starts_with(&begins),
        "{found:?}"
    );
    create(&host, 20, "{}");
    call(&host, "loop", "delete", &[]).succeeds();
    assert_eq!(host.daemons_volumes().len(), 0);
}

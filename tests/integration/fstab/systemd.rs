//! Mount units of systemd: the helpers end before systemd ends them, so that their words reach the journal.

use crate::harness::host::Host;
use crate::harness::http::Answer;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;

/// A host with a plugin that leaves its callers without an answer to a method, and a `systemctl` that says this of a unit's time.
fn silent(method: &str, systemctl: &str) -> Option<(Host, FakePlugin)> {
    let (host, plugin) = Host::with_db()?;
    plugin.on(method, Answer::BytesAndHang(vec![]));
    host.write("/usr/bin/systemctl", &format!("#!/bin/sh\n{systemctl}\n"));
    host.env.dir("db");
    Some((host, plugin))
}

/// A run of a program that systemd has put into the control group of `srv-db.mount`.
fn of_unit<'h>(host: &'h Host, line: &str) -> Run<'h> {
    host.write(
        "/usr/bin/as-unit",
        "#!/bin/sh\n\
         echo 0::/system.slice/srv-db.mount >$ROOT/cgroup\n\
         mount --bind $ROOT/cgroup /proc/$$/cgroup && exec \"$@\"\n",
    );
    host.run(&format!("as-unit {line}"))
}

const SHOW: &str =
    "[ \"$*\" = 'show --property=TimeoutUSec -- srv-db.mount' ] && echo TimeoutUSec=3s";

#[test]
fn a_mount_ends_before_its_unit_does() {
    let Some((host, _plugin)) = silent("Mount", SHOW) else {
        return;
    };
    let why = |within: &str| {
        format!(
            "dvdcli: mounting fake/db at $ROOT/db: plugin fake: VolumeDriver.Mount: no answer within {within}\n"
        )
    };
    for (timeout, within) in [
        ("1h", "2s 700ms (nine tenths of the unit's TimeoutSec=)"),
        ("2s", "2s (--timeout)"),
    ] {
        of_unit(&host, "mount.dvdcli fake/db $ROOT/db")
            .env("DVDCLI_TIMEOUT", timeout)
            .fails(32, &why(within));
    }
    // Without a unit, systemd is not asked.
    host.run("mount.dvdcli fake/db $ROOT/db")
        .env("DVDCLI_TIMEOUT", "4s")
        .fails(32, &why("4s (--timeout)"));
}

/// systemd cannot be asked, or says that there is no limit: the time of the unit is its default, or that of dvdcli.
#[test]
fn a_unit_whose_time_is_not_known_has_the_usual_one() {
    let Some((host, plugin)) = silent("Unmount", "") else {
        return;
    };
    for (systemctl, within) in [
        ("exit 1", "3s (--timeout)"),
        ("echo TimeoutUSec=infinity", "3s (--timeout)"),
        (
            "echo TimeoutUSec=2s",
            "1s 800ms (nine tenths of the unit's TimeoutSec=)",
        ),
    ] {
        plugin.on("Unmount", Answer::Act);
        host.run("mount.dvdcli fake/db $ROOT/db").succeeds();
        plugin.on("Unmount", Answer::BytesAndHang(vec![]));
        host.write("/usr/bin/systemctl", &format!("#!/bin/sh\n{systemctl}\n"));
        of_unit(&host, "umount.dvdcli $ROOT/db")
            .env("DVDCLI_TIMEOUT", "3s")
            .fails(
                32,
                &format!(
                    "dvdcli: releasing $ROOT/db: it is gone from there, dvdcli unmount -d fake -n db --target $ROOT/db does the rest: \
                     plugin fake: VolumeDriver.Unmount: no answer within {within}\n"
                ),
            );
    }
}

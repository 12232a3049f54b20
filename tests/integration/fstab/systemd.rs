//! Mount units of systemd: the helpers end before systemd ends them, so that their words reach the journal.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::unistd::{getpgrp, pipe2};
use pretty_assertions::assert_eq;

use crate::harness::host::Host;
use crate::harness::http::Answer;
use crate::harness::mounts::mounted_at;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;
use crate::harness::programs::Background;

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

/// A trigger of automount, as systemd's. Who looks there waits for a mount, but for this process group.
struct Trigger {
    requests: File,
    waiting: Background,
}

impl Trigger {
    /// With somebody who waits. `None` where the kernel has no autofs.
    fn mount(place: &Path) -> Option<Trigger> {
        let (from, to) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let (fd, group) = (to.as_raw_fd(), getpgrp());
        let data = format!("fd={fd},pgrp={group},minproto=5,maxproto=5,direct");
        let none = MsFlags::empty();
        mount(
            Some("systemd-1"),
            place,
            Some("autofs"),
            none,
            Some(data.as_str()),
        )
        .ok()?;
        let mut ls = Command::new("ls");
        let mut trigger = Trigger {
            requests: from.into(),
            waiting: Background::start(ls.arg(place).process_group(0)),
        };
        let mut request = [0; 8];
        trigger.requests.read_exact(&mut request).unwrap();
        Some(trigger)
    }
}

#[test]
fn a_volume_is_mounted_where_an_automount_waits_for_it() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    let Some(trigger) = Trigger::mount(&db) else {
        return;
    };
    for _ in 0..2 {
        host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 2));
        host.run("umount $ROOT/db").succeeds();
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 1));
        // The trigger is none of ours.
        host.run("umount.dvdcli $ROOT/db")
            .warns("dvdcli: warning: releasing $ROOT/db: nothing is mounted there; nothing was left to do\n")
            .succeeds();
        assert_eq!(mounted_at(&db).unwrap().fs_type, "autofs");
    }
    drop(trigger.waiting);
}

//! What the programs called mount and umount say is compared with the mount table: they may be others than util-linux's.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::host::Host;

#[test]
fn a_program_that_is_no_mount_is_not_believed() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    let as_last = "#!/bin/sh\nfor last; do :; done\n";
    fs::rename("/usr/bin/mount", "/usr/bin/busy").unwrap();
    let nothing = "mounting $ROOT/volumes/db at $ROOT/db as none with bind,helper=dvdcli,nosuid,nodev: mount has ended without an error, but nothing is mounted there";
    let other = "target $ROOT/db: something is mounted there that is not this volume";
    for (script, why) in [
        ("exit 0", nothing),
        ("exec /usr/bin/busy -t tmpfs none \"$last\"", other),
    ] {
        host.write("/usr/bin/mount", &format!("{as_last}{script}\n"));
        host.run("mount.dvdcli fake/db $ROOT/db")
            .env("DVDCLI_TIMEOUT", "6s")
            .fails(
                32,
                &format!("dvdcli: mounting fake/db at $ROOT/db: {why}\n"),
            );
        assert_eq!(plugin.mounts("db"), 0);
        let _ = nix::mount::umount(&db);
    }
    // As that of busybox does it: without options.
    let script = "exec /usr/bin/busy --bind \"$6\" \"$last\"";
    host.write("/usr/bin/mount", &format!("{as_last}{script}\n"));
    for (words, shown) in [
        ("ro,noexec", "ro,nosuid,nodev,noexec"),
        ("rw", "rw,nosuid,nodev"),
    ] {
        host.run(&format!("mount.dvdcli fake/db $ROOT/db -o {words}"))
            .warns("dvdcli: warning: umount $ROOT/db will not release the volume, since mount(8) could not note that it has to; dvdcli unmount --target will\n")
            .succeeds();
        let options = host.options(&db).unwrap();
        assert!(options.starts_with(shown), "{options}");
        host.run("umount.dvdcli $ROOT/db").succeeds();
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    }
}

#[test]
fn an_umount_that_takes_nothing_away_is_not_believed() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    for line in [
        "dvdcli unmount -d fake -n db --target $ROOT/db",
        "umount.dvdcli $ROOT/db",
    ] {
        host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
        host.write("/usr/sbin/umount", "#!/bin/sh\nexit 0\n");
        host.run(line).succeeds();
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
        fs::remove_file("/usr/sbin/umount").unwrap();
    }
}

/// A mount that calls the helper as busybox's does: without the flags that it was given.
#[test]
fn words_that_the_calling_mount_keeps_to_itself_are_refused() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    let helper = "/usr/sbin/mount.dvdcli fake/db $ROOT/db -o key=value; exit $?";
    let busybox = format!("#!/bin/bash\nexec -a mount bash -c '{helper}' \"$@\"\n");
    host.write("/usr/bin/as-busybox", &busybox);
    host.fstab("fake/db $ROOT/db dvdcli noexec,key=value,nofail 0 0\n");
    for (line, words) in [
        ("-o ro,key=value,noatime fake/db $ROOT/db", "ro,noatime"),
        ("-t dvdcli -r fake/db $ROOT/db", "ro"),
        ("-o remount,rw -t dvdcli fake/db $ROOT/db", "remount"),
        ("-a", "noexec"),
        ("-a -o ro", "noexec,ro"),
    ] {
        host.run(&format!("as-busybox {line}")).fails(
            2,
            &format!("dvdcli: mounting fake/db at $ROOT/db: mount has not passed {words} on, as that of busybox does not; use util-linux's, or call mount.dvdcli by its name\n"),
        );
    }
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    for line in ["fake/db $ROOT/db", "-o rw,nofail fake/db $ROOT/db"] {
        host.run(&format!("as-busybox {line}")).succeeds();
        assert!(host.options(&db).is_some());
        host.run("umount $ROOT/db").succeeds();
    }
}

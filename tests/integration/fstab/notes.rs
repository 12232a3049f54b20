//! The notes from which umount(8) knows that it has to call dvdcli: missing, left over, and of a directory that was renamed.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::host::Host;

#[test]
fn what_umount_was_not_told_of_is_mounted_anew() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    // As a kill between the bind and the note leaves it.
    host.run("mount -n -t dvdcli fake/db $ROOT/db").succeeds();
    host.run("mount -t dvdcli fake/db $ROOT/db -o ro,noexec")
        .succeeds();
    let options = host.options(&db).unwrap();
    assert!(
        options.starts_with("ro") && options.contains("noexec"),
        "{options}"
    );
    host.run("umount $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    // A busy one is not taken away.
    host.run("mount -n -t dvdcli fake/db $ROOT/db").succeeds();
    let file = fs::Open::create(&db.join("file"));
    host.run("mount -t dvdcli fake/db $ROOT/db").fails(
        32,
        "dvdcli: mounting fake/db at $ROOT/db: unmounting $ROOT/db: it is busy, used by PID [..]; unmount --lazy (umount -l) takes it away all the same\n",
    );
    drop(file);
    assert!(host.options(&db).is_some());
}

#[test]
fn an_old_note_is_not_taken_for_that_of_another_volume() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let plugin = plugin.with_volume("other");
    let place = host.env.dir("place");
    host.run("mount -t dvdcli fake/db $ROOT/place").succeeds();
    // As busybox's umount does it, which leaves the note.
    nix::mount::umount(&place).unwrap();
    host.env
        .dvdcli("unmount -d fake -n db --target $ROOT/place")
        .succeeds();
    assert!(host.utab().contains("helper=dvdcli"));
    host.env
        .dvdcli("mount -d fake -n other --target $ROOT/place")
        .prints("$ROOT/place\n")
        .succeeds();
    host.run("mount -t dvdcli fake/other $ROOT/place")
        .succeeds();
    host.run("umount $ROOT/place").succeeds();
    assert_eq!((plugin.mounts("other"), host.volumes().len()), (0, 0));
}

#[test]
fn a_view_is_released_where_a_directory_above_it_was_renamed() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    for lines in [
        &["umount.dvdcli $ROOT/renamed/db"][..],
        &["umount.dvdcli $ROOT/above/db"],
        // umount(8) finds no note for this place, and calls nobody.
        &["umount $ROOT/renamed/db", "umount.dvdcli $ROOT/above/db"],
    ] {
        host.env.dir("above/db");
        host.run("mount -t dvdcli fake/db $ROOT/above/db")
            .succeeds();
        fs::rename(host.env.path("above"), host.env.path("renamed")).unwrap();
        for line in lines {
            host.run(line).succeeds();
        }
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
        fs::remove_dir_all(host.env.path("renamed")).unwrap();
    }
}

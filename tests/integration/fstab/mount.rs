//! mount(8) and umount(8), called by name: the real programs call `mount.dvdcli` and `umount.dvdcli`.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::host::Host;

const LOOP: &str = "$ROOT/var/lib/dvdcli/loop/db/mnt";

#[test]
fn a_volume_is_mounted_and_released() {
    let Some(host) = Host::new() else { return };
    let db = host.env.dir("srv/db");
    host.run("mount -t dvdcli loop/db $ROOT/srv/db -o size=32MiB,newfstype=ext4,nofail,noexec")
        .succeeds();
    fs::write(db.join("file"), "text").unwrap();
    assert_eq!(
        host.options(&db).unwrap(),
        "rw,nosuid,nodev,noexec,relatime"
    );
    assert_eq!(host.volumes().len(), 2);
    host.run("findmnt -n -o FSTYPE $ROOT/srv/db")
        .prints("ext4\n")
        .succeeds();
    host.run("umount $ROOT/srv/db").succeeds();
    assert_eq!((host.volumes().len(), host.utab().as_str()), (0, ""));
    host.env
        .dvdcli("mount -d loop -n db")
        .prints(&format!("{LOOP}/data\n"))
        .succeeds();
    let data = host.env.path("var/lib/dvdcli/loop/db/mnt/data");
    assert_eq!(fs::read_to_string(data.join("file")).unwrap(), "text");
    host.env.dvdcli("unmount -d loop -n db").succeeds();
}

#[test]
fn a_view_is_read_only_and_its_volume_is_not() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let (one, other) = (host.env.dir("one"), host.env.dir("other"));
    host.run("mount -t dvdcli fake/db $ROOT/one -o ro,nosuid,nodev")
        .succeeds();
    host.run("mount -t dvdcli fake/db $ROOT/other").succeeds();
    assert!(host.options(&one).unwrap().starts_with("ro,nosuid,nodev"));
    fs::write(other.join("file"), "text").unwrap();
    assert_eq!(fs::read_to_string(one.join("file")).unwrap(), "text");
    fs::write(one.join("file"), "text").unwrap_err();
    // In use twice, it is unmounted when the last is gone.
    host.run("umount $ROOT/one")
        .warns("dvdcli: warning: volume db stays mounted, it is held by $ROOT/other\n")
        .succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    host.run("umount $ROOT/other").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    assert_eq!(host.utab(), "");
}

#[test]
fn a_view_is_remounted() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    host.fstab("fake/db $ROOT/db dvdcli nosuid,key=value 0 0\n");
    host.run("mount -o remount,ro $ROOT/db").fails(
        32,
        "dvdcli: mounting fake/db at $ROOT/db: it is not mounted there\n",
    );
    host.run("mount $ROOT/db").succeeds();
    plugin.take_calls();
    host.run("mount -o remount,ro $ROOT/db").succeeds();
    assert!(host.options(&db).unwrap().starts_with("ro,nosuid"));
    host.run("mount -o remount,rw $ROOT/db").succeeds();
    assert!(host.options(&db).unwrap().starts_with("rw,nosuid"));
    host.run("mount -f -o remount,ro $ROOT/db").succeeds();
    assert!(host.options(&db).unwrap().starts_with("rw,nosuid"));
    assert_eq!(plugin.take_calls(), Vec::<String>::new());
    host.run("umount $ROOT/db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_view_is_not_remounted_writable_where_its_volume_is_not() {
    let Some(host) = Host::new() else { return };
    let db = host.env.dir("db");
    let line = "mount -t dvdcli loop/db $ROOT/db -o size=32MiB,mountopts=ro,noexec";
    host.run(line).succeeds();
    host.run(line).succeeds();
    assert_eq!(
        host.options(&db).unwrap(),
        "ro,nosuid,nodev,noexec,relatime"
    );
    host.run("mount -t dvdcli loop/db $ROOT/db -o remount,rw")
        .fails(
            32,
            &format!(
                "dvdcli: mounting loop/db at $ROOT/db: it is mounted read-only at {LOOP}/data\n"
            ),
        );
    host.run("umount $ROOT/db").succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn fake_mounts_check_and_do_nothing() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.run("mount -f -n -s -v -t dvdcli fake/db $ROOT/db -o size=5,bogus")
        .succeeds();
    host.run("mount -f -t dvdcli fake/db $ROOT/none").fails(
        2,
        "dvdcli: mounting fake/db at $ROOT/none: target $ROOT/none: no such file or directory; create the directory first\n",
    );
    assert_eq!((plugin.connections(), host.volumes().len()), (0, 0));
}

#[test]
fn an_empty_variable_is_not_set() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    for line in ["mount -t dvdcli fake/db $ROOT/db", "umount $ROOT/db"] {
        let run = host.run(line).env("DVDCLI_TIMEOUT", "");
        run.env("DVDCLI_WAIT", "")
            .env("DVDCLI_CONFIG", "")
            .succeeds();
    }
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn without_a_note_umount_takes_the_view_alone() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.run("mount -n -t dvdcli fake/db $ROOT/db").succeeds();
    assert_eq!(host.utab(), "");
    host.run("umount $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 0));
    host.env
        .dvdcli("unmount -d fake -n db --target $ROOT/db")
        .succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn dvdcli_unmounts_what_mount_has_mounted() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    for unmount in ["--target $ROOT/db", "--force"] {
        host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
        host.env
            .dvdcli(&format!("unmount -d fake -n db {unmount}"))
            .succeeds();
        assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
        assert_eq!(host.utab(), "");
    }
}

#[test]
fn the_helper_releases_for_the_id_that_mounted() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.env
        .dvdcli("mount -d fake -n db --id task --target $ROOT/db")
        .prints("$ROOT/db\n")
        .succeeds();
    host.run("umount.dvdcli $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    host.run("umount.dvdcli $ROOT/db")
        .warns("dvdcli: warning: releasing $ROOT/db: nothing is mounted there; nothing was left to do\n")
        .succeeds();
}

#[test]
fn a_second_umount_takes_nothing_from_a_container() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    // It is a container's as well.
    host.env.mount_tmpfs(&host.env.dir("volumes/db"));
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    host.run("umount $ROOT/db").succeeds();
    plugin.take_calls();
    host.run("umount.dvdcli $ROOT/db")
        .warns("dvdcli: warning: releasing $ROOT/db: nothing is mounted there; nothing was left to do\n")
        .succeeds();
    assert_eq!(plugin.take_calls(), [""; 0]);
}

#[test]
fn what_nobody_remembers_is_only_unmounted() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    fs::remove_dir_all(host.env.path("run/dvdcli")).unwrap();
    host.run("umount $ROOT/db")
        .warns(
            "dvdcli: warning: nobody is known to hold a volume at $ROOT/db; it is only unmounted\n",
        )
        .succeeds();
    assert_eq!((host.volumes().len(), host.utab().as_str()), (0, ""));
    assert_eq!(plugin.mounts("db"), 1);
    let other = host.env.dir("other");
    host.env.mount_tmpfs(&other);
    host.run("umount.dvdcli $ROOT/other").succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn another_mount_on_top_is_not_taken_for_the_volume() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    host.env.mount_tmpfs(&db);
    host.run("umount.dvdcli $ROOT/db").fails(
        32,
        "dvdcli: releasing $ROOT/db: tmpfs of type tmpfs is mounted over the volume at $ROOT/db; unmount --lazy takes that away as well\n",
    );
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 2));
    nix::mount::umount(&db).unwrap();
    host.run("umount $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
}

#[test]
fn a_busy_view_stays() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    let file = fs::Open::create(&db.join("file"));
    host.run("umount $ROOT/db").fails(
        32,
        "dvdcli: releasing $ROOT/db: unmounting $ROOT/db: it is busy, used by PID [..]; unmount --lazy (umount -l) takes it away all the same\n",
    );
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 1));
    drop(file);
    host.run("umount $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
}

#[test]
fn steps_are_shown_where_they_are_asked_for() {
    let Some(host) = Host::new() else { return };
    host.env.dir("db");
    host.run("mount -v -t dvdcli loop/db $ROOT/db -o size=32MiB")
        .warns(&format!(
            "dvdcli: driver loop: making volume db\n\
             dvdcli: driver loop: mounting /dev/loop[..] at {LOOP} as ext4\n\
             dvdcli: binding {LOOP}/data to $ROOT/db\n"
        ))
        .succeeds();
    host.run("umount.dvdcli -v $ROOT/db")
        .warns(&format!("dvdcli: driver loop: unmounting {LOOP}\n"))
        .succeeds();
}

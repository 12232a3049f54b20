//! mount(8) and umount(8), called by name and with lines of fstab(5): the real programs call `mount.dvdcli` and `umount.dvdcli`.

use std::fs;
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;

use crate::host::Host;
use crate::plugin::FakePlugin;

const LOOP: &str = "$ROOT/var/lib/dvdcli/loop/db/mnt";

fn at(host: &Host, name: &str) -> PathBuf {
    host.env.dir(name)
}

#[test]
fn a_volume_is_mounted_and_released() {
    let Some(host) = Host::new() else { return };
    let db = at(&host, "srv/db");
    host.run("mount -t dvdcli loop/db $ROOT/srv/db -o size=32MiB,newfstype=ext4,nofail,noexec")
        .succeeds();
    fs::write(db.join("file"), "text").unwrap();
    assert_eq!(host.options(&db).unwrap(), "rw,noexec,relatime");
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
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    let (one, other) = (at(&host, "one"), at(&host, "other"));
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
fn lines_of_fstab_are_mounted_once() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("b");
    let (one, other) = (at(&host, "one dir"), at(&host, "other"));
    at(&host, "left");
    host.fstab(
        "loop/a   $ROOT/one\\040dir  dvdcli  size=32MiB,newfstype=ext4,nofail  0 0\n\
         fake/b   $ROOT/other  dvdcli  ro,x-systemd.requires=fake.service,_netdev  0 0\n\
         fake/b   $ROOT/left   dvdcli  noauto  0 0\n",
    );
    for _ in 0..2 {
        host.run("mount -a").succeeds();
        assert_eq!(host.options(&one).unwrap(), "rw,relatime");
        assert!(host.options(&other).unwrap().starts_with("ro"));
        assert_eq!((plugin.mounts("b"), host.volumes().len()), (1, 3));
    }
    host.run("mount $ROOT/left").succeeds();
    host.run("umount $ROOT/left")
        .warns("dvdcli: warning: volume b stays mounted, it is held by $ROOT/other\n")
        .succeeds();
    host.run("umount '$ROOT/one dir'").succeeds();
    host.run("umount -l $ROOT/other").succeeds();
    assert_eq!((plugin.mounts("b"), host.volumes().len()), (0, 0));
}

#[test]
fn a_view_is_remounted() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    let db = at(&host, "db");
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
    let db = at(&host, "db");
    let line = "mount -t dvdcli loop/db $ROOT/db -o size=32MiB,mountopts=ro,noexec";
    host.run(line).succeeds();
    host.run(line).succeeds();
    assert_eq!(host.options(&db).unwrap(), "ro,noexec,relatime");
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
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "db");
    host.run("mount -f -n -s -v -t dvdcli fake/db $ROOT/db -o size=5,bogus")
        .succeeds();
    host.run("mount -f -t dvdcli fake/db $ROOT/none").fails(
        2,
        "dvdcli: mounting fake/db at $ROOT/none: target $ROOT/none: no such file or directory; create the directory first\n",
    );
    assert_eq!((plugin.connections(), host.volumes().len()), (0, 0));
}

#[test]
fn without_a_note_umount_takes_the_view_alone() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "db");
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
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "db");
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
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "db");
    host.env
        .dvdcli("mount -d fake -n db --id task --target $ROOT/db")
        .prints("$ROOT/db\n")
        .succeeds();
    host.run("umount.dvdcli $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
    host.run("umount.dvdcli $ROOT/db")
        .fails(32, "dvdcli: releasing $ROOT/db: not mounted\n");
}

#[test]
fn what_nobody_remembers_is_only_unmounted() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    fs::remove_dir_all(host.env.path("run/dvdcli")).unwrap();
    host.run("umount $ROOT/db")
        .warns(
            "dvdcli: warning: nobody is known to hold a volume at $ROOT/db; it is only unmounted\n",
        )
        .succeeds();
    assert_eq!((host.volumes().len(), host.utab().as_str()), (0, ""));
    assert_eq!(plugin.mounts("db"), 1);
    let other = at(&host, "other");
    host.env.mount_tmpfs(&other);
    host.run("umount.dvdcli $ROOT/other").succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn another_mount_on_top_is_not_taken_for_the_volume() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    let db = at(&host, "db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    host.env.mount_tmpfs(&db);
    host.run("umount.dvdcli $ROOT/db").fails(
        32,
        "dvdcli: releasing $ROOT/db: target $ROOT/db: something is mounted there that is not this volume\n",
    );
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 2));
    nix::mount::umount(&db).unwrap();
    host.run("umount $ROOT/db").succeeds();
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (0, 0));
}

#[test]
fn a_busy_view_stays() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    let db = at(&host, "db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    let file = fs::File::create(db.join("file")).unwrap();
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
fn bad_input_is_named_and_nothing_is_mounted() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    let db = at(&host, "db");
    host.env.write("file", "");
    for (line, code, message) in [
        (
            "fake/db $ROOT/db -o newfstype",
            2,
            "option newfstype is none of mount(8)'s; one of the volume has a value: newfstype=VALUE",
        ),
        (
            "fake/db $ROOT/db -o size=5,size=6",
            2,
            "-o: option 'size' is given twice with different values",
        ),
        (
            "fake/db $ROOT/db -o sync",
            2,
            "option sync belongs to the file system, not to the place where it appears; give mountopts=sync if the driver takes that",
        ),
        (
            "fake/ $ROOT/db",
            2,
            "fake/ names no volume; write DRIVER/VOLUME",
        ),
        (
            "/fake/db $ROOT/db",
            2,
            "/fake/db names no volume; write DRIVER/VOLUME",
        ),
        (
            "loop/a:b $ROOT/db",
            2,
            "volume name \"a:b\" has characters other than letters, digits, _ . and -",
        ),
        (
            "loop/new $ROOT/db -o sise=5",
            2,
            "unknown option sise; did you mean size? [..]",
        ),
        (
            "fake/db $ROOT/file",
            2,
            "target $ROOT/file: not a directory",
        ),
        (
            "fake/none $ROOT/db -o explicitcreate",
            32,
            "plugin fake: VolumeDriver.Mount: volume not found",
        ),
    ] {
        let (spec, rest) = line.split_once(' ').unwrap();
        let place = rest.split(' ').next().unwrap();
        host.run(&format!("mount -t dvdcli {line}")).fails(
            code,
            &format!("dvdcli: mounting {spec} at {place}: {message}\n"),
        );
    }
    assert_eq!(plugin.mounts("db") + host.volumes().len(), 0);
    assert_eq!(fs::read_dir(&db).unwrap().count(), 0);
    // mount(8) itself refuses this one.
    host.run("mount.dvdcli fake/db $ROOT/db -o =5").fails(
        2,
        "dvdcli: mounting fake/db at $ROOT/db: -o: an option without a name; write KEY=VALUE\n",
    );
    host.run("mount.dvdcli fake/db").fails(
        1,
        "dvdcli: the following required arguments were not provided: <DIR>\n",
    );
    host.run("mount.dvdcli fake/db $ROOT/db -x").fails(
        1,
        "dvdcli: unexpected argument '-x' found; to pass '-x' as a value, use '-- -x'\n",
    );
    host.run("umount.dvdcli").fails(
        1,
        "dvdcli: the following required arguments were not provided: <DIR>\n",
    );
}

#[test]
fn an_absent_volume_that_may_fail_is_passed_over() {
    let Some(host) = Host::new() else { return };
    let _plugin = FakePlugin::start(&host.env, "fake");
    at(&host, "db");
    host.fstab("fake/none $ROOT/db dvdcli explicitcreate,nofail 0 0\n");
    host.run("mount -a")
        .warns("dvdcli: warning: mounting fake/none at $ROOT/db: plugin fake: VolumeDriver.Mount: volume not found\n")
        .succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn a_name_that_is_also_a_path_here_is_still_a_name() {
    let Some(host) = Host::new() else { return };
    let _plugin = FakePlugin::start(&host.env, "fake").with_volume("db");
    at(&host, "fake/db");
    let target = at(&host, "target");
    host.run("mount -t dvdcli fake/db $ROOT/target").succeeds();
    assert!(host.options(Path::new(&target)).is_some());
    host.run("umount $ROOT/target").succeeds();
}

#[test]
fn a_unit_of_systemd_is_made_from_the_same_line() {
    let Some(host) = Host::new() else { return };
    at(&host, "srv/db");
    host.fstab("loop/db $ROOT/srv/db dvdcli size=32MiB,newfstype=ext4,ro,nofail,x-systemd.requires=network.target 0 0\n");
    let units = host.env.dir("units");
    host.run("/usr/lib/systemd/system-generators/systemd-fstab-generator $ROOT/units $ROOT/units $ROOT/units")
        .succeeds();
    let unit = fs::read_dir(&units)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "mount"))
        .unwrap();
    let unit = fs::read_to_string(unit).unwrap();
    let value = |key: &str| {
        unit.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap()
    };
    // What systemd runs for a unit (systemd.mount(5)): mount WHAT WHERE -t TYPE -o OPTIONS, and umount WHERE -c.
    let mount = ["What", "Where", "Type", "Options"].map(value);
    let [what, place, kind, options] = mount;
    for _ in 0..2 {
        host.env
            .program("mount", [what, place, "-t", kind, "-o", options])
            .succeeds();
        assert_eq!(host.options(Path::new(place)).unwrap(), "ro,relatime");
        host.env.program("umount", [place, "-c"]).succeeds();
        assert_eq!(host.volumes().len(), 0);
    }
}

#[test]
fn steps_are_shown_where_they_are_asked_for() {
    let Some(host) = Host::new() else { return };
    at(&host, "db");
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

//! Lines of fstab(5): what mount(8), systemd and a reader of error messages make of them.

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::plugin::FakePlugin;

#[test]
fn lines_of_fstab_are_mounted_once() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake").with_volume("b");
    let (one, other) = (host.env.dir("one dir"), host.env.dir("other"));
    host.env.dir("left");
    host.fstab(
        "loop/a   $ROOT/one\\040dir  dvdcli  size=32MiB,newfstype=ext4,nofail  0 0\n\
         fake/b   $ROOT/other  dvdcli  ro,x-systemd.requires=fake.service,_netdev  0 0\n\
         fake/b   $ROOT/left   dvdcli  noauto  0 0\n",
    );
    for _ in 0..2 {
        host.run("mount -a").succeeds();
        assert_eq!(host.options(&one).unwrap(), "rw,nosuid,nodev,relatime");
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
fn of_an_option_that_is_given_twice_the_last_one_counts() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("b");
    host.run("mount -t dvdcli fake/b $ROOT/b -o a=1,size=5,a=1,size=6")
        .warns("dvdcli: warning: -o: option 'size' is given twice, with different values; the last one counts\n")
        .succeeds();
    assert_eq!(plugin.options("b"), json!({ "a": "1", "size": "6" }));
    host.run("umount $ROOT/b").succeeds();
}

#[test]
fn values_reach_the_volume_as_they_are_written() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake");
    host.env.dir("db");
    host.fstab(
        "fake/db $ROOT/db dvdcli o=\"addr=10.0.0.4,nfsvers=4\",conf=\"{\\\"k\\\":\\\"v,w\\\"}\",note=\"a\\040b\",uid=5 0 0\n",
    );
    host.run("mount $ROOT/db").succeeds();
    let expected = serde_json::json!({
        "o": "addr=10.0.0.4,nfsvers=4",
        "conf": r#"{"k":"v,w"}"#,
        "note": "a b",
        "uid": "5",
    });
    assert_eq!(plugin.options("db"), expected);
    host.run("umount $ROOT/db").succeeds();
}

#[test]
fn bad_input_is_named_and_nothing_is_mounted() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    host.env.write("file", "");
    for (line, code, message) in [
        (
            "fake/db $ROOT/db -o newfstype",
            2,
            "option newfstype is none of mount(8)'s; one of the volume has a value: newfstype=VALUE",
        ),
        (
            "fake/db $ROOT/db -o sync",
            2,
            "option sync belongs to the file system, not to the place where it appears; give mountopts=sync if the driver takes that",
        ),
        (
            "data $ROOT/db",
            2,
            "no driver is named; give --volumedriver (in fstab: DRIVER/VOLUME), or set dvdcli.driver",
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
            "plugin fake: no such volume",
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
    assert_eq!(fs::names(&db).len(), 0);
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
    host.env.dir("db");
    host.fstab("fake/none $ROOT/db dvdcli explicitcreate,nofail 0 0\n");
    host.run("mount -a")
        .warns("dvdcli: warning: mounting fake/none at $ROOT/db: plugin fake: no such volume\n")
        .succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn a_name_that_is_also_a_path_here_is_still_a_name() {
    let Some((host, _plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("fake/db");
    let target = host.env.dir("target");
    host.run("mount -t dvdcli fake/db $ROOT/target").succeeds();
    assert!(host.options(Path::new(&target)).is_some());
    host.run("umount $ROOT/target").succeeds();
}

#[test]
fn a_unit_of_systemd_is_made_from_the_same_line() {
    let Some(host) = Host::new() else { return };
    host.env.dir("srv/db");
    host.fstab("loop/db $ROOT/srv/db dvdcli size=32MiB,newfstype=ext4,ro,nofail,x-systemd.requires=network.target 0 0\n");
    let units = host.env.dir("units");
    host.run("/usr/lib/systemd/system-generators/systemd-fstab-generator $ROOT/units $ROOT/units $ROOT/units")
        .succeeds();
    let unit = fs::entries(&units)
        .unwrap()
        .into_iter()
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
        assert_eq!(
            host.options(Path::new(place)).unwrap(),
            "ro,nosuid,nodev,relatime"
        );
        host.env.program("umount", [place, "-c"]).succeeds();
        assert_eq!(host.volumes().len(), 0);
    }
}

//! What is seen at a directory after mount(8) and umount(8) is what was asked for, also where others are at work there, and
//! nothing is left behind.

use nix::mount::{MsFlags, mount};
use pretty_assertions::assert_eq;

use crate::harness::host::Host;
use crate::harness::plugin::FakePlugin;
use crate::harness::rclone::Rclone;
use crate::harness::volumes::user_of;
use crate::harness::waiting::eventually;

#[test]
fn a_fuse_mount_is_released() {
    let Some(host) = Host::new() else { return };
    let (db, _data) = (host.env.dir("db"), host.env.dir("data"));
    let _rclone = Rclone::start(&host.env);
    host.run("mount -t dvdcli rclone/db $ROOT/db -o type=local,path=$ROOT/data")
        .succeeds();
    assert!(host.options(&db).is_some());
    // umount(8) passes on a type with a dot, fuse.rclone.
    host.run("umount -r $ROOT/db").succeeds();
    assert_eq!((host.volumes().len(), host.utab().as_str()), (0, ""));
}

#[test]
fn the_type_may_name_the_driver() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.run("mount -t dvdcli.fake db $ROOT/db").succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    host.run("umount $ROOT/db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    host.run("mount.dvdcli fake/db $ROOT/db -N /proc/1/ns/mnt")
        .fails(1, "dvdcli: -N: mounting in another mount namespace is not possible; run mount in it, by nsenter\n");
}

#[test]
fn umount_elsewhere_takes_nothing_from_the_holder() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    let db = host.env.dir("db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    // A namespace without processes has no mounts.
    let _living = host.run("sleep 1000").start();
    host.run("unshare --mount --propagation private umount $ROOT/db")
        .warns(
            "dvdcli: warning: volume db is held in another mount namespace, and stays mounted there\n\
             dvdcli: warning: nobody is known to hold a volume at $ROOT/db; it is only unmounted\n",
        )
        .succeeds();
    assert_eq!(plugin.mounts("db"), 1);
    assert!(host.options(&db).is_some());
    host.env
        .dvdcli("remove -d fake -n db")
        .fails(4, "dvdcli: removing volume db: it is mounted at $ROOT/volumes/db and held by $ROOT/db; unmount it first\n");
}

#[test]
fn of_two_that_race_for_a_directory_one_leaves_nothing() {
    let Some(host) = Host::new() else { return };
    let plugin = FakePlugin::start(&host.env, "fake")
        .with_volume("a")
        .with_volume("b");
    host.env.dir("db");
    for _ in 0..5 {
        let start = |name| {
            host.run(&format!("mount -t dvdcli fake/{name} $ROOT/db"))
                .start()
        };
        let (a, b) = (start("a"), start("b"));
        let mut codes = [a.output().code, b.output().code];
        codes.sort_unstable();
        assert_eq!(codes, [0, 32]);
        assert_eq!(plugin.mounts("a") + plugin.mounts("b"), 1);
        assert_eq!(host.volumes().len(), 1);
        host.run("umount $ROOT/db").succeeds();
        assert_eq!(plugin.mounts("a") + plugin.mounts("b"), 0);
        assert_eq!(host.volumes().len(), 0);
    }
}

#[test]
fn a_view_with_other_options_is_refused() {
    let Some((host, _plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.run("mount -t dvdcli fake/db $ROOT/db").succeeds();
    for (options, message) in [
        ("noexec", "without noexec"),
        ("nosymfollow,exec", "without nosymfollow"),
        ("ro", "writable"),
    ] {
        host.run(&format!("mount -t dvdcli fake/db $ROOT/db -o {options}"))
            .fails(32, &format!("dvdcli: mounting fake/db at $ROOT/db: target $ROOT/db: it is there already, {message}\n"));
    }
    host.run("mount -t dvdcli fake/db $ROOT/db -o exec,rw")
        .succeeds();
}

#[test]
fn a_view_keeps_what_its_volume_forbids() {
    let Some(host) = Host::new() else { return };
    let db = host.env.dir("db");
    let forbidden = "nosuid,nodev,nosymfollow";
    host.run(&format!(
        "mount -t dvdcli loop/db $ROOT/db -o 'size=32MiB,mountopts=\"{forbidden}\",noexec'"
    ))
    .succeeds();
    for _ in 0..2 {
        let options = host.options(&db).unwrap();
        for word in ["nosuid", "nodev", "nosymfollow"] {
            assert!(options.split(',').any(|option| option == word), "{options}");
        }
        host.run("mount.dvdcli loop/db $ROOT/db -o remount")
            .succeeds();
    }
    assert!(!host.options(&db).unwrap().contains("noexec"));
    host.run("umount $ROOT/db").succeeds();
}

#[test]
fn a_mount_that_fails_half_way_is_taken_back() {
    let Some((host, plugin)) = Host::with_db() else {
        return;
    };
    host.env.dir("db");
    host.env
        .dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    // mount(8) binds, and cannot write its note.
    let none = None::<&str>;
    mount(
        Some("none"),
        "/run/mount",
        Some("tmpfs"),
        MsFlags::MS_RDONLY,
        none,
    )
    .unwrap();
    let failed = host.run("mount -t dvdcli fake/db $ROOT/db -o ro").output();
    assert_eq!(
        (failed.code, failed.stderr.lines().count()),
        (32, 1),
        "{failed:?}"
    );
    assert_eq!((plugin.mounts("db"), host.volumes().len()), (1, 0));
    host.env.dvdcli("unmount -d fake -n db").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn a_release_that_fails_says_how_to_go_on() {
    let Some(host) = Host::new() else { return };
    host.env.dir("db");
    host.run("mount -t dvdcli loop/db $ROOT/db -o size=32MiB")
        .succeeds();
    let user = user_of(&host.env.path("var/lib/dvdcli/loop/db/mnt/data"));
    let failed = host.run("umount $ROOT/db").output();
    drop(user);
    let message = "dvdcli: releasing $ROOT/db: it is gone from there, dvdcli unmount -d loop -n db --target $ROOT/db does the rest: \
                   $ROOT/var/lib/dvdcli/loop/db/mnt is busy, used by PID ";
    assert!(
        failed.code == 32 && failed.stderr.starts_with(message),
        "{failed:?}"
    );
    host.env
        .dvdcli("unmount -d loop -n db --target $ROOT/db")
        .succeeds();
    eventually("nothing", || host.volumes().is_empty());
}

#[test]
fn secrets_are_not_shown() {
    let Some(host) = Host::new() else { return };
    let _plugin = FakePlugin::start(&host.env, "fake").with_volume("name=x,passphrase=geheim");
    host.env.dir("db");
    host.env.dir("other");
    let shown = |line: &str| {
        let done = host.run(line).output();
        assert!(!done.stderr.contains("geheim"), "{line}: {done:?}");
        done.code
    };
    let spec = "fake/name=x,passphrase=geheim";
    assert_eq!(shown(&format!("mount.dvdcli {spec} $ROOT/db -o bogus")), 2);
    assert_eq!(
        shown("mount.dvdcli fake/db $ROOT/db -o password=hunter2,geheim"),
        2
    );
    assert_eq!(shown(&format!("mount.dvdcli {spec} $ROOT/db -v")), 0);
    assert_eq!(shown(&format!("mount.dvdcli {spec} $ROOT/other -v")), 0);
    assert_eq!(shown("umount.dvdcli -v $ROOT/db"), 0);
    assert_eq!(shown("umount.dvdcli -v $ROOT/other"), 0);
}

#[test]
fn the_environment_counts_for_the_helpers_as_well() {
    let Some(host) = Host::new() else { return };
    host.env.dir("db");
    let missing = host
        .run("mount -t dvdcli none/db $ROOT/db")
        .env("DVDCLI_WAIT", "0");
    let missing = missing.output();
    assert_eq!(missing.code, 32);
    assert!(!missing.stderr.contains("waiting"), "{missing:?}");
    host.run("mount -t dvdcli local/db $ROOT/db")
        .env("DVDCLI_TIMEOUT", "xx")
        .fails(
            1,
            "dvdcli: invalid value 'xx' for '--timeout <TIMEOUT>': [..]\n",
        );
}

#[test]
fn a_path_is_no_volume_and_a_target_hides_nothing_of_ours() {
    let Some(host) = Host::new() else { return };
    host.env.dir("db");
    host.env.dir("run/dvdcli");
    let mut root = host.run("mount -t dvdcli /tmp $ROOT/db");
    root.command.current_dir("/");
    root.fails(
        2,
        "dvdcli: mounting /tmp at $ROOT/db: /tmp names no volume; write DRIVER/VOLUME\n",
    );
    host.run("mount -t dvdcli local/db $ROOT/run").fails(
        2,
        "dvdcli: mounting local/db at $ROOT/run: target: $ROOT/run: a volume there would hide $ROOT/run/dvdcli\n",
    );
    host.env.dir("run/dvdcli/x.json");
    host.run("mount -t dvdcli local/db $ROOT/db").succeeds();
    host.run("umount $ROOT/db").succeeds();
    assert_eq!(host.volumes().len(), 0);
}

#[test]
fn a_view_outlasts_the_mount_it_was_made_of() {
    let Some(host) = Host::new() else { return };
    let (_one, other) = (host.env.dir("one"), host.env.dir("other"));
    host.run("mount -t dvdcli loop/db $ROOT/one -o size=32MiB")
        .succeeds();
    host.run("mount -t dvdcli loop/db $ROOT/other").succeeds();
    nix::mount::umount(&host.env.path("var/lib/dvdcli/loop/db/mnt")).unwrap();
    host.run("umount $ROOT/one")
        .warns("dvdcli: warning: volume db stays mounted, it is held by $ROOT/other\n")
        .succeeds();
    assert!(host.options(&other).is_some());
    host.run("umount $ROOT/other")
        .warns("dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n")
        .succeeds();
    assert_eq!(host.volumes().len(), 0);
}

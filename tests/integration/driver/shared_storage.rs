//! Two hosts on shared storage, each a mount namespace with a machine id of its own: one of them has a volume at a time.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{bind, in_directory, mount_type};
use crate::harness::site::{MOUNT, MOUNTED, Node, Site, UNMOUNT};
use crate::harness::strace::{killed_at_rename, under_strace};
use crate::harness::waiting::eventually;

fn refused(doing: &str, host: &str) -> String {
    let repair = match doing {
        "mounting" => "take it with the setting mount.preempt",
        _ => "if that host is down, mount it here with the setting mount.preempt, and unmount it",
    };
    format!(
        "dvdcli: {doing} volume db: mounted on host host-{host} (machine machine-{host}); unmount it there, or {repair}\n"
    )
}

#[test]
fn a_volume_of_another_host_is_refused_by_name_until_it_is_unmounted() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "from a").unwrap();
    for line in [MOUNT, "mount -d loop -n db --read-only", MOUNT] {
        b.dvdcli(line).fails(4, &refused("mounting", "a"));
    }
    b.dvdcli("remove -d loop -n db")
        .fails(4, &refused("removing", "a"));
    // Not this host's to give up, either.
    b.dvdcli(UNMOUNT)
        .warns("dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n")
        .succeeds();
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    b.dvdcli("list -d loop").prints("db\n").succeeds();
    b.dvdcli("path -d loop -n db").succeeds();
    assert_eq!((a.mounts(), b.mounts()), (1, 0));
    // A holder that goes is not the last one.
    a.dvdcli(&format!("{MOUNT} --id a"))
        .prints(MOUNTED)
        .succeeds();
    a.dvdcli(UNMOUNT)
        .warns("dvdcli: warning: volume db stays mounted, it is held by a\n")
        .succeeds();
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    a.dvdcli(&format!("{UNMOUNT} --id a")).succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    assert_eq!(fs::read_to_string(b.file()).unwrap(), "from a");
    a.dvdcli(MOUNT).fails(4, &refused("mounting", "b"));
    b.dvdcli(UNMOUNT).succeeds();
    assert_eq!((a.mounts(), b.mounts()), (0, 0));
    env.assert_nothing_is_mounted();
    a.dvdcli("remove -d loop -n db").succeeds();
    b.dvdcli("exists -d loop -n db").fails(3, "");
}

#[test]
fn preempt_takes_a_volume_from_another_host() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    // The host that is taken from is down, though nobody but the administrator knows.
    a.goes_down();
    let names = [
        "rexray.volume.mount.preempt",
        "libstorage.integration.volume.operations.mount.preempt",
    ];
    for name in names {
        b.configure(&format!("{name}: false"));
        b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    }
    let taken = "dvdcli: warning: volume db was mounted on host host-a, and is taken from it (setting mount.preempt)\n";
    for name in names {
        b.configure(&format!("{name}: true"));
        b.dvdcli(MOUNT).prints(MOUNTED).warns(taken).succeeds();
        // The host that it was taken from comes back.
        let a = site.boot("a", "2");
        a.dvdcli(MOUNT).fails(4, &refused("mounting", "b"));
        b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
        b.dvdcli(UNMOUNT).succeeds();
        a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
        a.goes_down();
    }
    b.configure("");
    b.dvdcli(MOUNT)
        .env("REXRAY_VOLUME_MOUNT_PREEMPT", "true")
        .prints(MOUNTED)
        .warns(taken)
        .succeeds();
    b.dvdcli(UNMOUNT).succeeds();
    b.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_is_never_removed_under_another_host() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "from a").unwrap();
    b.configure("rexray.volume.mount.preempt: true");
    b.dvdcli("remove -d loop -n db")
        .fails(4, &refused("removing", "a"));
    b.dvdcli("remove -d loop -n db")
        .env("REXRAY_VOLUME_MOUNT_PREEMPT", "true")
        .fails(4, &refused("removing", "a"));
    assert_eq!(fs::read_to_string(a.file()).unwrap(), "from a");
    a.goes_down();
    // The way that the message names.
    let taken = "dvdcli: warning: volume db was mounted on host host-a, and is taken from it (setting mount.preempt)\n";
    b.dvdcli(MOUNT).prints(MOUNTED).warns(taken).succeeds();
    b.dvdcli(UNMOUNT).succeeds();
    b.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_machine_that_was_cloned_is_another_host() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let a = site.boot("a", "1");
    let b = site.boot_as("b", "2", "machine-a", "host-b");
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "from a").unwrap();
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    b.dvdcli(UNMOUNT)
        .warns("dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n")
        .succeeds();
    b.dvdcli("remove -d loop -n db")
        .fails(4, &refused("removing", "a"));
    assert_eq!(fs::read_to_string(a.file()).unwrap(), "from a");
    // A host that is given another name while it has the volume.
    env.write("a/1/proc/sys/kernel/hostname", "host-c\n");
    a.dvdcli(UNMOUNT).succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.dvdcli(UNMOUNT).succeeds();
    a.goes_down();
    // What the one has begun, the other does not sweep.
    let shared = env.path("shared/loop");
    let interrupted = || fs::names(&shared).into_iter().filter(|name| name != "db");
    a_killed_create(&site.boot("a", "3"));
    assert_eq!(interrupted().count(), 1);
    b.dvdcli("create -d loop -n new --opt size=16MiB")
        .succeeds();
    b.dvdcli("remove -d loop -n new").succeeds();
    assert_eq!(interrupted().count(), 1);
    let a = site.boot("a", "4");
    a.dvdcli("create -d loop -n new --opt size=16MiB")
        .succeeds();
    a.dvdcli("remove -d loop -n new").succeeds();
    assert_eq!(interrupted().count(), 0);
    a.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

/// Of the volume `new`, by a power cut before it got its name.
fn a_killed_create(host: &Node) {
    killed_at_rename(host.dvdcli("create -d loop -n new --opt size=16MiB"));
}

#[test]
fn a_host_that_others_could_not_tell_from_themselves_is_refused_on_shared_storage() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let no_id = "has no ID of its own in /etc/machine-id; give it one (systemd-machine-id-setup)";
    let no_name = "has no name of its own; give it one (hostnamectl set-hostname)";
    let a = site.boot("a", "1");
    a.dvdcli("create -d loop -n db --opt size=64MiB").succeeds();
    a.dvdcli("create -d local -n db").succeeds();
    for (machine_id, name, lack) in [
        ("uninitialized", "host-b", no_id),
        ("", "host-b", no_id),
        ("00000000000000000000000000000000", "host-b", no_id),
        ("machine-b", "localhost", no_name),
        ("machine-b", "localhost.localdomain", no_name),
    ] {
        let b = site.boot_as("b", "1", machine_id, name);
        for (line, doing, driver, volume) in [
            ("create -d loop -n new", "creating", "loop", "new"),
            ("create -d local -n new", "creating", "local", "new"),
            ("mount -d loop -n db", "mounting", "loop", "db"),
            ("remove -d loop -n db", "removing", "loop", "db"),
            ("remove -d local -n db", "removing", "local", "db"),
        ] {
            b.dvdcli(line).fails(1, &format!(
                "dvdcli: {doing} volume {volume}: $ROOT/shared/{driver} may be shared with other hosts, and this host {lack}\n"
            ));
        }
        b.dvdcli("list")
            .prints("DRIVER  VOLUME NAME\nlocal   db\nloop    db\n")
            .succeeds();
        // Where no other host comes, it goes on.
        let own = env.dir("own");
        mount_type("tmpfs", &own, "size=64m");
        fs::write(b.root.join("etc/dvdcli/config.yml"), "").unwrap();
        let state = b.root.join("var/lib");
        fs::create_dir_all(&state).unwrap();
        bind(&own, &state);
        b.dvdcli("mount -d loop -n db --opt size=16MiB")
            .prints("$ROOT/b/var/lib/dvdcli/loop/db/mnt/data\n")
            .succeeds();
        b.dvdcli(UNMOUNT).succeeds();
        b.dvdcli("remove -d loop -n db").succeeds();
        b.goes_down();
    }
    a.dvdcli("remove -d loop -n db").succeeds();
    a.dvdcli("remove -d local -n db").succeeds();
}

#[test]
fn a_volume_of_another_host_is_not_copied() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    let copy = "create -d loop -n copy --volumeopts=volumeName=db";
    let refused = "dvdcli: creating volume copy: copying $ROOT/shared/loop/db: mounted on host host-a (machine machine-a); \
                   unmount it there, or if that host is down, mount it here with the setting mount.preempt, and unmount it\n";
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.configure("rexray.volume.mount.preempt: true");
    b.dvdcli(copy).fails(4, refused);
    assert_eq!(env.names("shared/loop"), ["db"]);
    a.dvdcli(UNMOUNT).succeeds();
    b.dvdcli(copy).succeeds();
    b.dvdcli("remove -d loop -n copy").succeeds();
    // It is mounted while it is copied, which takes some seconds here.
    let pause = [
        "-e",
        "trace=fsync",
        "-e",
        "inject=fsync:delay_enter=5000000:when=1",
        "-o",
        "/dev/null",
    ];
    let copying = under_strace(b.dvdcli(copy), &pause).start();
    // The original is locked by then, and is mounted when it has been copied.
    let is_begun = || in_directory(&env.path("shared/loop"), "test -s .aside/.copy.*/image");
    eventually("the copy", || is_begun().is_ok());
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    copying.fails(4, refused);
    a.dvdcli(UNMOUNT).succeeds();
    assert_eq!(env.names("shared/loop"), ["db"]);
    a.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn what_cannot_be_mounted_is_not_taken() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    a.goes_down();
    b.configure("rexray.volume.mount.preempt: true");
    let image = env.path("shared/loop/db/image");
    fs::rename(&image, env.path("aside")).unwrap();
    fs::File::create(&image)
        .and_then(|file| file.set_len(64 << 20))
        .unwrap();
    b.dvdcli(MOUNT).fails(
        1,
        "dvdcli: warning: volume db was mounted on host host-a, and is taken from it (setting mount.preempt)\n\
         dvdcli: mounting volume db: mounting /dev/loop[..] at $ROOT/shared/loop/db/mnt as ext4: /dev/loop[..] holds no file system that is known here\n",
    );
    fs::rename(env.path("aside"), image).unwrap();
    b.configure("");
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
}

#[test]
fn a_volume_of_an_earlier_boot_is_this_hosts_again() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "before").unwrap();
    a.goes_down();
    let a = site.boot("a", "2");
    // Another host cannot know.
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    assert_eq!(fs::read_to_string(a.file()).unwrap(), "before");
    b.dvdcli(MOUNT).fails(4, &refused("mounting", "a"));
    a.goes_down();
    // What the last boot left, unmount clears.
    let a = site.boot("a", "3");
    a.dvdcli(UNMOUNT)
        .warns("dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n")
        .succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.goes_down();
    // And so does remove.
    let b = site.boot("b", "2");
    a.dvdcli("remove -d loop -n db")
        .fails(4, &refused("removing", "b"));
    b.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

//! What keeps a `loop` volume in use on its host after it was unmounted there: it is said, and no other host gets the volume until
//! that has ended.

use std::process::Command;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::{bind, in_directory, unmount};
use crate::harness::programs::Background;
use crate::harness::site::{MOUNT, MOUNTED, Node, Site, UNMOUNT};
use crate::harness::volumes::user_of;
use crate::harness::waiting::eventually;

const NOT_MOUNTED: &str = "dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n";

fn refused(host: &str) -> String {
    format!(
        "dvdcli: mounting volume db: mounted on host host-{host} (machine machine-{host}); unmount it there, or take it with the setting mount.preempt\n"
    )
}

fn said(user: &str) -> String {
    format!(
        "it is not mounted here any more, but still bound to /dev/loop[..]{user}; unmount it again when that has ended\n"
    )
}

/// A process of a shell script, which becomes a sleep.
fn keeper(program: &str, args: &[&str], script: &str) -> Background {
    let script = format!("exec sleep 1000 {script}");
    let started = Background::start(Command::new(program).args(args).args(["sh", "-c", &script]));
    let name = format!("/proc/{}/comm", started.pid());
    eventually("the process", || {
        fs::read_to_string(&name).is_ok_and(|name| name == "sleep\n")
    });
    started
}

/// Unmounts the volume on `a` while something keeps it, which `end` ends.
#[track_caller]
fn is_kept(a: &Node, b: &Node, user: &str, end: impl FnOnce()) {
    for _ in 0..2 {
        let said = format!("dvdcli: unmounting volume db: {}", said(user));
        a.dvdcli(UNMOUNT).fails(4, &said);
        b.dvdcli(MOUNT).fails(4, &refused("a"));
    }
    a.enter();
    end();
    // The next call gives it up.
    a.dvdcli(UNMOUNT).warns(NOT_MOUNTED).succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.dvdcli(UNMOUNT).succeeds();
}

#[test]
fn unmount_says_what_keeps_a_volume_from_other_hosts() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    let elsewhere = env.dir("elsewhere");
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    let args = ["--mount", "--propagation", "private"];
    let namespace = keeper("unshare", &args, "");
    let place = "$ROOT/shared/loop/db/mnt in the mount namespace of PID [..] (sleep)";
    let user = format!(", which is mounted at {place}");
    is_kept(&a, &b, &user, || drop(namespace));

    // One that is just being made for a container has a copy for a moment.
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    let script = ["--mount", "--propagation", "private", "sleep", "0.3"];
    let namespace = Background::start(Command::new("unshare").args(script));
    let comm = format!("/proc/{}/comm", namespace.pid());
    eventually("the process", || {
        fs::read_to_string(&comm).is_ok_and(|name| name != "unshare\n")
    });
    a.dvdcli(UNMOUNT).succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.dvdcli(UNMOUNT).succeeds();

    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    bind(&env.path("shared/loop/db/mnt"), &elsewhere);
    let user = ", which is mounted at $ROOT/elsewhere";
    is_kept(&a, &b, user, || unmount(&elsewhere));

    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    let device = format!("3</dev/loop{}", bound_below(&env)[0]);
    let descriptor = keeper("env", &[], &device);
    let user = ", which is open in PID [..] (sleep)";
    is_kept(&a, &b, user, || drop(descriptor));
    a.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

/// So does `doctor`, which names what keeps it until then.
#[test]
fn doctor_gives_up_what_was_kept_when_it_is_free() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.configure("  allow: {loop: {reserve: 0}}");
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    let args = ["--mount", "--propagation", "private"];
    let namespace = keeper("unshare", &args, "");
    let kept = a.dvdcli(UNMOUNT).output();
    assert_eq!(kept.code, 4, "{kept:?}");
    for flags in ["", " --fix"] {
        a.dvdcli(&format!("doctor{flags}"))
            .prints("loop/db: it is not mounted here, but bound to /dev/loop[..], which is mounted at $ROOT/shared/loop/db/mnt in the mount namespace of PID [..] (sleep); unmount it again (dvdcli unmount -d loop -n db) when that has ended\n")
            .fails(1, "");
    }
    b.dvdcli(MOUNT).fails(4, &refused("a"));
    a.enter();
    drop(namespace);
    eventually("the loop device", || bound_below(&env).is_empty());
    a.dvdcli("doctor --fix")
        .prints("fixed: loop/db: gave up the claim of this host\n")
        .succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.dvdcli(UNMOUNT).succeeds();
    a.dvdcli("doctor").succeeds();
    a.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

/// To an agent these are two volumes: it unmounts one while containers still have the other, each in a mount namespace of its own.
#[test]
fn what_is_kept_by_another_name_is_no_error_until_that_is_unmounted_too() {
    let Some(env) = Env::isolated() else { return };
    let [one, two, three] = ["name=db,size=1", "db", "name=db,fs=ext4"];
    let mount = |name: &str| {
        let mounted = env.dvdcli(&format!("mount -d loop -n {name}")).output();
        assert_eq!(mounted.code, 0, "{mounted:?}");
    };
    let unmount = |name: &str| env.dvdcli(&format!("unmount -d loop -n {name}"));
    [one, two, three].into_iter().for_each(mount);
    let args = ["--mount", "--propagation", "private"];
    let container = keeper("unshare", &args, "");
    let kept = said(", which is mounted at [..] in the mount namespace of PID [..] (sleep)");
    let warning = format!("dvdcli: warning: volume db: {kept}");
    unmount(one).warns(&warning).succeeds();
    unmount(two).warns(&warning).succeeds();
    // Another container comes and goes meanwhile.
    mount(one);
    unmount(one).warns(&warning).succeeds();
    for _ in 0..2 {
        unmount(three).fails(4, &format!("dvdcli: unmounting volume {three}: {kept}"));
    }
    drop(container);
    unmount(three).warns(NOT_MOUNTED).succeeds();
    // What was to be unmounted by other names is so no more where all is released.
    [one, two].into_iter().for_each(mount);
    let container = keeper("unshare", &args, "");
    unmount(&format!("{one} --force"))
        .fails(4, &format!("dvdcli: unmounting volume {one}: {kept}"));
    drop(container);
    env.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_that_was_detached_is_kept_from_other_hosts_while_it_is_used() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    let user = user_of(&env.path("shared/loop/db/mnt/data"));
    a.dvdcli(&format!("{UNMOUNT} --lazy"))
        .warns(&format!("dvdcli: warning: volume db: {}", said("")))
        .succeeds();
    b.dvdcli(MOUNT).fails(4, &refused("a"));
    drop(user);
    a.dvdcli("remove -d loop -n db").succeeds();
    b.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    b.dvdcli(UNMOUNT).succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn a_volume_that_cannot_be_unmounted_again_stays_this_hosts() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli("create -d loop -n db --opt size=64MiB").succeeds();
    // Mounted by hand, with a file in the way of the directory that is handed out.
    let by_hand = "mount -o loop image mnt; rmdir mnt/data; : > mnt/data";
    in_directory(&env.path("shared/loop/db"), by_hand).unwrap();
    let user = user_of(&env.path("shared/loop/db/mnt"));
    a.dvdcli(MOUNT).fails(
        1,
        "dvdcli: mounting volume db: [..]; unmounting it again: $ROOT/shared/loop/db/mnt is busy, used by PID [..] (sleep); [..]\n",
    );
    b.dvdcli(MOUNT).fails(4, &refused("a"));
    drop(user);
    a.dvdcli(UNMOUNT).succeeds();
    b.dvdcli(MOUNT)
        .fails(1, "dvdcli: mounting volume db: [..]data[..]\n");
    b.dvdcli("remove -d loop -n db").succeeds();
    env.assert_nothing_is_mounted();
}

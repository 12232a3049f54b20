//! `local` volumes of a type with a helper, `/sbin/mount.TYPE`: what helpers say is compared with the mount table.

use std::os::unix::fs::chown;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::mounts::mounted_at;
use crate::harness::programs;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOCAL, local_data, mounts, unmounts_and_removes};

/// A host with a helper for the type `odd`: a script that gets source and directory as `$1` and `$2`.
fn with_helper(script: &str) -> Option<Host> {
    let host = Host::new()?;
    host.write("/usr/sbin/mount.odd", &format!("#!/bin/sh\n{script}\n"));
    Some(host)
}

const OPTIONS: &str = "--volumeopts=type=odd,device=x";

#[test]
fn a_helper_that_mounts_nothing_is_not_believed() {
    let Some(host) = with_helper("exec sh $ROOT/script") else {
        return;
    };
    let env = &host.env;
    let other = env.dir("other");
    for script in ["", &format!("mount -t tmpfs none {}", other.display())] {
        env.write("script", script);
        env.mount_created(&format!("mount -d local -n db --timeout 6s {OPTIONS}"))
            .fails(
                1,
                &format!("dvdcli: mounting volume db: mounting x at $ROOT/{LOCAL}/db/_data as odd with nosuid,nodev: mount has ended without an error, but nothing is mounted there\n"),
            );
        env.dvdcli("path -d local -n db").succeeds();
        assert!(mounted_at(&local_data(env, "db")).is_none(), "{script}");
        assert_eq!(fs::names(env.path("run/dvdcli")), [""; 0]);
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

/// As a FUSE daemon does that goes into the background first.
#[test]
fn a_helper_that_mounts_later_is_waited_for() {
    let Some(host) = with_helper("(sleep 1; exec mount -i -t tmpfs late \"$2\") &") else {
        return;
    };
    let path = mounts(&host.env, "db", OPTIONS);
    assert_eq!(mounted_at(&path).unwrap().source, "late");
    unmounts_and_removes(&host.env, "db");
}

#[test]
fn words_that_a_helper_loses_have_their_effect_all_the_same() {
    let Some(host) = with_helper("exec mount -i -t tmpfs none \"$2\" -o nodev") else {
        return;
    };
    let path = mounts(
        &host.env,
        "db",
        &format!("--read-only --opt o=noexec,soft {OPTIONS}"),
    );
    let mount = mounted_at(&path).unwrap();
    for word in ["ro", "noexec", "nodev", "relatime"] {
        assert!(mount.has_option(word), "{mount:?}");
    }
    unmounts_and_removes(&host.env, "db");
}

/// Most helpers refuse a word that is newer than they are.
#[test]
fn a_helper_is_not_told_of_nosymfollow() {
    let script = "case $* in *nosymfollow*) exit 1;; esac\nexec mount -i -t tmpfs none \"$2\"";
    let Some(host) = with_helper(script) else {
        return;
    };
    let path = mounts(
        &host.env,
        "db",
        &format!("--opt o=nosymfollow,soft {OPTIONS}"),
    );
    assert!(mounted_at(&path).unwrap().has_option("nosymfollow"));
    unmounts_and_removes(&host.env, "db");
}

#[test]
fn what_a_helper_has_mounted_before_it_failed_is_unmounted() {
    let Some(host) = with_helper("mount -i -t tmpfs none \"$2\"; . $ROOT/end") else {
        return;
    };
    for (end, why) in [
        ("exit 3", "exit status: 3"),
        (
            "sleep 1000",
            "not done when the time was over, and killed; give it more with --timeout",
        ),
    ] {
        host.env.write("end", end);
        host.env
            .mount_created(&format!("mount -d local -n db --timeout 2s {OPTIONS}"))
            .fails(
                1,
                &format!("dvdcli: mounting volume db: mounting x at $ROOT/{LOCAL}/db/_data as odd with nosuid,nodev: mount: {why}\n"),
            );
        assert!(mounted_at(&local_data(&host.env, "db")).is_none(), "{end}");
        host.env.dvdcli("remove -d local -n db").succeeds();
    }
}

#[test]
fn a_mount_that_is_not_in_the_table_is_not_handed_out() {
    let Some(env) = Env::isolated() else { return };
    let log = env.path("strace.log");
    let inject = ["-e", "trace=mount", "-e", "inject=mount:retval=0"];
    let to = ["-o", log.to_str().unwrap(), "--"];
    for (driver, options, place) in [
        ("local", "type=tmpfs,device=x", "_data"),
        ("loop", "size=20MiB", "mnt"),
    ] {
        let run = env.mount_created(&format!("mount -d {driver} -n db --volumeopts={options}"));
        under_strace(run, &[&inject[..], &to].concat()).fails(
            1,
            &format!("dvdcli: mounting volume db: mounting [..] at $ROOT/var/lib/dvdcli/{driver}/db/{place} as [..]: nothing is mounted there\n"),
        );
        let place = format!("var/lib/dvdcli/{driver}/db/{place}");
        assert_eq!(env.names(&place), [""; 0]);
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
}

#[test]
fn a_mount_that_is_read_only_unasked_is_told_of() {
    let Some(host) = with_helper("exec mount -i -t tmpfs none \"$2\" -o ro") else {
        return;
    };
    host.env
        .mount_created(&format!("mount -d local -n db {OPTIONS}"))
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .warns("dvdcli: warning: volume db can only be read, because of its source or its type's program; o=ro asks for that\n")
        .succeeds();
    unmounts_and_removes(&host.env, "db");
    mounts(&host.env, "db", &format!("--opt o=ro {OPTIONS}"));
    unmounts_and_removes(&host.env, "db");
}

/// As davfs2 has it, which writes to the server what is not there yet.
#[test]
fn the_helper_that_a_mount_names_is_called_to_unmount_it() {
    let Some(host) = with_helper("exec mount -i -t tmpfs none \"$2\" -o helper=odd") else {
        return;
    };
    for umount in ["exec umount -i \"$1\"", "exit 0", "exit 1"] {
        let umount = format!("#!/bin/sh\necho \"$@\" >$ROOT/words\n{umount}\n");
        host.write("/usr/sbin/umount.odd", &umount);
        let path = mounts(&host.env, "db", OPTIONS);
        unmounts_and_removes(&host.env, "db");
        let words = fs::read_to_string(host.env.path("words")).unwrap();
        assert_eq!(words, format!("{}\n", path.display()));
        assert_eq!(host.utab(), "", "{umount}");
    }
}

/// umount(8) and helpers go by the name, so that whoever owns a directory above could have root unmount another mount.
#[test]
fn no_helper_is_called_where_a_user_can_move_the_mount() {
    let Some(host) = with_helper("exec mount -i -t tmpfs none \"$2\" -o helper=odd") else {
        return;
    };
    let env = &host.env;
    host.write("/usr/sbin/umount.odd", "#!/bin/sh\nexec umount -i \"$1\"\n");
    env.configure("libstorage.integration.volume.operations.mount.path: $ROOT/home/volumes\n");
    chown(env.dir("home"), Some(1000), None).unwrap();
    let victim = env.dir("victim/db");
    env.mount_tmpfs(&victim);
    let swap = "mv $HOMES/volumes $HOMES/moved; ln -s $HOMES/../victim $HOMES/volumes";
    let swap = swap.replace("$HOMES", &env.path("home").display().to_string());
    programs::replace(env, "umount", &format!("{swap}\nexec $ORIGINAL \"$@\""));
    env.mount_created(&format!("mount -d local -n db {OPTIONS}"))
        .prints("$ROOT/home/volumes/db\n")
        .succeeds();
    let found = env.dvdcli("unmount -d local -n db").output();
    assert!(
        mounted_at(&env.path("home/moved/db")).is_none(),
        "{found:?}"
    );
    assert!(mounted_at(&victim).is_some(), "{found:?}");
    let warning = "dvdcli: warning: volume db is unmounted without umount.odd, which others could lead astray: $ROOT/home: it belongs to user 1000; run chown root on it if it is to be trusted\n";
    assert_eq!(found.parts(), (0, "", warning));
    assert!(mounted_at(&env.path("home/volumes/db")).is_none());
    assert_eq!(host.utab(), "");
}

/// Not every file system shows the device that it was given, nor is that always still there.
#[test]
fn a_mount_below_the_configured_path_is_known_again() {
    let Some(host) = with_helper("exec mount -i -t tmpfs none \"$2\"") else {
        return;
    };
    let env = &host.env;
    env.configure("libstorage.integration.volume.operations.mount.path: $ROOT/volumes\n");
    let source = env.dir("source");
    let bind = "--volumeopts=type=none,device=$ROOT/source,o=bind";
    for (options, name) in [(OPTIONS, "odd"), (bind, "bind")] {
        let path = format!("$ROOT/volumes/{name}\n");
        env.mount_created(&format!("mount -d local -n {name} {options}"))
            .prints(&path)
            .succeeds();
        let _ = fs::rename(&source, env.path("moved"));
        env.dvdcli(&format!("path -d local -n {name}"))
            .prints(&path)
            .succeeds();
        // As after a restart of the host, but for the mounts.
        fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
        env.dvdcli(&format!("remove -d local -n {name}")).fails(
            4,
            &format!("dvdcli: removing volume {name}: mounted at $ROOT/volumes/{name}; unmount it first\n"),
        );
        unmounts_and_removes(env, name);
        assert_eq!(host.volumes().len(), 0);
        fs::rename(env.path("moved"), &source).unwrap();
    }
    // What an administrator has mounted there is none of ours.
    env.dvdcli(&format!("create -d local -n odd {OPTIONS}"))
        .succeeds();
    env.mount_tmpfs(&env.dir("volumes/odd"));
    env.dvdcli("mount -d local -n odd").fails(
        4,
        "dvdcli: mounting volume odd: tmpfs of type tmpfs is mounted at $ROOT/volumes/odd, and is not this volume; unmount it\n",
    );
    env.dvdcli("unmount -d local -n odd")
        .warns("dvdcli: warning: unmounting volume odd: driver local: it is not mounted; nothing was left to do\n")
        .succeeds();
}

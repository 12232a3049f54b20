//! Container paths of `--from-env`: where volumes are bound, whose owner and mode they take over, and what is refused there.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use pretty_assertions::assert_eq;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, outside, owned, ownership, task};
use crate::harness::volumes::{local_data, mounts};

#[test]
fn a_volume_is_bound_there_with_the_owner_and_mode_of_the_path() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").mounting(&env);
    let path = owned(&env, "job/a", (1234, 4321, 0o6750));
    let variables = [
        ("NAME", "a"),
        ("CONTAINERPATH", "$ROOT/job//a/"),
        ("NAME1", "b"),
    ];
    let places = ["job/a", "volumes/a", "volumes/b"].map(|name| env.path(name));
    let mount = || {
        task(&env, MOUNT, &variables)
            .prints("$ROOT/job/a\n$ROOT/volumes/b\n")
            .succeeds();
    };
    for _ in 0..2 {
        mount();
        let mut mounts = env.mounts();
        mounts.sort();
        assert_eq!(mounts, places);
        assert_eq!(ownership(&path), (1234, 4321, 0o6750));
        assert_eq!(ownership(&env.path("volumes/a")), (1234, 4321, 0o6750));
        fs::write(env.path("volumes/a/file"), "text").unwrap();
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
    }
    // It is the task's from then on, also when it comes back.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    mount();
    assert_eq!(ownership(&path), (1234, 4321, 0o700));
    task(&env, UNMOUNT, &variables).succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (0, 0));
    assert_eq!(ownership(&path), (1234, 4321, 0o6750));
    mount();
    assert_eq!(ownership(&path), (1234, 4321, 0o700));
    task(&env, UNMOUNT, &variables).succeeds();
}

#[test]
fn below_tmp_it_is_made_and_stays() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    owned(&env, "volumes/a", (7, 7, 0o700));
    let variables = [
        ("NAME", "a"),
        ("CONTAINERPATH", "$ROOT/new/one"),
        ("NAME1", "b"),
        ("CONTAINERPATH1", "$ROOT/new/other"),
    ];
    // Whatever the caller's umask is.
    let shell = ["-c", "umask 077; exec \"$@\"", "sh"];
    let run = task(&env, "mount --from-env --id job", &variables).through("sh", &shell);
    run.prints("$ROOT/new/one\n$ROOT/new/other\n").succeeds();
    // Nobody in particular is meant by it: the volume stays whose it is.
    assert_eq!(ownership(&env.path("new/one")), (7, 7, 0o700));
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (2, 1));
    task(&env, "unmount --from-env --id job", &variables).succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (0, 0));
    for path in ["new/one", "new/other"] {
        assert_eq!(ownership(&env.path(path)), (0, 0, 0o755));
    }
}

#[test]
fn elsewhere_it_must_be_allowed_and_exist() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let outside = outside(&env);
    let variables = [("NAME", "a"), ("CONTAINERPATH", "/srv/there")];
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH: /srv/there: no such file or directory; create the directory first\n",
    );
    assert!(!outside.join("there").exists());
    fs::create_dir(outside.join("there")).unwrap();
    task(&env, MOUNT, &variables)
        .prints("/srv/there\n")
        .succeeds();
    task(&env, UNMOUNT, &variables).succeeds();
    assert_eq!(plugin.mounts("a"), 0);
}

#[test]
fn what_is_mounted_there_already_is_seen_before_anything_is_done() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let path = env.dir("taken");
    env.mount_tmpfs(&path);
    let variables = [
        ("NAME", "a"),
        ("NAME1", "b"),
        ("CONTAINERPATH1", "$ROOT/taken"),
    ];
    task(&env, MOUNT, &variables).fails(
        4,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH1: $ROOT/taken: something is mounted there that is not this volume\n",
    );
    assert_eq!(plugin.connections(), 0);
    // The clean-up after it must not fail.
    task(&env, UNMOUNT, &variables[1..])
        .warns(
            "dvdcli: warning: container path: $ROOT/taken: something is mounted there that is not this volume\n\
             dvdcli: warning: unmounting volume b: plugin rexray: VolumeDriver.Path: volume not found; nothing was left to do\n",
        )
        .succeeds();
    assert_eq!(env.mounts(), [path]);
}

#[test]
fn owner_and_mode_do_not_change_under_those_who_hold_it() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").mounting(&env);
    for (name, ownership) in [
        ("one", (1, 1, 0o750)),
        ("same", (1, 1, 0o750)),
        ("other", (1, 1, 0o755)),
    ] {
        owned(&env, name, ownership);
    }
    let at = |path| [("NAME", "a"), ("CONTAINERPATH", path)];
    let mount = |id, path| task(&env, &format!("mount --from-env --id {id}"), &at(path));
    let refusal = |why| {
        format!(
            "dvdcli: mounting volume a (DVDI_VOLUME_NAME): $ROOT/volumes/a has owner and mode 1:1 0750, container path $ROOT/other has 1:1 0755, and {why}\n"
        )
    };
    mount("one", "$ROOT/one").prints("$ROOT/one\n").succeeds();
    mount("two", "$ROOT/same").prints("$ROOT/same\n").succeeds();
    let held = refusal("they stay as they are while it is held by one, two");
    for flag in ["three", "three --chown"] {
        mount(flag, "$ROOT/other").fails(4, &held);
    }
    assert_eq!(ownership(&env.path("volumes/a")), (1, 1, 0o750));
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (3, 1));
    // Whoever holds it alone may, if root says so.
    task(&env, "unmount --from-env --id two", &at("$ROOT/same"))
        .warns("dvdcli: warning: volume a stays mounted, it is held by one\n")
        .succeeds();
    mount("one", "$ROOT/other").fails(4, &refusal(AGAIN));
    mount("one --chown", "$ROOT/other")
        .prints("$ROOT/other\n")
        .succeeds();
    assert_eq!(ownership(&env.path("volumes/a")), (1, 1, 0o755));
    task(&env, UNMOUNT, &at("$ROOT/one"))
        .warns("dvdcli: warning: volume a was not held by this caller; it is held by one\n")
        .succeeds();
    env.dvdcli("unmount -d rexray -n a --id one").succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("a")), (0, 0));
}

const AGAIN: &str = "a volume takes them over once, while it is new and empty; give the directory those of the volume, or run mount \
    --from-env --chown as root";

/// As a database's directory: what one tenant has, another does not get by a directory of his.
#[test]
fn a_volume_does_not_become_another_tenants() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray").mounting(&env);
    owned(&env, "postgres", (999, 999, 0o700));
    owned(&env, "tenant", (65534, 65534, 0o755));
    for (driver, options, place) in [
        ("rexray", "", "volumes/a"),
        ("local", "", "var/lib/dvdcli/local/a/_data"),
        ("loop", "size=64MiB", "var/lib/dvdcli/loop/a/mnt/data"),
    ] {
        let at = |path| {
            [
                ("NAME", "a"),
                ("DRIVER", driver),
                ("OPTS", options),
                ("CONTAINERPATH", path),
            ]
        };
        let unmount = |path| task(&env, UNMOUNT, &at(path)).succeeds();
        let refuse = |found: &str| {
            task(&env, MOUNT, &at("$ROOT/tenant")).fails(
                4,
                &format!(
                    "dvdcli: mounting volume a (DVDI_VOLUME_NAME): $ROOT/{place} has owner and mode {found}, container path \
                     $ROOT/tenant has 65534:65534 0755, and {AGAIN}\n"
                ),
            );
            assert_eq!(env.mounts().len(), 0, "{driver}");
        };
        task(&env, MOUNT, &at("$ROOT/postgres"))
            .prints("$ROOT/postgres\n")
            .succeeds();
        unmount("$ROOT/postgres");
        refuse("999:999 0700");
        task(&env, &format!("{MOUNT} --chown"), &at("$ROOT/tenant"))
            .prints("$ROOT/tenant\n")
            .succeeds();
        assert_eq!(ownership(&env.path(place)), (65534, 65534, 0o755));
        fs::write(env.path(place).join("file"), "").unwrap();
        unmount("$ROOT/tenant");
        task(&env, MOUNT, &at("$ROOT/postgres"))
            .fails(4, &format!(
                "dvdcli: mounting volume a (DVDI_VOLUME_NAME): $ROOT/{place} has owner and mode 65534:65534 0755, container path \
                 $ROOT/postgres has 999:999 0700, and {AGAIN}\n"
            ));
        env.dvdcli(&format!("remove -d {driver} -n a")).succeeds();
    }
    env.assert_nothing_is_left();
}

#[test]
fn what_root_keeps_in_a_volume_stays_roots() {
    let Some(env) = Env::isolated() else { return };
    owned(&env, "tenant", (65534, 65534, 0o755));
    let data = mounts(&env, "backup", "");
    fs::write(data.join("secret"), "").unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    env.dvdcli("unmount -d local -n backup").succeeds();
    let variables = [
        ("NAME", "backup"),
        ("DRIVER", "local"),
        ("CONTAINERPATH", "$ROOT/tenant"),
    ];
    task(&env, MOUNT, &variables).fails(
        4,
        &format!(
            "dvdcli: mounting volume backup (DVDI_VOLUME_NAME): $ROOT/var/lib/dvdcli/local/backup/_data has owner and mode 0:0 0700, \
             container path $ROOT/tenant has 65534:65534 0755, and {AGAIN}\n"
        ),
    );
    assert_eq!(ownership(&data), (0, 0, 0o700));
}

#[test]
fn what_dvdcli_has_not_made_keeps_its_owner() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray");
    owned(&env, "tenant", (65534, 65534, 0o755));
    owned(&env, "theirs", (0, 0, 0o700));
    env.dvdcli("create -d local -n bound -o type=none -o o=bind -o device=$ROOT/theirs")
        .succeeds();
    for (driver, name, place, mode) in [
        ("rexray", "plain", "volumes/plain", "0755"),
        ("local", "bound", "var/lib/dvdcli/local/bound/_data", "0700"),
    ] {
        let variables = [
            ("NAME", name),
            ("DRIVER", driver),
            ("CONTAINERPATH", "$ROOT/tenant"),
        ];
        for line in [MOUNT, "mount --from-env --chown"] {
            let keeps = format!(
                "dvdcli: warning: $ROOT/{place} keeps its owner and mode 0:0 {mode}, since dvdcli has not made it; container path \
                 $ROOT/tenant has 65534:65534 0755\n"
            );
            task(&env, line, &variables)
                .prints("$ROOT/tenant\n")
                .warns(&keeps)
                .succeeds();
            task(&env, UNMOUNT, &variables).succeeds();
        }
    }
    assert_eq!(ownership(&env.path("volumes/plain")), (0, 0, 0o755));
    assert_eq!(ownership(&env.path("theirs")), (0, 0, 0o700));
    env.assert_nothing_is_left();
}

/// As with a restart of the host, or where the file system knows no owners.
#[test]
fn a_plugins_volume_of_which_nothing_is_remembered_keeps_what_root_has_in_it() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "rexray").mounting(&env);
    owned(&env, "tenant", (65534, 65534, 0o755));
    env.write("disks/a/file", "");
    let variables = [("NAME", "a"), ("CONTAINERPATH", "$ROOT/tenant")];
    let keeps = "dvdcli: warning: $ROOT/volumes/a keeps its owner and mode 0:0 0755, since dvdcli has not made it; container path \
                 $ROOT/tenant has 65534:65534 0755\n";
    task(&env, MOUNT, &variables)
        .prints("$ROOT/tenant\n")
        .warns(keeps)
        .succeeds();
    assert_eq!(ownership(&env.path("tenant")), (0, 0, 0o755));
    task(&env, UNMOUNT, &variables).succeeds();
    // Another made it anew, of the same name.
    fs::remove_file(env.path("disks/a/file")).unwrap();
    for owner in [1, 2] {
        owned(&env, "disks/a", (0, 0, 0o755));
        owned(&env, "tenant", (owner, owner, 0o700));
        task(&env, MOUNT, &variables)
            .prints("$ROOT/tenant\n")
            .succeeds();
        assert_eq!(ownership(&env.path("disks/a")), (owner, owner, 0o700));
        task(&env, UNMOUNT, &variables).succeeds();
    }
    env.assert_nothing_is_left();
}

/// A tmpfs is made anew with each mount.
#[test]
fn a_file_system_in_memory_is_given_its_owner_each_time() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n a -o type=tmpfs -o device=tmpfs -o o=size=1m")
        .succeeds();
    owned(&env, "own", (5, 6, 0o750));
    owned(&env, "other", (6, 6, 0o750));
    let at = |path| [("NAME", "a"), ("DRIVER", "local"), ("CONTAINERPATH", path)];
    for _ in 0..2 {
        task(&env, MOUNT, &at("$ROOT/own"))
            .prints("$ROOT/own\n")
            .succeeds();
        assert_eq!(ownership(&env.path("own")), (5, 6, 0o750));
        assert_eq!(ownership(&local_data(&env, "a")), (5, 6, 0o750));
        task(&env, UNMOUNT, &at("$ROOT/own")).succeeds();
    }
    let found = task(&env, MOUNT, &at("$ROOT/other")).output();
    assert_eq!((found.code, found.stdout.as_str()), (4, ""), "{found:?}");
    env.assert_nothing_is_left();
}

#[test]
fn a_read_only_volume_keeps_its_owner() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n a -o type=tmpfs -o device=tmpfs -o o=ro,size=1m,mode=0750")
        .succeeds();
    owned(&env, "same", (0, 0, 0o750));
    owned(&env, "other", (5, 5, 0o750));
    let at = |path| [("NAME", "a"), ("DRIVER", "local"), ("CONTAINERPATH", path)];
    task(&env, MOUNT, &at("$ROOT/other")).fails(
        1,
        "dvdcli: mounting volume a (DVDI_VOLUME_NAME): giving $ROOT/var/lib/dvdcli/local/a/_data owner and mode of $ROOT/other: read-only file system\n",
    );
    assert_eq!(env.mounts().len(), 0);
    task(&env, MOUNT, &at("$ROOT/same"))
        .prints("$ROOT/same\n")
        .succeeds();
    task(&env, UNMOUNT, &at("$ROOT/same")).succeeds();
    assert_eq!(env.mounts().len(), 0);
}

/// Below /tmp, others own directories on the way, and exchange them for links while we work.
#[test]
fn who_exchanges_a_directory_for_a_link_leads_nowhere() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray").with_volume("a");
    let (theirs, link, victim) = (
        env.dir("job/in"),
        env.path("job/link"),
        env.dir("victim/new"),
    );
    symlink(env.path("victim"), &link).unwrap();
    let exchange = || renameat_with(CWD, &theirs, CWD, &link, RenameFlags::EXCHANGE).unwrap();
    let variables = [("NAME", "a"), ("CONTAINERPATH", "$ROOT/job/in/new")];
    let mut outcomes = [0, 0];
    for _ in 0..60 {
        let done = AtomicBool::new(false);
        let found = thread::scope(|scope| {
            let exchanges = || {
                let mut count = 0;
                while !done.load(SeqCst) || count % 2 == 1 {
                    exchange();
                    count += 1;
                }
            };
            scope.spawn(exchanges);
            let found = task(&env, MOUNT, &variables).output();
            done.store(true, SeqCst);
            found
        });
        let seen = usize::from(found.code == 0);
        outcomes[seen] += 1;
        assert_eq!(env.mounts(), vec![theirs.join("new"); seen], "{found:?}");
        assert_eq!(plugin.mounts("a"), seen, "{found:?}");
        assert_eq!(fs::names(&victim).len(), 0);
        if seen == 1 {
            task(&env, UNMOUNT, &variables).succeeds();
        }
        let _ = fs::remove_dir(theirs.join("new"));
    }
    assert!(outcomes[0] > 0, "{outcomes:?}");
}

//! What the author of a task's environment must not be able to do: he is not root, and `mount --from-env` is.

use std::os::unix::fs::{PermissionsExt, symlink};

use pretty_assertions::assert_eq;

use crate::harness::env::{Env, PATH};
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, outside, owned, ownership, task};
use crate::harness::volumes::{LOCAL, LOOP, data};

const TENANT: (u32, u32, u32) = (65534, 65534, 0o755);

#[test]
fn no_part_of_the_system_is_hidden_whatever_is_allowed() {
    let Some(env) = Env::isolated() else { return };
    env.configure("dvdcli: {allow: {containerpaths: [/, /usr/local, /var/lib]}}");
    for (path, system) in [
        ("/usr/local/bin", "/usr"),
        ("/usr", "/usr"),
        ("/bin", "/bin"),
        ("/lib64/x", "/lib64"),
        ("/etc/cron.d", "/etc"),
        ("/root/.ssh", "/root"),
        ("/dev/disk", "/dev"),
        ("/var/lib/dvdcli", "/var/lib"),
        ("/var", "/var/lib"),
        ("/tmp/.X11-unix", "/tmp/.X11-unix"),
        (
            "/tmp/systemd-private-0-httpd.service-0/tmp",
            "/tmp/systemd-private-0-httpd.service-0",
        ),
    ] {
        let variables = [("NAME", "a"), ("DRIVER", "local"), ("CONTAINERPATH", path)];
        let message = format!(
            "dvdcli: DVDI_VOLUME_CONTAINERPATH: {path}: it would hide {system} or a part of it, whatever dvdcli.allow.containerpaths says\n"
        );
        task(&env, MOUNT, &variables).fails(2, &message);
        // The clean-up after it must not fail.
        let nothing = "dvdcli: warning: unmounting volume a: driver local: no such volume; nothing was left to do\n";
        task(&env, UNMOUNT, &variables).warns(nothing).succeeds();
    }
    assert!(!env.path(LOCAL).join("a").exists());
}

#[test]
fn only_the_hosts_owner_allows_further_places() {
    let Some(env) = Env::isolated() else { return };
    let outside = outside(&env);
    fs::create_dir(outside.join("a")).unwrap();
    let variables = [
        ("NAME", "a"),
        ("DRIVER", "local"),
        ("CONTAINERPATH", "/srv/a"),
    ];
    let elsewhere = |places| {
        format!(
            "dvdcli: DVDI_VOLUME_CONTAINERPATH: /srv/a: {places} (setting dvdcli.allow.containerpaths)\n"
        )
    };
    let refused = |settings: &str, places| {
        env.configure(settings);
        task(&env, MOUNT, &variables).fails(2, &elsewhere(places));
    };
    refused("", "it is not below /tmp");
    refused(
        "dvdcli.allow.containerpaths: [/srv/ab, /srv/a, /mnt]",
        "it is not below /srv/ab or /srv/a or /mnt",
    );
    refused(
        "dvdcli.allow: {containerpaths: []}",
        "nothing may be bound here",
    );
    // Nor does a variable, with or without the flag.
    let mut run = task(&env, MOUNT, &variables);
    run = run.env("DVDCLI_ALLOW_CONTAINERPATHS", "/srv");
    let ignored = warning("DVDCLI_ALLOW_CONTAINERPATHS");
    run.fails(2, &(ignored + &elsewhere("nothing may be bound here")));
    // Whoever can write the file could allow himself anything.
    let text = "dvdcli:\n  allow:\n    containerpaths: [/srv]\n";
    for (owner, mode, flaw) in [
        (0, 0o644, None),
        (0, 0o600, None),
        (
            0,
            0o664,
            Some("other users can write to it (mode 0664); run chmod go-w on it"),
        ),
        (
            0,
            0o646,
            Some("other users can write to it (mode 0646); run chmod go-w on it"),
        ),
        (
            65534,
            0o600,
            Some("it belongs to user 65534; run chown root on it if it is to be trusted"),
        ),
    ] {
        env.configure(text);
        let run = task(&env, MOUNT, &variables);
        let file = env.path("task.yml");
        std::os::unix::fs::chown(&file, Some(owner), None).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        if let Some(flaw) = flaw {
            run.fails(2, &format!("dvdcli: reading $ROOT/task.yml: {flaw}\n"));
            fs::remove_file(&file).unwrap();
        } else {
            run.prints("/srv/a\n").succeeds();
            task(&env, UNMOUNT, &variables).succeeds();
        }
    }
    env.assert_nothing_is_left();
}

#[test]
fn no_link_is_followed_wherever_it_is_and_whosever() {
    let Some(env) = Env::isolated() else { return };
    let outside = outside(&env);
    fs::create_dir_all(outside.join("there/in")).unwrap();
    symlink("there", outside.join("link")).unwrap();
    symlink("in", outside.join("there/link")).unwrap();
    for (path, link) in [
        ("/srv/link", "/srv/link"),
        ("/srv/link/in", "/srv/link"),
        ("/srv/link/new", "/srv/link"),
        ("/srv/there/link", "/srv/there/link"),
    ] {
        let variables = [("NAME", "a"), ("DRIVER", "local"), ("CONTAINERPATH", path)];
        let message = format!(
            "dvdcli: DVDI_VOLUME_CONTAINERPATH: {link} is a symbolic link, and a container path leads over none\n"
        );
        task(&env, MOUNT, &variables).fails(2, &message);
    }
    // What is allowed leads nowhere else, either.
    env.configure("dvdcli: {allow: {containerpaths: /srv/link}}");
    let variables = [
        ("NAME", "a"),
        ("DRIVER", "local"),
        ("CONTAINERPATH", "/srv/link/in"),
    ];
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH: /srv/link is a symbolic link, and a container path leads over none\n",
    );
    assert!(!env.path(LOCAL).join("a").exists());
}

#[test]
fn directories_on_the_way_are_roots_or_those_of_one_user() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    owned(&env, "theirs", TENANT);
    owned(&env, "theirs/other", (1234, 1234, 0o755));
    owned(&env, "theirs/roots", (0, 0, 0o755));
    owned(&env, "theirs/own", TENANT);
    for (path, user) in [
        ("theirs/other", 1234),
        ("theirs/other/new", 1234),
        ("theirs/roots", 0),
    ] {
        let there = path.trim_end_matches("/new");
        let path = format!("$ROOT/{path}");
        task(&env, MOUNT, &[("NAME", "a"), ("CONTAINERPATH", &path)]).fails(
            2,
            &format!(
                "dvdcli: DVDI_VOLUME_CONTAINERPATH: $ROOT/theirs belongs to user 65534, and $ROOT/{there} to user {user}; \
                 directories on the way have to be root's or that user's\n"
            ),
        );
    }
    assert_eq!((plugin.connections(), env.mounts().len()), (0, 0));
    // What is made in a user's directory is that user's.
    for path in ["theirs/own", "theirs/own/new/one"] {
        let place = format!("$ROOT/{path}");
        let variables = [
            ("NAME", path.rsplit('/').next().unwrap()),
            ("DRIVER", "local"),
            ("CONTAINERPATH", &place),
        ];
        task(&env, MOUNT, &variables)
            .prints(&format!("{place}\n"))
            .succeeds();
        assert_eq!(ownership(&env.path(path)), TENANT);
        task(&env, UNMOUNT, &variables).succeeds();
        assert_eq!(ownership(&env.path(path)), TENANT);
    }
}

/// Any user could put another directory in the place of what is there, which root would make another's.
#[test]
fn directories_on_the_way_are_no_place_for_everybody() {
    let Some(env) = Env::isolated() else { return };
    owned(&env, "jobs/a", TENANT);
    let mode = |mode: u32| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(env.path("jobs"), mode).unwrap();
    };
    let variables = [
        ("NAME", "a"),
        ("DRIVER", "local"),
        ("CONTAINERPATH", "$ROOT/jobs/a"),
    ];
    mode(0o777);
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: DVDI_VOLUME_CONTAINERPATH: $ROOT/jobs is root's, and every user can replace what is in it (mode 0777); run chmod +t on it\n",
    );
    assert_eq!(env.mounts().len(), 0);
    for good in [0o1777, 0o775] {
        mode(good);
        task(&env, MOUNT, &variables)
            .prints("$ROOT/jobs/a\n")
            .succeeds();
        task(&env, UNMOUNT, &variables).succeeds();
    }
}

/// A program as mkfs, which says that it was run.
fn evil_mkfs(env: &Env) -> String {
    let script = format!("#!/bin/sh\n: >{}/evil-ran\nexit 1\n", env.root());
    for name in ["mkfs.ext4", "mke2fs"] {
        let program = env.write(&format!("evil/bin/{name}"), &script);
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{PATH}", env.path("evil/bin").display())
}

fn warning(names: &str) -> String {
    format!(
        "dvdcli: warning: ignored: {names}: --from-env takes volumes from a task's environment, and nothing else; pass flags instead\n"
    )
}

#[test]
fn no_variable_of_a_task_means_anything_but_those_of_its_volumes() {
    let Some(env) = Env::isolated() else { return };
    let path = evil_mkfs(&env);
    let evil = env.dir("evil");
    let evil = evil.to_str().unwrap();
    // With these, all would be as the task has it.
    env.write("evil/config.yml", "not: [yaml");
    let theirs = [
        ("DVDCLI_CONFIG", "/dev/null"),
        ("DVDCLI_ROOT", evil),
        ("DVDCLI_TIMEOUT", "never"),
        ("DVDCLI_WAIT", "never"),
        ("LIBSTORAGE_INTEGRATION_VOLUME_OPERATIONS_MOUNT_PATH", evil),
        ("LINUX_VOLUME_ROOTPATH", "/other"),
        ("REXRAY_VOLUME_CREATE_DISABLE", "true"),
        ("DOCKER_FSTYPE", "xfs"),
        ("SSL_CERT_FILE", "/none"),
        ("PATH", &path),
    ];
    let mut names: Vec<_> = theirs.map(|(name, _)| name).to_vec();
    names.retain(|name| *name != "PATH");
    names.sort_unstable();
    let ignored = warning(&names.join(", "));
    let variables = [
        ("NAME", "db"),
        ("DRIVER", "loop"),
        ("OPTS", "size=64MiB"),
        ("CONTAINERPATH", "$ROOT/job/db"),
    ];
    let as_task = |line: &str| {
        let run = task(&env, line, &variables);
        theirs
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value))
    };
    as_task(MOUNT)
        .prints("$ROOT/job/db\n")
        .warns(&ignored)
        .succeeds();
    assert_eq!(
        env.mounts(),
        [env.path(LOOP).join("db/mnt"), env.path("job/db")]
    );
    assert_eq!(ownership(&data(&env, "db")), (0, 0, 0o755));
    let inspected = env.json("inspect -d loop -n db");
    assert_eq!(inspected[0]["FsType"], "ext4");
    as_task(UNMOUNT).warns(&ignored).succeeds();
    assert!(!env.path("evil-ran").exists());
    assert_eq!(env.names("evil"), ["bin", "config.yml"]);
    env.assert_nothing_is_left();
}

/// Files that root may read are for the command line to name.
#[test]
fn an_option_of_a_task_is_what_it_says_and_no_file() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let secret = env.write("secret", "of root's");
    fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
    env.dvdcli("create -d rexray -n known --opt key=@$ROOT/secret")
        .succeeds();
    assert_eq!(plugin.options("known")["key"], "of root's");
    task(&env, MOUNT, &[("NAME", "a"), ("OPTS", "key=@secret")])
        .prints("$ROOT/volumes/a\n")
        .succeeds();
    assert_eq!(plugin.options("a")["key"], "@secret");
}

/// A task without volumes is left alone, whatever is in its environment.
#[test]
fn what_is_ignored_is_not_told_to_tasks_without_volumes() {
    let Some(env) = Env::isolated() else { return };
    for line in [MOUNT, UNMOUNT, "--from-env mount"] {
        let run = task(&env, line, &[("DRIVER", "local")]);
        run.env("DOCKER_HOST", "x").env("REXRAY_X", "y").succeeds();
    }
}

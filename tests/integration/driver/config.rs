//! The configuration file and the environment: REX-Ray's generations of names, which one counts, and what is wrong in it.

use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::mounts::bind;
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::{LOOP, inspected};

/// As in REX-Ray's documentation, for an agent with VirtualBox.
const OLDER: &str = "\
rexray:
  logLevel: warn
  storageDrivers:
  - virtualbox
  volume:
    mount:
      preempt: true
    unmount:
      ignoreUsedCount: true
docker:
  size: 1
  fsType: xfs
linux:
  volume:
    rootPath: /files
virtualbox:
  endpoint: http://10.0.2.2:18083
  tls: false
  volumePath: /Users/me/VirtualBox Volumes
  controllerName: SATA
";

/// The same of its later releases.
const LIBSTORAGE: &str = "\
libstorage:
  service: virtualbox
  integration:
    volume:
      operations:
        mount:
          preempt: true
          rootPath: /files
        unmount:
          ignoreUsedCount: true
        create:
          default:
            size: 1
            fsType: xfs
virtualbox:
  endpoint: http://10.0.2.2:18083
  volumePath: /Users/me/VirtualBox Volumes
";

#[test]
fn the_files_of_rexrays_documentation_have_their_effect() {
    let Some(env) = Env::isolated() else { return };
    for text in [OLDER, LIBSTORAGE] {
        env.configure(text);
        for id in ["a", "b"] {
            env.dvdcli(&format!("mount -d loop -n db --id {id}"))
                .prints(&format!("$ROOT/{LOOP}/db/mnt/files\n"))
                .succeeds();
        }
        let found = inspected(&env, "-d loop -n db");
        assert_eq!(
            (&found["Size"], &found["FsType"]),
            (&json!(1 << 30), &json!("xfs"))
        );
        env.dvdcli("unmount -d loop -n db --id a").succeeds();
        env.assert_nothing_is_mounted();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

#[test]
fn deep_nesting_is_an_error_like_any_other() {
    let env = Env::new();
    let chain = (1..200).map(|at| format!("a{at}: &a{at} {{a: *a{}}}\n", at - 1));
    let maps = (0..1000).map(|at| format!("{}a:\n", " ".repeat(at)));
    for (text, problem) in [
        (
            "- ".repeat(20_000),
            "line 1: it is nested more than 100 deep",
        ),
        (
            "dvdcli:\n  ".to_owned() + &"? ".repeat(20_000),
            "line 2: it is nested more than 100 deep",
        ),
        (
            ": ".repeat(20_000),
            "line 1: it is nested more than 100 deep",
        ),
        (maps.collect(), "line 101: it is nested more than 100 deep"),
        (
            "a: ".to_owned() + &"[".repeat(20_000),
            "line 1: recursion limit exceeded",
        ),
        (
            format!("a0: &a0 x\n{}", chain.collect::<String>()),
            "line 101: it is nested more than 100 deep",
        ),
    ] {
        env.configure(&text);
        env.dvdcli("create -d loop -n db").fails(
            2,
            &format!("dvdcli: reading $ROOT/etc/rexray/config.yml: {problem}\n"),
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_file_and_line() {
    let env = Env::new();
    for (text, problem) in [
        (
            "rexray:\n  volume:\n    mount:\n      preempt: maybe\n",
            "line 4: rexray.volume.mount.preempt: 'maybe' is neither true nor false",
        ),
        (
            "rexray:\n  volume:\n    remove: {disable: [true]}\n",
            "line 3: rexray.volume.remove.disable: it has no single value",
        ),
        (
            "docker:\n  iops: -1\n",
            "line 2: docker.iops: option iops: \"-1\" is no number: invalid digit found in string",
        ),
        (
            "\nlibstorage.integration.volume.operations.mount.path: here\n",
            "line 2: libstorage.integration.volume.operations.mount.path: 'here' is no absolute path",
        ),
        (
            "dvdcli:\n  root: here\n",
            "line 2: dvdcli.root: 'here' is no absolute path",
        ),
        (
            "dvdcli:\n  timeout: soon\n",
            "line 2: dvdcli.timeout: 'soon' is no duration such as 90s, 2m or 500ms",
        ),
        (
            "dvdcli:\n  timeout: 0\n",
            "line 2: dvdcli.timeout: it must be more than zero",
        ),
        (
            "dvdcli:\n  rot: /x\n",
            "line 2: unknown setting dvdcli.rot; did you mean dvdcli.root?",
        ),
        (
            "dvdcli:\n  encryption: true\n",
            "line 2: unknown setting dvdcli.encryption",
        ),
        ("docker:\n  size: 1\n bad: [\n", "line 3: [..]"),
    ] {
        env.configure(text);
        env.dvdcli("create -d loop -n db").fails(
            2,
            &format!("dvdcli: reading $ROOT/etc/rexray/config.yml: {problem}\n"),
        );
    }
    assert!(!env.path("var").exists());
}

#[test]
fn a_value_of_the_wrong_kind_is_an_error_wherever_it_stands() {
    let env = Env::new();
    for (text, problem) in [
        (
            "rexray:\n  volume:\n    mount:\n      preempt:\n        always: true\n",
            "line [..]: rexray.volume.mount.preempt[..]",
        ),
        ("docker:\n  size: much\n", "line 2: docker.size: [..]"),
        ("docker:\n  fsType: zfs\n", "line 2: docker.fsType: [..]"),
        ("dvdcli:\n  aliases: ebs\n", "line 2: dvdcli.aliases[..]"),
        ("dvdcli: loop\n", "line 1: dvdcli[..]"),
    ] {
        env.configure(text);
        env.dvdcli("list -d loop").fails(
            2,
            &format!("dvdcli: reading $ROOT/etc/rexray/config.yml: {problem}\n"),
        );
    }
}

/// What REX-Ray takes, but a built-in driver does not: a line of the file, and a variable with its value.
const OF_BUILT_INS: &[(&str, (&str, &str))] = &[
    ("docker.fsType: ext3", ("DOCKER_FSTYPE", "ext3")),
    ("docker.size: {a: 1}", ("DOCKER_SIZE", "much")),
    (
        "rexray.volume.mount.preempt: perhaps",
        ("REXRAY_VOLUME_MOUNT_PREEMPT", "perhaps"),
    ),
    (
        "rexray.volume.remove.disable: [true]",
        ("REXRAY_VOLUME_REMOVE_DISABLE", "perhaps"),
    ),
    (
        "rexray.volume.create.disable: perhaps",
        ("REXRAY_VOLUME_CREATE_DISABLE", "perhaps"),
    ),
    (
        "libstorage.integration.volume.operations.mount.path: here",
        (
            "LIBSTORAGE_INTEGRATION_VOLUME_OPERATIONS_MOUNT_PATH",
            "here",
        ),
    ),
    ("linux.volume.rootPath: {a: 1}", ("DOCKER_IOPS", "many")),
    ("dvdcli.root: here", ("DOCKER_SIZE", "-1")),
];

#[test]
fn settings_of_built_in_drivers_are_judged_where_one_is_used() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake");
    for (line, (variable, value)) in OF_BUILT_INS {
        for (file, value) in [(*line, ""), ("", *value)] {
            env.configure(file);
            for (verb, printed) in [
                ("create", ""),
                ("mount", "$ROOT/volumes/db\n"),
                ("path", "$ROOT/volumes/db\n"),
                ("get", "db\n"),
                ("exists", ""),
                ("list", "db\n"),
                ("unmount", ""),
                ("remove", ""),
            ] {
                let run = env.dvdcli(&format!("{verb} -d fake -n db"));
                run.env(variable, value).prints(printed).succeeds();
            }
            let place = match file {
                "" => format!("environment variable {variable}"),
                _ => "$ROOT/etc/rexray/config.yml: line 1".to_owned(),
            };
            for built_in in ["loop", "local"] {
                let run = env.dvdcli(&format!("list -d {built_in}"));
                run.env(variable, value)
                    .fails(2, &format!("dvdcli: reading {place}: [..]\n"));
            }
        }
    }
}

#[test]
fn an_overview_tells_of_a_wrong_setting_once_and_shows_the_others() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    env.configure("docker.fsType: ext3\n");
    let problem = "reading $ROOT/etc/rexray/config.yml: line 1: docker.fsType: option fstype: \"ext3\" cannot be made here; known are ext4, xfs, btrfs";
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nfake    db\n")
        .fails(1, &format!("dvdcli: listing volumes: {problem}\n"));
    let found = env.dvdcli("drivers --format json").output();
    let drivers: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let answers = |at: usize| (drivers[at]["Answers"].clone(), drivers[at]["Error"].clone());
    for built_in in [0, 1] {
        assert_eq!(answers(built_in), (false.into(), problem.into()));
    }
    assert_eq!(answers(2), (true.into(), serde_json::Value::Null));
}

#[test]
fn a_setting_without_a_value_is_not_set() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    for null in ["", "~", "null", "Null", "NULL", "\"\""] {
        env.configure(&format!(
            "dvdcli:\n  driver: {null}\n  root: {null}\n  timeout: {null}\n  wait: {null}\n  aliases: {{fake: {null}}}\n  allow.loop.overcommit: true\n\
             linux.volume.rootPath: {null}\ndocker: {{size: {null}, fsType: {null}}}\n\
             rexray.volume: {{mount: {{preempt: {null}}}, unmount: {{ignoreUsedCount: {null}}}}}\n"
        ));
        env.dvdcli("get -d fake -n db").prints("db\n").succeeds();
        env.dvdcli("create -d loop -n db")
            .env("DOCKER_SIZE", "")
            .env("LINUX_VOLUME_ROOTPATH", "")
            .succeeds();
        let found = inspected(&env, "-d loop -n db");
        assert_eq!(
            (&found["Size"], &found["FsType"]),
            (&json!(16_u64 << 30), &json!("ext4"))
        );
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    // In quotes it is a name like any other.
    env.configure("dvdcli:\n  driver: '~'\n  wait: 0\n");
    env.dvdcli("get -n db").fails(
        1,
        "dvdcli: looking up volume db: plugin ~: not found in [..]\n",
    );
}

#[test]
fn the_first_file_counts_and_variables_override_it() {
    let env = Env::new();
    let overcommit = "dvdcli.allow.loop.overcommit: true\n";
    env.configure(&format!(
        "rexray.volume.remove.disable: true\ndocker.size: 3\n{overcommit}"
    ));
    env.dvdcli("create -d loop -n db").succeeds();
    assert_eq!(inspected(&env, "-d loop -n db")["Size"], json!(3_u64 << 30));
    env.dvdcli("remove -d loop -n db").fails(
        1,
        "dvdcli: removing volume db: volumes are not to be removed here (setting remove.disable)\n",
    );
    for (name, value) in [
        ("REXRAY_VOLUME_REMOVE_DISABLE", "false"),
        (
            "LIBSTORAGE_INTEGRATION_VOLUME_OPERATIONS_REMOVE_DISABLE",
            "0",
        ),
    ] {
        env.dvdcli("remove -d loop -n db")
            .env(name, value)
            .succeeds();
        env.dvdcli("create -d loop -n db")
            .env("DOCKER_SIZE", "2")
            .succeeds();
        assert_eq!(inspected(&env, "-d loop -n db")["Size"], json!(2_u64 << 30));
    }
    env.dvdcli("create -d loop -n db").env("REXRAY_VOLUME_REMOVE_DISABLE", "maybe").fails(
        2,
        "dvdcli: reading environment variable REXRAY_VOLUME_REMOVE_DISABLE: 'maybe' is neither true nor false\n",
    );
    env.write("etc/dvdcli/config.yml", "dvdcli.driver: loop\n");
    env.dvdcli("remove -n db").succeeds();
    env.write("other.yml", format!("docker.size: 4\n{overcommit}"));
    env.dvdcli("create -d loop -n db --config $ROOT/other.yml")
        .succeeds();
    assert_eq!(inspected(&env, "-d loop -n db")["Size"], json!(4_u64 << 30));
}

#[test]
fn volumes_are_below_the_root_that_dvdcli_names() {
    let Some(env) = Env::isolated() else { return };
    // A store that an administrator has placed may be shared, and takes only hosts with an ID and a name.
    for (file, text) in [
        ("/etc/machine-id", "machine"),
        ("/proc/sys/kernel/hostname", "host"),
    ] {
        bind(&env.write(&format!("host{file}"), text), Path::new(file));
    }
    env.configure("dvdcli:\n  root: $ROOT/elsewhere\n  aliases:\n    ebs: loop\n");
    env.dvdcli("mount -d loop -n db --volumeopts=size=64MiB")
        .prints("$ROOT/elsewhere/loop/db/mnt/data\n")
        .succeeds();
    env.dvdcli("mount -d local -n db")
        .prints("$ROOT/elsewhere/local/db/_data\n")
        .succeeds();
    assert!(!env.path("var").exists());
    env.dvdcli("path -d ebs -n db")
        .prints("$ROOT/elsewhere/loop/db/mnt/data\n")
        .succeeds();
    env.dvdcli("unmount -d ebs -n db").succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

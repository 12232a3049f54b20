//! What the host's owner allows to those who only mount: users of a framework and authors of tasks, who choose driver, name and
//! options, and never call `create`.

use std::os::unix::fs::{PermissionsExt, symlink};

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::mounts::{in_directory, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::task::{MOUNT, UNMOUNT, owned, ownership, task};
use crate::harness::volumes::{LOCAL, LOOP, data, local_data, loop_volume, volumes_on_disk_of};

/// The end of a refusal.
fn refused(option: &str, setting: &str) -> String {
    format!(
        "option {option} is not for whoever only mounts; create the volume first, or set dvdcli.allow.{setting}\n"
    )
}

/// Every way in which a volume is made without `create` refuses these options, and makes and mounts nothing.
#[track_caller]
fn refuses(env: &Env, driver: &str, options: &str, refusal: &str) {
    let inline = format!("name=db,{options}");
    for (words, doing) in [
        (
            format!("mount -n db --volumeopts={options}"),
            "mounting volume db: ",
        ),
        (
            format!("run -n db --volumeopts={options} -- true"),
            "running true with volume db: mounting it: ",
        ),
        (
            format!("mount -n {inline}"),
            &format!("mounting volume {inline}: "),
        ),
    ] {
        let (verb, rest) = words.split_once(' ').unwrap();
        env.dvdcli(&format!("{verb} -d {driver} {rest}"))
            .fails(2, &format!("dvdcli: {doing}{refusal}"));
    }
    let variables = [("DRIVER", driver), ("NAME", "db"), ("OPTS", options)];
    let refusal = match options.contains('/') {
        true => "it must not hold '/'\n",
        false => refusal,
    };
    task(env, MOUNT, &variables).fails(2, &format!("dvdcli: DVDI_VOLUME_OPTS: {refusal}"));
    assert!(!env.path(&format!("var/lib/dvdcli/{driver}/db")).exists());
    env.assert_nothing_is_left();
}

#[test]
fn no_directory_of_the_host_is_a_tenants_volume() {
    let Some(env) = Env::isolated() else { return };
    let secret = owned(&env, "secret", (0, 0, 0o700));
    let options = "type=none,device=$ROOT/secret,o=bind";
    refuses(
        &env,
        "local",
        options,
        &refused("type: none", "local.types"),
    );
    assert_eq!(ownership(&secret), (0, 0, 0o700));
    let tmpfs = refused("type: tmpfs", "local.types");
    refuses(&env, "local", "type=tmpfs,device=tmpfs", &tmpfs);
    env.dvdcli("mount -d local -n db --id a --volumeopts=type=tmpfs,device=tmpfs,o=size=1000g")
        .fails(
            2,
            &format!(
                "dvdcli: mounting volume db: {}",
                refused("type: tmpfs", "local.types")
            ),
        );
    env.dvdcli("mount -d local -n db --volumeopts=uid=7,gid=8,mode=0750,repl=1")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    assert_eq!(ownership(&local_data(&env, "db")), (7, 8, 0o750));
    env.dvdcli("unmount -d local -n db").succeeds();
}

#[test]
fn what_was_created_is_mounted_with_its_options_repeated() {
    let Some(env) = Env::isolated() else { return };
    env.write("source/file", "text");
    let path = format!("$ROOT/{LOCAL}/db/_data\n");
    for options in [
        "type=tmpfs,device=memory,o=size=1m",
        "type=none,device=$ROOT/source,o=bind",
    ] {
        let _ = env.dvdcli("remove -d local -n db").output();
        env.dvdcli(&format!("create -d local -n db --volumeopts={options}"))
            .succeeds();
        for name in ["db", &format!("name=db,{options}")] {
            env.dvdcli(&format!("mount -d local -n {name} --volumeopts={options}"))
                .prints(&path)
                .succeeds();
            env.dvdcli("unmount -d local -n db").succeeds();
        }
        let variables = [("DRIVER", "local"), ("NAME", "db"), ("OPTS", options)];
        // A variable cannot have a slash.
        if !options.contains('/') {
            task(&env, MOUNT, &variables).prints(&path).succeeds();
            task(&env, UNMOUNT, &variables).succeeds();
        }
    }
    // With other options, it is still the volume that it was made as.
    env.dvdcli("mount -d local -n db --volumeopts=type=none,device=/etc,o=bind")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .warns("dvdcli: warning: mounting volume db: it exists already with another device\n")
        .succeeds();
    assert!(local_data(&env, "db").join("file").exists());
    env.dvdcli("unmount -d local -n db").succeeds();
    env.assert_nothing_is_left();
}

/// Explicit creation by root does not allow them, either.
#[test]
fn the_kernels_own_state_is_no_volume() {
    let Some(env) = Env::isolated() else { return };
    for fs_type in ["devtmpfs", "proc", "sysfs", "cgroup2", "debugfs", "bpf"] {
        for verb in ["create", "mount"] {
            let doing = ["mounting", "creating"][usize::from(verb == "create")];
            env.dvdcli(&format!("{verb} -d local -n db --volumeopts=type={fs_type},device=x"))
                .fails(2, &format!("dvdcli: {doing} volume db: option type: {fs_type} shows the kernel's own state, and is never a volume\n"));
        }
    }
    env.dvdcli(&format!("create -d local -n db --volumeopts=type=fuse,device={}/evil#x", env.root()))
        .fails(2, "dvdcli: creating volume db: option type: fuse runs any program that the device names, and is never a volume; name the program, as in fuse.sshfs\n");
    assert!(!env.path(LOCAL).exists());
}

/// As one that an older version has made: it is not mounted any more, and can be removed.
#[test]
fn a_volume_that_no_one_may_have_can_only_be_removed() {
    let Some(env) = Env::isolated() else { return };
    for (driver, made, forbidden, refusal) in [
        (
            "local",
            "tmpfs",
            "proc",
            "option type: proc shows the kernel's own state, and is never a volume",
        ),
        (
            "loop",
            "noatime",
            "errors=panic",
            "option mountOpts: errors=panic lets a broken volume stop the whole host, and no volume may have it",
        ),
    ] {
        let options = match driver {
            "local" => "type=tmpfs,device=x",
            _ => "size=20MiB,mountopts=noatime",
        };
        env.dvdcli(&format!("create -d {driver} -n db --volumeopts={options}"))
            .succeeds();
        let record = env.path(&format!("var/lib/dvdcli/{driver}/db/volume.json"));
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.contains(made), "{text}");
        fs::write(&record, text.replace(made, forbidden)).unwrap();
        env.dvdcli(&format!("mount -d {driver} -n db"))
            .fails(2, &format!("dvdcli: mounting volume db: {refusal}\n"));
        env.dvdcli(&format!("unmount -d {driver} -n db"))
            .warns(&format!(
                "dvdcli: warning: unmounting volume db: driver {driver}: it is not mounted; nothing was left to do\n"
            ))
            .succeeds();
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
        env.assert_nothing_is_left();
    }
}

#[test]
fn a_broken_volume_never_stops_the_host() {
    let Some(env) = Env::isolated() else { return };
    let why = "lets a broken volume stop the whole host, and no volume may have it";
    for (driver, options, refused) in [
        (
            "loop",
            "size=20MiB,o=errors=panic",
            "mountOpts: errors=panic",
        ),
        (
            "loop",
            "mountopts=\"noatime,errors=panic\"",
            "mountOpts: errors=panic",
        ),
        (
            "loop",
            "fs=btrfs,o=fatal_errors=panic",
            "mountOpts: fatal_errors=panic",
        ),
        (
            "local",
            "type=ext4,device=/dev/x,o=errors=panic",
            "o: errors=panic",
        ),
    ] {
        for (verb, doing) in [("create", "creating"), ("mount", "mounting")] {
            env.dvdcli(&format!("{verb} -d {driver} -n db --volumeopts={options}"))
                .fails(
                    2,
                    &format!("dvdcli: {doing} volume db: option {refused} {why}\n"),
                );
        }
    }
    env.assert_nothing_is_left();
}

/// An image says what errors do as well, and another host may have written it.
#[test]
fn an_image_that_would_stop_the_host_is_mounted_otherwise() {
    let Some(env) = Env::isolated() else { return };
    let directory = loop_volume(&env, "db");
    in_directory(&directory, "tune2fs -e panic image").unwrap();
    env.dvdcli("create -d loop -n copy --volumeopts=volumename=db,o=noatime")
        .succeeds();
    for (name, flag) in [("db", ""), ("db", "--read-only"), ("copy", "")] {
        env.dvdcli(&format!("mount -d loop -n {name} {flag}"))
            .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
            .succeeds();
        let table = fs::read_to_string("/proc/thread-self/mounts").unwrap();
        let place = format!("{LOOP}/{name}/mnt ");
        let line = table.lines().find(|line| line.contains(&place)).unwrap();
        assert!(line.contains("errors=remount-ro"), "{name} {flag}: {line}");
        env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    }
}

#[test]
fn nobody_copies_the_volume_of_another_tenant() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "other");
    for option in ["volumeName", "volumeID", "snapshotName", "snapshotID"] {
        let what = format!("{option}: a copy of another volume");
        refuses(
            &env,
            "loop",
            &format!("{option}=other"),
            &refused(&what, "loop.copies"),
        );
    }
    env.configure("dvdcli: {allow: {loop: {copies: true}}}");
    env.dvdcli("mount -d loop -n db --volumeopts=volumename=other")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    assert!(data(&env, "db").join("kept").exists());
    env.dvdcli("unmount -d loop -n db").succeeds();
}

#[test]
fn what_a_tenant_may_have_of_loop() {
    let Some(env) = Env::isolated() else { return };
    for option in ["suid", "data=journal", "journal_dev=7", "errors=continue"] {
        let name = option.split('=').next().unwrap();
        let refusal = refused(&format!("mountOpts: {name}"), "loop.mountopts");
        refuses(
            &env,
            "loop",
            &format!("size=20MiB,mountopts={option}"),
            &refusal,
        );
    }
    // overwriteFs stands in every example of Marathon, and changes nothing but a copy.
    env.dvdcli("mount -d loop -n db --volumeopts=size=20MiB,newfstype=ext4,iops=100,volumetype=thin,availabilityzone=a,uid=7,gid=8,mode=0750,overwritefs=true --opt mountopts=noatime,discard,nosuid")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .warns("dvdcli: warning: option iops is recorded, but not enforced: a loop device cannot provision IOPS\n")
        .succeeds();
    assert_eq!(ownership(&data(&env, "db")), (7, 8, 0o750));
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.configure("dvdcli: {allow: {loop: {mountopts: [data=*]}}}");
    refuses_word(&env, "noatime");
    env.dvdcli("mount -d loop -n journal --volumeopts=size=20MiB,o=data=journal")
        .prints(&format!("$ROOT/{LOOP}/journal/mnt/data\n"))
        .succeeds();
    env.dvdcli("unmount -d loop -n journal").succeeds();
}

#[track_caller]
fn refuses_word(env: &Env, word: &str) {
    let refusal = refused(&format!("mountOpts: {word}"), "loop.mountopts");
    env.dvdcli(&format!(
        "mount -d loop -n other --volumeopts=size=20MiB,o={word}"
    ))
    .fails(2, &format!("dvdcli: mounting volume other: {refusal}"));
}

/// A size that the disk could not hold, and one that its owner does not give.
#[test]
fn nobody_is_promised_more_than_there_is() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", 200 << 20);
    let disk = env.path("var/lib/dvdcli");
    let mount = "mount -d loop -n db --volumeopts=size=";
    env.dvdcli(&format!("{mount}15T")).fails(
        2,
        "dvdcli: mounting volume db: option size: 15 TiB is more than the [..] that are free, less [..] that stay free (setting dvdcli.allow.loop.reserve); create the volume first if it is to grow later\n",
    );
    assert_eq!(env.names(LOOP), [""; 0]);
    // Its owner may promise more.
    env.overcommit();
    env.dvdcli("create -d loop -n large --volumeopts=size=1")
        .succeeds();
    for (limit, code) in [("64MiB", 0), ("63MiB", 2), ("0", 0)] {
        env.configure(&format!(
            "dvdcli: {{allow: {{loop: {{maxsize: {limit}, overcommit: true}}}}}}"
        ));
        let found = env.dvdcli(&format!("{mount}64MiB")).output();
        assert_eq!(found.code, code, "{limit}: {found:?}");
        if code == 2 {
            let refusal = refused("size: 64 MiB, more than 63 MiB,", "loop.maxsize");
            let expected = format!("dvdcli: mounting volume db: {refusal}");
            assert_eq!((found.stdout.as_str(), found.stderr), ("", expected));
            env.dvdcli("create -d loop -n explicit --volumeopts=size=64MiB")
                .succeeds();
            continue;
        }
        env.dvdcli("unmount -d loop -n db").succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    // The default counts as well.
    env.configure("dvdcli: {allow: {loop: {maxsize: 5}}}");
    let refusal = refused("size: 16 GiB, more than 5 GiB,", "loop.maxsize");
    env.dvdcli("mount -d loop -n db")
        .fails(2, &format!("dvdcli: mounting volume db: {refusal}"));
    unmount(&disk);
    env.assert_nothing_is_left();
}

#[test]
fn what_is_kept_free_is_a_setting() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", 200 << 20);
    let create = "create -d loop -n db --volumeopts=size=100MiB,type=thick";
    for (reserve, fits) in [
        ("60%", false),
        ("150MiB", false),
        ("10%", true),
        ("0", true),
    ] {
        env.configure(&format!(
            "dvdcli: {{allow: {{loop: {{reserve: {reserve}}}}}}}"
        ));
        if !fits {
            env.dvdcli(create).fails(
                1,
                "dvdcli: creating volume db: making an image of 100 MiB: 100 MiB is more than the [..] that are free, less [..] that stay free (setting dvdcli.allow.loop.reserve); volumeType=thin takes space as it is written\n",
            );
            continue;
        }
        env.dvdcli(create).succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

#[test]
fn what_the_owner_allows_is_mounted() {
    let Some(env) = Env::isolated() else { return };
    env.write("shares/a/file", "text");
    env.dir("shared");
    let allow = "dvdcli: {allow: {local: {types: [none, tmpfs], devices: [$ROOT/shares, memory], mountopts: ['size=*']}}}";
    env.configure(allow);
    let path = format!("$ROOT/{LOCAL}/db/_data\n");
    for options in [
        "type=none,o=bind,ro,device=$ROOT/shares/a",
        "type=tmpfs,device=memory,uid=7,mode=0700,o=size=1m",
    ] {
        env.dvdcli(&format!("mount -d local -n db --volumeopts={options}"))
            .prints(&path)
            .succeeds();
        let mount = mounted_at(&local_data(&env, "db")).unwrap();
        assert!(mount.has_option("nosuid") && mount.has_option("nodev"));
        env.dvdcli("unmount -d local -n db").succeeds();
        env.dvdcli("remove -d local -n db").succeeds();
    }
    for (options, option, setting) in [
        (
            "type=none,o=bind,device=$ROOT/shared",
            "device: $ROOT/shared",
            "devices",
        ),
        (
            "type=none,o=bind,device=$ROOT/shares/../shared",
            "device: $ROOT/shares/../shared",
            "devices",
        ),
        ("type=tmpfs,device=other", "device: other", "devices"),
        (
            "type=none,o=rbind,device=$ROOT/shares",
            "o: rbind",
            "mountopts",
        ),
        (
            "type=none,o=bind,suid,device=$ROOT/shares",
            "o: suid",
            "mountopts",
        ),
        ("type=ext4,device=$ROOT/shares/a", "type: ext4", "types"),
    ] {
        let refusal = refused(option, &format!("local.{setting}"));
        env.dvdcli(&format!("mount -d local -n db --volumeopts={options}"))
            .fails(2, &format!("dvdcli: mounting volume db: {refusal}"));
    }
    env.assert_nothing_is_left();
}

/// A tenant who can put a link where the device is looked for chooses the device.
#[test]
fn a_device_that_others_can_replace_is_refused() {
    let Some(env) = Env::isolated() else { return };
    env.dir("secret");
    let home = owned(&env, "shares/home", (65534, 65534, 0o755));
    env.dir("shares/home/dir");
    env.configure("dvdcli: {allow: {local: {types: none, devices: $ROOT/shares}}}");
    symlink(env.path("secret"), home.join("link")).unwrap();
    symlink(env.path("secret"), env.path("shares/roots")).unwrap();
    for (device, why) in [
        (
            "home/dir",
            "$ROOT/shares/home: it belongs to user 65534; run chown root on it if it is to be trusted",
        ),
        ("home/link", "$ROOT/shares/home/link is a symbolic link"),
        ("roots", "$ROOT/shares/roots is a symbolic link"),
    ] {
        let device = format!("$ROOT/shares/{device}");
        let what = format!("device: {device}, which others can make lead elsewhere ({why}),");
        env.dvdcli(&format!(
            "mount -d local -n db --volumeopts=type=none,o=bind,device={device}"
        ))
        .fails(
            2,
            &format!(
                "dvdcli: mounting volume db: {}",
                refused(&what, "local.devices")
            ),
        );
    }
    // The directory itself may be his.
    env.dvdcli("mount -d local -n db --volumeopts=type=none,o=bind,device=$ROOT/shares/home")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    env.dvdcli("unmount -d local -n db").succeeds();
}

#[test]
fn a_program_that_mounts_is_a_setting_of_its_own() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    host.write(
        "/usr/sbin/mount.odd",
        "#!/bin/sh\nexec mount -i -t tmpfs none \"$2\"\n",
    );
    env.configure("dvdcli: {allow: {local: {types: odd, devices: x}}}");
    let what = "type: odd, which /sbin/mount.odd mounts,";
    let mount = "mount -d local -n db --volumeopts=type=odd,device=x";
    env.dvdcli(mount).fails(
        2,
        &format!(
            "dvdcli: mounting volume db: {}",
            refused(what, "local.helpers")
        ),
    );
    env.configure("dvdcli: {allow: {local: {types: odd, devices: x, helpers: true}}}");
    env.dvdcli(mount)
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    env.dvdcli("unmount -d local -n db").succeeds();
}

/// fstab is root's own file.
#[test]
fn a_line_of_fstab_chooses_a_device() {
    let Some(host) = Host::new() else { return };
    host.env.dir("target");
    host.run("mount -t dvdcli local/db $ROOT/target -o type=tmpfs,device=x")
        .succeeds();
    assert_eq!(
        mounted_at(&host.env.path("target")).unwrap().fs_type,
        "tmpfs"
    );
    host.run("umount $ROOT/target").succeeds();
}

#[test]
fn a_driver_that_is_not_allowed_makes_and_mounts_nothing() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dvdcli("create -d local -n db").succeeds();
    env.mount_db();
    env.dvdcli("mount -d local -n db")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    env.configure("dvdcli: {aliases: {loop2: local}, allow: {drivers: [loop, 'rexray/*']}}");
    for (driver, label) in [
        ("local", "driver local"),
        ("loop2", "driver local"),
        ("fake", "plugin fake"),
    ] {
        let refusal = format!("{label}: it may not be used here (setting dvdcli.allow.drivers)\n");
        for (line, doing) in [
            ("create", "creating volume db: "),
            ("mount", "mounting volume db: "),
            ("run", "running true with volume db: mounting it: "),
        ] {
            let command = if line == "run" { "-- true" } else { "" };
            env.dvdcli(&format!("{line} -d {driver} -n db {command}"))
                .fails(2, &format!("dvdcli: {doing}{refusal}"));
        }
        let variables = [("DRIVER", driver), ("NAME", "db")];
        task(&env, MOUNT, &variables).fails(
            2,
            &format!("dvdcli: mounting volume db (DVDI_VOLUME_NAME): {refusal}"),
        );
    }
    // What it has made and mounted is looked at, unmounted and removed.
    for driver in ["local", "fake"] {
        for verb in ["exists", "unmount", "remove"] {
            env.dvdcli(&format!("{verb} -d {driver} -n db")).succeeds();
        }
    }
    assert_eq!(plugin.mounts("db"), 0);
    env.assert_nothing_is_left();
}

#[test]
fn a_task_with_a_driver_that_is_not_allowed_gets_none_of_its_volumes() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.configure("dvdcli: {allow: {drivers: fake}}");
    let variables = [
        ("DRIVER", "fake"),
        ("NAME", "db"),
        ("DRIVER1", "local"),
        ("NAME1", "other"),
    ];
    task(&env, MOUNT, &variables).fails(
        2,
        "dvdcli: mounting volume other (DVDI_VOLUME_NAME1): driver local: it may not be used here (setting dvdcli.allow.drivers)\n",
    );
    // Nobody was asked to mount and to unmount again.
    assert_eq!(plugin.bodies("Mount").len(), 0);
    env.assert_nothing_is_left();
}

#[test]
fn drivers_shows_what_is_allowed() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    env.configure("dvdcli: {allow: {drivers: local}}");
    env.dvdcli("drivers")
        .prints(
            "DRIVER  TYPE      SCOPE  ADDRESS[..]STATUS\n\
             local   built-in  local  $ROOT/var/lib/dvdcli/local[..]answers\n\
             loop    built-in  -      $ROOT/var/lib/dvdcli/loop[..]not allowed\n\
             fake    legacy    -      unix://$ROOT/run/docker/plugins/fake.sock  not allowed\n",
        )
        .succeeds();
    let shown = env.json("drivers --format json");
    let of = |key: &str| [0, 1, 2].map(|at| shown[at][key].clone());
    assert_eq!(of("Allowed"), [true, false, false]);
    assert_eq!(of("Answers"), [true, false, false]);
    assert_eq!(
        shown[2]["Error"],
        "plugin fake: it may not be used here (setting dvdcli.allow.drivers)"
    );
    // It was not asked.
    assert_eq!(plugin.requests().len(), 0);
    env.configure(
        "dvdcli: {allow: {views: [nodev, noexec], local: {types: [nfs4], devices: [/srv/shares], helpers: true, mountopts: []}, \
         loop: {maxsize: 2, reserve: 1GiB, overcommit: false, copies: true, mountopts: [noatime]}}}",
    );
    let shown = env.json("drivers --format json");
    assert_eq!(
        [0, 1, 2].map(|at| shown[at]["Policy"].clone()),
        [
            json!({
                "views": "nodev,noexec", "types": ["nfs4"], "devices": ["/srv/shares"], "helpers": true, "mountopts": [],
            }),
            json!({
                "views": "nodev,noexec", "maxsize": 2_u64 << 30, "reserve": 1 << 30, "overcommit": false, "copies": true,
                "mountopts": ["noatime"],
            }),
            json!({ "views": "nodev,noexec" }),
        ]
    );
    env.configure("");
    env.dvdcli_with([
        "drivers",
        "--format",
        "{{.Name}} {{.Policy.views}} {{.Policy.reserve}}",
    ])
    .prints("local nosuid,nodev \nloop nosuid,nodev 10%\nfake nosuid,nodev \n")
    .succeeds();
}

#[test]
fn a_policy_of_others_does_not_count() {
    let Some(env) = Env::isolated() else { return };
    env.configure("dvdcli: {allow: {loop: {copies: true}}}");
    let config = env.path("etc/rexray/config.yml");
    fs::set_permissions(&config, fs::Permissions::from_mode(0o666)).unwrap();
    env.dvdcli("mount -d loop -n db").fails(
        2,
        "dvdcli: reading $ROOT/etc/rexray/config.yml: other users can write to it (mode 0666); run chmod go-w on it\n",
    );
    env.dvdcli("mount -d loop -n db --volumeopts=volumename=x --config /dev/null")
        .env("DVDCLI_ALLOW_LOOP_COPIES", "true")
        .env("REXRAY_ALLOW_LOOP_COPIES", "true")
        .fails(
            2,
            &format!(
                "dvdcli: mounting volume db: {}",
                refused("volumeName: a copy of another volume", "loop.copies")
            ),
        );
}

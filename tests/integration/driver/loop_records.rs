//! What is known of a `loop` volume: what `inspect` shows, and what options of a volume that exists are compared with.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::mounted_at;
use crate::harness::volumes::{LOOP, data, image, inspected};

#[test]
fn inspect_shows_what_is_known() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --volumeopts=size=1.5,iops=100,volumeType=gp2,availabilityZone=here")
        .warns("dvdcli: warning: option iops is recorded, but not enforced: a loop device cannot provision IOPS\n")
        .succeeds();
    let mut expected = json!({
        "CreatedAt": null,
        "Driver": "loop",
        "Labels": {},
        "Mountpoint": "",
        "Name": "db",
        "Options": {
            "size": "1.5",
            "iops": "100",
            "volumeType": "gp2",
            "availabilityZone": "here",
        },
        "Scope": "local",
        "Status": {
            "name": "db",
            "size": 1.5,
            "iops": 100,
            "type": "gp2",
            "availabilityZone": "here",
            "fields": null,
            "service": "loop",
            "server": "loop",
        },
        "Holders": [],
        "Snapshots": [],
        "Size": 1_610_612_736,
        "Allocated": null,
        "Used": null,
        "Free": null,
        "FsType": "ext4",
        "Device": null,
    });
    // The kernel goes on writing to an image that is mounted.
    let allocated = || image(&env, "db").metadata().unwrap().blocks() * 512;
    let found = || {
        let before = allocated();
        let mut found = inspected(&env, "-d loop -n db");
        let created = found["CreatedAt"].take();
        assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
        let taken = found["Allocated"].take().as_u64().unwrap();
        assert!(before <= taken && taken <= allocated(), "{taken}");
        let [used, free] = ["Used", "Free"].map(|key| found[key].take().as_u64().unwrap());
        assert!(used + free <= 1_610_612_736, "{used} {free}");
        found
    };
    assert_eq!(found(), expected);
    let path = format!("$ROOT/{LOOP}/db/mnt/data");
    env.dvdcli("mount -d loop -n db --id task --volumeopts=size=1.5,iops=100")
        .prints(&format!("{path}\n"))
        .succeeds();
    // What has just been written gets its place on the disk later.
    nix::unistd::sync();
    expected["Mountpoint"] = path.into();
    expected["Holders"] = json!(["task"]);
    expected["Device"] = mounted_at(data(&env, "db").parent().unwrap())
        .unwrap()
        .source
        .into();
    assert_eq!(found(), expected);
}

#[test]
fn options_of_an_existing_volume_change_nothing() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --volumeopts=size=64MiB")
        .succeeds();
    let before = fs::read(image(&env, "db")).unwrap();
    for options in [
        "",
        "--volumeopts=size=64m",
        "--volumeopts=fs=ext4",
        "--volumeopts=SIZE=64MiB,overwritefs=true,repl=1",
    ] {
        env.dvdcli(&format!("create -d loop -n db {options}"))
            .succeeds();
        env.dvdcli(&format!("create -d loop -n db --strict {options}"))
            .succeeds();
    }
    for (options, differing) in [
        ("size=1", "size"),
        ("size=64MiB,fs=xfs", "newFsType"),
        ("size=2,fs=xfs,o=noatime", "size, newFsType, mountOpts"),
    ] {
        let line = format!(
            "create -d loop -n db --opt {}",
            options.replace(',', " --opt ")
        );
        let text = format!("creating volume db: it exists already with another {differing}\n");
        env.dvdcli(&line)
            .warns(&format!("dvdcli: warning: {text}"))
            .succeeds();
        env.dvdcli(&format!("{line} --strict"))
            .fails(1, &format!("dvdcli: {text}"));
    }
    assert!(fs::read(image(&env, "db")).unwrap() == before);
    // As at every start of a task.
    env.dvdcli("mount -d loop -n db --volumeopts=size=2,fs=xfs")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .warns(
            "dvdcli: warning: mounting volume db: it exists already with another size, newFsType\n",
        )
        .succeeds();
    assert_eq!(
        mounted_at(data(&env, "db").parent().unwrap())
            .unwrap()
            .fs_type,
        "ext4"
    );
    // A mistake is one for an existing volume, too, held or not.
    let idle = "dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n";
    for warning in ["", idle] {
        for (option, why) in [
            ("sise=5", "unknown option sise; did you mean size? [..]"),
            ("size=abc", "option size: [..]"),
        ] {
            env.dvdcli(&format!("mount -d loop -n db --opt {option}"))
                .fails(2, &format!("dvdcli: mounting volume db: {why}\n"));
        }
        env.dvdcli("unmount -d loop -n db")
            .warns(warning)
            .succeeds();
    }
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

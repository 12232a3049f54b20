//! `local` volumes of what lies elsewhere: devices, types with a helper, and network file systems, down to the system call.

use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::loop_devices::Device;
use crate::harness::mounts::mounted_at;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOCAL, inspected, local_data, mounts, unmounts_and_removes};

#[test]
fn a_device_is_mounted_and_keeps_its_data() {
    let Some(env) = Env::isolated() else { return };
    let device = Device::with_ext4(&env);
    let options = format!("--volumeopts=type=ext4,device={}", device.0);
    let path = mounts(&env, "db", &options);
    assert_eq!(mounted_at(&path).unwrap().source, device.0);
    fs::write(path.join("file"), "text").unwrap();
    unmounts_and_removes(&env, "db");
    let path = mounts(&env, "again", &format!("{options} --read-only"));
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
    assert!(fs::write(path.join("file"), "").is_err());
    unmounts_and_removes(&env, "again");
    let file = env.write("file", "");
    let doing = |source: &str, fs_type: &str| {
        format!(
            "dvdcli: mounting volume db: mounting {source} at $ROOT/{LOCAL}/db/_data as {fs_type}: "
        )
    };
    for (source, fs_type, problem) in [
        (
            device.0.as_str(),
            "xfs",
            format!("{} holds ext4, not xfs", device.0),
        ),
        ("/dev/no-such", "ext4", "/dev/no-such is missing".into()),
        (
            file.to_str().unwrap(),
            "ext4",
            "$ROOT/file is not a block device".into(),
        ),
        (
            "none",
            "bogusfs",
            "the kernel knows no file system bogusfs, and there is no /sbin/mount.bogusfs".into(),
        ),
    ] {
        let shown = if source.ends_with("file") {
            "$ROOT/file"
        } else {
            source
        };
        env.mount_created(&format!(
            "mount -d local -n db --volumeopts=type={fs_type},device={source}"
        ))
        .fails(1, &format!("{}{problem}\n", doing(shown, fs_type)));
        env.dvdcli("remove -d local -n db").succeeds();
    }
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

#[test]
fn a_type_with_a_helper_is_mounted_by_it() {
    let Some(env) = Env::isolated() else { return };
    env.write("source/file", "text");
    for options in [
        "type=fuse.bindfs,device=$ROOT/source",
        "type=fuse.bindfs,device=$ROOT/source,o=no-allow-other",
    ] {
        let path = mounts(&env, "db", &format!("--volumeopts={options}"));
        assert_eq!(
            mounted_at(&path).unwrap().fs_type.split('.').next(),
            Some("fuse")
        );
        fs::write(path.join("new"), "").unwrap();
        assert!(env.path("source/new").exists());
        unmounts_and_removes(&env, "db");
        let path = mounts(&env, "db", &format!("--read-only --volumeopts={options}"));
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
        assert!(fs::write(path.join("file"), "").is_err());
        unmounts_and_removes(&env, "db");
        fs::remove_file(env.path("source/new")).unwrap();
    }
    env.mount_created("mount -d local -n db --volumeopts=type=fuse.bindfs,device=$ROOT/none").fails(
        1,
        &format!("dvdcli: mounting volume db: mounting $ROOT/none at $ROOT/{LOCAL}/db/_data as fuse.bindfs with nosuid,nodev: mount: exit status: [..]\n"),
    );
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
}

/// A host that resolves these names and no others, and asks nobody else.
fn resolving_host() -> Option<Host> {
    let host = Host::new()?;
    let hosts = "192.0.2.7 server.example\n2001:db8::7 six.example\n";
    host.write("/etc/hosts", hosts);
    host.write("/etc/nsswitch.conf", "hosts: files\n");
    host.write(
        "/etc/resolv.conf",
        "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
    );
    Some(host)
}

/// Those of every mount of ours.
const FLAGS: &str = "MS_NOSUID|MS_NODEV";

#[test]
fn network_file_systems_reach_the_kernel_with_the_address_of_their_server() {
    let Some(host) = resolving_host() else { return };
    let env = &host.env;
    for helper in ["nfs", "nfs4", "cifs"] {
        let _ = fs::remove_file(format!("/usr/sbin/mount.{helper}"));
    }
    for (fs_type, device, o, flags, handed) in [
        ("nfs", "server.example:/x", "", FLAGS, "addr=192.0.2.7"),
        (
            "nfs4",
            "server.example:/x",
            "soft,ro",
            "MS_RDONLY|MS_NOSUID|MS_NODEV",
            "soft,addr=192.0.2.7",
        ),
        (
            "nfs",
            ":/x",
            "addr=server.example,nolock",
            FLAGS,
            "addr=192.0.2.7,nolock",
        ),
        (
            "nfs",
            "other:/x",
            "noatime,addr=192.0.2.8",
            "MS_NOSUID|MS_NODEV|MS_NOATIME",
            "addr=192.0.2.8",
        ),
        ("nfs4", "[2001:db8::9]:/x", "", FLAGS, "addr=2001:db8::9"),
        ("nfs", "six.example:/x", "", FLAGS, "addr=2001:db8::7"),
        (
            "cifs",
            "//server.example/x",
            "username=joe,password=hunter2",
            FLAGS,
            "username=joe,password=hunter2,addr=192.0.2.7",
        ),
        (
            "cifs",
            "//other/x",
            "addr=server.example,password=hunter2",
            FLAGS,
            "addr=192.0.2.7,password=hunter2",
        ),
    ] {
        let o: Vec<String> = Some(o)
            .filter(|o| !o.is_empty())
            .map(|o| format!("o={o}"))
            .into_iter()
            .collect();
        let [fs_option, device_option] = [format!("type={fs_type}"), format!("device={device}")];
        let given = [&fs_option, &device_option]
            .into_iter()
            .chain(&o)
            .flat_map(|option| ["--opt", option]);
        let line = |verb| [verb, "-d", "local", "-n", "db"].into_iter();
        env.dvdcli_with(line("create").chain(given.clone()))
            .succeeds();
        let run = env.dvdcli_with(line("mount").chain(given));
        // mount(2) is answered as by a kernel without the type.
        let log = env.path("strace.log");
        let to = ["-f", "-s", "300", "-o", log.to_str().unwrap()];
        let answer = ["-e", "trace=mount", "-e", "inject=mount:error=ENODEV", "--"];
        let run = under_strace(run, &[&to[..], &answer].concat());
        let package = if fs_type == "cifs" {
            "cifs-utils"
        } else {
            "nfs-common"
        };
        let masked = handed.replace("hunter2", "****");
        let problem = format!(
            "dvdcli: mounting volume db: mounting {device} at $ROOT/{LOCAL}/db/_data as {fs_type} with {masked}: the kernel knows no file system {fs_type}, and there is no /sbin/mount.{fs_type}; install the Debian package {package}\n"
        );
        run.fails(1, &problem);
        let calls = fs::read_to_string(log).unwrap();
        let from = format!("mount(\"{device}\", \"/proc/self/fd/");
        let with = format!("\", \"{fs_type}\", {flags}, \"{handed}\"");
        let is_call = |line: &&str| line.contains(&from) && line.contains(&with);
        let found = calls.lines().filter(is_call).count();
        assert_eq!(found, 1, "{from} {with}\n{calls}");
        // The volume's own options are not among those of this call.
        env.dvdcli("mount -d local -n db").fails(1, &problem);
        env.dvdcli("remove -d local -n db").succeeds();
    }
    env.mount_created("mount -d local -n db --volumeopts=type=nfs,device=no.invalid:/x")
        .fails(
            1,
            "dvdcli: mounting volume db: resolving no.invalid: [..]\n",
        );
}

/// Where a package with a helper is installed, that knows better what the kernel needs.
#[test]
fn network_file_systems_with_a_helper_are_mounted_by_it() {
    let Some(host) = resolving_host() else { return };
    let env = &host.env;
    let helper = "#!/bin/sh\necho \"$@\" >$ROOT/words\nexec mount -i -t tmpfs none \"$2\"\n";
    for (fs_type, device) in [("nfs", "server.example:/x"), ("cifs", "//server.example/x")] {
        host.write(&format!("/usr/sbin/mount.{fs_type}"), helper);
        let options = format!("--volumeopts=type={fs_type},device={device} --opt o=soft");
        mounts(env, "db", &options);
        let words = fs::read_to_string(env.path("words")).unwrap();
        let place = local_data(env, "db");
        assert_eq!(
            words,
            format!("{device} {} -o rw,nosuid,nodev,soft\n", place.display())
        );
        unmounts_and_removes(env, "db");
    }
}

#[test]
fn a_password_among_the_mount_options_is_not_shown() {
    let env = Env::new();
    env.dvdcli("create -d local -n db --volumeopts=type=cifs,device=//192.0.2.7/x --opt o=username=joe,password=hunter2")
        .succeeds();
    let found = inspected(&env, "-d local -n db");
    assert_eq!(
        found["Options"]["o"],
        Value::from("username=joe,password=****")
    );
    for line in [
        "create -d local -n db --opt o=password=hunter2,x --verbose",
        "get -d local -n db --verbose",
    ] {
        let found = env.dvdcli(line).output();
        let said = found.stdout + &found.stderr;
        assert!(!said.contains("hunter2"), "{said}");
    }
}

//! `local` volumes: plain directories, tmpfs and binds, and the rules of their options.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::Device;
use crate::harness::mounts::mounted_at;
use crate::harness::volumes::{
    LOCAL, inspected, local_data, mounts, unmounts_and_removes, user_of,
};

fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
    let data = path.metadata().unwrap();
    (data.uid(), data.gid(), data.mode() & 0o7777)
}

#[test]
fn a_plain_directory_lives_from_create_to_remove() {
    let Some(env) = Env::isolated() else { return };
    let path = mounts(&env, "db", "");
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    fs::write(path.join("file"), "text").unwrap();
    env.dvdcli("remove -d local -n db").fails(
        4,
        &format!("dvdcli: removing volume db: it is mounted at $ROOT/{LOCAL}/db/_data and held by a caller without an ID; unmount it first\n"),
    );
    env.dvdcli("unmount -d local -n db").succeeds();
    mounts(&env, "db", "--read-only");
    assert_eq!(env.mounts(), [path.as_path()]);
    assert!(fs::write(path.join("file"), "").is_err());
    assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
    env.dvdcli("mount -d local -n db --id other").fails(
        4,
        "dvdcli: mounting volume db: it is mounted read-only already, and held by a caller without an ID\n",
    );
    env.dvdcli("unmount -d local -n db").succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    env.dvdcli("list -d local").prints("db\n").succeeds();
    env.dvdcli("path -d local -n db")
        .prints(&format!("$ROOT/{LOCAL}/db/_data\n"))
        .succeeds();
    env.dvdcli("remove -d local -n db").succeeds();
    env.dvdcli("exists -d local -n db").fails(3, "");
    env.dvdcli("unmount -d local -n db")
        .warns("dvdcli: warning: unmounting volume db: driver local: no such volume; nothing was left to do\n")
        .succeeds();
}

#[test]
fn owner_and_mode_of_a_directory_are_set_once() {
    let Some(env) = Env::isolated() else { return };
    let options = "--volumeopts=uid=1234,gid=2345,mode=0770";
    let path = mounts(&env, "plain", options);
    assert_eq!(owner_and_mode(&path), (1234, 2345, 0o770));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o711)).unwrap();
    env.dvdcli("unmount -d local -n plain").succeeds();
    mounts(&env, "plain", options);
    assert_eq!(owner_and_mode(&path), (1234, 2345, 0o711));
    unmounts_and_removes(&env, "plain");
    assert_eq!(owner_and_mode(&mounts(&env, "none", "")), (0, 0, 0o755));
}

/// Or any directory of the host could be given away.
#[test]
fn what_is_not_made_here_is_not_given_an_owner() {
    let Some(env) = Env::isolated() else { return };
    let device = Device::with_ext4(&env);
    let theirs = env.dir("theirs");
    let of_device = format!("type=ext4,device={}", device.0);
    for source in [&of_device, "type=none,device=$ROOT/theirs,o=bind"] {
        for (option, value) in [("uid", "65534"), ("gid", "65534"), ("mode", "0777")] {
            for verb in ["create", "mount"] {
                let line = format!("{verb} -d local -n db --volumeopts={source},{option}={value}");
                let doing = if verb == "create" {
                    "creating"
                } else {
                    "mounting"
                };
                env.dvdcli(&line).fails(2, &format!(
                    "dvdcli: {doing} volume db: option {option}: a device keeps its own; only a directory and tmpfs are given an owner and a mode\n"
                ));
            }
        }
        // Nor may it stand in the name.
        let name = format!("mount -d local -n name=db,{source},uid=65534");
        let found = env.dvdcli(&name).output();
        assert_eq!((found.code, found.stdout.as_str()), (2, ""), "{found:?}");
    }
    assert_eq!(owner_and_mode(&theirs), (0, 0, 0o755));
    assert_eq!(env.mounts().len(), 0);
}

/// As one that an earlier version has made.
#[test]
fn an_owner_in_the_record_of_a_device_has_no_effect() {
    let Some(env) = Env::isolated() else { return };
    let theirs = env.dir("theirs");
    env.dvdcli("create -d local -n db -o type=none -o o=bind -o device=$ROOT/theirs")
        .succeeds();
    let path = env.path(&format!("{LOCAL}/db/volume.json"));
    let mut record: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for (option, value) in [("uid", "1234"), ("mode", "0777")] {
        let options = record["options"].as_array_mut().unwrap();
        options.push(json!([option, value]));
    }
    fs::write(&path, record.to_string()).unwrap();
    let mounted = mounts(&env, "db", "");
    assert_eq!(owner_and_mode(&mounted), (0, 0, 0o755));
    assert_eq!(owner_and_mode(&theirs), (0, 0, 0o755));
    unmounts_and_removes(&env, "db");
}

#[test]
fn a_tmpfs_is_as_large_as_its_options_say() {
    let Some(env) = Env::isolated() else { return };
    let path = mounts(
        &env,
        "tmp",
        "--volumeopts=type=tmpfs,device=tmpfs,uid=7,mode=0700 --opt o=size=10m,noexec",
    );
    let mount = mounted_at(&path).unwrap();
    assert_eq!(
        (mount.fs_type.as_str(), mount.source.as_str()),
        ("tmpfs", "tmpfs")
    );
    assert!(mount.has_option("noexec"), "{mount:?}");
    let space = nix::sys::statvfs::statvfs(&path).unwrap();
    assert_eq!(space.blocks() * space.fragment_size(), 10 << 20);
    assert_eq!(owner_and_mode(&path), (7, 0, 0o700));
    let found = inspected(&env, "-d local -n tmp");
    assert_eq!(
        (&found["FsType"], &found["Device"]),
        (&json!("tmpfs"), &json!("tmpfs"))
    );
    let user = user_of(&path);
    env.dvdcli("unmount -d local -n tmp").fails(
        4,
        &format!("dvdcli: unmounting volume tmp: $ROOT/{LOCAL}/tmp/_data is busy, used by PID {} (sleep); unmount --lazy (umount -l) takes it away all the same\n", user.pid()),
    );
    env.dvdcli("unmount -d local -n tmp --lazy").succeeds();
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    env.dvdcli("unmount -d local -n tmp")
        .warns("dvdcli: warning: unmounting volume tmp: driver local: it is not mounted; nothing was left to do\n")
        .succeeds();
    env.dvdcli("path -d local -n tmp").succeeds();
    env.dvdcli("remove -d local -n tmp").succeeds();
    env.mount_created("mount -d local -n bad --volumeopts=type=tmpfs,device=tmpfs,o=bogus").fails(
        1,
        &format!("dvdcli: mounting volume bad: mounting tmpfs at $ROOT/{LOCAL}/bad/_data as tmpfs with bogus: tmpfs: Unknown parameter 'bogus'\n"),
    );
}

#[test]
fn a_bind_shows_its_source_which_outlives_it() {
    let Some(env) = Env::isolated() else { return };
    let source = env.dir("source");
    env.write("source/file", "text");
    let sub = env.dir("source/sub");
    env.mount_tmpfs(&sub);
    fs::write(sub.join("below"), "text").unwrap();
    for (o, sees_below, writable) in [
        ("bind", false, true),
        ("rbind", true, true),
        ("bind,ro", false, false),
    ] {
        let path = mounts(
            &env,
            "db",
            &format!("--volumeopts=type=none,device=$ROOT/source --opt o={o}"),
        );
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "text");
        assert_eq!(path.join("sub/below").exists(), sees_below, "{o}");
        assert_eq!(fs::write(path.join("new"), "").is_ok(), writable, "{o}");
        env.dvdcli("remove -d local -n db").fails(4, &format!("dvdcli: removing volume db: it is mounted at $ROOT/{LOCAL}/db/_data and held by a caller without an ID; unmount it first\n"));
        unmounts_and_removes(&env, "db");
        assert_eq!(env.mounts(), [sub.as_path()]);
        assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "text");
        assert_eq!(fs::read_to_string(sub.join("below")).unwrap(), "text");
    }
    for name in ["db", "other"] {
        env.dvdcli(&format!(
            "create -d local -n {name} --volumeopts=type=none,o=bind,device=$ROOT/source"
        ))
        .succeeds();
    }
    fs::rename(&source, env.path("moved")).unwrap();
    for verb in ["mount -d local -n db", "mount -d local -n other"] {
        let name = verb.split(' ').nth(4).unwrap();
        env.dvdcli(verb).fails(
            1,
            &format!("dvdcli: mounting volume {name}: binding $ROOT/source: the source, option device: no such file or directory\n"),
        );
    }
    mounts(&env, "plain", "");
    env.dvdcli("unmount -d local -n plain").succeeds();
    fs::remove_dir(local_data(&env, "plain")).unwrap();
    env.dvdcli("mount -d local -n plain").fails(
        1,
        &format!("dvdcli: mounting volume plain: $ROOT/{LOCAL}/plain/_data is missing; remove the volume, or make the directory\n"),
    );
}

#[test]
fn options_that_do_not_go_together_are_refused_before_anything_is_made() {
    let env = Env::new();
    let known = "(known: type, device, o, uid, gid, mode, size, repl)";
    for (options, refusal) in [
        (
            "device=/dev/x",
            "option device needs option type as well".to_owned(),
        ),
        (
            "devcie=/x",
            format!("unknown option devcie; did you mean device? {known}"),
        ),
    ] {
        for (verb, doing) in [("create", "creating"), ("mount", "mounting")] {
            env.dvdcli(&format!("{verb} -d local -n db --volumeopts={options}"))
                .fails(2, &format!("dvdcli: {doing} volume db: {refusal}\n"));
        }
    }
    env.dvdcli("create -d local -n db --volumeopts=type=none,o=bind,device=$ROOT/none")
        .fails(1, "dvdcli: creating volume db: binding $ROOT/none: the source, option device: no such file or directory\n");
    assert!(!env.path("var").exists());
}

/// A trial's root may be given as seen from the current directory.
#[test]
fn a_relative_root_is_below_the_current_directory() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("mount -d local -n db")
        .env("DVDCLI_ROOT", "trial")
        .prints(&format!("$ROOT/trial/{LOCAL}/db/_data\n"))
        .succeeds();
}

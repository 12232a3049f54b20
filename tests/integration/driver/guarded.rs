//! What users of the host gain by a volume: no rights by programs or devices in it, and no way to keep it from being unmounted.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::mounts::{mount_type, mounted_at};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Output;

/// The words that forbid something, of what is mounted there.
#[track_caller]
pub fn forbidden(path: &Path) -> Vec<&'static str> {
    let mount = mounted_at(path).unwrap_or_else(|| panic!("nothing at {}", path.display()));
    let words = ["ro", "nosuid", "nodev", "noexec", "nosymfollow"];
    words
        .into_iter()
        .filter(|word| mount.has_option(word))
        .collect()
}

#[test]
fn no_mount_of_a_built_in_driver_gives_rights() {
    let Some(env) = Env::isolated() else { return };
    let source = env.dir("source").display().to_string();
    mount_type("tmpfs", &env.dir("source/inner"), "size=1m");
    let bind = format!("-d local --volumeopts=type=none,o=bind,device={source}");
    let tree = format!("-d local --volumeopts=type=none,o=rbind,device={source}");
    let both = &["nosuid", "nodev"][..];
    for (options, expected) in [
        ("-d local --volumeopts=type=tmpfs,device=x", both),
        (&bind, both),
        (&tree, both),
        (
            "-d local --volumeopts=type=tmpfs,device=x,o=suid",
            &["nodev"],
        ),
        (
            "-d local --volumeopts=type=tmpfs,device=x --opt o=suid,noexec,dev",
            &["noexec"],
        ),
        ("-d loop --volumeopts=size=32MiB", both),
        ("-d loop --volumeopts=size=32MiB,mountopts=dev", &["nosuid"]),
    ] {
        env.dvdcli(&format!("create -n db {options}")).succeeds();
        let driver = options.split(' ').nth(1).unwrap();
        let line = |verb: &str| env.dvdcli(&format!("{verb} -d {driver} -n db"));
        assert_eq!(line("mount").output().code, 0);
        let place = match driver {
            "loop" => "var/lib/dvdcli/loop/db/mnt",
            _ => "var/lib/dvdcli/local/db/_data",
        };
        assert_eq!(forbidden(&env.path(place)), expected, "{options}");
        if options == tree {
            assert_eq!(forbidden(&env.path(place).join("inner")), both);
        }
        let target = env.dir("target");
        let view = format!("mount -d {driver} -n db --target {}", target.display());
        env.dvdcli(&view).prints("$ROOT/target\n").succeeds();
        assert_eq!(forbidden(&target), expected, "{options}");
        line("unmount --force").succeeds();
        line("remove").succeeds();
    }
}

/// A directory of the host's file system, by a driver of ours and by a plugin.
#[test]
fn a_view_forbids_what_is_not_a_mount_of_ours() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    for driver in ["fake", "local"] {
        let target = env.dir("target");
        env.dvdcli(&format!(
            "mount -d {driver} -n db --target {}",
            target.display()
        ))
        .prints("$ROOT/target\n")
        .succeeds();
        assert_eq!(forbidden(&target), ["nosuid", "nodev"], "{driver}");
        env.dvdcli(&format!(
            "unmount -d {driver} -n db --target {}",
            target.display()
        ))
        .succeeds();
    }
}

#[test]
fn a_view_forbids_what_its_place_forbids() {
    let Some(env) = Env::isolated() else { return };
    mount_type("tmpfs", &env.dir("places"), "size=1m");
    env.program(
        "mount",
        ["-o", "remount,noexec,nosymfollow", "$ROOT/places"],
    )
    .succeeds();
    let target = env.dir("places/target");
    env.mount_created(
        "mount -d local -n db --volumeopts=type=tmpfs,device=x --target $ROOT/places/target",
    )
    .prints("$ROOT/places/target\n")
    .succeeds();
    let all = ["nosuid", "nodev", "noexec", "nosymfollow"];
    assert_eq!(forbidden(&target), all);
    env.dvdcli("unmount -d local -n db --force").succeeds();
}

/// It is root's own file. Called by its name, since not every mount(8) passes `suid` and `dev` on.
#[test]
fn fstab_takes_the_guard_back() {
    let Some(host) = Host::new() else { return };
    let place = host.env.dir("db");
    for (words, expected) in [
        ("defaults", &["nosuid", "nodev"][..]),
        ("suid", &["nodev"]),
        ("suid,dev,noexec", &["noexec"]),
    ] {
        host.run(&format!(
            "mount.dvdcli loop/db $ROOT/db -o {words},size=32MiB"
        ))
        .succeeds();
        assert_eq!(forbidden(&place), expected, "{words}");
        host.run("umount $ROOT/db").succeeds();
    }
}

/// Binds a directory in a namespace of the user's own, and stays.
fn pin(env: &Env, path: &str) -> Output {
    let script = format!("cd {path} && mount --bind . /mnt");
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let words = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
    ];
    env.program("setpriv", user.into_iter().chain(words))
        .output()
}

#[test]
fn a_printed_path_is_no_pin() {
    let Some(env) = Env::isolated() else { return };
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    env.configure("libstorage.integration.volume.operations.mount.path: $ROOT/mounts");
    for (driver, options) in [("loop", "size=32MiB"), ("local", "")] {
        for (owner, is_reached) in [("", false), (",uid=65534", true), (",mode=0777", true)] {
            let options = format!("{options}{owner}");
            let options = options.trim_start_matches(',');
            let options = match options {
                "" => String::new(),
                options => format!("--volumeopts={options}"),
            };
            let found = env
                .dvdcli(&format!("mount -d {driver} -n db {options}"))
                .output();
            assert_eq!(found.code, 0, "{found:?}");
            let path = found.stdout.trim().replace("$ROOT", env.root());
            let pinned = pin(&env, &path);
            assert_eq!(pinned.code == 0, is_reached, "{path} {options} {pinned:?}");
            for verb in ["unmount", "remove"] {
                env.dvdcli(&format!("{verb} -d {driver} -n db")).succeeds();
            }
        }
    }
}

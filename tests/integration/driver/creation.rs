//! What would be found too late: at the first mount, or when a half of the volume is deleted already.

use std::path::Path;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, unmount};
use crate::harness::programs::replace;
use crate::harness::site::{MOUNTED, Site, UNMOUNT};
use crate::harness::tree::{assert_intact, tree};
use crate::harness::volumes::{LOOP, is_removed, volume};
use crate::harness::waiting::eventually;

#[test]
fn an_mkfs_that_makes_nothing_makes_no_volume() {
    let Some(env) = Env::isolated() else { return };
    for fs_type in ["ext4", "xfs", "btrfs"] {
        replace(&env, &format!("mkfs.{fs_type}"), "");
        env.dvdcli(&format!("create -d loop -n db --volumeopts=size=400MiB,fs={fs_type}"))
            .fails(
                1,
                &format!("dvdcli: creating volume db: making an image of 400 MiB: mkfs.{fs_type} has ended well, but has made no {fs_type}\n"),
            );
        assert_eq!(env.names(LOOP), [""; 0]);
    }
}

#[test]
fn mount_options_that_the_kernel_refuses_are_found_at_creation() {
    let Some(env) = Env::isolated() else { return };
    env.configure("dvdcli: {allow: {loop: {mountopts: '*'}}}");
    for (fs_type, option) in [
        ("ext4", "nosuchoption"),
        ("ext4", "commit=much"),
        ("xfs", "logbufs=1000"),
        ("btrfs", "subvol=none"),
    ] {
        for verb in ["create", "mount"] {
            let doing = if verb == "create" {
                "creating"
            } else {
                "mounting"
            };
            env.dvdcli(&format!(
                "{verb} -d loop -n db --opt size=400MiB --opt fs={fs_type} --opt o=noatime,{option}"
            ))
            .fails(
                2,
                &format!("dvdcli: {doing} volume db: option mountOpts: [..]\n"),
            );
        }
        assert_eq!(env.names(LOOP), [""; 0]);
        env.assert_nothing_is_left();
    }
    env.mount_created("mount -d loop -n db --opt size=64MiB --opt o=noatime,data=journal,ro")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    env.dvdcli("unmount -d loop -n db").succeeds();
    is_removed(&env, "loop");
}

#[test]
fn what_cannot_be_deleted_is_found_before_anything_is() {
    let Some(env) = Env::isolated() else { return };
    for (driver, place) in [
        ("loop", "image"),
        ("loop", "mnt"),
        ("loop", ""),
        ("local", "_data/kept"),
        ("local", "_data"),
    ] {
        for (letter, words) in [("i", "immutable"), ("a", "for appending only")] {
            let directory = volume(&env, driver, "db");
            let file = directory.join(place);
            let chattr = |sign: &str| {
                let script = format!("chattr {sign}{letter} {}", file.display());
                in_directory(Path::new("/"), &script).unwrap();
            };
            chattr("+");
            let before = tree(&directory);
            let shown = env.with_root(file.to_str().unwrap());
            let shown = shown.trim_end_matches('/');
            let refused = env.dvdcli(&format!("remove -d {driver} -n db")).output();
            let intact = tree(&directory);
            chattr("-");
            assert_eq!(
                (refused.code, env.with_root(&refused.stderr)),
                (
                    1,
                    format!(
                        "dvdcli: removing volume db: {shown} is {words}, and nothing is deleted; run chattr -{letter} on it\n"
                    )
                )
            );
            assert!(before == intact, "{driver} {place}");
            is_removed(&env, driver);
        }
    }
}

#[test]
fn a_volume_in_a_lower_layer_of_an_overlay_is_named_as_such() {
    let Some(env) = Env::isolated() else { return };
    volume(&env, "local", "db");
    let lower = env.path("var/lib/dvdcli");
    let layers = ["upper", "work", "merged"].map(|name| env.dir(name));
    let [upper, work, merged] = layers.map(|path| path.display().to_string());
    let mount = format!(
        "mount -t overlay -o lowerdir={},upperdir={upper},workdir={work} overlay {merged}",
        lower.display()
    );
    in_directory(Path::new("/"), &mount).unwrap();
    env.configure("dvdcli:\n  root: $ROOT/merged");
    let before = tree(&lower);
    env.dvdcli("remove -d local -n db").fails(
        1,
        "dvdcli: removing volume db: moving $ROOT/merged/local/db away: it is in a lower layer of an overlay file system, which cannot rename it; remove it where that layer is made\n",
    );
    assert_intact(&before, &lower);
    unmount(&env.path("merged"));
    fs::remove_file(env.path("etc/rexray/config.yml")).unwrap();
    is_removed(&env, "local");
}

#[test]
fn of_two_hosts_that_create_a_volume_one_makes_it_and_the_other_finds_it() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    // While the one makes the file system, the other makes the whole volume.
    a.enter();
    let script = format!(
        "$ORIGINAL \"$@\" || exit\ncd {}\n: > begun\nuntil [ -e go ]; do sleep 0.05; done",
        env.root()
    );
    replace(&env, "mkfs.ext4", &script);
    let options = "-d loop -n db --volumeopts=size=64MiB";
    let found = "it exists already with another size";
    for (line, other, warning, code) in [
        ("create", options, String::new(), 0),
        (
            "create --strict",
            "-d loop -n db --volumeopts=size=32MiB",
            format!("dvdcli: creating volume db: {found}\n"),
            1,
        ),
        ("mount", options, String::new(), 0),
    ] {
        let slow = a.dvdcli(&format!("{line} {options}"));
        let slow = if line == "mount" {
            slow.prints(MOUNTED)
        } else {
            slow
        };
        let slow = if code == 0 {
            slow.warns(&warning)
        } else {
            slow
        };
        let slow = slow.start();
        eventually("the file system", || env.path("begun").exists());
        b.dvdcli(&format!("create {other}")).succeeds();
        let made = fs::id(&env.path("shared/loop/db/volume.json"));
        env.write("go", "");
        match code {
            0 => slow.succeeds(),
            code => slow.fails(code, &warning),
        }
        assert_eq!(fs::id(&env.path("shared/loop/db/volume.json")), made);
        for mark in ["begun", "go"] {
            fs::remove_file(env.path(mark)).unwrap();
        }
        assert_eq!(env.names("shared/loop"), ["db"]);
        if line == "mount" {
            a.dvdcli(UNMOUNT).succeeds();
        }
        a.dvdcli("remove -d loop -n db").succeeds();
    }
    env.assert_nothing_is_mounted();
}

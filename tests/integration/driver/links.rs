//! Removing a volume follows no symbolic link, and sweeps what an interrupted removal has left.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::strace::killed_at_rename;
use crate::harness::tree::{assert_intact, tree};
use crate::harness::volumes::{is_removed, volume};

#[test]
fn links_that_lead_out_are_deleted_and_not_followed() {
    let Some(env) = Env::isolated() else { return };
    env.write("outside/file", "outside");
    env.write("outside/below/file", "outside");
    let outside = env.path("outside");
    let before = tree(&outside);
    let targets = [
        outside.clone(),
        outside.join("file"),
        PathBuf::from("../../../../../outside"),
        PathBuf::from("../../../../../../outside"),
        PathBuf::from("/"),
        PathBuf::from("/etc"),
        PathBuf::from("."),
        PathBuf::from(".."),
        PathBuf::from("missing"),
    ];
    for (driver, places) in [("loop", ["", "deep"]), ("local", ["", "_data/deep"])] {
        let directory = volume(&env, driver, "db");
        for place in places {
            fs::create_dir_all(directory.join(place)).unwrap();
            for (number, target) in targets.iter().enumerate() {
                symlink(target, directory.join(place).join(format!("link{number}"))).unwrap();
            }
        }
        is_removed(&env, driver);
        assert_intact(&before, &outside);
    }
}

#[test]
fn links_in_the_places_of_the_volumes_own_files_are_not_followed() {
    let Some(env) = Env::isolated() else { return };
    for (driver, own) in [
        ("loop", "mnt"),
        ("loop", "image"),
        ("loop", "volume.json"),
        ("local", "_data"),
        ("local", "volume.json"),
    ] {
        let directory = volume(&env, driver, "db");
        let outside = env.dir("outside");
        fs::rename(directory.join(own), outside.join("moved")).unwrap();
        symlink(outside.join("moved"), directory.join(own)).unwrap();
        let before = tree(&outside);
        let remove = format!("remove -d {driver} -n db");
        if own == "volume.json" {
            env.dvdcli(&remove).fails(
                1,
                &format!("dvdcli: removing volume db: reading $ROOT/var/lib/dvdcli/{driver}/db/volume.json: it is no regular file; mend it or move the directory away\n"),
            );
            assert_intact(&before, &outside);
            fs::rename(outside.join("moved"), directory.join(own)).unwrap();
        }
        let before = tree(&outside);
        env.dvdcli(&remove).succeeds();
        assert!(!directory.exists());
        assert_intact(&before, &outside);
        fs::remove_dir_all(outside).unwrap();
    }
}

#[test]
fn a_name_that_is_a_link_is_no_volume() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        let directory = volume(&env, driver, "db");
        let outside = env.dir("outside").join("db");
        fs::rename(&directory, &outside).unwrap();
        symlink(&outside, &directory).unwrap();
        let before = tree(&outside);
        env.dvdcli(&format!("remove -d {driver} -n db")).fails(
            1,
            &format!(
                "dvdcli: removing volume db: $ROOT/var/lib/dvdcli/{driver}/db is no directory, and so no volume; move it away\n"
            ),
        );
        assert!(directory.is_symlink());
        assert_intact(&before, &outside);
        fs::remove_file(&directory).unwrap();
        env.dvdcli(&format!("remove -d {driver} -n db")).fails(
            3,
            &format!("dvdcli: removing volume db: driver {driver}: no such volume\n"),
        );
        assert_intact(&before, &outside);
        fs::remove_dir_all(outside).unwrap();
    }
}

/// The name of what is left of volume `db` where its creation is cut off. It is deleted again.
fn interrupted(env: &Env, driver: &str) -> String {
    let create = env.dvdcli(&format!("create -d {driver} -n db2"));
    killed_at_rename(create);
    let root = env.path("var/lib/dvdcli").join(driver).join(".aside");
    let names = fs::names(&root).into_iter();
    let names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
    let name = names.iter().find(|name| name.starts_with(".db2.")).unwrap();
    fs::remove_dir_all(root.join(name)).unwrap();
    name.replace("db2", "db")
}

#[test]
fn what_a_removal_left_half_done_is_swept() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        for state in ["gone", "new"] {
            let directory = volume(&env, driver, "db");
            let root = directory.parent().unwrap();
            let leftover = root.join(interrupted(&env, driver).replace("new", state));
            fs::remove_dir(root.join(".aside")).unwrap();
            fs::rename(&directory, &leftover).unwrap();
            fs::remove_file(leftover.join("volume.json")).unwrap();
            let remove = env.dvdcli(&format!("remove -d {driver} -n db"));
            // One that was not made whole has never been there.
            if state == "gone" {
                remove.succeeds();
            } else {
                remove.fails(
                    3,
                    &format!("dvdcli: removing volume db: driver {driver}: no such volume\n"),
                );
            }
            let left = fs::names(root);
            assert!(left.is_empty(), "{driver} {state}: left over {left:?}");
        }
    }
}

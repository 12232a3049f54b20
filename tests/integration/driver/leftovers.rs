//! What killed calls leave is deleted by the next call of the driver, whatever volume that is about; what a live call works on is
//! not, nor what another host has left.

use std::path::PathBuf;

use pretty_assertions::{assert_eq, assert_ne};
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::unmount;
use crate::harness::process::Run;
use crate::harness::site::Site;
use crate::harness::strace::{killed_at_rename, slowly, under_strace};
use crate::harness::volumes::{LOCAL, local_volume, volume};
use crate::harness::waiting::{at_once, eventually};

/// Kills the run where it deletes something of a volume, after the volume has lost its name.
fn killed_at_unlink(run: Run) {
    let kill = [
        "-e",
        "trace=unlinkat",
        "-e",
        "inject=unlinkat:signal=KILL:when=1",
        "-o",
        "/dev/null",
    ];
    let killed = under_strace(run, &kill).output();
    assert_ne!(killed.code, 0, "{killed:?}");
}

fn store(env: &Env, driver: &str) -> PathBuf {
    env.path("var/lib/dvdcli").join(driver)
}

/// All files and directories in the store that do not belong to one of these volumes.
fn left(env: &Env, driver: &str, volumes: &[&str]) -> Vec<String> {
    let mut names = env.names(&format!("var/lib/dvdcli/{driver}"));
    names.retain(|name| !volumes.contains(&name.as_str()));
    names
}

#[test]
fn any_verb_deletes_what_killed_calls_have_left() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    for driver in ["loop", "local"] {
        volume(&env, driver, "source");
        volume(&env, driver, "kept");
        let options = match driver {
            "loop" => "--volumeopts=volumeName=source",
            _ => "",
        };
        for verb in [
            "get", "exists", "path", "inspect", "mount", "unmount", "list", "create", "remove",
        ] {
            killed_at_rename(env.dvdcli(&format!("create -d {driver} -n new {options}")));
            assert_ne!(
                left(&env, driver, &["source", "kept"]),
                [""; 0],
                "{driver} {verb}"
            );
            let name = match verb {
                "create" | "remove" => "other",
                _ => "kept",
            };
            let named = match verb {
                "list" => String::new(),
                _ => format!("-n {name}"),
            };
            let done = env.dvdcli(&format!("{verb} -d {driver} {named}")).output();
            assert_eq!(
                (done.code, done.stderr.as_str()),
                (0, ""),
                "{driver} {verb}"
            );
            assert_eq!(
                left(&env, driver, &["source", "kept", "other"]),
                [""; 0],
                "{driver} {verb}"
            );
        }
        let kept = store(&env, driver).join("kept");
        assert!(kept.join("volume.json").exists());
    }
    env.assert_nothing_is_mounted();
}

#[test]
fn a_removal_that_was_cut_off_is_completed_by_any_call() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    for driver in ["loop", "local"] {
        for verb in ["list", "create", "remove"] {
            volume(&env, driver, "db");
            killed_at_unlink(env.dvdcli(&format!("remove -d {driver} -n db")));
            assert_ne!(left(&env, driver, &[]), [""; 0], "{driver} {verb}");
            let named = match verb {
                "list" => "",
                "create" => "-n other",
                // The same again is done, though the volume was gone already for others.
                _ => "-n db",
            };
            env.dvdcli(&format!("{verb} -d {driver} {named}"))
                .succeeds();
            assert_eq!(left(&env, driver, &["other"]), [""; 0], "{driver} {verb}");
        }
    }
}

/// A call that takes long is not dead.
#[test]
fn what_a_live_call_works_on_is_left_alone() {
    let Some(env) = Env::isolated() else { return };
    env.overcommit();
    let env = &env;
    for driver in ["loop", "local"] {
        volume(env, driver, "other");
        let create = format!("create -d {driver} -n db");
        let creating = slowly(env.dvdcli(&create), "/^rename").start();
        eventually("the new volume", || {
            left(env, driver, &["other"]) != [""; 0]
        });
        for verb in ["list", "create -n third", "remove -n third"] {
            env.dvdcli(&format!("{verb} -d {driver}")).output().parts();
        }
        creating.succeeds();
        env.dvdcli(&format!("exists -d {driver} -n db")).succeeds();
        let removing = slowly(env.dvdcli(&format!("remove -d {driver} -n db")), "unlinkat").start();
        eventually("the volume to go", || {
            !store(env, driver).join("db").exists()
        });
        // It is not half removed, but on its way.
        env.dvdcli(&format!("list -d {driver}"))
            .prints("other\n")
            .succeeds();
        removing.succeeds();
        assert_eq!(left(env, driver, &["other"]), [""; 0]);
    }
}

#[test]
fn callers_side_by_side_do_not_sweep_each_others_volumes() {
    let Some(env) = Env::isolated() else { return };
    let env = &env;
    let rounds = 12;
    at_once(0..6, |caller| {
        for round in 0..rounds {
            let name = format!("v{caller}");
            let create = env.dvdcli(&format!("create -d local -n {name}"));
            if caller % 3 == 0 && round % 2 == 0 {
                killed_at_rename(create);
                continue;
            }
            create.succeeds();
            env.dvdcli(&format!("exists -d local -n {name}")).succeeds();
            let remove = env.dvdcli(&format!("remove -d local -n {name}"));
            match caller % 3 == 1 && round % 2 == 0 {
                true => killed_at_unlink(remove),
                false => remove.succeeds(),
            }
        }
    });
    env.dvdcli("list -d local").succeeds();
    assert_eq!(env.names(LOCAL), [""; 0]);
}

#[test]
fn what_another_host_has_left_is_its_own() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    a.dvdcli("create -d local -n db").succeeds();
    killed_at_unlink(a.dvdcli("remove -d local -n db"));
    let before = fs::names(env.path("shared/local/.aside"));
    assert_eq!(before.len(), 1);
    let warning = "dvdcli: warning: volume db is half removed, or being removed, by another host; a call of that host completes it\n";
    b.dvdcli("list -d local").warns(warning).succeeds();
    b.dvdcli("list -d local --format table")
        .prints("DRIVER  VOLUME NAME\nlocal   db (half removed)\n")
        .warns(warning)
        .succeeds();
    let found = b.dvdcli("list -d local --format json").output();
    assert_eq!((found.code, found.stderr.as_str()), (0, warning));
    let found: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let row = json!({"Driver": "local", "Name": "db", "Labels": {}, "Mountpoint": null, "Problem": "half removed"});
    assert_eq!(found, json!([row]));
    b.dvdcli("exists -d local -n db").fails(3, "");
    b.dvdcli("create -d local -n db").succeeds();
    b.dvdcli("remove -d local -n db").succeeds();
    assert_eq!(fs::names(env.path("shared/local/.aside")), before);
    a.dvdcli("list -d local").succeeds();
    // A half of a new one has never been a volume.
    killed_at_rename(a.dvdcli("create -d local -n new"));
    b.dvdcli("list -d local").succeeds();
    assert_eq!(fs::names(env.path("shared/local/.aside")).len(), 1);
    a.dvdcli("list -d local").succeeds();
    site.enter();
    assert_eq!(env.names("shared/local"), [""; 0]);
}

#[test]
fn what_cannot_be_deleted_is_said_and_shown() {
    let Some(env) = Env::isolated() else { return };
    let data = local_volume(&env, "db").join("_data");
    fs::create_dir(data.join("inside")).unwrap();
    local_volume(&env, "other");
    killed_at_unlink(env.dvdcli("remove -d local -n db"));
    let aside = env.path(LOCAL).join(".aside");
    let gone = aside.join(&fs::names(&aside)[0]);
    let inside = gone.join("_data/inside");
    fs::create_dir_all(&inside).unwrap();
    env.mount_tmpfs(&inside);
    let warning = format!(
        "dvdcli: warning: volume db is half removed: deleting $ROOT/{LOCAL}/.aside/[..]: _data: inside: something is mounted there\n"
    );
    // It keeps nobody from work on other volumes.
    env.dvdcli("get -d local -n other")
        .prints("other\n")
        .succeeds();
    env.dvdcli("list -d local")
        .prints("other\n")
        .warns(&warning)
        .succeeds();
    env.dvdcli("list -d local --format table")
        .prints("DRIVER  VOLUME NAME\nlocal   db (half removed)\nlocal   other\n")
        .warns(&warning)
        .succeeds();
    unmount(&inside);
    env.dvdcli("list -d local").prints("other\n").succeeds();
    assert_eq!(env.names(LOCAL), ["other"]);
}

/// A tree that takes long is deleted bit by bit: nobody waits for it.
#[test]
fn a_large_leftover_goes_in_several_calls() {
    let Some(env) = Env::isolated() else { return };
    let data = local_volume(&env, "db").join("_data");
    for number in 0..200 {
        fs::write(data.join(number.to_string()), "").unwrap();
    }
    killed_at_unlink(env.dvdcli("remove -d local -n db"));
    let slow = [
        "-e",
        "trace=unlinkat",
        "-e",
        "inject=unlinkat:delay_enter=30ms",
        "-o",
        "/dev/null",
    ];
    let warning = "dvdcli: warning: volume db is half removed: deleting $ROOT/[..]: it takes long; the next call goes on\n";
    under_strace(env.dvdcli("list -d local"), &slow)
        .warns(warning)
        .succeeds();
    env.dvdcli("list -d local").succeeds();
    assert_eq!(env.names(LOCAL), [""; 0]);
}

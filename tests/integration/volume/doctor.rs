//! `doctor` on what is recorded: holders that died, records without mounts, mounts without records, mounts that do not answer.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{mount_fuse_for_all, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::run::{killed, staying};
use crate::harness::strace::under_strace;
use crate::harness::volumes::{LOOP, data, loop_volume, user_of};
use crate::harness::waiting::at_once;

/// Otherwise, how full the disk of the machine is would be told as well.
const ANY_DISK: &str = "dvdcli: {allow: {loop: {reserve: 0}}}";

fn isolated() -> Option<Env> {
    let env = Env::isolated()?;
    env.configure(ANY_DISK);
    Some(env)
}

#[test]
fn holders_that_died_are_named_and_released() {
    let Some(env) = isolated() else { return };
    env.dir("target");
    let run = staying(
        &env,
        "one",
        "-d loop -n db --opt size=20MiB --id job --target $ROOT/target",
    );
    env.dvdcli("doctor").succeeds();
    let pid = run.0.child.id();
    killed(run);
    let found = format!(
        "loop/db: its holder job (run {pid}) has died without unmounting it; unmount it (dvdcli unmount -d loop -n db), or run doctor --fix\n"
    );
    env.dvdcli("doctor").prints(&found).fails(1, "");
    // What is in use is never unmounted.
    let user = user_of(&data(&env, "db"));
    let busy = env.dvdcli("doctor --fix").output();
    assert_eq!((busy.code, busy.stderr.as_str()), (1, ""), "{busy:?}");
    assert!(
        busy.stdout.contains("which was not mended: ") && busy.stdout.contains("is busy"),
        "{busy:?}"
    );
    assert!(mounted_at(&env.path(LOOP).join("db/mnt")).is_some());
    drop(user);
    let fixed = env.dvdcli("doctor --fix").output();
    assert_eq!((fixed.code, fixed.stderr.as_str()), (0, ""), "{fixed:?}");
    env.dvdcli("doctor").succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn the_living_keep_the_volume_of_the_dead() {
    let Some(env) = isolated() else { return };
    env.dvdcli("mount -d loop -n db --opt size=20MiB --id living")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    killed(staying(&env, "one", "-d loop -n db"));
    env.dvdcli("doctor --fix")
        .prints("fixed: loop/db: released it for its dead holders\n")
        .succeeds();
    env.dvdcli("doctor").succeeds();
    assert!(mounted_at(&env.path(LOOP).join("db/mnt")).is_some());
    env.dvdcli("unmount -d loop -n db --id living").succeeds();
    env.assert_nothing_is_left();
}

/// Nothing is sent to the plugin: it may count otherwise, and Docker may have the volume as well.
#[test]
fn a_plugin_s_volume_is_released_and_left_mounted() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.configure(ANY_DISK);
    killed(staying(&env, "one", "-d fake -n db"));
    plugin.take_calls();
    env.dvdcli("doctor --fix")
        .prints("fixed: fake/db: released it for its dead holders\n")
        .succeeds();
    assert_eq!(plugin.take_calls(), ["Activate", "Capabilities"]);
    env.dvdcli("doctor")
        .prints("fake/db: it is mounted at $ROOT/volumes/db, and nobody holds it; unmount it (dvdcli unmount -d fake -n db)\n")
        .fails(1, "");
    env.dvdcli("unmount -d fake -n db").succeeds();
    env.dvdcli("doctor").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn mounts_without_records_and_records_without_mounts_are_named() {
    let Some(env) = isolated() else { return };
    let printed = format!("$ROOT/{LOOP}/db/mnt/data\n");
    env.dvdcli("mount -d loop -n db --opt size=20MiB --id job")
        .prints(&printed)
        .succeeds();
    unmount(&env.path(LOOP).join("db/mnt"));
    let gone = format!(
        "loop/db: nothing of it is mounted at $ROOT/{LOOP}/db/mnt/data any more, where it is held by job; mount it again, or release it (dvdcli unmount -d loop -n db --force)\n"
    );
    let claimed = "loop/db: this host claims it, and does not have it mounted; so that other hosts can mount it, mount and unmount it here, or run doctor --fix\n";
    env.dvdcli("doctor")
        .prints(&format!("{gone}{claimed}"))
        .fails(1, "");
    env.dvdcli("doctor --fix")
        .prints(&format!(
            "{gone}fixed: loop/db: gave up the claim of this host\n"
        ))
        .fails(1, "");
    env.dvdcli("mount -d loop -n db --id job")
        .prints(&printed)
        .succeeds();
    env.dvdcli("doctor").succeeds();
    fs::remove_dir_all(env.path("run/dvdcli")).unwrap();
    let unheld = format!(
        "loop/db: it is mounted at $ROOT/{LOOP}/db/mnt, and nobody holds it; unmount it (dvdcli unmount -d loop -n db)\n"
    );
    for flags in ["", " --fix", " -d loop"] {
        env.dvdcli(&format!("doctor{flags}"))
            .prints(&unheld)
            .fails(1, "");
    }
    env.dvdcli("doctor -d local").succeeds();
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.dvdcli("doctor").succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn calls_that_were_cut_off_and_records_of_another_boot_are_named() {
    let Some(env) = isolated() else { return };
    loop_volume(&env, "db");
    let kill = [
        "-e",
        "trace=mount",
        "-e",
        "inject=mount:signal=KILL:when=1",
        "-o",
        "/dev/null",
    ];
    let cut = under_strace(env.dvdcli("mount -d loop -n db"), &kill).output();
    assert_eq!(cut.code, 137, "{cut:?}");
    let line = "loop/db: a mount or an unmount of it was cut off, or has failed; unmount it (dvdcli unmount -d loop -n db), or run doctor --fix\n";
    let found = env.dvdcli("doctor -d loop").output();
    assert_eq!((found.code, found.stderr.as_str()), (1, ""), "{found:?}");
    assert!(found.stdout.starts_with(line), "{found:?}");
    let fixed = env.dvdcli("doctor -d loop --fix").output();
    let warning = "dvdcli: warning: unmounting volume db: driver loop: it is not mounted; nothing was left to do\n";
    assert_eq!(
        (fixed.code, fixed.stderr.as_str()),
        (0, warning),
        "{fixed:?}"
    );
    let line = "fixed: loop/db: forgot the call that was cut off, as nothing was mounted\n";
    assert!(fixed.stdout.starts_with(line), "{fixed:?}");
    env.dvdcli("doctor").succeeds();
    let earlier =
        r#"{"boot":"0","driver":"loop","volume":"x","settled":true,"mounted":null,"holders":{}}"#;
    env.write("run/dvdcli/old.json", earlier);
    env.dvdcli("doctor")
        .prints("$ROOT/run/dvdcli/old.json: it records the holders of an earlier boot; have /run emptied at boot, or run doctor --fix\n")
        .fails(1, "");
    env.dvdcli("doctor --fix")
        .prints("fixed: $ROOT/run/dvdcli/old.json: removed the record of an earlier boot\n")
        .succeeds();
    env.assert_nothing_is_left();
}

/// What a call has set aside as damaged is read by nobody.
#[test]
fn records_that_were_set_aside_are_named_and_removed() {
    let Some(env) = isolated() else { return };
    env.mount_created("mount -d loop -n db --opt size=20MiB")
        .prints("[..]\n")
        .succeeds();
    for record in env.records() {
        if record.ends_with(".json") {
            env.write(&format!("run/dvdcli/{record}"), "{");
        }
    }
    env.dvdcli("unmount -d loop -n db")
        .warns("dvdcli: warning: the holders' record [..].damaged is damaged ([..]); set aside\n")
        .succeeds();
    env.dvdcli("doctor")
        .prints("$ROOT/run/dvdcli/[..].damaged: it was a holders' record, and was set aside as it could not be read; remove it, or run doctor --fix\n")
        .fails(1, "");
    env.dvdcli("doctor --fix")
        .prints("fixed: $ROOT/run/dvdcli/[..].damaged: removed it, as nobody reads it any more\n")
        .succeeds();
    env.dvdcli("doctor").succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn a_mount_that_does_not_answer_is_named_and_delays_nothing() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.configure(ANY_DISK);
    env.mount_db();
    env.dvdcli("doctor").succeeds();
    let dead = env.dir("dead");
    let device = mount_fuse_for_all(&dead);
    let mut records = env.records().into_iter();
    let record = records.find(|name| name.ends_with(".json")).unwrap();
    let record = env.path("run/dvdcli").join(record);
    let text = fs::read_to_string(&record).unwrap();
    let path = env.path("volumes/db").display().to_string();
    fs::write(
        &record,
        text.replacen(&path, &dead.display().to_string(), 1),
    )
    .unwrap();
    env.dvdcli("doctor --timeout 2s")
        .prints("fake/db: its mount at $ROOT/dead does not answer: no answer within [..]; find out why, or take it away (dvdcli unmount -d fake -n db --lazy)\n")
        .fails(1, "");
    drop(device);
    env.dvdcli("doctor")
        .prints("fake/db: its mount at $ROOT/dead does not answer: transport endpoint is not connected; find out why, or take it away (dvdcli unmount -d fake -n db --lazy)\n")
        .fails(1, "");
    unmount(&dead);
    fs::write(&record, text).unwrap();
    env.dvdcli("unmount -d fake -n db").succeeds();
}

/// A host where volumes come and go at this moment is a healthy one.
#[test]
fn calls_at_the_same_time_are_no_finding_and_lose_nothing() {
    let Some(env) = isolated() else { return };
    let env = &env;
    let rounds = 8;
    at_once(0..5, |caller| match caller {
        0 | 1 => {
            for round in 0..rounds * 3 {
                let flags = if round % 2 == caller { " --fix" } else { "" };
                let found = env.dvdcli(&format!("doctor{flags}")).output();
                assert_eq!((found.code, found.stdout.as_str()), (0, ""), "{found:?}");
                let is_at_work = |line: &str| line.ends_with("another dvdcli is at work on it");
                assert!(found.stderr.lines().all(is_at_work), "{found:?}");
            }
        }
        _ => {
            let driver = if caller == 4 { "local" } else { "loop" };
            let options = if caller == 4 { "" } else { " --opt size=8MiB" };
            let named = format!("-d {driver} -n v{caller}");
            for round in 0..rounds {
                let mounted = env.dvdcli(&format!("mount {named}{options}")).output();
                assert_eq!(
                    (mounted.code, mounted.stderr.as_str()),
                    (0, ""),
                    "{mounted:?}"
                );
                let path = mounted.stdout.trim_end().replace("$ROOT", env.root());
                fs::write(format!("{path}/file"), round.to_string()).unwrap();
                env.dvdcli(&format!("mount {named} --id other"))
                    .output()
                    .parts();
                env.dvdcli(&format!("unmount {named} --id other"))
                    .output()
                    .parts();
                let written = fs::read_to_string(format!("{path}/file")).unwrap();
                assert_eq!(written, round.to_string());
                env.dvdcli(&format!("unmount {named}")).succeeds();
                if round % 2 == 0 {
                    env.dvdcli(&format!("remove {named}")).succeeds();
                }
            }
        }
    });
    env.assert_nothing_is_left();
}

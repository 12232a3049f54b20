//! Which volumes are exported and imported, how they are mounted for that, and where archives go.

use std::process::Stdio;

use pretty_assertions::assert_eq;

use crate::harness::archive::{Archive, untar};
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::{LOOP, data, local_volume, loop_volume};

/// Through a pipe, as from host to host.
#[test]
fn a_volume_goes_through_a_pipe_to_another_driver() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    env.dvdcli("create -d local -n copy").succeeds();
    let script = format!(
        "set -o pipefail; {0} export -d loop -n db | {0} import -d local -n copy -",
        crate::harness::env::DVDCLI
    );
    env.program("bash", ["-c", &script]).succeeds();
    let copied = fs::read_to_string(env.path("var/lib/dvdcli/local/copy/_data/kept"));
    assert_eq!(copied.unwrap(), "kept");
    env.assert_nothing_is_left();
}

#[test]
fn a_plugins_volume_is_mounted_for_it_and_unmounted() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let plugin = plugin.mounting(&env);
    env.write("new.tar", Archive::default().file("new", "new").end());
    env.dvdcli("import -d fake -n db new.tar").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
    // Where the program was started.
    env.dvdcli("export -d fake -n db -O db.tar").succeeds();
    assert!(env.path("db.tar").is_file() && !env.path("db.tar.partial").exists());
    assert_eq!(plugin.mounts("db"), 0);
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_that_is_held_stays_mounted() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("mount -d loop -n db --id task --opt size=20MiB")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    env.write("new.tar", Archive::default().file("new", "new").end());
    env.dvdcli("import -d loop -n db $ROOT/new.tar").succeeds();
    assert_eq!(
        fs::read_to_string(data(&env, "db").join("new")).unwrap(),
        "new"
    );
    env.dvdcli("export -d loop -n db -O $ROOT/db.tar")
        .succeeds();
    untar(&env, &env.path("db.tar"), "read");
    assert_eq!(env.names("read"), ["new"]);
    env.dvdcli("unmount -d loop -n db --id task").succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_that_is_held_read_only_is_exported_and_not_imported() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    env.dvdcli("mount -d loop -n db --id task --read-only")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    env.dvdcli("export -d loop -n db -O $ROOT/db.tar")
        .succeeds();
    untar(&env, &env.path("db.tar"), "read");
    assert_eq!(env.names("read"), ["kept"]);
    env.dvdcli("import -d loop -n db $ROOT/db.tar").fails(
        4,
        "dvdcli: importing into volume db: mounting it: it is mounted read-only already, and held by task\n",
    );
    env.dvdcli("unmount -d loop -n db --id task").succeeds();
}

#[test]
fn what_is_absent_is_not_created() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("export -d loop -n none -O $ROOT/none.tar")
        .fails(
            3,
            "dvdcli: exporting volume none: mounting it: driver loop: no such volume\n",
        );
    env.write("new.tar", Archive::default().file("new", "new").end());
    env.dvdcli("import -d loop -n none $ROOT/new.tar").fails(
        3,
        "dvdcli: importing into volume none: mounting it: driver loop: no such volume; dvdcli create makes it\n",
    );
    env.dvdcli("import -d loop -n none $ROOT/none.tar").fails(
        1,
        "dvdcli: importing into volume none: opening $ROOT/none.tar: no such file or directory\n",
    );
    assert!(!env.path("none.tar").exists() && !env.path("none.tar.partial").exists());
    env.assert_nothing_is_left();
}

/// The old archive stays where a new one fails, and nobody else may read either.
#[test]
fn an_archive_gets_its_name_when_it_is_complete() {
    use std::os::unix::fs::PermissionsExt;
    let Some(env) = Env::isolated() else { return };
    local_volume(&env, "db");
    env.write("db.tar", "old");
    env.dvdcli("export -d local -n none -O $ROOT/db.tar").fails(
        3,
        "dvdcli: exporting volume none: mounting it: driver local: no such volume\n",
    );
    assert_eq!(fs::read_to_string(env.path("db.tar")).unwrap(), "old");
    env.dvdcli("export -d local -n db -O $ROOT/db.tar")
        .succeeds();
    let mode = fs::metadata(env.path("db.tar")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert!(!env.path("db.tar.partial").exists());
    env.dvdcli("export -d local -n db -O $ROOT/none/db.tar").fails(
        1,
        "dvdcli: exporting volume db: making $ROOT/none/db.tar.partial: no such file or directory\n",
    );
    env.dvdcli("export -d local -n db -O $ROOT").fails(
        1,
        "dvdcli: exporting volume db: opening $ROOT: it is a directory\n",
    );
    env.dvdcli("export -d local -n db -O /dev/null").succeeds();
    // An archive in the volume itself is no part of itself.
    let inside = "$ROOT/var/lib/dvdcli/local/db/_data/db.tar";
    env.dvdcli(&format!("export -d local -n db -O {inside}"))
        .succeeds();
    untar(
        &env,
        &env.path("var/lib/dvdcli/local/db/_data/db.tar"),
        "read",
    );
    assert_eq!(env.names("read"), ["kept"]);
}

#[test]
fn a_reader_that_goes_away_or_a_full_disk_is_an_error() {
    let Some(env) = Env::isolated() else { return };
    local_volume(&env, "db");
    env.dvdcli("export -d local -n db")
        .into_full_device()
        .fails(
            1,
            "dvdcli: exporting volume db: writing the archive: no space left on device\n",
        );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    env.dvdcli("export -d local -n db")
        .prints_into(Stdio::from(writer))
        .fails(
            1,
            "dvdcli: exporting volume db: writing the archive: broken pipe\n",
        );
    env.assert_nothing_is_left();
}

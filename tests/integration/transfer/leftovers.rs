//! What an import that was killed has left in a volume: the next mount of it takes care of that, and of nothing else.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nix::unistd::chown;
use pretty_assertions::assert_eq;

use crate::harness::archive::{Archive, tar};
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::in_directory;
use crate::harness::strace::under_strace;
use crate::harness::volumes::{data, local_data};
use crate::harness::waiting::eventually;

const CUT_OFF: &str = "an import that was cut off before";

fn archive(env: &Env) {
    let archive = Archive::default()
        .file("./file", "text")
        .file("./dir/in/side", "inside")
        .link("./link", tar_core::EntryType::Symlink, "file");
    env.write("db.tar", archive.end());
}

fn place(env: &Env, driver: &str) -> PathBuf {
    match driver {
        "loop" => data(env, "db"),
        _ => local_data(env, "db"),
    }
}

fn names(place: &Path) -> Vec<String> {
    let names = fs::names(place).into_iter();
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name != "lost+found").collect()
}

#[track_caller]
fn creates(env: &Env, driver: &str) {
    let options = match driver {
        "loop" => "--opt size=20MiB",
        _ => "",
    };
    env.dvdcli(&format!("create -d {driver} -n db {options}"))
        .succeeds();
}

/// The import of the archive is killed at the first such call.
fn killed_at(env: &Env, driver: &str, call: &str) {
    let run = env.dvdcli(&format!("import -d {driver} -n db $ROOT/db.tar"));
    let (trace, kill) = (
        format!("trace={call}"),
        format!("inject={call}:signal=KILL:when=1"),
    );
    let cut = under_strace(run, &["-e", &trace, "-e", &kill, "-o", "/dev/null"]).output();
    assert_eq!(cut.code, 137, "{cut:?}");
}

/// Creates a volume; an import into it is killed while it makes its files. Returns the volume's directory and the hidden one in it.
fn cut_off(env: &Env) -> (PathBuf, PathBuf) {
    archive(env);
    env.dvdcli("create -d local -n db").succeeds();
    killed_at(env, "local", "symlinkat");
    let top = local_data(env, "db");
    let left = names(&top);
    assert_eq!(left.len(), 1, "{left:?}");
    let hidden = top.join(&left[0]);
    (top, hidden)
}

#[track_caller]
fn mounts(env: &Env, driver: &str, id: &str, warning: &str) {
    let path = place(env, driver).display().to_string();
    env.dvdcli(&format!("mount -d {driver} -n db --id {id}"))
        .prints(&format!("{}\n", path.replace(env.root(), "$ROOT")))
        .warns(warning)
        .succeeds();
}

fn unmounts(env: &Env, driver: &str) {
    env.dvdcli(&format!("unmount -d {driver} -n db --id one"))
        .warns("dvdcli: warning: volume db stays mounted, it is held by two\n")
        .succeeds();
    env.dvdcli(&format!("unmount -d {driver} -n db --id two"))
        .succeeds();
}

/// Also where others hold the volume meanwhile.
#[test]
fn the_next_mount_takes_away_what_a_killed_import_has_left() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    for driver in ["loop", "local"] {
        creates(&env, driver);
        killed_at(&env, driver, "symlinkat");
        mounts(&env, driver, "one", "");
        assert_eq!(names(&place(&env, driver)), [""; 0], "{driver}");
        killed_at(&env, driver, "symlinkat");
        assert_eq!(names(&place(&env, driver)).len(), 1, "{driver}");
        mounts(&env, driver, "two", "");
        assert_eq!(names(&place(&env, driver)), [""; 0], "{driver}");
        unmounts(&env, driver);
        env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    }
    env.assert_nothing_is_left();
}

/// It was whole, and was being moved to its place.
#[test]
fn the_next_mount_completes_an_import_that_was_killed_late() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    for driver in ["loop", "local"] {
        creates(&env, driver);
        killed_at(&env, driver, "renameat2");
        let warning = format!("dvdcli: warning: volume db: {CUT_OFF} is complete now\n");
        mounts(&env, driver, "one", &warning);
        let found = names(&place(&env, driver));
        assert_eq!(found, ["dir", "file", "link"], "{driver}");
        mounts(&env, driver, "two", "");
        unmounts(&env, driver);
    }
    env.assert_nothing_is_mounted();
}

/// What has come into its way stays, and the mount says so.
#[test]
fn an_import_that_cannot_be_completed_keeps_no_volume_from_being_mounted() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    env.dvdcli("create -d local -n db").succeeds();
    killed_at(&env, "local", "renameat2");
    let file = local_data(&env, "db").join("link");
    fs::write(&file, "a user's").unwrap();
    let run = env.dvdcli("mount -d local -n db").output();
    let why = "moving link to its place: something of that name has come there";
    assert!(
        run.code == 0 && run.stderr.contains(why) && run.stderr.lines().count() == 1,
        "{run:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), "a user's");
    fs::remove_file(&file).unwrap();
    let warning = format!("dvdcli: warning: volume db: {CUT_OFF} is complete now\n");
    mounts(&env, "local", "two", &warning);
    assert_eq!(names(&local_data(&env, "db")), ["dir", "file", "link"]);
}

#[test]
fn an_import_that_lives_is_left_alone() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut run = env.dvdcli("import -d local -n db");
    run.command.stdin(Stdio::from(reader));
    let running = run.start();
    let hidden = || {
        let found = fs::entries(local_data(&env, "db")).unwrap_or_default();
        found.iter().any(|path| path.join("files").exists())
    };
    eventually("the hidden directory", hidden);
    mounts(&env, "local", "one", "");
    assert!(hidden());
    let archive = Archive::default().file("./file", "text").end();
    std::io::Write::write_all(&mut &writer, &archive).unwrap();
    drop(writer);
    running.succeeds();
    assert_eq!(names(&local_data(&env, "db")), ["file"]);
}

/// A user who owns the volume's directory can give any directory of root's such a name, and root in a container can make one.
#[test]
fn what_has_the_name_of_an_import_stays() {
    let Some(env) = Env::isolated() else { return };
    let (top, hidden) = cut_off(&env);
    fs::rename(&hidden, top.join("aside")).unwrap();
    for planted in [&hidden, &top.join(".dvdcli-import-1")] {
        fs::create_dir_all(planted.join("files/x")).unwrap();
        fs::set_permissions(planted, PermissionsExt::from_mode(0o700)).unwrap();
    }
    mounts(&env, "local", "one", "");
    let again = env.dvdcli("import -d local -n db $ROOT/db.tar").output();
    assert!(
        again.code == 1 && again.stderr.contains("it is not empty"),
        "{again:?}"
    );
    assert!(hidden.join("files/x").is_dir() && top.join(".dvdcli-import-1/files/x").is_dir());
}

#[test]
fn no_link_leads_the_sweep_elsewhere() {
    let Some(env) = Env::isolated() else { return };
    let kept = env.dir("kept/files").parent().unwrap().to_owned();
    fs::write(kept.join("files/file"), "kept").unwrap();
    let (top, hidden) = cut_off(&env);
    fs::remove_dir_all(hidden.join("files")).unwrap();
    symlink(kept.join("files"), hidden.join("files")).unwrap();
    mounts(&env, "local", "one", "");
    assert_eq!(names(&top), [""; 0]);
    killed_at(&env, "local", "symlinkat");
    let hidden = top.join(&names(&top)[0]);
    fs::rename(&hidden, top.join("aside")).unwrap();
    symlink(&kept, &hidden).unwrap();
    mounts(&env, "local", "two", "");
    assert!(hidden.is_symlink());
    killed_late_behind_a_link(&env, &kept);
    assert_eq!(fs::read_to_string(kept.join("files/file")).unwrap(), "kept");
}

fn killed_late_behind_a_link(env: &Env, kept: &Path) {
    let top = local_data(env, "db");
    in_directory(&top, "rm -r .[!.]* aside").unwrap();
    killed_at(env, "local", "renameat2");
    let hidden = top.join(&names(&top)[0]);
    fs::remove_dir_all(hidden.join("files")).unwrap();
    symlink(kept.join("files"), hidden.join("files")).unwrap();
    let run = env.dvdcli("mount -d local -n db --id three").output();
    assert!(run.code == 0 && names(&top).len() == 1, "{run:?}");
}

/// No archive can bring what only an import may have, and a user's directory is content whatever its name.
#[test]
fn what_has_the_name_of_an_import_is_exported_and_imported() {
    let Some(env) = Env::isolated() else { return };
    let (top, hidden) = cut_off(&env);
    let marked = env.dir("marked");
    in_directory(&top, &format!("cp -a . {}", marked.display())).unwrap();
    let name = hidden.file_name().unwrap().to_str().unwrap();
    let archive = tar(&env, &marked, "--xattrs --xattrs-include=*", "marked.tar");
    for volume in ["new", "newer"] {
        env.dvdcli(&format!("create -d local -n {volume}"))
            .succeeds();
    }
    let archive = archive.display();
    env.dvdcli(&format!("import -d local -n new {archive}"))
        .succeeds();
    let path = local_data(&env, "new").join(name);
    chown(&path, Some(1000.into()), Some(1000.into())).unwrap();
    env.dvdcli("export -d local -n new -O $ROOT/new.tar")
        .succeeds();
    env.dvdcli("import -d local -n newer $ROOT/new.tar")
        .succeeds();
    for volume in ["new", "newer"] {
        let file = local_data(&env, volume).join(name).join("files/file");
        assert_eq!(fs::read_to_string(file).unwrap(), "text", "{volume}");
    }
}

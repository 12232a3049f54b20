//! An import that is killed or ended by a signal anywhere: the volume is as it was, or the next import completes it.

use pretty_assertions::assert_eq;

use crate::harness::archive::Archive;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::Output;
use crate::harness::strace::{Point, Process, read, step, under_strace};
use crate::harness::volumes::local_data;

/// Calls of an import that change the volume, or what is remembered of it.
const CHANGING: [&str; 18] = [
    "fchmod",
    "fchown",
    "fchownat",
    "flock",
    "fsetxattr",
    "fsync",
    "ftruncate",
    "linkat",
    "mkdirat",
    "openat",
    "pwrite64",
    "renameat",
    "renameat2",
    "symlinkat",
    "syncfs",
    "unlinkat",
    "utimensat",
    "write",
];

const NAMES: [&str; 4] = ["again", "dir", "file", "link"];

fn archive(env: &Env) {
    let archive = Archive::default()
        .of_kind("./", tar_core::EntryType::Directory)
        .file("./file", &"text".repeat(1000))
        .file("./dir/in/side", "inside")
        .link("./link", tar_core::EntryType::Symlink, "file")
        .link("./again", tar_core::EntryType::Link, "./file");
    env.write("db.tar", archive.end());
}

/// What a user sees of the volume.
fn names(env: &Env, volume: &str) -> Vec<String> {
    let mut names = env.names(&format!("var/lib/dvdcli/local/{volume}/_data"));
    names.retain(|name| !name.starts_with(".dvdcli-import"));
    names
}

#[track_caller]
fn is_whole(env: &Env, volume: &str) {
    let data = local_data(env, volume);
    let all = env.names(&format!("var/lib/dvdcli/local/{volume}/_data"));
    assert_eq!(all, NAMES);
    assert_eq!(
        fs::read_to_string(data.join("again")).unwrap(),
        "text".repeat(1000)
    );
    assert_eq!(
        fs::read_to_string(data.join("dir/in/side")).unwrap(),
        "inside"
    );
}

/// The calls of an import that something is done at: all that change something, and some of those that look.
fn points(env: &Env) -> Vec<(usize, Point)> {
    let log = env.path("strace").display().to_string();
    env.dvdcli("create -d local -n first").succeeds();
    let run = env.dvdcli("import -d local -n first $ROOT/db.tar");
    under_strace(run, &["-o", &log, "-f"]).succeeds();
    is_whole(env, "first");
    let mut points = read(&fs::read_to_string(&log).unwrap(), Process::Dvdcli);
    points.retain(|point| point.process == Process::Dvdcli);
    points.retain(|point| CHANGING.contains(&point.name.as_str()));
    let points = points.into_iter().enumerate();
    let is_chosen =
        |(at, point): &(usize, Point)| point.name != "openat" || at.is_multiple_of(step());
    points.filter(is_chosen).collect()
}

/// An import into a new volume, with something done to it there.
fn disturbed(env: &Env, volume: &str, point: &Point, what: &str) -> Output {
    env.dvdcli(&format!("create -d local -n {volume}"))
        .succeeds();
    let line = format!("import -d local -n {volume} $ROOT/db.tar");
    let args = point.injecting(what);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    under_strace(env.dvdcli(&line), &args).output()
}

/// The import once more: it is done then, or had been, or is completed now, which is said.
fn again(env: &Env, volume: &str) -> Output {
    let line = format!("import -d local -n {volume} $ROOT/db.tar");
    let again = env.dvdcli(&line).output();
    let had_been = again.stderr.contains("it is not empty, again is in it");
    assert!(again.code == 0 || had_been, "{again:?}");
    is_whole(env, volume);
    let _ = env
        .dvdcli(&format!("unmount -d local -n {volume}"))
        .output();
    env.dvdcli(&format!("remove -d local -n {volume}"))
        .succeeds();
    again
}

#[test]
fn an_import_is_killed_anywhere() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    let (mut killed, mut completed) = (0, 0);
    for (at, point) in points(&env) {
        let volume = format!("db{at}");
        let cut = disturbed(&env, &volume, &point, "signal=KILL");
        killed += usize::from(cut.code == 137);
        let again = again(&env, &volume);
        completed += usize::from(again.stderr.contains("is complete now"));
    }
    assert!(
        killed > 20 && completed > 2,
        "{killed} killed, {completed} completed"
    );
}

/// The volume is as it was, with nothing hidden in it, where the message does not say otherwise.
#[test]
fn an_import_meets_errors_anywhere() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    let mut failed = 0;
    for (at, point) in points(&env) {
        let volume = format!("db{at}");
        let met = disturbed(&env, &volume, &point, "error=EIO");
        let left = env.names(&format!("var/lib/dvdcli/local/{volume}/_data"));
        if met.code == 0 || met.stderr.contains("all is in its place") {
            is_whole(&env, &volume);
        } else if !met.stderr.contains("stays behind")
            && !met.stderr.contains("unmounting it again")
        {
            assert_eq!(left, [""; 0], "{point:?}: {met:?}");
        }
        failed += usize::from(met.code == 1);
        let _ = again(&env, &volume);
    }
    assert!(failed > 20, "{failed} failed");
}

#[test]
fn what_a_killed_import_left_is_no_content() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    env.dvdcli("create -d local -n db").succeeds();
    let run = env.dvdcli("import -d local -n db $ROOT/db.tar");
    let kill = [
        "-e",
        "trace=symlinkat",
        "-e",
        "inject=symlinkat:signal=KILL",
        "-o",
        "/dev/null",
    ];
    let cut = under_strace(run, &kill).output();
    assert_eq!((cut.code, names(&env, "db")), (137, vec![]));
    let _ = env.dvdcli("unmount -d local -n db").output();
    env.dvdcli("export -d local -n db -O $ROOT/out.tar")
        .succeeds();
    assert_eq!(fs::read(env.path("out.tar")).unwrap().len(), 2560);
}

/// A user of the volume cannot make root take what is his for an import.
#[test]
fn what_only_has_the_name_of_an_import_is_a_users() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    for name in [".dvdcli-import-1", ".dvdcli-imported-1"] {
        let volume = name.trim_start_matches('.');
        env.dvdcli(&format!("create -d local -n {volume}"))
            .succeeds();
        let planted = local_data(&env, volume).join(name);
        fs::create_dir_all(planted.join("files/x")).unwrap();
        std::os::unix::fs::chown(&planted, Some(1000), Some(1000)).unwrap();
        env.dvdcli(&format!("import -d local -n {volume} $ROOT/db.tar")).fails(
            1,
            &format!("dvdcli: importing into volume {volume}: it is not empty, {name} is in it; import into a new volume, or empty it first\n"),
        );
        assert!(planted.join("files/x").is_dir());
    }
}

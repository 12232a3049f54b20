//! An import that is killed or ended by a signal anywhere: the volume is as it was, or the next import completes it.

use pretty_assertions::assert_eq;

use crate::harness::archive::Archive;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::strace::{Process, read, step, under_strace};
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

#[test]
fn an_import_is_killed_anywhere() {
    let Some(env) = Env::isolated() else { return };
    archive(&env);
    let log = env.path("strace").display().to_string();
    env.dvdcli("create -d local -n first").succeeds();
    let run = env.dvdcli("import -d local -n first $ROOT/db.tar");
    under_strace(run, &["-o", &log, "-f"]).succeeds();
    is_whole(&env, "first");
    let mut points = read(&fs::read_to_string(&log).unwrap(), Process::Dvdcli);
    points.retain(|point| point.process == Process::Dvdcli);
    points.retain(|point| CHANGING.contains(&point.name.as_str()));
    // Those that look at the machine before the volume is touched are many.
    let is_chosen = |at: usize, name: &str| name != "openat" || at.is_multiple_of(step());
    let points = points.iter().enumerate();
    let (mut killed, mut completed) = (0, 0);
    for (at, point) in points.filter(|(at, point)| is_chosen(*at, &point.name)) {
        let volume = format!("db{at}");
        env.dvdcli(&format!("create -d local -n {volume}"))
            .succeeds();
        let line = format!("import -d local -n {volume} $ROOT/db.tar");
        let args = point.injecting("signal=KILL");
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let cut = under_strace(env.dvdcli(&line), &args).output();
        killed += usize::from(cut.code == 137);
        let again = env.dvdcli(&line).output();
        match again.code {
            0 => {}
            _ => {
                let whole = "it is not empty, again is in it";
                assert!(again.stderr.contains(whole), "{point:?}: {again:?}");
                completed += usize::from(again.stderr.contains("is complete now"));
            }
        }
        is_whole(&env, &volume);
        let _ = env
            .dvdcli(&format!("unmount -d local -n {volume}"))
            .output();
        env.dvdcli(&format!("remove -d local -n {volume}"))
            .succeeds();
    }
    assert!(
        killed > 20 && completed > 2,
        "{killed} killed, {completed} completed"
    );
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

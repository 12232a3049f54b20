//! The file that an export writes: it gets its name when it is whole, whoever else writes there.

use std::os::unix::fs::PermissionsExt;

use nix::libc;
use nix::unistd::chown;
use pretty_assertions::assert_eq;

use crate::harness::archive::untar;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::processes_of;
use crate::harness::strace::under_strace;
use crate::harness::volumes::local_volume;
use crate::harness::waiting::eventually;

const PARTIAL: &str = "db.tar.partial";

/// The second one has opened the unfinished file, and not locked it yet, when the first one gives it its name.
#[test]
fn an_export_does_not_write_into_the_archive_of_another() {
    let Some(env) = Env::isolated() else { return };
    local_volume(&env, "db");
    let line = "export -d local -n db -O $ROOT/db.tar";
    let partial = env.path(PARTIAL).display().to_string();
    let stop = [
        "-P",
        &partial,
        "-e",
        "trace=openat",
        "-e",
        "inject=openat:signal=STOP:when=1",
    ];
    let second = under_strace(
        env.dvdcli(line),
        &[&stop[..], &["-o", "/dev/null"]].concat(),
    )
    .start();
    let is_stopped = |pid: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ")
            .next()
            .is_some_and(|state| state.starts_with(['T', 't']))
    };
    let mut pid = 0;
    eventually("the open file", || {
        let children = format!("/proc/{0}/task/{0}/children", second.child.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        pid = children
            .split_whitespace()
            .next()
            .map_or(0, |pid| pid.parse().unwrap());
        env.path(PARTIAL).exists() && is_stopped(pid)
    });
    env.dvdcli(line).succeeds();
    let first = fs::id(&env.path("db.tar"));
    let before = fs::read(env.path("db.tar")).unwrap();
    let held = fs::hard_link(env.path("db.tar"), env.path("first"));
    held.unwrap();
    // SAFETY: a system call.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(pid, libc::SIGCONT) };
    assert_eq!(sent, 0);
    second.succeeds();
    assert_eq!(fs::read(env.path("first")).unwrap(), before);
    assert!(first != fs::id(&env.path("db.tar")) && !env.path(PARTIAL).exists());
    untar(&env, &env.path("db.tar"), "read");
    assert_eq!(env.names("read"), ["kept"]);
    assert_eq!(processes_of(&env), [""; 0]);
}

/// Whoever made it could read what is written, or have root write to a file of another name.
#[test]
fn what_another_user_has_made_is_not_written_to() {
    let Some(env) = Env::isolated() else { return };
    local_volume(&env, "db");
    let refused = "dvdcli: exporting volume db: making $ROOT/db.tar.partial: something else has that name; remove it first\n";
    let planted = env.write(PARTIAL, "planted");
    fs::set_permissions(&planted, PermissionsExt::from_mode(0o666)).unwrap();
    let refuses = || {
        env.dvdcli("export -d local -n db -O $ROOT/db.tar")
            .fails(1, refused);
        assert_eq!(fs::read_to_string(&planted).unwrap(), "planted");
    };
    chown(&planted, Some(1000.into()), Some(1000.into())).unwrap();
    refuses();
    chown(&planted, Some(0.into()), Some(0.into())).unwrap();
    fs::hard_link(&planted, env.path("other")).unwrap();
    refuses();
    fs::remove_file(env.path("other")).unwrap();
    env.dvdcli("export -d local -n db -O $ROOT/db.tar")
        .succeeds();
}

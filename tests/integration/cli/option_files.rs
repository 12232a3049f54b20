//! Options of a volume that stand in files or on stdin.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::{geteuid, mkfifo};
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::refuses;
use crate::harness::plugin::FakePlugin;

/// A file of this mode.
fn file(env: &Env, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = env.write(name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_value_is_read_from_a_file() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    file(&env, "secret", "hunter2\n", 0o600);
    file(&env, "pem", "one\ntwo\n\n", 0o400);
    file(&env, "empty", "", 0o600);
    env.dvdcli("create -d fake -n db -o password=@secret --opt pem=@$ROOT/pem -o none=@empty -o at=@@home -o two=@@@ --volumeopts=list=@secret,more=1")
        .succeeds();
    assert_eq!(
        plugin.options("db"),
        json!({
            "password": "hunter2", "pem": "one\ntwo\n", "none": "", "at": "@home", "two": "@@",
            "list": "@secret", "more": "1",
        })
    );
}

#[test]
fn a_value_from_a_file_is_secret_whatever_its_name_is() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    file(&env, "value", "hunter2\n", 0o600);
    plugin.on("Create", refuses("no x=hunter2 here"));
    for verb in ["create", "mount", "run"] {
        let line = format!("{verb} -d fake -n db --opt x=@value --verbose -- true");
        let line = match verb {
            "run" => line.as_str(),
            _ => line.trim_end_matches("-- true"),
        };
        let found = env.dvdcli(line).output();
        assert!(
            found.stderr.contains("no x=**** here\n") && !found.stderr.contains("hunter2"),
            "{found:?}"
        );
    }
}

#[test]
fn a_file_that_others_can_read_or_write_is_refused() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for mode in [0o640, 0o604, 0o644] {
        file(&env, "read", "x", mode);
        let why = format!("other users can read it (mode {mode:04o}); run chmod 600 on it");
        for (flag, doing) in [
            (
                "--opt=k=@$ROOT/read",
                "--opt: option 'k': reading $ROOT/read",
            ),
            ("--opts-file=$ROOT/read", "--opts-file $ROOT/read"),
        ] {
            env.dvdcli(&format!("create -d fake -n db {flag}"))
                .fails(2, &format!("dvdcli: {doing}: {why}\n"));
        }
    }
    file(&env, "written", "x", 0o602);
    env.dir("dir");
    mkfifo(&env.path("pipe"), Mode::S_IRWXU).unwrap();
    file(&env, "open/secret", "x", 0o600);
    fs::set_permissions(env.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    file(&env, "binary", "", 0o600);
    fs::write(env.path("binary"), b"\xff").unwrap();
    let chmod = "run chmod go-w on it";
    for (name, why) in [
        (
            "written",
            format!("other users can write to it (mode 0602); {chmod}"),
        ),
        (
            "open/secret",
            format!("$ROOT/open: other users can write to it (mode 0777); {chmod}"),
        ),
        ("dir", "is a directory".into()),
        ("pipe", "it is no regular file".into()),
        ("missing", "no such file or directory".into()),
        ("binary", "it is not UTF-8".into()),
    ] {
        env.dvdcli(&format!("create -d fake -n db --opt k=@$ROOT/{name}"))
            .fails(
                2,
                &format!("dvdcli: --opt: option 'k': reading $ROOT/{name}: {why}\n"),
            );
    }
    env.dvdcli("create -d fake -n db --opt k=@").fails(
        2,
        "dvdcli: --opt: option 'k': no file is named behind @; a value that is an @ is written @@\n",
    );
    if geteuid().is_root() {
        chown(file(&env, "theirs", "x", 0o600), Some(1000), None).unwrap();
        env.dvdcli("create -d fake -n db --opt k=@theirs").fails(
            2,
            "dvdcli: --opt: option 'k': reading theirs: it belongs to user 1000; run chown root on it if it is to be trusted\n",
        );
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn options_are_read_from_a_file_or_from_stdin() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let lines = "# a comment\n\n  size=5,6\r\npassword=@x =#y \nflag\na=1\n";
    file(&env, "options", lines, 0o600);
    let expected = json!({ "size": "5,6", "password": "@x =#y ", "flag": "", "a": "2", "b": "1" });
    let warning = "--opt: option 'a' is given twice, with different values; the last one counts";
    for source in ["$ROOT/options", "-"] {
        let mut run = env.dvdcli(&format!(
            "create -d fake -n db -o a=2 --opts-file {source} --volumeopts=b=1"
        ));
        let stdin = fs::File::open(env.path("options")).unwrap();
        run.command.stdin(Stdio::from(stdin));
        run.warns(&format!("dvdcli: warning: {warning}\n"))
            .succeeds();
        assert_eq!(plugin.options("db"), expected);
        env.dvdcli("remove -d fake -n db").succeeds();
    }
    file(&env, "wrong", "a=1\n=hunter2\n", 0o600);
    env.dvdcli("create -d fake -n db --opts-file wrong").fails(
        2,
        "dvdcli: --opts-file wrong: line 2: an option without a name; write KEY=VALUE\n",
    );
}

#[test]
fn stdin_that_does_not_end_is_not_waited_for_without_end() {
    let env = Env::new();
    let (_open, stdin) = nix::unistd::pipe()
        .map(|(read, write)| (write, read))
        .unwrap();
    let mut run = env.dvdcli("create -d fake -n db --opts-file - --timeout 500ms");
    run.command.stdin(Stdio::from(stdin));
    let started = Instant::now();
    run.fails(
        2,
        "dvdcli: --opts-file -: it has not ended before the time was over (--timeout)\n",
    );
    // Far more than it was given, and far less than without `--timeout`.
    assert!(started.elapsed() < Duration::from_secs(25));
}

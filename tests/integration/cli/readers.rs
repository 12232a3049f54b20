//! Whoever reads stdout and stderr: nobody, too late, or not any more. A path that reaches nobody is held by nobody.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::pipe2;
use pretty_assertions::assert_eq;

use crate::harness::fs::File;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Run, fill};
use crate::harness::task::{MOUNT, task};
use crate::harness::waiting::{at_once, eventually};

const DB: [(&str, &str); 2] = [("NAME", "db"), ("DRIVER", "fake")];

/// Called by a shell that has redirected something.
fn redirected<'a>(run: Run<'a>, redirection: &str) -> Run<'a> {
    let line = format!("exec \"$@\" {redirection}");
    run.through("sh", &["-c", &line, "sh"])
}

/// What has to stay open, and a file that takes nothing any more.
type Stuck = (Box<dyn Send>, File);

fn full_pipe() -> Stuck {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    (Box::new(reader), fill(writer))
}

fn full_socket() -> Stuck {
    let (reader, writer) = UnixStream::pair().unwrap();
    (Box::new(reader), fill(writer.into()))
}

/// As by Ctrl-S.
fn stopped_terminal() -> Stuck {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = open(ptsname_r(&master).unwrap().as_str(), flags, Mode::empty()).unwrap();
    tcflow(&slave, FlowArg::TCOOFF).unwrap();
    (Box::new(master), slave.into())
}

const STUCK: [fn() -> Stuck; 3] = [full_pipe, full_socket, stopped_terminal];

#[test]
fn without_anybody_to_give_a_path_to_nothing_is_done() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let closed = "writing the answer to stdout: it is closed\n";
    let unwritable = "writing the answer to stdout: it is not open for writing\n";
    for (doing, line) in [
        ("mounting volume db", "mount -d fake -n db"),
        ("asking for the path of volume db", "path -d fake -n db"),
        ("mounting the volumes of a task", MOUNT),
    ] {
        for (redirection, why) in [
            (">&-", closed),
            ("<&- >&-", closed),
            ("1</dev/null", unwritable),
            ("2>&-", ""),
            ("2</dev/null", ""),
            (">&- 2>&-", ""),
        ] {
            let message = match why {
                "" => String::new(),
                why => format!("dvdcli: {doing}: {why}"),
            };
            redirected(task(&env, line, &DB), redirection).fails(1, &message);
        }
    }
    assert_eq!(plugin.requests().len(), 0);
    env.assert_nothing_is_left();
}

#[test]
fn a_path_may_go_to_the_null_device() {
    let (env, plugin) = FakePlugin::with_db();
    for redirection in [">/dev/null", "1<>/dev/null", ">/dev/null 2>/dev/null"] {
        redirected(env.dvdcli("mount -d fake -n db"), redirection).succeeds();
        assert_eq!(plugin.mounts("db"), 1);
        env.dvdcli("unmount -d fake -n db").succeeds();
    }
}

#[test]
fn an_answer_to_a_closed_stdout_is_an_error() {
    let (env, _plugin) = FakePlugin::with_db();
    for line in [
        "get -d fake -n db",
        "list -d fake",
        "list",
        "drivers --format json",
        "inspect -d fake -n db",
        "version",
        "man",
        "completions bash",
        "--help",
    ] {
        let message = "dvdcli: writing the answer to stdout: it is closed\n";
        redirected(env.dvdcli(line), ">&-").fails(1, message);
    }
    // Who has nothing to print needs nobody to read it.
    for line in ["create -d fake -n other", "exists -d fake -n db"] {
        redirected(env.dvdcli(line), "<&- >&- 2>&-").succeeds();
    }
}

#[test]
fn a_reader_that_reads_nothing_has_until_the_end_of_the_time() {
    let cases = STUCK.map(|stuck| [(stuck, false), (stuck, true)]).concat();
    at_once(cases, |(stuck, is_task)| {
        let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
            return;
        };
        let (_reader, stdout) = stuck();
        let why =
            "writing the answer to stdout: nobody has read it when the time was over (--timeout)";
        if is_task {
            let run = task(&env, "mount --from-env --timeout 10s", &DB);
            run.prints_into(stdout)
                .fails(1, &format!("dvdcli: {why}\n"));
        } else {
            let run = env.dvdcli("mount -d fake -n db --timeout 10s");
            let message = format!("dvdcli: mounting volume db: {why}\n");
            run.prints_into(stdout).fails(1, &message);
        }
        assert_eq!((plugin.bodies("Mount").len(), plugin.mounts("db")), (1, 0));
        env.assert_nothing_is_left();
    });
}

#[test]
fn who_goes_away_without_a_path_holds_nothing() {
    let (env, plugin) = FakePlugin::with_db();
    let (reader, stdout) = pipe2(OFlag::O_CLOEXEC).unwrap();
    drop(reader);
    let broken = "writing the answer to stdout: broken pipe\n";
    env.dvdcli("mount -d fake -n db")
        .prints_into(stdout)
        .fails(1, &format!("dvdcli: mounting volume db: {broken}"));
    assert_eq!((plugin.bodies("Mount").len(), plugin.mounts("db")), (1, 0));
    env.assert_nothing_is_left();
}

/// Others who have the same file open, as a shell has its terminal, must not find it changed.
#[test]
fn a_file_of_the_callers_stays_as_it_is() {
    let (env, _plugin) = FakePlugin::with_db();
    let (mut reader, writer) = pipe2(OFlag::O_CLOEXEC)
        .map(|(r, w)| (File::from(r), w))
        .unwrap();
    let flags = || fcntl(&writer, FcntlArg::F_GETFL).unwrap();
    let before = flags();
    for line in ["get -d fake -n db --verbose", "get -d fake -n none"] {
        let own = || writer.try_clone().unwrap();
        let run = env.dvdcli(line).prints_into(own()).says_into(own());
        assert!(matches!(run.output().code, 0 | 3));
        assert_eq!(flags(), before);
    }
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert!(
        text.contains("\ndb\n") && text.contains("volume none"),
        "{text}"
    );
}

/// Nobody else has to wait for the lock of the volume meanwhile.
#[test]
fn messages_are_waited_for_at_the_end_and_without_a_lock() {
    at_once(STUCK, |stuck| {
        let (env, plugin) = FakePlugin::with_db();
        let (reader, stderr) = stuck();
        let mut first = env
            .dvdcli("mount -d fake -n db --verbose")
            .says_into(stderr)
            .start();
        eventually("the mount", || plugin.mounts("db") == 1);
        env.dvdcli("mount -d fake -n db --id other")
            .prints("$ROOT/volumes/db\n")
            .succeeds();
        assert!(
            first.child.try_wait().unwrap().is_none(),
            "it has not waited"
        );
        drop(reader);
        assert_eq!(first.output().parts(), (0, "$ROOT/volumes/db\n", ""));
    });
}

#[test]
fn messages_that_nobody_reads_are_given_up_at_the_end_of_the_time() {
    at_once(STUCK, |stuck| {
        let (env, plugin) = FakePlugin::with_db();
        let (_reader, stderr) = stuck();
        env.dvdcli("mount -d fake -n db --verbose --timeout 10s")
            .prints("$ROOT/volumes/db\n")
            .says_into(stderr)
            .succeeds();
        assert_eq!(plugin.mounts("db"), 1);
    });
}

#[test]
fn messages_that_are_read_late_come_whole_and_in_order() {
    let (env, _plugin) = FakePlugin::with_db();
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let stderr = fill(writer.as_fd().try_clone_to_owned().unwrap());
    drop(writer);
    let late = env
        .dvdcli("unmount -d fake -n none --verbose")
        .says_into(stderr)
        .start();
    let mut text = String::new();
    File::from(reader).read_to_string(&mut text).unwrap();
    let said = text.trim_start_matches('x').to_owned();
    assert_eq!(late.output().parts(), (0, "", ""));
    let again = env.dvdcli("unmount -d fake -n none --verbose").output();
    assert_eq!(env.with_root(&said), again.stderr);
}

//! Signals while an archive is on its way, what a terminal shows meanwhile, and imports at the same time.

use std::io::{Read, Write};
use std::process::Stdio;

use nix::libc;
use nix::pty::openpty;
use pretty_assertions::assert_eq;

use crate::harness::archive::Archive;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::Running;
use crate::harness::volumes::{LOOP, data, local_data, loop_volume};
use crate::harness::waiting::{at_once, eventually};

fn send(running: &Running, signal: i32) {
    // SAFETY: a system call.
    #[allow(unsafe_code)]
    let sent = unsafe { libc::kill(running.child.id().cast_signed(), signal) };
    assert_eq!(sent, 0);
}

/// The archive stops in the middle of a file, whose writer goes on to live.
#[test]
fn an_import_that_waits_for_more_is_ended_by_a_signal() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --opt size=20MiB")
        .succeeds();
    let archive = Archive::default().file("file", &"x".repeat(9000)).end();
    for (signal, name) in [(libc::SIGINT, "SIGINT"), (libc::SIGTERM, "SIGTERM")] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&archive[..4096]).unwrap();
        let mut run = env.dvdcli("import -d loop -n db");
        run.command.stdin(Stdio::from(reader));
        let running = run.start();
        let staged = || {
            let names = fs::entries(data(&env, "db")).unwrap_or_default();
            names.iter().any(|path| path.join("files/file").exists())
        };
        eventually("the first part of the file", staged);
        send(&running, signal);
        running.fails(
            128 + signal,
            &format!("dvdcli: importing into volume db: making file: interrupted by {name}\n"),
        );
        env.assert_nothing_is_left();
        env.dvdcli("export -d loop -n db -O $ROOT/db.tar")
            .succeeds();
        assert_eq!(fs::read(env.path("db.tar")).unwrap().len(), 2560);
    }
}

/// Nobody reads the archive.
#[test]
fn an_export_that_waits_for_its_reader_is_ended_by_a_signal() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    fs::write(data(&env, "db").join("large"), vec![1; 2 << 20]).unwrap();
    env.dvdcli("unmount -d loop -n db").succeeds();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = env
        .dvdcli("export -d loop -n db")
        .prints_into(Stdio::from(writer))
        .start();
    reader.read_exact(&mut [0; 512]).unwrap();
    send(&running, libc::SIGTERM);
    let found = running.output();
    assert_eq!(
        (found.code, found.stderr.as_str()),
        (
            143,
            "dvdcli: exporting volume db: writing the archive: interrupted by SIGTERM\n"
        )
    );
    env.assert_nothing_is_left();
}

/// What takes long is shown on a terminal, and taken away again.
#[test]
fn a_terminal_shows_how_far_it_is() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    fs::write(local_data(&env, "db").join("large"), vec![1; 4 << 20]).unwrap();
    let terminal = openpty(None, None).unwrap();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let running = env
        .dvdcli("export -d local -n db")
        .env("TERM", "xterm")
        .prints_into(Stdio::from(writer))
        .says_into(Stdio::from(terminal.slave))
        .start();
    let mut archive = vec![0; 1 << 20];
    reader.read_exact(&mut archive).unwrap();
    // Longer than what is short.
    std::thread::sleep(std::time::Duration::from_millis(700));
    reader.read_to_end(&mut archive).unwrap();
    assert_eq!(running.output().code, 0);
    let mut shown = Vec::new();
    // The terminal's end is an error.
    let _ = fs::File::from(terminal.master).read_to_end(&mut shown);
    let shown = String::from_utf8_lossy(&shown);
    assert!(
        shown.contains(" exported, ") && shown.contains("/s, "),
        "{shown:?}"
    );
    assert!(
        shown.ends_with("\x1b[2K") || shown.ends_with('\r'),
        "{shown:?}"
    );
}

#[test]
fn of_two_imports_at_once_one_is_refused() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    for name in ["one", "two"] {
        let archive = Archive::default().file(name, name).file("both", name);
        env.write(&format!("{name}.tar"), archive.end());
    }
    let codes = at_once(["one", "two"], |name| {
        let line = format!("import -d local -n db $ROOT/{name}.tar");
        env.dvdcli(&line).output().code
    });
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1]);
    let winner = if codes[0] == 0 { "one" } else { "two" };
    assert_eq!(env.names("var/lib/dvdcli/local/db/_data"), ["both", winner]);
    env.assert_nothing_is_left();
}

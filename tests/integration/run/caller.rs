//! `run` is transparent: its command has the files, the environment, the words and the signals that its caller has given it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;
use crate::harness::run::{run, script};

const DB: &str = "-d fake -n db";

/// The same command without `dvdcli run`, or with it, called by a shell after it has set something.
fn called<'a>(env: &'a Env, setting: &str, run: Run<'a>, is_direct: bool) -> Run<'a> {
    let mut words = run.command.get_args();
    let own = words.position(|word| word == "--").unwrap() + 2;
    let skipped = if is_direct { own } else { 0 };
    let line = format!("shift {skipped}; {setting}; exec \"$@\"");
    let mut run = run.through("sh", &["-c", &line, "sh"]);
    let input = fs::File::open(env.write("input", "input\n"));
    run.command.stdin(input.unwrap());
    run
}

#[test]
fn the_command_has_all_that_its_caller_has_and_nothing_of_ours() {
    let Some(env) = Env::isolated() else { return };
    let look = "cat; ls /proc/self/fd; umask; pwd; env | grep -v ^DVDCLI_MOUNTPOINT=";
    // Where CHLD is ignored, the kernel forgets how a child has ended, unless told otherwise.
    let settings = [
        "umask 077",
        "trap '' HUP USR1",
        "trap '' CHLD PIPE XFSZ",
        "exec 7<&0",
    ];
    for (number, setting) in settings.iter().enumerate() {
        let flags = format!("-d loop -n v{number} --opt size=20MiB");
        let [direct, through] = [true, false].map(|is_direct| {
            let shell = script(&env, &flags, look).env("SOME", "thing");
            // A shell has signals of its own.
            let grep = [
                "grep",
                "-E",
                "^(Sig|Shd)(Pnd|Blk|Ign|Cgt)",
                "/proc/self/status",
            ];
            let signals = run(&env, &flags, grep);
            [shell, signals].map(|run| {
                let found = called(&env, setting, run, is_direct).output();
                (found.code, found.stdout, found.stderr)
            })
        });
        for found in &direct {
            assert_eq!((found.0, found.2.as_str()), (0, ""), "{setting}");
        }
        assert_eq!(through, direct, "{setting}");
        env.assert_nothing_is_mounted();
    }
}

#[test]
fn words_after_the_dashes_are_the_commands() {
    let (env, plugin) = FakePlugin::with_db();
    run(
        &env,
        DB,
        "echo -n --help run -- -d other --verbose".split(' '),
    )
    .prints("--help run -- -d other --verbose")
    .succeeds();
    let odd = OsStr::from_bytes(b"\xff\xfe \n");
    let shown = run(&env, DB, [OsStr::new("od"), OsStr::new("-c"), odd]).output();
    assert!(shown.stderr.contains("od: "), "{shown:?}");
    let print = ["sh", "-c", "printf %s \"$1\" | od -An -c", "sh"].map(OsStr::new);
    run(&env, DB, print.into_iter().chain([odd]))
        .prints(" 377 376      \\n\n")
        .succeeds();
    run(&env, DB, [odd]).fails(
        127,
        "dvdcli: running \u{fffd}\u{fffd}   with volume db: no such file or directory\n",
    );
    assert_eq!(plugin.mounts("db"), 0);
}

#[test]
fn what_the_caller_has_closed_is_closed_for_the_command() {
    let (env, plugin) = FakePlugin::with_db();
    env.dir("closed");
    let look = "for file in 0 1 2; do [ -e /proc/$$/fd/$file ] || >$ROOT/closed/$file; done";
    for (setting, closed) in [
        ("exec <&-", &["0"][..]),
        ("exec >&-", &["1"]),
        ("exec 2>&-", &["2"]),
        ("exec <&- >&- 2>&-", &["0", "1", "2"]),
    ] {
        let found = called(&env, setting, script(&env, DB, look), false).output();
        assert_eq!(found.parts(), (0, "", ""), "{setting}");
        assert_eq!(env.names("closed"), closed);
        assert_eq!(plugin.mounts("db"), 0);
        fs::remove_dir_all(env.path("closed")).unwrap();
        env.dir("closed");
    }
}

/// Where it is process 1, as a container's first command, orphans are its children.
#[test]
fn orphans_are_reaped_where_nobody_else_does() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let words = "(true & echo $! >$ROOT/orphan); while [ -e /proc/$(cat $ROOT/orphan) ]; do sleep 0.01; done; echo $PPID";
    let run = script(&env, DB, words);
    let alone = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    run.through("unshare", &alone).prints("1\n").succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

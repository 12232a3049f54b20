//! The values that completion offers, at a terminal, in the shells themselves: a line is typed, with tabs, and what the program gets
//! of it is compared.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::http::hang;
use crate::harness::plugin::FakePlugin;
use crate::harness::terminal::{SHELLS, Terminal};

/// Names that mean something to shells. Each is found by its first letters.
const NAMES: [&str; 9] = [
    "one$(touch x)",
    "two b;touch x",
    "three'q\"",
    "four`touch x`",
    "five&|<>*?[]{}~#!=:@^%",
    "six\ntouch x",
    "seven\tx\u{1b}[2J",
    "eight\\back",
    "-nine",
];

/// What is typed, and what the program gets.
const TYPED: &[(&str, &str)] = &[
    ("mount -d fa\t-n al\t", "<mount><-d><fake><-n><alpha>"),
    ("mount --driver=fa\t", "<mount><--driver=fake>"),
    (
        "--volumedriver fa\tget -n al\t",
        "<--volumedriver><fake><get><-n><alpha>",
    ),
    (
        "-dfake get --volumename=al\t",
        "<-dfake><get><--volumename=alpha>",
    ),
    ("-dfake rm --name al\t", "<-dfake><rm><--name><alpha>"),
    ("get -n al\t-d fa\t", "<get><-n><alpha><-d><fake>"),
    ("get -d al\t", "<get><-d><alias>"),
    ("get -d ev\t", "<get><-d><evil;touch x>"),
    ("get -d fake -n on\t", "<get><-d><fake><-n><one$(touch x)>"),
    (
        "get -d fake --name=tw\t",
        "<get><-d><fake><--name=two b;touch x>",
    ),
    ("get -d fake -n th\t", "<get><-d><fake><-n><three'q\">"),
    ("get -d fake -n 'fo\t", "<get><-d><fake><-n><four`touch x`>"),
    (
        "get -d fake -n fi\t",
        "<get><-d><fake><-n><five&|<>*?[]{}~#!=:@^%>",
    ),
    ("get -d fake -n ei\t", "<get><-d><fake><-n><eight\\back>"),
    // No line can hold them.
    ("get -d fake -n si\t", "<get><-d><fake><-n><si>"),
    ("get -d fake -n se\t", "<get><-d><fake><-n><se>"),
    // The name of a directory that is there.
    ("get -d fake -n ze\t", "<get><-d><fake><-n><ze>"),
    ("get -d nobody -n al\t", "<get><-d><nobody><-n><al>"),
    ("list --filter dr\tfa\t", "<list><--filter><driver=fake>"),
    ("list -f held=y\t", "<list><-f><held=yes>"),
    ("list -f lab\tteam=db", "<list><-f><label=team=db>"),
    (
        "run -d fake -- ls -n al\t",
        "<run><-d><fake><--><ls><-n><al>",
    ),
];

#[test]
fn drivers_and_volumes_are_completed_and_never_run() {
    for shell in &SHELLS {
        let env = Env::new();
        env.configure("dvdcli.aliases.alias: fake\n");
        env.dir("zebra");
        let plugin = FakePlugin::start(&env, "fake").with_volume("alpha");
        let _evil = FakePlugin::start(&env, "evil;touch x");
        let _plugin = NAMES.into_iter().fold(plugin, FakePlugin::with_volume);
        let Some(terminal) = Terminal::start(&env, shell) else {
            continue;
        };
        for (typed, expected) in TYPED {
            let found = terminal.comes_to(typed, expected);
            assert_eq!(found, *expected, "{}: {typed:?}", shell.name);
        }
        drop(terminal);
        assert!(!env.path("x").exists(), "{}: a name was run", shell.name);
    }
}

#[test]
fn a_plugin_that_hangs_is_left_out_and_the_shell_goes_on() {
    for shell in &SHELLS {
        let env = Env::new();
        let stuck = FakePlugin::start(&env, "stuck").with_volume("beta");
        stuck.on("Activate", hang());
        let _plugin = FakePlugin::start(&env, "fake").with_volume("alpha");
        let Some(terminal) = Terminal::start(&env, shell) else {
            continue;
        };
        for (typed, expected) in [
            ("get -d st\t-n be\t", "<get><-d><stuck><-n><be>"),
            ("get -n be\t", "<get><-n><be>"),
            ("get -n al\t", "<get><-n><alpha>"),
        ] {
            let found = terminal.comes_to(typed, expected);
            assert_eq!(found, expected, "{}: {typed:?}", shell.name);
        }
        stuck.wait_for("Activate");
    }
}

#[test]
fn the_snapshots_of_a_volume_are_completed() {
    let Some(env) = Env::isolated() else { return };
    for line in [
        "create -d loop -n db -o size=20M",
        "snapshot create -d loop -n db --snapshotname noon",
        "create -d loop -n web -o size=20M",
        "snapshot create -d loop -n web --snapshotname night",
    ] {
        env.dvdcli(line).succeeds();
    }
    for shell in &SHELLS {
        let Some(terminal) = Terminal::start(&env, shell) else {
            continue;
        };
        let line = "snapshot restore -d loop -n d\t--snapshotname n\t";
        let expected = "<snapshot><restore><-d><loop><-n><db><--snapshotname><noon>";
        assert_eq!(
            terminal.comes_to(line, expected),
            expected,
            "{}",
            shell.name
        );
    }
}

//! The committed man page and completions are what the program prints, and the README's examples are its command line.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn committed(path: &str) -> String {
    fs::read_to_string(Path::new(REPOSITORY).join(path)).unwrap()
}

#[test]
fn the_man_page_and_completions_are_current() {
    let env = Env::new();
    for (command, path) in [
        ("man", "man/dvdcli.8"),
        ("completions bash", "completions/dvdcli.bash"),
        ("completions zsh", "completions/_dvdcli"),
        ("completions fish", "completions/dvdcli.fish"),
    ] {
        let output = env.dvdcli(command).output();
        assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{command}");
        assert!(
            output.stdout == committed(path),
            "{path} is not what `dvdcli {command}` prints: run it, and commit what it prints"
        );
    }
}

#[test]
fn every_verb_stands_in_the_readme() {
    let env = Env::new();
    let help = env.dvdcli("--help").output().stdout;
    let (_, verbs) = help.split_once("Commands:").unwrap();
    let (verbs, _) = verbs.split_once("Options:").unwrap();
    let verbs = verbs
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let verbs: Vec<_> = verbs.filter(|verb| *verb != "help").collect();
    assert!(
        verbs.contains(&"mount") && verbs.contains(&"man"),
        "{verbs:?}"
    );
    let readme = committed("README.md");
    let ends = |rest: &&str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    for verb in verbs {
        let call = format!("dvdcli {verb}");
        let mut calls = readme.split(&call).skip(1);
        assert!(
            calls.any(|rest| ends(&rest)),
            "README.md shows no `dvdcli {verb}`"
        );
    }
}

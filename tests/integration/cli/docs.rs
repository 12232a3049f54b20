//! The committed man page and completions are what the program prints, and the README's examples are its command line.

use std::fs;
use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;

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
        assert_eq!(output.code, 0, "{command}");
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
    let verbs = help
        .split("Commands:")
        .nth(1)
        .unwrap()
        .split("Options:")
        .next()
        .unwrap();
    let readme = committed("README.md");
    for verb in verbs
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
    {
        assert!(
            readme.contains(&format!("dvdcli {verb}")),
            "README.md shows no `dvdcli {verb}`"
        );
    }
}

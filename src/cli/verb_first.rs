//! Puts the words of a command line whose flags stand before the verb into the order that clap wants.

use std::ffi::OsString;

use clap::{Arg, Command};

/// Moves the verb in front of the flags: there clap knows each flag of that verb, and refuses one that is given twice.
///
/// `command` makes the command line's description, which takes time: it is only needed where a flag comes first.
pub fn verb_first(mut args: Vec<OsString>, command: impl FnOnce() -> Command) -> Vec<OsString> {
    if !args.get(1).is_some_and(is_flag) {
        return args;
    }
    let at = position_of_verb(&args, command());
    let asks_for_help =
        |arg: &OsString| matches!(arg.to_str(), Some("-h" | "--help" | "-V" | "--version"));
    if at < args.len() {
        args[1..=at].rotate_right(1);
    } else if !args.iter().any(asks_for_help) {
        // Without a verb clap would complain about the first flag, but the verb is what is missing.
        args.truncate(1);
    }
    args
}

fn is_flag(arg: &OsString) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

/// The index of the first word that is neither a flag nor a flag's value; the number of words where there is none.
fn position_of_verb(args: &[OsString], mut command: Command) -> usize {
    command.build();
    let verbs_with_flags = command.get_subcommands().flat_map(Command::get_arguments);
    let with_value: Vec<String> = verbs_with_flags
        .filter(|flag| takes_next_word(flag))
        .flat_map(spellings)
        .collect();
    let mut at = 1;
    while let Some(arg) = args.get(at).filter(|arg| is_flag(arg)) {
        let has_value = with_value.iter().any(|flag| arg.to_str() == Some(flag));
        at += if has_value { 2 } else { 1 };
    }
    at
}

/// Whether the word after the flag is its value, unless `=` joins them.
fn takes_next_word(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set()
}

/// Every way to write a flag, with its hyphens.
fn spellings(flag: &Arg) -> Vec<String> {
    let aliases = flag.get_all_aliases().unwrap_or_default();
    let longs = flag.get_long().into_iter().chain(aliases);
    longs
        .map(|long| format!("--{long}"))
        .chain(flag.get_short().map(|short| format!("-{short}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_verb_is_moved_to_the_front() {
        for (typed, moved) in [
            ("x mount --verbose", "x mount --verbose"),
            (
                "x --volumename mount mount --id a",
                "x mount --volumename mount --id a",
            ),
            (
                "x --volumename=a -d b --driver c --explicitcreate mount",
                "x mount --volumename=a -d b --driver c --explicitcreate",
            ),
            (
                "x -d a --read-only run --id b -- mount -d c -- --help",
                "x run -d a --read-only --id b -- mount -d c -- --help",
            ),
            ("x --help", "x --help"),
            ("x --volumename=a", "x"),
        ] {
            let args = typed.split(' ').map(OsString::from).collect();
            let expected: Vec<OsString> = moved.split(' ').map(OsString::from).collect();
            assert_eq!(verb_first(args, Cli::command), expected);
        }
    }
}

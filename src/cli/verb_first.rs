//! Flags may stand before the verb: the words of a command line in the order that clap wants.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::Cli;

/// Moves the verb in front of the flags, where clap knows each flag of that verb and sees one that is given twice.
pub fn verb_first(mut args: Vec<OsString>) -> Vec<OsString> {
    let is_flag = |arg: &OsString| arg.as_encoded_bytes().starts_with(b"-");
    if !args.get(1).is_some_and(is_flag) {
        return args;
    }
    let mut command = Cli::command();
    command.build();
    let takes_next = |flag: &str| {
        command
            .get_subcommands()
            .flat_map(|verb| verb.get_arguments())
            .any(|arg| {
                let longs = arg
                    .get_long()
                    .into_iter()
                    .chain(arg.get_all_aliases().unwrap_or_default());
                let named = longs
                    .map(|long| format!("--{long}"))
                    .chain(arg.get_short().map(|short| format!("-{short}")));
                arg.get_action().takes_values()
                    && !arg.is_require_equals_set()
                    && named.into_iter().any(|name| name == flag)
            })
    };
    let mut at = 1;
    while args.get(at).is_some_and(is_flag) {
        at += if args[at].to_str().is_some_and(takes_next) {
            2
        } else {
            1
        };
    }
    let is_answered =
        |arg: &OsString| matches!(arg.to_str(), Some("-h" | "--help" | "-V" | "--version"));
    if at < args.len() {
        args[1..=at].rotate_right(1);
    } else if !args.iter().any(is_answered) {
        // What is missing is the verb, whatever its flags are.
        args.truncate(1);
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(verb_first(args), expected);
        }
    }
}

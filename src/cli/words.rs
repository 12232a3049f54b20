//! Puts the words of a command line into the form that clap wants: the verb first, and each flag once and joined with its value.
//!
//! The Go program of this name took flags before the verb, took the next word as a flag's value even if it begins with a hyphen,
//! and let the last of two equal flags count. Its callers rely on that.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt;

use clap::{Arg, ArgAction, Command};

/// A command line for clap, and what its caller has to be told about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    pub args: Vec<OsString>,
    pub warnings: Vec<String>,
}

/// Reads a command line, whose first word is the program's name. What it does not know is left to clap, which refuses it.
pub fn for_clap(args: Vec<OsString>, mut command: Command) -> Words {
    command.build();
    let known = Known::of(&command);
    let mut line = Line::default();
    let mut words = args.into_iter().peekable();
    line.program.extend(words.next());
    while let Some(word) = words.next() {
        if word == "--" {
            line.after_flags = [word].into_iter().chain(words).collect();
            break;
        }
        match known.read(&word) {
            Some((flag, joined)) => {
                let value = joined.or_else(|| known.take_value(flag, &mut words));
                line.add(Given { flag, word, value });
            }
            None => line.others.push(word),
        }
    }
    line.for_clap()
}

/// The flags of all verbs. A flag that several verbs have is the same in each.
pub(super) struct Known<'c>(Vec<&'c Arg>);

impl<'c> Known<'c> {
    pub(super) fn of(command: &'c Command) -> Known<'c> {
        let verbs = command.get_subcommands();
        Known(verbs.flat_map(Command::get_arguments).collect())
    }

    /// The flag that a word is, and the value that is joined with it; `None` for any other word.
    pub(super) fn read(&self, word: &OsStr) -> Option<(&'c Arg, Option<OsString>)> {
        let bytes = word.as_bytes();
        let own = |value: &[u8]| OsStr::from_bytes(value).to_owned();
        if let Some(long) = bytes.strip_prefix(b"--") {
            let mut parts = long.splitn(2, |byte| *byte == b'=');
            let name = str::from_utf8(parts.next()?).ok()?;
            let flag = self.find(|flag| has_long(flag, name))?;
            return Some((flag, parts.next().map(own)));
        }
        let [b'-', short, value @ ..] = bytes else {
            return None;
        };
        let flag = self.find(|flag| flag.get_short() == Some(char::from(*short)))?;
        match value {
            [] => Some((flag, None)),
            [b'=', value @ ..] | value if takes_value(flag) => Some((flag, Some(own(value)))),
            _ => None,
        }
    }

    fn find(&self, is_meant: impl Fn(&Arg) -> bool) -> Option<&'c Arg> {
        self.0.iter().copied().find(|flag| is_meant(flag))
    }

    /// The value of a flag that has none joined with it: the next word, whatever it is, unless that is a long flag of ours. A
    /// forgotten value is likelier than a volume of that name.
    pub(super) fn take_value(
        &self,
        flag: &Arg,
        words: &mut Peekable<impl Iterator<Item = OsString>>,
    ) -> Option<OsString> {
        if !takes_value(flag) {
            return None;
        }
        if flag.is_require_equals_set() {
            // The value may be missing: the word has to be one of those that it can be.
            return words.next_if(|word| canonical_value(flag, word).is_some());
        }
        let is_flag =
            |word: &OsString| word.as_bytes().starts_with(b"--") && self.read(word).is_some();
        words.next_if(|word| word != "--" && !is_flag(word))
    }
}

fn has_long(flag: &Arg, name: &str) -> bool {
    let aliases = flag.get_all_aliases().unwrap_or_default();
    flag.get_long() == Some(name) || aliases.contains(&name)
}

fn takes_value(flag: &Arg) -> bool {
    flag.get_num_args()
        .is_some_and(|number| number.takes_values())
}

/// The first spelling of a value, where the flag has a list of those that it can have.
fn canonical_value(flag: &Arg, value: &OsStr) -> Option<OsString> {
    let value = value.to_str()?;
    let possible = flag.get_possible_values();
    let meant = possible.iter().find(|it| it.matches(value, false))?;
    Some(meant.get_name().into())
}

/// A flag as it was given.
struct Given<'c> {
    flag: &'c Arg,
    word: OsString,
    value: Option<OsString>,
}

impl Given<'_> {
    fn is_same_value(&self, other: &Given) -> bool {
        self.canonical_value() == other.canonical_value()
    }

    /// A value that may be missing, and is, stands for the first one of those that it can be.
    fn canonical_value(&self) -> Option<OsString> {
        match &self.value {
            Some(value) => canonical_value(self.flag, value).or_else(|| Some(value.clone())),
            None => {
                let possible = self.flag.get_possible_values();
                possible.first().map(|first| first.get_name().into())
            }
        }
    }

    /// Joined with its value. Without one, clap says what is wrong with it.
    fn into_word(self) -> OsString {
        match (self.flag.get_long(), self.value) {
            (Some(long), Some(value)) => {
                let mut word = OsString::from(format!("--{long}="));
                word.push(value);
                word
            }
            _ => self.word,
        }
    }
}

#[derive(Default)]
struct Line<'c> {
    program: Vec<OsString>,
    flags: Vec<Given<'c>>,
    /// The verb, surplus words and unknown flags.
    others: Vec<OsString>,
    /// From `--` on.
    after_flags: Vec<OsString>,
    warnings: Vec<String>,
}

impl<'c> Line<'c> {
    /// The last one counts, unless it may be given more than once.
    fn add(&mut self, given: Given<'c>) {
        let is_same = |other: &Given| other.flag.get_id() == given.flag.get_id();
        if !matches!(given.flag.get_action(), ArgAction::Append)
            && let Some(at) = self.flags.iter().position(is_same)
        {
            let before = self.flags.remove(at);
            if !before.is_same_value(&given) {
                let name = given.flag.get_long().unwrap_or_default();
                self.warnings.push(format!(
                    "--{name} is given twice, with different values; the last one counts"
                ));
            }
        }
        self.flags.push(given);
    }

    fn for_clap(mut self) -> Words {
        let is_verb = |word: &OsString| !word.as_bytes().starts_with(b"-");
        match self.others.iter().position(is_verb) {
            Some(at) => self.others[..=at].rotate_right(1),
            // Clap would complain about the first flag, but the verb is what is missing.
            None => {
                self.others.clear();
                self.after_flags.clear();
                self.flags
                    .retain(|given| is_answered_without_verb(given.flag));
            }
        }
        let flags = self.flags.into_iter().map(Given::into_word);
        let args = self.program.into_iter().chain(self.others).chain(flags);
        Words {
            args: args.chain(self.after_flags).collect(),
            warnings: self.warnings,
        }
    }
}

fn is_answered_without_verb(flag: &Arg) -> bool {
    matches!(flag.get_long(), Some("help" | "version"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn the_verb_comes_first_and_flags_are_joined_with_their_values() {
        for (typed, expected) in [
            ("x mount --verbose", "x mount --verbose"),
            (
                "x --volumename mount mount --id a",
                "x mount --volumename=mount --id=a",
            ),
            (
                "x --volumename=a -d b --explicitcreate mount",
                "x mount --volumename=a --volumedriver=b --explicitcreate",
            ),
            (
                "x -da --read-only run --id=b -- mount -d c -- --help",
                "x run --volumedriver=a --read-only --id=b -- mount -d c -- --help",
            ),
            (
                "x get --name -x -n=y -o -a=b --opt --c",
                "x get --volumename=y --opt=-a=b --opt=--c",
            ),
            (
                "x get more --volumename --verbose -q",
                "x get more -q --volumename --verbose",
            ),
            ("x --bogus get -hx -n", "x get --bogus -hx -n"),
            (
                "x mount --explicitcreate 1 --explicitCreate F -n a",
                "x mount --explicitcreate=F --volumename=a",
            ),
            ("x --volumename=a", "x"),
            ("x -n a --help", "x --help"),
        ] {
            let args = typed.split(' ').map(OsString::from).collect();
            let expected: Vec<OsString> = expected.split(' ').map(OsString::from).collect();
            assert_eq!(for_clap(args, Cli::command()).args, expected, "{typed}");
        }
    }
}

//! What a completion script asks for: the values that a flag can have, where the cursor stands.
//!
//! It asks on stdin, since a line may hold secrets, and every user sees the arguments of a process. Each part ends in a NUL. bash gives
//! the part of the word that it is going to replace, and the line up to the cursor as it was typed; other shells split and quote words
//! themselves, and give the flag and the words before the cursor.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::Cli;
use crate::cli::bash_line::{self, Word};
use crate::cli::shells::Shell;
use crate::cli::words::Known;

/// The flags whose values are asked for.
pub const ASKED: [&str; 4] = ["volumedriver", "volumename", "snapshotname", "filter"];

/// A flag, and what the line says beside it.
#[derive(Debug)]
pub struct Question {
    /// The flag's first long name.
    pub flag: String,
    /// The flags before, with their values.
    given: Vec<(String, String)>,
    /// Where bash asks.
    bash: Option<Typed>,
}

/// What has been typed of a value.
#[derive(Debug)]
struct Typed {
    word: Word,
    /// How much of the word, without its quotes, is the value.
    joined: usize,
    /// The end of the word that bash replaces.
    replaced: String,
}

impl Question {
    /// `None` where the cursor stands at no value that could be known.
    pub fn read(shell: Shell, text: &[u8]) -> Option<Question> {
        let text = String::from_utf8_lossy(text);
        let mut parts = text.split_terminator('\0');
        let first = parts.next()?.to_owned();
        let question = match shell {
            Shell::Bash => Question::of_bash(first, parts.next()?)?,
            Shell::Zsh | Shell::Fish => Question {
                flag: first,
                given: given(parts.map(OsString::from)).0,
                bash: None,
            },
        };
        ASKED.contains(&question.flag.as_str()).then_some(question)
    }

    fn of_bash(replaced: String, line: &str) -> Option<Question> {
        let mut words = bash_line::split(line);
        let texts = words.iter().skip(1).map(|word| word.text.clone().into());
        let (mut given, is_at_value) = given(texts);
        let (flag, value) = given.pop().filter(|_| is_at_value)?;
        let word = words.pop()?;
        // It is rather a flag than a volume of such a name.
        if word.text == value && value.starts_with('-') {
            return None;
        }
        Some(Question {
            flag,
            given,
            bash: Some(Typed {
                word,
                joined: value.len(),
                replaced,
            }),
        })
    }

    /// The value of another flag, the last one that is given.
    pub fn given(&self, flag: &str) -> Option<&str> {
        let mut given = self.given.iter().rev();
        let (_, value) = given.find(|(name, _)| name == flag)?;
        Some(value)
    }

    /// The answer, a value on each line. A value that is none, or that no line could hold, is left out.
    pub fn answer(&self, values: &[String]) -> String {
        let is_fine = |value: &&String| !value.is_empty() && !value.contains(char::is_control);
        let lines = values.iter().filter(is_fine).filter_map(|value| {
            let Some(Typed {
                word,
                joined,
                replaced,
            }) = &self.bash
            else {
                return Some(value.clone());
            };
            let typed = word.text.get(word.text.len() - joined..)?;
            let begins = value.starts_with(typed);
            begins.then(|| word.becomes(*joined, replaced, value))?
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// The flags with a value in a line without its first word, and whether the last word is, or ends in, the value of the last flag.
fn given(words: impl Iterator<Item = OsString>) -> (Vec<(String, String)>, bool) {
    let mut command = Cli::command();
    command.build();
    let known = Known::of(&command);
    let words: Vec<OsString> = words.collect();
    let mut words = words.into_iter().peekable();
    let mut given = Vec::new();
    let mut is_at_value = false;
    while let Some(word) = words.next().filter(|word| word != "--") {
        is_at_value = false;
        if let Some((flag, joined)) = known.read(&word)
            && let Some(value) = joined.or_else(|| known.take_value(flag, &mut words))
        {
            let name = flag.get_long().unwrap_or_default().to_owned();
            given.push((name, value.to_string_lossy().into_owned()));
            is_at_value = words.peek().is_none();
        }
    }
    (given, is_at_value && words.peek().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bash(line: &str) -> Option<Question> {
        let replaced = line.rsplit([' ', '=']).next().unwrap_or_default();
        Question::read(
            Shell::Bash,
            format!("{replaced}\0dvdcli {line}\0").as_bytes(),
        )
    }

    #[test]
    fn the_flag_at_the_cursor_is_found_and_those_before_it() {
        for (line, flag, driver) in [
            ("mount -d ", Some("volumedriver"), None),
            ("-d lo", Some("volumedriver"), None),
            ("mount --driver=lo", Some("volumedriver"), None),
            ("mount -d loop -n ", Some("volumename"), Some("loop")),
            ("-dloop mount --name=", Some("volumename"), Some("loop")),
            (
                "--driver loop rm --volumename ",
                Some("volumename"),
                Some("loop"),
            ),
            ("mount -d a -d=b -n x", Some("volumename"), Some("b")),
            ("list --filter ", Some("filter"), None),
            ("mount -d loop ", None, None),
            ("mount -d loop -n --ti", None, None),
            ("mount -d loop --target ", None, None),
            ("mount --id -d -n ", Some("volumename"), None),
            ("run -d loop -- ls -n ", None, None),
            ("run -d loop --", None, None),
            ("", None, None),
        ] {
            let found = bash(line);
            let asked = found.as_ref().map(|question| question.flag.as_str());
            assert_eq!(asked, flag, "{line}");
            let given = found.as_ref().and_then(|it| it.given("volumedriver"));
            assert_eq!(given, driver, "{line}");
        }
    }

    #[test]
    fn only_what_fits_is_answered() {
        let values = ["db", "db 2", "", "web", "d\nrm x"].map(str::to_owned);
        let question = bash("mount -n d").expect("a volume");
        assert_eq!(question.answer(&values), "db\ndb\\ 2\n");
        let text = b"volumename\0mount\0-d\0loop\0";
        let question = Question::read(Shell::Zsh, text).expect("a volume");
        assert_eq!(question.given("volumedriver"), Some("loop"));
        assert_eq!(question.answer(&values), "db\ndb 2\nweb\n");
    }
}

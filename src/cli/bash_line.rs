//! The line that bash hands to a completion script, as it was typed: with quotes, and cut where bash cuts words.

/// A word of a line.
#[derive(Debug, Default)]
pub struct Word {
    /// As it was typed.
    raw: String,
    /// Without its quotes.
    pub text: String,
    /// The quote that is open at its end.
    open: Option<char>,
}

/// The words of a line, as a shell splits them, the last one being what stands before the cursor. Nothing is expanded.
pub fn split(line: &str) -> Vec<Word> {
    let mut words = vec![Word::default()];
    let mut chars = line.chars().peekable();
    while let Some(it) = chars.next() {
        if let Some(word) = words.last_mut() {
            word.raw.push(it);
            let is_escape = it == '\\' && word.escapes(chars.peek().copied());
            match (word.open, it) {
                (open, _) if is_escape && open != Some('\'') => {
                    let next = chars.next();
                    word.raw.extend(next);
                    word.text.extend(next);
                }
                (None, '\'' | '"') => word.open = Some(it),
                (Some(quote), _) if quote == it => word.open = None,
                (None, it) if it.is_whitespace() => {
                    word.raw.pop();
                    words.push(Word::default());
                }
                _ => word.text.push(it),
            }
        }
    }
    words
}

impl Word {
    /// Whether a backslash takes the meaning from what follows it. Between double quotes it does so for a few only.
    fn escapes(&self, next: Option<char>) -> bool {
        match (self.open, next) {
            (Some(_), Some(next)) => "$`\"\\".contains(next),
            (_, next) => next.is_some(),
        }
    }

    /// What bash has to be given so that the end of the word, its last `joined` bytes being the value, becomes `value`: bash puts that in
    /// place of `replaced`, the part of the word that it has found itself. `None` where the word was typed in a way that cannot go on
    /// like that.
    pub fn becomes(&self, joined: usize, replaced: &str, value: &str) -> Option<String> {
        let flag = self.text.get(..self.text.len() - joined)?;
        let typed = self.raw.strip_prefix(flag)?;
        let quote = self.open.filter(|quote| typed.starts_with(*quote));
        let begins = quote.map_or(0, char::len_utf8);
        if self.open != quote || typed.get(begins..)?.contains(['\'', '"']) {
            return None;
        }
        let kept = self.raw.strip_suffix(replaced)?;
        let whole = match quote {
            Some(quote) => format!("{flag}{quote}{}", quoted(value, quote)?),
            None => format!("{flag}{}", escaped(value)),
        };
        whole.strip_prefix(kept).map(str::to_owned)
    }
}

/// For the inside of quotes, which bash closes. History is expanded between double quotes, whatever stands before the `!`.
fn quoted(value: &str, quote: char) -> Option<String> {
    if quote == '\'' {
        return Some(value.replace('\'', r"'\''"));
    }
    let escape = |it| match it {
        '$' | '`' | '"' | '\\' => format!("\\{it}"),
        _ => it.to_string(),
    };
    (!value.contains('!')).then(|| value.chars().map(escape).collect())
}

/// Without quotes: a backslash before whatever may mean something to bash.
fn escaped(value: &str) -> String {
    let escape = |it: char| match it.is_alphanumeric() || "_-./:=@%+,".contains(it) {
        true => it.to_string(),
        false => format!("\\{it}"),
    };
    value.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does_it() {
        for (line, texts) in [
            ("", &[""] as &[&str]),
            ("dvdcli", &["dvdcli"]),
            ("dvdcli -n ", &["dvdcli", "-n", ""]),
            (r"x a\ b 'c d' e", &["x", "a b", "c d", "e"]),
            (
                r#"x "a \" \n $(b)" c'd'\'e"#,
                &["x", r#"a " \n $(b)"#, "cd'e"],
            ),
            ("x 'a b", &["x", "a b"]),
            ("x \"a b", &["x", "a b"]),
            (r"x 'a\' b\", &["x", r"a\", r"b\"]),
        ] {
            let words = split(line);
            let found: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(found, texts, "{line}");
        }
    }

    /// A word as it was typed, how much of it is the value, what bash replaces, a value, and what bash gets.
    type Case<'a> = (&'a str, usize, &'a str, &'a str, Option<&'a str>);

    #[test]
    fn values_are_quoted_as_they_were_begun() {
        let cases: [Case; 18] = [
            ("", 0, "", "db", Some("db")),
            ("", 0, "", "$(touch x)", Some(r"\$\(touch\ x\)")),
            ("", 0, "", "a b;c", Some(r"a\ b\;c")),
            ("", 0, "", "~root", Some(r"\~root")),
            ("a", 1, "a", "a'b", Some(r"a\'b")),
            (r"a\ ", 2, r"a\ ", "a b", Some(r"a\ b")),
            ("'a", 1, "a", "a b'c", Some(r"a b'\''c")),
            ("'a", 1, "'a", "a b", Some("'a b")),
            ("\"a", 1, "a", "a b`c", Some(r"a b\`c")),
            ("\"a", 1, "a", "a!b", None),
            ("\"a\"", 1, "", "ab", None),
            (
                "rexray/ebs:la",
                13,
                "la",
                "rexray/ebs:latest",
                Some("latest"),
            ),
            ("rexray/ebs:", 11, "", "rexray/ebs:latest", Some("latest")),
            ("--driver=lo", 2, "lo", "loop", Some("loop")),
            ("--driver='lo", 2, "lo", "loop", Some("loop")),
            ("-dlo", 2, "-dlo", "loop", Some("-dloop")),
            ("-d", 0, "-d", "loop", Some("-dloop")),
            ("\"--driver=lo", 2, "lo", "loop", None),
        ];
        for (raw, joined, replaced, value, expected) in cases {
            let words = split(raw);
            let found = words[0].becomes(joined, replaced, value);
            assert_eq!(found.as_deref(), expected, "{raw} {value}");
        }
    }
}

//! The secret values of one command, and how they are kept out of everything that is shown.

use std::ffi::OsString;

use crate::base::options::Options;
use crate::base::secrets::names::is_secret;
use crate::base::secrets::{mask, spellings, users};

/// The secret values of one command, in all their forms.
#[derive(Debug, Default, Clone)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets in a volume's options, also inside a value that is a list of options itself
    /// (`o=username=a,password=b`), and in a volume's name (`name=db,passphrase=b`).
    pub fn of(options: &Options, volume: &str) -> Secrets {
        let mut found = Vec::new();
        for (key, value) in options {
            if is_secret(key) {
                take(&mut found, value);
            }
            find_in(&mut found, value);
        }
        find_in(&mut found, volume);
        Secrets(found).longest_first()
    }

    /// The secrets in a text that is a list of options, has URLs in it, or neither.
    pub fn in_text(text: &str) -> Secrets {
        let mut found = Vec::new();
        find_in(&mut found, text);
        Secrets(found).longest_first()
    }

    /// The secrets in the words of a command line, also where a blank stands in place of `=`.
    pub fn of_words(words: impl IntoIterator<Item = OsString>) -> Secrets {
        let mut found = Vec::new();
        let mut before = String::new();
        for word in words {
            let word = word.to_string_lossy().into_owned();
            if is_secret(last_key(&before)) {
                take(&mut found, &word);
            }
            find_in(&mut found, &word);
            before = word;
        }
        Secrets(found).longest_first()
    }

    /// A value that is secret whatever its name is.
    pub fn value(value: &str) -> Secrets {
        let mut found = Vec::new();
        take(&mut found, value);
        find_in(&mut found, value);
        Secrets(found).longest_first()
    }

    /// These and other secrets.
    pub fn and(mut self, others: Secrets) -> Secrets {
        self.0.extend(others.0);
        self.longest_first()
    }

    /// Masked in this order, because one secret may be a part of another.
    fn longest_first(mut self) -> Secrets {
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self.0.dedup();
        self
    }

    /// The text with each secret masked, and with what is behind names of secrets and before hosts of URLs.
    pub fn mask(&self, text: &str) -> String {
        let secrets = self.0.iter();
        let masked = secrets.fold(text.to_owned(), |text, secret| mask::whole(&text, secret));
        let secrets = self.0.iter();
        let masked = secrets.fold(masked, |text, secret| {
            mask::cut_off(mask::in_percents(text, secret), secret)
        });
        mask::users_of_urls(&mask::named_values(&masked))
    }
}

/// Adds a secret in all its forms.
fn take(found: &mut Vec<String>, secret: &str) {
    if mask::says_something(secret) {
        found.extend(spellings::of(secret));
    }
}

/// Adds the secrets inside of a value. In a list, what separates its options may be part of a secret, so both are taken: up to the
/// next comma, and up to the next of the others.
fn find_in(found: &mut Vec<String>, text: &str) {
    let separators: [&[char]; 2] = [&[','], &[',', ';', '&', '?', ' ', '\n']];
    for separators in separators {
        for part in text.split(separators) {
            let mut rest = part;
            while let Some((key, value)) = rest.split_once('=') {
                if is_secret(key) {
                    take(found, value.trim_matches('"'));
                    break;
                }
                // As cifs takes it.
                if let ("user" | "username", Some((_, password))) = (key, value.split_once('%')) {
                    take(found, password);
                }
                rest = value;
            }
        }
    }
    for password in users::passwords(text) {
        take(found, password);
    }
    if text.trim_start().starts_with(['{', '[']) {
        find_in_json(found, serde_json::from_str(text).ok());
    }
}

fn find_in_json(found: &mut Vec<String>, value: Option<serde_json::Value>) {
    use serde_json::Value::{Array, Object, String};
    match value {
        Some(Object(fields)) => {
            for (key, value) in fields {
                match value {
                    String(text) if is_secret(&key) => take(found, &text),
                    value => find_in_json(found, Some(value)),
                }
            }
        }
        Some(Array(items)) => items
            .into_iter()
            .for_each(|item| find_in_json(found, Some(item))),
        _ => {}
    }
}

/// The name that a word of a command line ends with: `password` of `--volumeopts=a=1,password`.
fn last_key(word: &str) -> &str {
    word.rsplit([',', '=']).next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_options_lists_and_names() {
        let options = vec![
            ("password".into(), "hunter2".into()),
            ("o".into(), "username=joe,password=s3,ro".into()),
            ("size".into(), "5".into()),
        ];
        let secrets = Secrets::of(&options, "name=db,passphrase=open");
        assert_eq!(
            secrets.mask("joe:hunter2@host s3, open, s33 xhunter22 5"),
            "joe:****@host ****, ****, s33 x****2 5"
        );
    }

    #[test]
    fn secrets_are_found_in_values_of_all_kinds() {
        for value in [
            "https://joe:hunter2@host/x",
            "https://host/x?sp=r&sig=hunter2&se=1",
            "AccountName=a;AccountKey=hunter2;Suffix=b",
            "{\"client\": {\"secret\": \"hunter2\"}}",
            "a=1,o=b=2;password=hunter2",
            "password=\"hunter2\"",
            "ro,username=joe%hunter2,vers=3",
        ] {
            let secrets = Secrets::of(&vec![("o".into(), value.into())], "");
            assert_eq!(secrets.mask("host: hunter2"), "host: ****", "{value}");
        }
    }

    #[test]
    fn secrets_are_found_in_words_of_a_command_line() {
        for line in [
            "mount password=hunter2",
            "mount --volumopts=size=5,password=hunter2",
            "mount --opt password hunter2",
            "mount --volumeopts=a=1,password hunter2",
            "mount --password hunter2",
        ] {
            let secrets = Secrets::of_words(line.split(' ').map(OsString::from));
            assert_eq!(secrets.mask("'hunter2' found"), "'****' found", "{line}");
        }
    }

    #[test]
    fn a_secret_is_masked_as_json_writes_it() {
        let secrets = Secrets::of(&vec![("key".into(), "a\"b&".into())], "");
        assert_eq!(
            secrets.mask(r#"{"key":"a\"b&"} a"b& a\"b\u0026"#),
            r#"{"key":"****"} **** ****"#
        );
    }

    #[test]
    fn what_says_yes_or_no_is_no_secret() {
        for value in ["true", "none", "0", ""] {
            let secrets = Secrets::of(&vec![("auth".into(), value.into())], "");
            let text = format!("auth={value}");
            assert_eq!(secrets.mask(&text), text);
        }
    }
}

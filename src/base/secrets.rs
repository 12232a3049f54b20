//! Which options are secret, and how their values are kept out of everything that is shown.

use crate::base::options::Options;

/// What is shown in place of a secret.
pub const MASK: &str = "****";

/// Whether the value of an option or field of this name must not be shown.
pub fn is_secret(key: &str) -> bool {
    const WITHIN: [&str; 6] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "credential",
    ];
    const AT_END: [&str; 2] = ["pass", "key"];
    let key = key.to_ascii_lowercase();
    WITHIN.iter().any(|word| key.contains(word)) || AT_END.iter().any(|word| key.ends_with(word))
}

/// The secret values of one command.
#[derive(Debug, Default, Clone)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// The secrets in a volume's options, also inside a value that is a list of options itself
    /// (`o=username=a,password=b`), and in a volume's name (`name=db,passphrase=b`).
    pub fn of(options: &Options, volume: &str) -> Secrets {
        let mut secrets: Vec<String> = Vec::new();
        let mut take = |key: &str, value: &str| {
            if is_secret(key) && !value.is_empty() {
                secrets.push(value.to_owned());
            }
        };
        for (key, value) in options {
            take(key, value);
        }
        for list in options
            .iter()
            .map(|(_, value)| value.as_str())
            .chain([volume])
        {
            for (key, value) in list.split(',').filter_map(|part| part.split_once('=')) {
                take(key, value);
            }
        }
        Secrets(secrets).longest_first()
    }

    /// These and the secrets of another volume.
    pub fn and(mut self, others: Secrets) -> Secrets {
        self.0.extend(others.0);
        self.longest_first()
    }

    /// Masked in this order, because one secret may be a part of another.
    fn longest_first(mut self) -> Secrets {
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        self
    }

    /// The text with each secret masked, also in the form that JSON gives it. Only whole words are: a password of one letter
    /// must not make the text unreadable.
    pub fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for secret in &self.0 {
            masked = mask_word(&masked, secret);
            let quoted = serde_json::Value::from(secret.as_str()).to_string();
            let in_json = quoted.trim_matches('"');
            if in_json != secret {
                masked = mask_word(&masked, in_json);
            }
        }
        masked
    }
}

fn mask_word(text: &str, secret: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, found) = rest.split_at(at);
        let after = &found[secret.len()..];
        let inside_word = |outside: Option<char>, edge: Option<char>| {
            outside.is_some_and(char::is_alphanumeric) && edge.is_some_and(char::is_alphanumeric)
        };
        masked.push_str(before);
        if inside_word(before.chars().next_back(), secret.chars().next())
            || inside_word(after.chars().next(), secret.chars().next_back())
        {
            masked.push_str(secret);
        } else {
            masked.push_str(MASK);
        }
        rest = after;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets() {
        for key in [
            "password",
            "Pass",
            "sshPass",
            "apiKey",
            "encryption_key",
            "token",
            "clientSecret",
            "passphrase",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["size", "path", "keyfile", "passive", "o"] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn secrets_are_found_in_options_lists_and_names() {
        let options = vec![
            ("password".into(), "hunter2".into()),
            ("o".into(), "username=joe,password=s3,ro".into()),
            ("size".into(), "5".into()),
        ];
        let secrets = Secrets::of(&options, "name=db,passphrase=open");
        assert_eq!(
            secrets.mask("joe:hunter2@host s3, open, opening hunter22 5"),
            "joe:****@host ****, ****, opening hunter22 5"
        );
    }

    #[test]
    fn a_secret_is_masked_as_json_writes_it() {
        let secrets = Secrets::of(&vec![("key".into(), "a\"b".into())], "");
        assert_eq!(
            secrets.mask(r#"{"key":"a\"b"} a"b"#),
            r#"{"key":"****"} ****"#
        );
    }
}

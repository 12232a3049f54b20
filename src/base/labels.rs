//! The labels of a volume: words for people and programs, which mean nothing to drivers.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::base::failure::Failure;

/// The labels of a volume, key to value. No key is empty; a value may be.
pub type Labels = BTreeMap<String, String>;

/// The bytes that all labels of a volume may have together: they are kept in its record, which has to stay readable.
const LIMIT: usize = 16 << 10;

/// Reads labels from the command line, each `KEY=VALUE` or `KEY` for an empty value. The last one of a key counts.
///
/// # Errors
///
/// Wrong usage: an empty key; more than 16 KiB of labels.
pub fn parse(words: &[String]) -> Result<Labels> {
    let mut labels = Labels::new();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        if key.is_empty() {
            bail!(Failure::usage(
                "--label: a label without a name; write KEY=VALUE"
            ));
        }
        labels.insert(key.to_owned(), value.to_owned());
    }
    let length: usize = labels
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if length > LIMIT {
        bail!(Failure::usage(format!(
            "--label: {length} bytes of labels are more than the {LIMIT} that a volume can have"
        )));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn the_first_equals_sign_parts_key_and_value() {
        let labels = parse(&words(&["a=1", "b", "c==x=", "a=2"])).expect("labels");
        let expected = [("a", "2"), ("b", ""), ("c", "=x=")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(labels, Labels::from(expected));
    }

    #[test]
    fn nameless_and_endless_labels_are_refused() {
        for word in ["", "=1"] {
            let error = parse(&words(&[word])).expect_err(word);
            assert_eq!(
                error.to_string(),
                "--label: a label without a name; write KEY=VALUE"
            );
        }
        parse(&words(&[&"x".repeat(LIMIT)])).expect("just fits");
        let error = parse(&words(&[&"x".repeat(LIMIT), "y"])).expect_err("too long");
        assert_eq!(
            error.to_string(),
            "--label: 16385 bytes of labels are more than the 16384 that a volume can have"
        );
    }
}

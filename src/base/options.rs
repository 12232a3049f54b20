//! The options of a volume, and how they are gathered one by one.

use anyhow::{Result, bail};

use crate::base::failure::Failure;

/// The options of a volume, `key` to `value`, in the order in which they were given; no key is empty or stands twice.
pub type Options = Vec<(String, String)>;

/// Options that are being gathered, and what their caller has to be told about them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    pub options: Options,
    pub warnings: Vec<String>,
}

impl Gathered {
    /// Adds one option, `KEY=VALUE` or `KEY` for an empty value, never split; `place` is where it stands, for errors.
    ///
    /// # Errors
    ///
    /// Wrong usage: an empty key.
    pub fn add(&mut self, place: &str, option: &str) -> Result<()> {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        self.put(place, key.to_owned(), value.to_owned())
    }

    /// Adds an option, where the last value of a key counts.
    ///
    /// # Errors
    ///
    /// As those of [`Gathered::add`].
    pub fn put(&mut self, place: &str, key: String, value: String) -> Result<()> {
        if key.is_empty() {
            bail!(Failure::usage(format!("{place}: {NAMELESS}")));
        }
        match self.options.iter_mut().find(|(known, _)| *known == key) {
            None => self.options.push((key, value)),
            Some((_, known)) if *known == value => {}
            Some((_, known)) => {
                *known = value;
                self.warnings.push(format!(
                    "{place}: option '{key}' is given twice, with different values; the last one counts"
                ));
            }
        }
        Ok(())
    }
}

pub const NAMELESS: &str = "an option without a name; write KEY=VALUE";

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn single_options_are_never_split() {
        let mut gathered = Gathered::default();
        for option in ["o=addr=10.0.0.1,vers=4", "a==", "allow_other", "q=\"x\""] {
            gathered.add("--opt", option).expect(option);
        }
        let expected = [
            pair("o", "addr=10.0.0.1,vers=4"),
            pair("a", "="),
            pair("allow_other", ""),
            pair("q", "\"x\""),
        ];
        assert_eq!(gathered.options, expected);
        for option in ["", "=1"] {
            let error = gathered.add("--opt", option).expect_err(option);
            assert_eq!(error.to_string(), format!("--opt: {NAMELESS}"));
        }
    }

    #[test]
    fn the_last_of_two_counts() {
        let mut gathered = Gathered::default();
        for option in ["a=1", "b=2", "a=3", "b=2", "c"] {
            gathered.add("--opt", option).expect(option);
        }
        assert_eq!(
            gathered.options,
            [pair("a", "3"), pair("b", "2"), pair("c", "")]
        );
        assert_eq!(
            gathered.warnings,
            ["--opt: option 'a' is given twice, with different values; the last one counts"]
        );
    }
}

//! The filters of lists, as Docker's users type them: `label=team=db`, `name=db`, `held=no`.

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::base::labels::Labels;
use crate::base::suggest::did_you_mean;

/// What `--filter` asks for. Names and drivers: one of those given. Labels: all of those given. Nothing given: everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Parts of names.
    names: Vec<String>,
    drivers: Vec<String>,
    /// A label with that value, or with any.
    labels: Vec<(String, Option<String>)>,
    /// Whether anybody holds it.
    held: Option<bool>,
    /// Whether nobody holds it, and it is not mounted.
    dangling: Option<bool>,
}

/// What a filter looks at.
#[derive(Debug)]
pub struct Subject<'a> {
    pub name: &'a str,
    pub driver: &'a str,
    pub labels: &'a Labels,
    pub is_held: bool,
    pub is_mounted: bool,
}

const KEYS: [&str; 5] = ["label", "name", "driver", "held", "dangling"];

impl Filter {
    /// # Errors
    ///
    /// Wrong usage: an unknown filter, or a value that it cannot have.
    pub fn parse(words: &[String]) -> Result<Filter> {
        let mut filter = Filter::default();
        for word in words {
            let Some((key, value)) = word.split_once('=') else {
                bail!(Failure::usage(format!(
                    "--filter: '{word}' has no value; write KEY=VALUE, with one of {}",
                    KEYS.join(", ")
                )));
            };
            if value.is_empty() || key == "label" && value.starts_with('=') {
                // A variable of a script that is empty would ask for more than was meant.
                let says = format!("--filter: '{word}' says nothing after {key}=");
                bail!(Failure::usage(says));
            }
            match key {
                "name" => filter.names.push(value.to_owned()),
                "driver" => filter.drivers.push(value.to_owned()),
                "label" => filter.labels.push(match value.split_once('=') {
                    Some((label, value)) => (label.to_owned(), Some(value.to_owned())),
                    None => (value.to_owned(), None),
                }),
                "held" => set(&mut filter.held, word, yes_or_no(word, value)?)?,
                "dangling" => set(&mut filter.dangling, word, yes_or_no(word, value)?)?,
                _ => bail!(Failure::usage(format!("--filter: {}", unknown(key)))),
            }
        }
        Ok(filter)
    }

    /// Whether it asks for what has a certain label.
    pub fn names_a_label(&self) -> bool {
        !self.labels.is_empty()
    }

    /// Whether it asks who holds a volume.
    pub fn asks_for_holders(&self) -> bool {
        self.held.is_some() || self.dangling.is_some()
    }

    /// Whether it asks for more of a volume than its name and who holds it.
    pub fn asks_for_details(&self) -> bool {
        self.names_a_label() || self.dangling.is_some()
    }

    pub fn fits(&self, subject: &Subject) -> bool {
        let is_dangling = !subject.is_held && !subject.is_mounted;
        fits_one(&self.names, |part| subject.name.contains(part))
            && fits_one(&self.drivers, |driver| subject.driver == driver)
            && self.labels.iter().all(|(key, wanted)| {
                let value = subject.labels.get(key);
                value.is_some_and(|value| wanted.as_ref().is_none_or(|wanted| wanted == value))
            })
            && self.held.is_none_or(|held| held == subject.is_held)
            && self.dangling.is_none_or(|dangling| dangling == is_dangling)
    }
}

fn fits_one(wanted: &[String], fits: impl Fn(&str) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(|wanted| fits(wanted))
}

fn yes_or_no(word: &str, value: &str) -> Result<bool> {
    match value {
        "yes" | "true" | "1" => Ok(true),
        "no" | "false" | "0" => Ok(false),
        _ => bail!(Failure::usage(format!(
            "--filter: '{word}' is neither yes nor no"
        ))),
    }
}

fn set(known: &mut Option<bool>, word: &str, value: bool) -> Result<()> {
    if known.is_some_and(|known| known != value) {
        bail!(Failure::usage(format!(
            "--filter: '{word}' contradicts another filter"
        )));
    }
    *known = Some(value);
    Ok(())
}

fn unknown(key: &str) -> String {
    let near = did_you_mean(key, KEYS);
    let known = KEYS.join(", ");
    format!("there is no filter '{key}', only {known}{near}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Filter> {
        Filter::parse(
            &words
                .iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn names_are_alternatives_and_labels_are_not() {
        let labels = Labels::from([
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), String::new()),
        ]);
        let subject = Subject {
            name: "web-db",
            driver: "loop",
            labels: &labels,
            is_held: false,
            is_mounted: true,
        };
        for (words, expected) in [
            (&[] as &[&str], true),
            (&["name=db"], true),
            (&["name=x", "name=web"], true),
            (&["name=x"], false),
            (&["name=db", "driver=loop"], true),
            (&["name=db", "driver=loo"], false),
            (&["label=a", "label=b="], true),
            (&["label=a=1"], true),
            (&["label=a=2"], false),
            (&["label=a", "label=c"], false),
            (&["held=no"], true),
            (&["held=yes"], false),
            (&["dangling=true"], false),
            (&["dangling=false"], true),
        ] {
            assert_eq!(
                parse(words).expect("good").fits(&subject),
                expected,
                "{words:?}"
            );
        }
    }

    #[test]
    fn wrong_filters_are_refused() {
        for (words, text) in [
            (
                &["held"] as &[&str],
                "--filter: 'held' has no value; write KEY=VALUE, with one of label, name, driver, held, dangling",
            ),
            (&["name="], "--filter: 'name=' says nothing after name="),
            (&["label="], "--filter: 'label=' says nothing after label="),
            (
                &["label==a"],
                "--filter: 'label==a' says nothing after label=",
            ),
            (
                &["driver="],
                "--filter: 'driver=' says nothing after driver=",
            ),
            (
                &["held=maybe"],
                "--filter: 'held=maybe' is neither yes nor no",
            ),
            (
                &["held=yes", "held=no"],
                "--filter: 'held=no' contradicts another filter",
            ),
            (
                &["labels=a"],
                "--filter: there is no filter 'labels', only label, name, driver, held, dangling; did you mean label?",
            ),
        ] {
            assert_eq!(parse(words).expect_err("wrong").to_string(), text);
        }
    }
}

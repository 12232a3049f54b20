//! The options of a volume: their type, and how callers write them (`--volumeopts`, `--opt`).

use anyhow::{Result, bail};

use crate::base::failure::Failure;

/// The options of a volume, `key` to `value`, in the order in which they were given; no key is empty or stands twice.
pub type Options = Vec<(String, String)>;

/// All options in their order: first those of `lists`, each split by the comma rule, then the `single` ones, never split.
///
/// # Errors
///
/// Wrong usage: an option without `=` or with an empty key, or one that is given twice with different values.
pub fn parse(lists: &[String], single: &[String]) -> Result<Options> {
    let mut options = Options::new();
    for list in lists {
        add_list(&mut options, "--volumeopts", list)?;
    }
    for option in single {
        add(&mut options, "--opt", option)?;
    }
    Ok(options)
}

/// The options of one list, split by the comma rule; `place` is where it stands (a flag, a variable), for errors.
///
/// # Errors
///
/// As those of [`parse`].
pub fn parse_list(place: &str, list: &str) -> Result<Options> {
    let mut options = Options::new();
    add_list(&mut options, place, list)?;
    Ok(options)
}

fn add_list(options: &mut Options, place: &str, list: &str) -> Result<()> {
    for option in split(list) {
        add(options, place, &option)?;
    }
    Ok(())
}

/// Splits by the comma rule: a comma starts a new option only where `key=` follows; otherwise it belongs to the value.
fn split(list: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    for part in list.split(',') {
        match options.last_mut() {
            Some(last) if !part.contains('=') => {
                last.push(',');
                last.push_str(part);
            }
            _ => options.push(part.to_owned()),
        }
    }
    options
}

/// Adds one option, `KEY=VALUE`, never split; `place` is where it stands, for errors.
///
/// # Errors
///
/// As those of [`parse`].
pub fn add(options: &mut Options, place: &str, option: &str) -> Result<()> {
    let (key, value) = option.split_once('=').unwrap_or((option, ""));
    if key.is_empty() {
        bail!(Failure::usage(format!(
            "{place}: an option without a name; write KEY=VALUE"
        )));
    }
    if !option.contains('=') {
        bail!(Failure::usage(format!(
            "{place}: option '{option}' has no value; write {option}=VALUE"
        )));
    }
    match options.iter().find(|(known, _)| known == key) {
        None => options.push((key.to_owned(), value.to_owned())),
        Some((_, known)) if known == value => {}
        Some(_) => bail!(Failure::usage(format!(
            "{place}: option '{key}' is given twice with different values"
        ))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(list: &str) -> Options {
        parse(&[list.to_owned()], &[]).expect("a list of options")
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn a_comma_starts_an_option_only_where_a_key_follows() {
        assert_eq!(
            options("size=5,iops=150"),
            [pair("size", "5"), pair("iops", "150")]
        );
        assert_eq!(
            options("o=addr=10.0.0.1,rw"),
            [pair("o", "addr=10.0.0.1,rw")]
        );
        assert_eq!(options("a="), [pair("a", "")]);
    }

    #[test]
    fn single_options_are_never_split() {
        let parsed = parse(&[], &["o=addr=10.0.0.1,vers=4".into()]).expect("one option");
        assert_eq!(parsed, [pair("o", "addr=10.0.0.1,vers=4")]);
    }

    #[test]
    fn a_repetition_counts_once() {
        assert_eq!(options("a=1,a=1"), [pair("a", "1")]);
    }

    #[test]
    fn what_is_understood() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(&[&str], &[&str], Pairs); 5] = [
            (&["a=1", "b=2"], &[], &[("a", "1"), ("b", "2")]),
            (&["o=addr=10.0.0.1"], &[], &[("o", "addr=10.0.0.1")]),
            (&["a=,b=2"], &[], &[("a", ""), ("b", "2")]),
            (&["a=1,"], &[], &[("a", "1,")]),
            (&["b=1"], &["a=="], &[("b", "1"), ("a", "=")]),
        ];
        for (lists, single, expected) in cases {
            let own = |words: &[&str]| -> Vec<String> {
                words.iter().map(|word| (*word).to_owned()).collect()
            };
            let parsed = parse(&own(lists), &own(single)).expect("good options");
            let expected: Options = expected
                .iter()
                .map(|(key, value)| pair(key, value))
                .collect();
            assert_eq!(parsed, expected);
        }
    }

    proptest! {
        #[test]
        fn what_is_joined_is_split_again(pairs in proptest::collection::btree_map("[a-z.]{1,8}", "[^,]{0,12}", 1..5)) {
            let list = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
            let expected: Options = pairs.into_iter().collect();
            prop_assert_eq!(parse(&[list], &[]).expect("a list of options"), expected);
        }

        #[test]
        fn nothing_panics(list in ".*", single in ".*") {
            let _ = parse(&[list], &[single]);
        }
    }
}

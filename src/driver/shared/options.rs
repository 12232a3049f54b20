//! The options of a built-in driver's volumes: reading them by the driver's table, comparing them, and asking for their values.

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::base::failure::Failure;
use crate::base::option_list;
use crate::base::options::Options;
use crate::base::suggest;
use crate::base::text::chain;
use crate::driver::shared::values::Value;

/// An option that a driver knows: a line of its table.
pub struct Known {
    name: &'static str,
    aliases: &'static [&'static str],
    parse: fn(&str) -> Result<Value>,
    /// Whether it matters only while a volume is made, so that it cannot contradict a volume that exists.
    only_for_making: bool,
}

/// An option with its name, its other names and what reads its values. Names are compared in any case.
pub const fn known(
    name: &'static str,
    aliases: &'static [&'static str],
    parse: fn(&str) -> Result<Value>,
) -> Known {
    Known {
        name,
        aliases,
        parse,
        only_for_making: false,
    }
}

impl Known {
    pub const fn only_for_making(mut self) -> Known {
        self.only_for_making = true;
        self
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        [self.name].into_iter().chain(self.aliases.iter().copied())
    }
}

/// Options under their own names, with values in normal form; no name twice. A record holds all values as text.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Options", into = "Options")]
pub struct NormalOptions(Vec<(String, Value)>);

impl From<Options> for NormalOptions {
    fn from(stored: Options) -> NormalOptions {
        let stored = stored.into_iter();
        NormalOptions(
            stored
                .map(|(name, text)| (name, Value::Text(text)))
                .collect(),
        )
    }
}

impl From<NormalOptions> for Options {
    fn from(options: NormalOptions) -> Options {
        let options = options.0.into_iter();
        options
            .map(|(name, value)| (name, value.to_string()))
            .collect()
    }
}

/// Reads options by a table.
///
/// # Errors
///
/// Wrong usage: an unknown option, a value that it cannot have, or two options that contradict each other.
pub fn read(table: &[Known], options: &Options) -> Result<NormalOptions> {
    let mut normal: Vec<(String, Value, &str)> = Vec::new();
    for (key, value) in options {
        let Some(known) = find(table, key) else {
            let hint = option_list::hint_at_quotes(options, key);
            bail!(Failure::usage(unknown(table, key) + &hint));
        };
        let value = (known.parse)(value)
            .map_err(|error| Failure::usage(format!("option {key}: {}", chain(&error))))?;
        match normal.iter().find(|(name, ..)| name == known.name) {
            Some((_, before, _)) if before.to_string() == value.to_string() => {}
            Some((.., other)) => bail!(Failure::usage(format!(
                "options {other} and {key} contradict each other; give one of them"
            ))),
            None => normal.push((known.name.to_owned(), value, key)),
        }
    }
    let normal = normal.into_iter();
    Ok(NormalOptions(
        normal.map(|(name, value, _)| (name, value)).collect(),
    ))
}

fn find<'a>(table: &'a [Known], key: &str) -> Option<&'a Known> {
    let is_named = |known: &&Known| known.names().any(|name| name.eq_ignore_ascii_case(key));
    table.iter().find(is_named)
}

fn unknown(table: &[Known], key: &str) -> String {
    let meant = suggest::did_you_mean(key, table.iter().flat_map(Known::names));
    let known: Vec<&str> = table.iter().map(|known| known.name).collect();
    format!("unknown option {key}{meant} (known: {})", known.join(", "))
}

/// The names of the options in which a volume that was made with `made` differs from what `wanted` asks for. Options that are
/// not asked for are not compared.
pub fn differing(table: &[Known], made: &NormalOptions, wanted: &NormalOptions) -> Vec<String> {
    let is_compared = |name: &str| find(table, name).is_none_or(|known| !known.only_for_making);
    let wanted = wanted.0.iter();
    wanted
        .filter(|(name, _)| is_compared(name))
        .filter(|(name, value)| made.shown(name) != Some(value.to_string()))
        .map(|(name, _)| name.clone())
        .collect()
}

impl NormalOptions {
    fn value(&self, name: &str) -> Option<&Value> {
        let mut options = self.0.iter();
        options.find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The value in normal form.
    pub fn shown(&self, name: &str) -> Option<String> {
        self.value(name).map(Value::to_string)
    }

    /// The value of an option that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(name)?.as_text()
    }

    /// The value of an option that is a number; a size is in bytes.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.value(name)?.as_number()
    }

    /// The value of an option that is a user or a group.
    pub fn id(&self, name: &str) -> Option<u32> {
        self.number(name).and_then(|id| u32::try_from(id).ok())
    }

    /// The value of an option that is a mode.
    pub fn mode(&self, name: &str) -> Option<u32> {
        self.value(name)?.as_mode()
    }

    /// Whether an option that is true or false is given and true.
    pub fn is_true(&self, name: &str) -> bool {
        self.shown(name).as_deref() == Some("true")
    }

    /// Adds an option, unless there is one of this name.
    pub fn add(&mut self, name: &str, value: Value) {
        if !self.has(name) {
            self.0.push((name.to_owned(), value));
        }
    }

    /// Adds those of `others` whose names are missing.
    pub fn complete(&mut self, others: NormalOptions) {
        for (name, value) in others.0 {
            self.add(&name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::driver::shared::values::{boolean, bytes, mode, one_copy, text};

    const TABLE: &[Known] = &[
        known("size", &[], bytes),
        known("newFsType", &["fsType", "fs"], text),
        known("mode", &[], mode),
        known("overwriteFs", &[], boolean).only_for_making(),
        known("volumeType", &["type"], text),
        known("repl", &[], one_copy).only_for_making(),
    ];

    fn options(options: &[(&str, &str)]) -> Result<NormalOptions> {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        read(TABLE, &options.iter().map(own).collect())
    }

    #[test]
    fn names_in_any_case_and_values_in_normal_form() {
        let options = options(&[
            ("SIZE", "500MiB"),
            ("fstype", "xfs"),
            ("Mode", "750"),
            ("overwritefs", "1"),
        ]);
        let options = options.expect("good options");
        assert_eq!(options.number("size"), Some(524_288_000));
        assert_eq!(options.text("newFsType"), Some("xfs"));
        assert_eq!(options.mode("mode"), Some(0o750));
        assert!(options.is_true("overwriteFs"));
        let stored = serde_json::to_string(&options).expect("JSON");
        assert_eq!(
            stored,
            r#"[["size","524288000"],["newFsType","xfs"],["mode","0750"],["overwriteFs","true"]]"#
        );
        let again: NormalOptions = serde_json::from_str(&stored).expect("options");
        assert_eq!(again.number("size"), Some(524_288_000));
        assert_eq!(again.mode("mode"), Some(0o750));
        assert!(again.is_true("overwriteFs"));
        assert!(differing(TABLE, &again, &options).is_empty());
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let known = "(known: size, newFsType, mode, overwriteFs, volumeType, repl)";
        for (key, meant) in [
            ("siez", "; did you mean size?"),
            ("SIZES", "; did you mean size?"),
            ("volumetpye", "; did you mean volumeType?"),
            ("fstyp", "; did you mean fsType?"),
            ("overwrite", "; did you mean overwriteFs?"),
            ("encrypted", ""),
            ("", ""),
        ] {
            let error = options(&[(key, "1")]).expect_err("unknown");
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
            assert_eq!(
                chain(&error),
                format!("unknown option {key}{meant} {known}")
            );
        }
    }

    #[test]
    fn contradictions_are_refused_and_repetitions_are_not() {
        options(&[
            ("fs", "xfs"),
            ("newfstype", "xfs"),
            ("size", "1"),
            ("Size", "1024M"),
        ])
        .expect("the same twice");
        for (pairs, names) in [
            ([("fs", "xfs"), ("newfstype", "ext4")], "fs and newfstype"),
            ([("size", "1"), ("SIZE", "2")], "size and SIZE"),
            (
                [("type", "thin"), ("volumeType", "thick")],
                "type and volumeType",
            ),
        ] {
            let error = options(&pairs).expect_err("a contradiction");
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
            assert_eq!(
                chain(&error),
                format!("options {names} contradict each other; give one of them")
            );
        }
    }

    #[test]
    fn only_what_is_asked_for_is_compared() {
        let made = options(&[("size", "5"), ("fs", "xfs")]).expect("good options");
        let compare = |pairs: &[(&str, &str)]| {
            differing(TABLE, &made, &options(pairs).expect("good options"))
        };
        let none: [&str; 0] = [];
        assert_eq!(compare(&[]), none);
        assert_eq!(compare(&[("size", "5G")]), none);
        assert_eq!(compare(&[("overwritefs", "true"), ("repl", "1")]), none);
        assert_eq!(
            compare(&[("size", "6"), ("type", "thin")]),
            ["size", "volumeType"]
        );
    }
}

//! The options of the built-in drivers' volumes: which there are, in all their spellings, and what their values may be.

use anyhow::{Context, Result, bail};

use crate::base::boolean::parse_boolean;
use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::suggest;
use crate::driver::shared::size;
use crate::sys::block::mkfs;

/// An option: its name, other names for it, and what makes its values comparable.
pub struct Known {
    pub name: &'static str,
    aliases: &'static [&'static str],
    normal: fn(&str) -> Result<String>,
}

const fn known(
    name: &'static str,
    aliases: &'static [&'static str],
    normal: fn(&str) -> Result<String>,
) -> Known {
    Known {
        name,
        aliases,
        normal,
    }
}

/// Of `loop`; names are compared in any case.
pub const LOOP: &[Known] = &[
    known("size", &[], bytes),
    known("newFsType", &["fsType", "fs"], file_system),
    known("overwriteFs", &[], boolean),
    known("volumeName", &[], text),
    known("volumeID", &[], text),
    known("snapshotName", &[], text),
    known("snapshotID", &[], text),
    known("iops", &[], number),
    known("volumeType", &["type"], text),
    known("availabilityZone", &[], text),
    known("uid", &[], id),
    known("gid", &[], id),
    known("mode", &[], mode),
    known("mountOpts", &["o"], text),
    known("repl", &[], one_copy),
];

/// Of `local`.
pub const LOCAL: &[Known] = &[
    known("type", &[], text),
    known("device", &[], text),
    known("o", &["mountOpts"], text),
    known("uid", &[], id),
    known("gid", &[], id),
    known("mode", &[], mode),
    known("size", &[], text),
    known("repl", &[], one_copy),
];

/// Those that matter only while a volume is made, so that they cannot contradict one that exists.
const WHILE_MAKING: [&str; 2] = ["overwriteFs", "repl"];

/// Options under their own names, their values in normal form; no name twice.
pub type NormalOptions = Vec<(String, String)>;

/// Reads options by a table. An unknown one, a bad value or two that contradict each other are wrong usage.
pub fn read(table: &[Known], options: &Options) -> Result<NormalOptions> {
    let mut normal: Vec<(String, String, &str)> = Vec::new();
    for (key, value) in options {
        let known = find(table, key).ok_or_else(|| Failure::usage(unknown(table, key)))?;
        let value = (known.normal)(value)
            .map_err(|error| Failure::usage(format!("option {key}: {error:#}")))?;
        match normal.iter().find(|(name, ..)| name == known.name) {
            Some((_, before, _)) if *before == value => {}
            Some((.., other)) => {
                return Err(Failure::usage(format!(
                    "options {other} and {key} contradict each other; give one of them"
                ))
                .into());
            }
            None => normal.push((known.name.to_owned(), value, key)),
        }
    }
    Ok(normal
        .into_iter()
        .map(|(name, value, _)| (name, value))
        .collect())
}

fn find<'a>(table: &'a [Known], key: &str) -> Option<&'a Known> {
    table
        .iter()
        .find(|known| names(known).any(|name| name.eq_ignore_ascii_case(key)))
}

fn names(known: &Known) -> impl Iterator<Item = &'static str> {
    [known.name]
        .into_iter()
        .chain(known.aliases.iter().copied())
}

fn unknown(table: &[Known], key: &str) -> String {
    let meant = suggest::did_you_mean(key, table.iter().flat_map(names));
    let known: Vec<&str> = table.iter().map(|known| known.name).collect();
    format!("unknown option {key}{meant} (known: {})", known.join(", "))
}

/// The value of an option, by its own name.
pub fn get<'a>(options: &'a NormalOptions, name: &str) -> Option<&'a str> {
    options
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

/// The value of an option that is a number.
pub fn number_in<T: std::str::FromStr>(options: &NormalOptions, name: &str) -> Option<T> {
    get(options, name)?.parse().ok()
}

/// Adds those options of `others` that are not there.
pub fn complete(options: &mut NormalOptions, others: NormalOptions) {
    for (name, value) in others {
        if get(options, &name).is_none() {
            options.push((name, value));
        }
    }
}

/// The options in which a volume that was made with `options` is not what `wanted` asks for. What is not asked for is not
/// compared.
pub fn differing(options: &NormalOptions, wanted: &NormalOptions) -> Vec<String> {
    wanted
        .iter()
        .filter(|(name, _)| !WHILE_MAKING.contains(&name.as_str()))
        .filter(|(name, value)| get(options, name) != Some(value))
        .map(|(name, _)| name.clone())
        .collect()
}

fn text(value: &str) -> Result<String> {
    if value.contains('\0') {
        bail!("a NUL cannot be in it");
    }
    Ok(value.to_owned())
}

fn bytes(value: &str) -> Result<String> {
    size::parse(value).map(|bytes| bytes.to_string())
}

fn number(value: &str) -> Result<String> {
    let number: u64 = value
        .trim()
        .parse()
        .with_context(|| format!("{value:?} is no number"))?;
    Ok(number.to_string())
}

/// The highest means "leave it" to chown(2).
fn id(value: &str) -> Result<String> {
    let id = value
        .trim()
        .parse::<u32>()
        .ok()
        .filter(|id| *id != u32::MAX);
    let id = id.with_context(|| format!("{value:?} is no numeric user or group"))?;
    Ok(id.to_string())
}

fn mode(value: &str) -> Result<String> {
    let digits = value.trim();
    let octal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let mode = octal
        .then(|| u32::from_str_radix(digits, 8).ok())
        .flatten()
        .filter(|mode| *mode <= 0o7777);
    let mode = mode.with_context(|| format!("{value:?} is no octal mode such as 0750"))?;
    Ok(format!("{mode:04o}"))
}

fn boolean(value: &str) -> Result<String> {
    match parse_boolean(value) {
        Some(known) => Ok(known.to_string()),
        None => bail!("{value:?} is neither true nor false"),
    }
}

fn file_system(value: &str) -> Result<String> {
    let Some(fs) = mkfs::named(value.trim()) else {
        let known: Vec<&str> = mkfs::FILE_SYSTEMS.iter().map(|fs| fs.name).collect();
        bail!(
            "{value:?} cannot be made here; known are {}",
            known.join(", ")
        );
    };
    Ok(fs.name.to_owned())
}

fn one_copy(value: &str) -> Result<String> {
    if value.trim() != "1" {
        bail!("{value:?} copies: one host keeps one");
    }
    Ok("1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;

    fn loop_options(options: &[(&str, &str)]) -> Result<NormalOptions> {
        read(
            LOOP,
            &options
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
        )
    }

    #[test]
    fn names_in_any_case_and_values_in_normal_form() {
        let options = loop_options(&[
            ("SIZE", "500MiB"),
            ("newfstype", "XFS"),
            ("Mode", "750"),
            ("overwritefs", "1"),
        ]);
        let options = options.expect("good options");
        assert_eq!(get(&options, "size"), Some("524288000"));
        assert_eq!(get(&options, "newFsType"), Some("xfs"));
        assert_eq!(get(&options, "mode"), Some("0750"));
        assert_eq!(get(&options, "overwriteFs"), Some("true"));
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let error = loop_options(&[("siez", "5")]).expect_err("unknown");
        assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
        assert!(
            error
                .to_string()
                .starts_with("unknown option siez; did you mean size? (known: size, "),
            "{error}"
        );
        let error = loop_options(&[("encrypted", "true")]).expect_err("unknown");
        assert!(!error.to_string().contains("did you mean"), "{error}");
    }

    #[test]
    fn contradictions_are_refused_and_repetitions_are_not() {
        loop_options(&[
            ("fs", "xfs"),
            ("newfstype", "xfs"),
            ("size", "1"),
            ("Size", "1024M"),
        ])
        .expect("the same twice");
        let error =
            loop_options(&[("fs", "xfs"), ("newfstype", "ext4")]).expect_err("contradiction");
        assert_eq!(
            error.to_string(),
            "options fs and newfstype contradict each other; give one of them"
        );
    }

    #[test]
    fn bad_values() {
        for (key, value) in [
            ("size", "0"),
            ("fs", "zfs"),
            ("uid", "-1"),
            ("uid", "4294967295"),
            ("gid", "root"),
            ("mode", "888"),
            ("mode", "77777"),
            ("mode", "+7"),
            ("iops", "many"),
            ("repl", "2"),
            ("overwritefs", "maybe"),
        ] {
            assert_eq!(
                ErrorKind::of(&loop_options(&[(key, value)]).expect_err(value)),
                ErrorKind::Usage
            );
        }
    }

    #[test]
    fn only_what_is_asked_for_is_compared() {
        let made = loop_options(&[("size", "5"), ("fs", "xfs")]).expect("good options");
        let agrees = |options: &[(&str, &str)]| {
            differing(&made, &loop_options(options).expect("good options")).is_empty()
        };
        assert!(
            agrees(&[])
                && agrees(&[("size", "5G")])
                && agrees(&[("overwritefs", "true"), ("repl", "1")])
        );
        assert!(!agrees(&[("size", "6")]) && !agrees(&[("iops", "100")]));
    }
}

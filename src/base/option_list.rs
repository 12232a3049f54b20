//! How callers write several options of a volume in one text (`--volumeopts`).

use anyhow::Result;

use crate::base::boolean::parse_true_or_false;
use crate::base::failure::Failure;
use crate::base::options::{Gathered, NAMELESS, Options};
use crate::base::secrets::names::is_secret;

/// Adds the options of a list, split by the comma rule; `place` is where it stands (a flag, a variable), for errors.
///
/// # Errors
///
/// Wrong usage: an option without `=` or with an empty key, an empty piece between commas, quotes that are not closed.
pub fn add(gathered: &mut Gathered, place: &str, list: &str) -> Result<()> {
    let options = split(list).map_err(|words| Failure::usage(format!("{place}: {words}")))?;
    for (key, value) in options {
        gathered.put(place, key, value)?;
    }
    Ok(())
}

/// An option of a list, while words may still be added to its value.
struct Splitting {
    key: String,
    value: String,
    is_quoted: bool,
}

/// Splits by the comma rule: a comma starts a new option only where `key=` follows; otherwise it belongs to the value, if that can
/// hold a word. Within double quotes around a value, which are removed, all commas belong to it.
///
/// # Errors
///
/// What is wrong with it. No value is repeated, as it may be a secret.
fn split(list: &str) -> Result<Vec<(String, String)>, String> {
    let mut options: Vec<Splitting> = Vec::new();
    let mut rest = Some(list);
    while let Some(text) = rest {
        let (piece, after) = match quoted(text)? {
            Some((option, after)) => {
                options.push(option);
                (None, after)
            }
            None => match text.split_once(',') {
                Some((piece, after)) => (Some(piece), Some(after)),
                None => (Some(text), None),
            },
        };
        if let Some(piece) = piece {
            add_piece(&mut options, piece)?;
        }
        rest = after;
    }
    let options = options.into_iter();
    Ok(options.map(|option| (option.key, option.value)).collect())
}

/// `KEY="VALUE"` at the beginning of a list, and what comes after its comma.
fn quoted(list: &str) -> Result<Option<(Splitting, Option<&str>)>, String> {
    let Some((key, value)) = list.split_once("=\"").filter(|(key, _)| is_key(key)) else {
        return Ok(None);
    };
    let Some((value, after)) = value.split_once('"') else {
        return Err(format!("option '{key}': the closing quote is missing"));
    };
    let after = match after.strip_prefix(',') {
        None if after.is_empty() => None,
        None => {
            return Err(format!(
                "option '{key}': its value goes on after the closing quote"
            ));
        }
        after => after,
    };
    let option = Splitting {
        key: key.to_owned(),
        value: value.to_owned(),
        is_quoted: true,
    };
    Ok(Some((option, after)))
}

fn is_key(text: &str) -> bool {
    !text.contains([',', '='])
}

/// Adds what stands between two commas.
fn add_piece(options: &mut Vec<Splitting>, piece: &str) -> Result<(), String> {
    let last = options.last_mut();
    match (piece.split_once('='), last) {
        (Some((key, value)), _) => options.push(Splitting {
            key: key.to_owned(),
            value: value.to_owned(),
            is_quoted: false,
        }),
        (None, Some(last)) if piece.is_empty() => {
            return Err(format!(
                "nothing follows a comma after option '{}'; leave the comma out, or put the value into double quotes if it belongs there",
                last.key
            ));
        }
        (None, Some(last)) if can_hold(last, piece) => {
            last.value.push(',');
            last.value.push_str(piece);
        }
        (None, None) if piece.is_empty() => return Err(NAMELESS.to_owned()),
        (None, None) => return Err(without_value(piece)),
        (None, Some(last)) => {
            return Err(format!(
                "{}, or put the value of '{}' into double quotes if it belongs there",
                without_value(piece),
                last.key
            ));
        }
    }
    Ok(())
}

fn without_value(key: &str) -> String {
    format!("option '{key}' has no value; write {key}=VALUE")
}

/// Options of known drivers whose value is never a list, in lower case.
const SINGLE: [&str; 17] = [
    "size",
    "iops",
    "type",
    "volumetype",
    "volumename",
    "volumeid",
    "snapshotname",
    "snapshotid",
    "fs",
    "fstype",
    "newfstype",
    "overwritefs",
    "availabilityzone",
    "encrypted",
    "uid",
    "gid",
    "mode",
];

/// Whether a word after a comma can belong to an option's value. A number or a truth value is no list of words, but there are
/// lists of numbers. A secret may be anything, and no part of it must be taken for a name that an error repeats.
fn can_hold(option: &Splitting, word: &str) -> bool {
    if is_secret(&option.key) {
        return true;
    }
    let last = option.value.rsplit(',').next().unwrap_or_default();
    let is_single = SINGLE.contains(&option.key.to_ascii_lowercase().as_str());
    let is_list = !is_scalar(last) || is_scalar(word);
    !option.is_quoted && !option.value.is_empty() && !is_single && is_list
}

/// Whether a text is a truth value, or a number with at most three letters as its unit.
fn is_scalar(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = unit.len() < text.len() && text.matches('.').count() <= 1;
    let is_unit = unit.len() <= 3 && unit.chars().all(|c| c.is_ascii_alphabetic());
    is_number && is_unit || parse_true_or_false(text).is_some()
}

/// What to write where an option that the driver does not know is one of mount(8)'s, and stands behind the option that holds
/// those: the comma between them has begun a new option.
pub fn hint_at_quotes(options: &Options, unknown: &str) -> String {
    let before = options.iter().take_while(|(key, _)| key != unknown);
    let mut before = before.map(|(key, _)| key);
    let holds_options =
        |key: &&String| ["o", "mountopts"].contains(&key.to_ascii_lowercase().as_str());
    match before.find(holds_options) {
        Some(key) => format!(
            "; if it belongs to {key}, put the value of {key} into double quotes: {key}=\"KEY=VALUE,{unknown}=VALUE\""
        ),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests;

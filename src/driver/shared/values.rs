//! The values of options: how each kind is read from text, and written into a volume's record.

use std::fmt;

use anyhow::{Context, Result, bail};

use crate::base::boolean::parse_boolean;
use crate::base::size;

/// The value of an option. Its text is the normal form that a volume's record holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text as it was given, or any value that was read from a record.
    Text(String),
    /// A number in decimal digits; a size is in bytes.
    Number(u64),
    /// Permissions, at most 0o7777, in four octal digits.
    Mode(u32),
    /// `true` or `false`.
    Flag(bool),
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<u64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    pub fn as_mode(&self) -> Option<u32> {
        match self {
            Value::Mode(mode) => Some(*mode),
            Value::Text(text) => u32::from_str_radix(text, 8).ok(),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            Value::Number(number) => write!(f, "{number}"),
            Value::Mode(mode) => write!(f, "{mode:04o}"),
            Value::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// Any text without a NUL, which no mount option and no file name can have.
pub fn text(value: &str) -> Result<Value> {
    if value.contains('\0') {
        bail!("a NUL cannot be in it");
    }
    Ok(Value::Text(value.to_owned()))
}

/// A size, as [`size::parse`] reads it.
pub fn bytes(value: &str) -> Result<Value> {
    size::parse(value).map(Value::Number)
}

pub fn number(value: &str) -> Result<Value> {
    let number = value.trim().parse();
    let number = number.with_context(|| format!("{value:?} is no number"))?;
    Ok(Value::Number(number))
}

/// A user or group by its number. The highest number is refused: chown(2) takes it for "leave it as it is".
pub fn id(value: &str) -> Result<Value> {
    let id = value.trim().parse::<u32>().ok();
    let id = id.filter(|id| *id != u32::MAX);
    let id = id.with_context(|| format!("{value:?} is no numeric user or group"))?;
    Ok(Value::Number(id.into()))
}

pub fn mode(value: &str) -> Result<Value> {
    let digits = value.trim();
    let is_number = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let mode = is_number
        .then(|| u32::from_str_radix(digits, 8).ok())
        .flatten()
        .filter(|mode| *mode <= 0o7777);
    let mode = mode.with_context(|| format!("{value:?} is no octal mode such as 0750"))?;
    Ok(Value::Mode(mode))
}

pub fn boolean(value: &str) -> Result<Value> {
    match parse_boolean(value) {
        Some(known) => Ok(Value::Flag(known)),
        None => bail!("{value:?} is neither true nor false"),
    }
}

/// The number of copies, which is always 1 on one host.
pub fn one_copy(value: &str) -> Result<Value> {
    if value.trim() != "1" {
        bail!("{value:?} copies: one host keeps one");
    }
    Ok(Value::Number(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;

    type Parse = fn(&str) -> Result<Value>;

    #[test]
    fn values_in_normal_form() {
        let cases: [(Parse, &str, &str); 16] = [
            (text, " a,b ", " a,b "),
            (text, "", ""),
            (bytes, "5", "5368709120"),
            (bytes, "500MiB", "524288000"),
            (number, " 100 ", "100"),
            (number, "18446744073709551615", "18446744073709551615"),
            (id, "0", "0"),
            (id, " 4294967294 ", "4294967294"),
            (mode, "0", "0000"),
            (mode, "750", "0750"),
            (mode, "07777", "7777"),
            (boolean, "T", "true"),
            (boolean, " off ", "false"),
            (boolean, "1", "true"),
            (one_copy, "1", "1"),
            (one_copy, " 1 ", "1"),
        ];
        for (parse, value, expected) in cases {
            let parsed = parse(value).expect(value);
            assert_eq!(parsed.to_string(), expected, "{value:?}");
        }
    }

    #[test]
    fn what_is_refused() {
        const SIZE: &str = "is no size; write it like 16 (GiB), 500MiB or 1.5T";
        const ID: &str = "is no numeric user or group";
        const MODE: &str = "is no octal mode such as 0750";
        let cases: [(Parse, &str, &str); 22] = [
            (text, "a\0b", "a NUL cannot be in it"),
            (bytes, "0", "\"0\" is nothing"),
            (bytes, "", SIZE),
            (bytes, "many", SIZE),
            (
                bytes,
                "5X",
                "\"5X\" is no size: unknown unit X; write it like 16 (GiB), 500MiB or 1.5T",
            ),
            (bytes, "8E", "\"8E\" is larger than any file"),
            (
                number,
                "many",
                "\"many\" is no number: invalid digit found in string",
            ),
            (
                number,
                "",
                "\"\" is no number: cannot parse integer from empty string",
            ),
            (
                number,
                "-1",
                "\"-1\" is no number: invalid digit found in string",
            ),
            (
                number,
                "18446744073709551616",
                "\"18446744073709551616\" is no number: number too large to fit in target type",
            ),
            (id, "root", ID),
            (id, "-1", ID),
            (id, "", ID),
            (id, "4294967295", ID),
            (id, "4294967296", ID),
            (mode, "rwx", MODE),
            (mode, "", MODE),
            (mode, "888", MODE),
            (mode, "+7", MODE),
            (mode, "10000", MODE),
            (boolean, "maybe", "\"maybe\" is neither true nor false"),
            (one_copy, "2", "\"2\" copies: one host keeps one"),
        ];
        for (parse, value, expected) in cases {
            let refusal = chain(&parse(value).expect_err(value));
            let expected = match expected {
                SIZE | ID | MODE => format!("{value:?} {expected}"),
                whole => whole.to_owned(),
            };
            assert_eq!(refusal, expected);
        }
    }

    #[test]
    fn a_value_from_a_record_is_read_as_what_it_was() {
        for (parse, value) in [(bytes as Parse, "5"), (number, "7"), (id, "1000")] {
            let parsed = parse(value).expect("good");
            let stored = Value::Text(parsed.to_string());
            assert_eq!(stored.as_number(), parsed.as_number());
        }
        let parsed = mode("750").expect("good");
        let stored = Value::Text(parsed.to_string());
        assert_eq!(
            (stored.as_mode(), parsed.as_mode()),
            (Some(0o750), Some(0o750))
        );
    }
}

//! Sizes as users write them, `5`, `500MiB`, `1.5T`, and as messages show them.

use anyhow::{Result, bail};

/// The first letters of units, each with its power of two. `GB` means GiB as well, as in REX-Ray.
const UNITS: &[(&str, u32)] = &[
    ("b", 0),
    ("k", 10),
    ("m", 20),
    ("g", 30),
    ("t", 40),
    ("p", 50),
    ("e", 60),
];

/// The power of two of a number without a unit: GiB, as in REX-Ray.
const GIB: u32 = 30;

/// Sizes are rounded up to whole pages, in bytes, so that no block of a file system or device is cut.
pub const PAGE: u64 = 4096;

/// The largest number of digits, before and after the point together. More could overflow.
const DIGITS: usize = 30;

/// The size in bytes, rounded up to whole pages.
///
/// # Errors
///
/// A text that is no size, nothing, or larger than any file.
pub fn parse(text: &str) -> Result<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > DIGITS || fraction.contains('.') {
        bail!("{text:?} is no size; write it like 16 (GiB), 500MiB or 1.5T");
    }
    let Some(shift) = shift(unit.trim()) else {
        bail!(
            "{text:?} is no size: unknown unit {}; write it like 16 (GiB), 500MiB or 1.5T",
            unit.trim()
        );
    };
    let too_large = || anyhow::anyhow!("{text:?} is larger than any file");
    let units: u128 = digits.parse().map_err(|_| too_large())?;
    let divisor = (0..fraction.len()).fold(1u128, |power, _| power * 10);
    let bytes = units
        .checked_mul(1 << shift)
        .ok_or_else(too_large)?
        .div_ceil(divisor);
    if bytes == 0 {
        bail!("{text:?} is nothing");
    }
    let bytes = bytes.next_multiple_of(PAGE.into());
    // The length of a file is a signed number.
    i64::try_from(bytes)
        .map(i64::unsigned_abs)
        .map_err(|_| too_large())
}

/// The power of two of a unit: `g`, `GB`, `GiB` and the like, in any case.
fn shift(unit: &str) -> Option<u32> {
    let unit = unit.to_ascii_lowercase();
    if unit.is_empty() {
        return Some(GIB);
    }
    let (letter, shift) = UNITS.iter().find(|(letter, _)| unit.starts_with(letter))?;
    let rest = &unit[letter.len()..];
    let known: &[&str] = if *shift == 0 { &[""] } else { &["", "b", "ib"] };
    known.contains(&rest).then_some(*shift)
}

/// A size in bytes as text, in the largest unit in which it is at least 1, cut to one digit after the point: `1.5 GiB`.
pub fn show(bytes: u64) -> String {
    const NAMES: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let step = bytes.checked_ilog2().unwrap_or(0) / 10;
    let whole = bytes >> (10 * step);
    let tenths = (u128::from(bytes - (whole << (10 * step))) * 10) >> (10 * step);
    let fraction = if tenths == 0 {
        String::new()
    } else {
        format!(".{tenths}")
    };
    format!("{whole}{fraction} {}", NAMES[step as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("5", 5 << 30),
            ("500MiB", 500 << 20),
            ("500m", 500 << 20),
            ("10G", 10 << 30),
            ("10 GB", 10 << 30),
            ("1.5T", 3 << 39),
            ("0.5", 1 << 29),
            (".5", 1 << 29),
            ("1073741824B", 1 << 30),
            ("4097b", 8192),
            ("1", 1 << 30),
            ("00016", 16 << 30),
            ("7E", 7 << 60),
        ] {
            assert_eq!(parse(text).expect(text), bytes, "{text}");
        }
    }

    #[test]
    fn what_is_no_size() {
        for text in [
            "",
            "0",
            "0.0G",
            "-5",
            "+5",
            "1e3",
            "8E",
            "99999999999999999999",
            "5X",
            "5GiBs",
            "1.2.3",
            ".",
            "G",
            "5BB",
            "0x10",
            "NaN",
            "٣",
        ] {
            parse(text).expect_err(text);
        }
        parse(&"9".repeat(40)).expect_err("too long");
    }

    #[test]
    fn sizes_are_shown_in_large_units() {
        assert_eq!(
            (show(5 << 30), show(1536 << 20), show(4096)),
            ("5 GiB".into(), "1.5 GiB".into(), "4 KiB".into())
        );
        assert_eq!(
            (show(0), show(1023), show(u64::MAX)),
            ("0 B".into(), "1023 B".into(), "15.9 EiB".into())
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,50}") {
            if let Ok(bytes) = parse(&text) {
                assert!(bytes > 0 && bytes % 4096 == 0);
            }
        }
    }
}

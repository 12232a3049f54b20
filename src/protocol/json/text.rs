//! The text of JSON, before it is read.

use std::borrow::Cow;

/// The text with replacement characters in its strings, for each byte that is not UTF-8 and for each half of a surrogate pair, so
/// that one bad name does not spoil a list.
pub fn clean(text: &[u8]) -> Cow<'_, str> {
    with_whole_surrogates(utf8(text))
}

/// The text with a replacement character for each byte that is not UTF-8.
fn utf8(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(text) {
        return text.into();
    }
    let mut whole = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        whole.push_str(chunk.valid());
        whole.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    whole.into()
}

/// The text with the escape of a replacement character for each escape `\uD800` to `\uDFFF` that has no other half.
fn with_whole_surrogates(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, escape)) = rest.find('\\').map(|at| rest.split_at(at)) {
        whole.push_str(before);
        let unit = utf16_unit(escape);
        let next = escape.get(6..).and_then(utf16_unit);
        let is_pair = matches!((unit, next), (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)));
        let (replaced, length) = match unit {
            _ if is_pair => (None, 12),
            Some(0xd800..=0xdfff) => (Some("\\ufffd"), 6),
            // Of another escape, the backslash and what it escapes.
            _ => (
                None,
                1 + escape[1..].chars().next().map_or(0, char::len_utf8),
            ),
        };
        whole.push_str(replaced.unwrap_or(&escape[..length]));
        rest = &escape[length..];
    }
    (whole + rest).into()
}

/// The number in an escape `\uXXXX` at the beginning of the text.
fn utf16_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// How deep the arrays and objects of a JSON value are in each other.
pub fn deepest(value: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

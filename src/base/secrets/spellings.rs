//! All the forms in which the text of a secret comes back in messages.

use serde_json::Value;

use crate::base::text::one_line;

/// Lines of a secret that are shorter are too common to be masked alone, such as `}`.
const SHORTEST_LINE: usize = 8;

/// The secret itself, as JSON and Go's JSON write it, once and within another string, with its lines joined, each line of it, and
/// without the escapes of a URL.
pub fn of(secret: &str) -> Vec<String> {
    let joined = secret.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut plain = vec![secret.to_owned(), secret.trim().to_owned(), joined];
    plain.push(one_line(secret));
    if secret.contains(['\n', '\r']) {
        let lines = secret.lines().map(str::trim);
        plain.extend(
            lines
                .filter(|line| line.len() >= SHORTEST_LINE)
                .map(str::to_owned),
        );
    }
    plain.extend(without_percents(secret));
    let mut all = plain.clone();
    for text in plain {
        let once = in_json(&text);
        all.extend([
            in_json(&once),
            once.replace('/', "\\/"),
            in_go(&once),
            in_ascii(&once),
        ]);
        all.extend([once, text.escape_debug().to_string()]);
    }
    all.extend(encoded(secret));
    all.extend(encoded(secret.trim()));
    all.retain(|text| !text.is_empty());
    all.sort();
    all.dedup();
    all
}

/// What is shorter is in many texts that hold no secret.
const SHORTEST_ENCODED: usize = 8;

/// As hexadecimal numbers, and as base64, also within a longer text that was encoded as a whole, such as `user:password`.
fn encoded(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![hex.to_uppercase(), hex];
    for before in 0..3 {
        let text = base64(&[&[0; 2][..before], secret.as_bytes()].concat());
        // What the bytes before it and behind it have a part in is left out.
        let whole = (before + secret.len()) * 8 / 6;
        let inner = text
            .get((before * 8).div_ceil(6)..whole)
            .unwrap_or_default();
        all.push(inner.to_owned());
        if before == 0 {
            all.push(text);
        }
    }
    let for_urls = |text: &String| text.replace('+', "-").replace('/', "_");
    let more: Vec<_> = all.iter().map(for_urls).collect();
    all.extend(more);
    all.retain(|text| text.len() >= SHORTEST_ENCODED);
    all
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > three.len() {
                '='
            } else {
                char::from(letter)
            });
        }
    }
    text
}

fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(&quoted).to_owned()
}

/// Go's encoding/json also escapes what HTML would take for its own.
fn in_go(json: &str) -> String {
    let html = [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")];
    html.iter().fold(json.to_owned(), |text, (c, escaped)| {
        text.replace(*c, escaped)
    })
}

/// As Python writes JSON.
fn in_ascii(json: &str) -> String {
    let escaped = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => {
            let mut units = [0; 2];
            let units = c.encode_utf16(&mut units).iter();
            units.map(|unit| format!("\\u{unit:04x}")).collect()
        }
    };
    json.chars().map(escaped).collect()
}

/// The text with `%2f` and the like decoded, if it has any.
fn without_percents(text: &str) -> Option<String> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|digits| str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        rest = match (first, code) {
            (b'%', Some(code)) => {
                decoded.push(code);
                &after[2..]
            }
            _ => {
                decoded.push(*first);
                after
            }
        };
    }
    String::from_utf8(decoded)
        .ok()
        .filter(|decoded| decoded != text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_secret() {
        for (secret, forms) in [
            ("a\"b", &["a\"b", "a\\\"b", "a\\\\\\\"b"][..]),
            ("a<&>b", &["a\\u003c\\u0026\\u003eb"]),
            ("a/b", &["a\\/b"]),
            ("pä", &["p\\u00e4"]),
            ("a%2Fb%", &["a/b%"]),
            (
                "hunter2.0",
                &[
                    "aHVudGVyMi4w",
                    "h1bnRlcjIuM",
                    "odW50ZXIyLj",
                    "68756e746572322e30",
                    "68756E746572322E30",
                ],
            ),
            ("hunter2\n", &["aHVudGVyMgo=", "aHVudGVyMg=="]),
            (">>>???>>>", &["Pj4-Pz8_Pj4-"]),
            (
                "first line\nsecond line\n",
                &[
                    "first line\\nsecond line\\n",
                    "first line second line",
                    "first line",
                    "second line",
                ],
            ),
        ] {
            let found = of(secret);
            for form in forms {
                assert!(found.iter().any(|it| it == form), "{form}: {found:?}");
            }
        }
        assert!(!of("}\nlong enough").contains(&"}".to_owned()));
    }
}

//! Masking one secret in a text, and what stands before the host of a URL.

use crate::base::boolean::parse_boolean;
use crate::base::secrets::names::is_secret;
use crate::base::secrets::users;

/// What is shown in place of a secret.
pub const MASK: &str = "****";

/// From this length on, in bytes, a secret is masked inside of words as well. A password of one letter must not make the text
/// unreadable.
const SHORTEST_INSIDE: usize = 4;

/// From this length on, the beginning of a secret is masked as well: a long message is cut off.
const SHORTEST_CUT: usize = 24;

/// How much of its beginning has to be there.
const BEGINNING: usize = 12;

/// The text with a secret masked, wherever it stands as a whole.
pub fn whole(text: &str, secret: &str) -> String {
    match secret.len() < SHORTEST_INSIDE {
        true => whole_word(text, secret),
        false => text.replace(secret, MASK),
    }
}

/// The text with the beginning of a long secret masked, as far as it goes on like the secret.
pub fn cut_off(text: String, secret: &str) -> String {
    let is_long = secret.len() >= SHORTEST_CUT;
    match secret.get(..BEGINNING).filter(|_| is_long) {
        Some(beginning) => beginnings(&text, secret, beginning),
        None => text,
    }
}

fn beginnings(text: &str, secret: &str, beginning: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(beginning) {
        let (before, found) = rest.split_at(at);
        let same = found
            .chars()
            .zip(secret.chars())
            .take_while(|(one, other)| one == other);
        let length: usize = same.map(|(c, _)| c.len_utf8()).sum();
        masked.push_str(before);
        masked.push_str(MASK);
        rest = &found[length..];
    }
    masked + rest
}

/// The text with a secret masked where some of its bytes are written as in URLs: `%2F`, and a plus for a blank.
pub fn in_percents(text: String, secret: &str) -> String {
    if !text.contains(['%', '+']) || secret.len() < SHORTEST_INSIDE {
        return text;
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let found = length_in_percents(rest.as_bytes(), secret.as_bytes());
        let after = found.and_then(|length| rest.get(length..));
        match after {
            Some(_) => masked.push_str(MASK),
            None => masked.push(first),
        }
        rest = after.unwrap_or(&rest[first.len_utf8()..]);
    }
    masked
}

/// How long a secret is at the beginning of a text, if it is there.
fn length_in_percents(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut rest = text;
    for byte in secret {
        let code = rest.get(1..3).and_then(|code| str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        let length = match rest.first()? {
            b'%' if code == Some(*byte) => 3,
            b'+' if *byte == b' ' => 1,
            found if found == byte => 1,
            _ => return None,
        };
        rest = &rest[length..];
    }
    Some(text.len() - rest.len())
}

fn whole_word(text: &str, secret: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(secret) {
        let (before, found) = rest.split_at(at);
        let after = &found[secret.len()..];
        let inside_word = |outside: Option<char>, edge: Option<char>| {
            outside.is_some_and(char::is_alphanumeric) && edge.is_some_and(char::is_alphanumeric)
        };
        let before_it = before.chars().next_back().or(masked.chars().next_back());
        masked.push_str(before);
        if inside_word(before_it, secret.chars().next())
            || inside_word(after.chars().next(), secret.chars().next_back())
        {
            masked.push_str(secret);
        } else {
            masked.push_str(MASK);
        }
        rest = after;
    }
    masked + rest
}

/// The text with the value masked behind each name of a secret: `password=VALUE`, and `"password":"VALUE"` as JSON has it.
pub fn named_values(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':']) {
        let (before, found) = rest.split_at(at);
        let (sign, after) = found.split_at(1);
        masked.push_str(before);
        masked.push_str(sign);
        rest = after;
        let name = before.trim_end_matches(['"', '\\']);
        let is_quoted = name.len() < before.len();
        let name = &name[name
            .rfind(|c| !is_of_name(c))
            .map_or(0, |at| at + last_len(name, at))..];
        if (sign == "=" || is_quoted)
            && is_secret(name)
            && let Some((start, end)) = value_in(after, sign)
        {
            masked.push_str(&after[..start]);
            masked.push_str(MASK);
            rest = &after[end..];
        }
    }
    masked + rest
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// How long the character at a place is, in bytes.
fn last_len(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

/// Where the value behind a name begins and ends. What only says yes or no is none.
fn value_in(text: &str, sign: &str) -> Option<(usize, usize)> {
    let start = text.len() - text.trim_start_matches([' ', '\\']).len();
    let value = text[start..].trim_start_matches('"');
    // What is masked, or stands for any value, as in help. A long text may have it often: its end is not looked for.
    if value.starts_with(MASK) || value.starts_with("VALUE") {
        return None;
    }
    let (start, end) = match text[start..].strip_prefix('"') {
        Some(value) => (
            start + 1,
            start + 1 + value.find(['"', '\\']).unwrap_or(value.len()),
        ),
        None if sign == ":" => return None,
        None => {
            let ends = |c: char| c.is_whitespace() || ",;&'\"`)]}".contains(c);
            let value = &text[..text.find(ends).unwrap_or(text.len())];
            // It is likelier the message's.
            (0, value.trim_end_matches(':').len())
        }
    };
    says_something(&text[start..end]).then_some((start, end))
}

/// Whether a value is more than a truth value or `none`, which say what is done about a secret.
pub fn says_something(value: &str) -> bool {
    !value.is_empty() && !value.eq_ignore_ascii_case("none") && parse_boolean(value).is_none()
}

/// The text with user and password masked in each URL, and a password that stands before a host without a scheme.
pub fn users_of_urls(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut after = 0;
    for user in users::places(text) {
        masked.push_str(&text[after..user.start]);
        masked.push_str(MASK);
        after = user.end;
    }
    masked + &text[after..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_masked_in_urls() {
        for (text, expected) in [
            ("http://u:p@h/x", "http://****@h/x"),
            ("at ftp://token@h: no", "at ftp://****@h: no"),
            ("\"s3://a:b/c@h\" x@y", "\"s3://****@h\" x@y"),
            ("http://u:p@@h/x@y", "http://****@h/x@y"),
            ("http://h:80/x@y", "http://h:80/x@y"),
            ("http://[::1]:80/x@y", "http://[::1]:80/x@y"),
            ("http://h/x@y, ssh://h a@b", "http://h/x@y, ssh://h a@b"),
            ("unix:///run/x.sock", "unix:///run/x.sock"),
            ("a://b:c@d e://f:g@h", "a://****@d e://****@h"),
            ("on joe:pw@h:/x: no", "on joe:****@h:/x: no"),
        ] {
            assert_eq!(users_of_urls(text), expected);
        }
    }

    #[test]
    fn values_behind_names_are_masked() {
        for (text, expected) in [
            ("o=user=joe,password=x,ro", "o=user=joe,password=****,ro"),
            ("no: pass=x y", "no: pass=**** y"),
            ("pass=****: pin=x: no", "pass=****: pin=****: no"),
            (
                "{\"apiKey\": \"x y\",\"a\":\"b\"}",
                "{\"apiKey\": \"****\",\"a\":\"b\"}",
            ),
            ("{\\\"psk\\\":\\\"x\\\"}", "{\\\"psk\\\":\\\"****\\\"}"),
            ("(token=x) 'pin=y'", "(token=****) 'pin=****'"),
            (
                "ümit=x, pässword=y, üpassword=z",
                "ümit=x, pässword=y, üpassword=****",
            ),
            (
                "keyfile=/a, auth=none, pass=",
                "keyfile=/a, auth=none, pass=",
            ),
            (
                "write password=VALUE; key: none",
                "write password=VALUE; key: none",
            ),
            ("token: expired, host:80", "token: expired, host:80"),
        ] {
            assert_eq!(named_values(text), expected);
        }
    }

    #[test]
    fn the_beginning_of_a_long_secret_is_masked() {
        let long = "0123456789abcdefghijklmnopqrstuvwxyz";
        for (text, expected) in [
            ("key 0123456789abcdefgh ...", "key **** ..."),
            ("0123456789 x", "0123456789 x"),
            ("x0123456789abcdefghijklmnopqrstuvwxyzx", "x****x"),
        ] {
            assert_eq!(cut_off(whole(text, long), long), expected);
        }
    }

    #[test]
    fn a_secret_is_masked_as_urls_write_it() {
        for (text, expected) in [
            ("p%40ss%2fw+rd!", "****!"),
            ("x=p@ss%2Fw%20rd&y", "x=****&y"),
            ("%70%40%73%73%2f%77%20%72%64", "****"),
            ("100% p@ss%2fword %", "100% p@ss%2fword %"),
            ("\u{fc}%p%40ss%2fw%20rd\u{fc}", "\u{fc}%****\u{fc}"),
        ] {
            assert_eq!(in_percents(text.into(), "p@ss/w rd"), expected);
        }
        assert_eq!(in_percents("%61bc".into(), "abc"), "%61bc");
    }

    /// It takes minutes where the rest of the text is read anew for each of them.
    #[test]
    fn many_names_are_masked_in_one_go() {
        for value in ["VALUE", MASK, "x", "\"x", "\\\"VALUE"] {
            let text = format!("pass={value}").repeat(100_000);
            assert!(named_values(&text).len() < text.len() + 10, "{value}");
        }
    }

    #[test]
    fn a_short_secret_is_masked_as_a_word() {
        assert_eq!(whole("a, bad aa -a", "a"), "****, bad aa -****");
        assert_eq!(whole("s3cr in s3cret", "s3cr"), "**** in ****et");
    }
}

//! Errors, and text from outside, in a form that can be shown on one line.

use std::borrow::Cow;
use std::io;

use anyhow::Error;
use nix::errno::Errno;

/// An error and its causes, outermost first, as `a: b: c`.
pub fn chain(error: &Error) -> String {
    let text = |cause: &(dyn std::error::Error + 'static)| match cause.downcast_ref::<io::Error>() {
        Some(error) => plain(error),
        None => match cause.downcast_ref::<Errno>() {
            Some(errno) => plain(&(*errno).into()),
            None => cause.to_string(),
        },
    };
    error.chain().map(text).collect::<Vec<_>>().join(": ")
}

/// The words of an error of the operating system in lower case and without its number; any other error as it is.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(_) => text
            .split(" (os error")
            .next()
            .unwrap_or(&text)
            .to_lowercase(),
        None => text,
    }
}

/// Text for a message: blanks in place of line ends and whatever else cannot be printed, which would forge lines, move the cursor or
/// turn the text around.
pub fn one_line(text: &str) -> String {
    let clean = |c: char| if is_printable(c) { c } else { ' ' };
    text.trim().chars().map(clean).collect()
}

/// Text for an answer, where different names must stay different: what cannot be printed as `\n`, `\u{202e}` and the like.
pub fn escape_unprintable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match is_printable(c) {
            true => shown.push(c),
            false => shown.extend(c.escape_default()),
        }
    }
    shown
}

/// Whether a character is shown as itself, by the rule of Rust's own escapes. Control characters are not, nor are separators of lines
/// and paragraphs, blanks other than a space, and characters that only format, such as U+202E.
fn is_printable(c: char) -> bool {
    let is_ascii = matches!(c, ' '..='~');
    // Behind a letter, since an accent that is added to a letter is escaped where it stands alone.
    is_ascii || !c.is_control() && format!("x{c}").escape_debug().count() == 2
}

/// At most so many characters of the text, and `...` where some are left out.
pub fn shorten(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// At most so many bytes of the text, in whole words as far as it has any, and `...` where some are left out.
pub fn shorten_to_words(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest {
        return text.into();
    }
    let end = (0..=longest).rev().find(|at| text.is_char_boundary(*at));
    let kept = &text[..end.unwrap_or_default()];
    let is_whole = text[kept.len()..].starts_with(' ');
    let words = match kept.rsplit_once(' ') {
        Some((words, _)) if !is_whole => words,
        _ => kept,
    };
    format!("{} ...", words.trim_end()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line(" a\nb\u{1b}[31mc\r\n"), "a b [31mc");
        assert_eq!(escape_unprintable(" a\nb\u{1b}\\ü"), " a\\nb\\u{1b}\\ü");
    }

    #[test]
    fn what_forges_or_hides_lines_is_not_printable() {
        for c in [
            '\u{85}',
            '\u{a0}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{2029}',
            '\u{202e}',
            '\u{2069}',
            '\u{3000}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(one_line(&format!("a{c}b")), "a b");
            assert_eq!(
                escape_unprintable(&c.to_string()),
                format!("\\u{{{:x}}}", u32::from(c))
            );
        }
        for text in ["a'\"\\", "e\u{301}", "\u{301}", "日本", "🦀", "עברית"] {
            assert_eq!(one_line(text), text);
            assert_eq!(escape_unprintable(text), text);
        }
    }

    #[test]
    fn a_text_is_shortened_between_words() {
        for (text, longest, shown) in [
            ("no space left", 13, "no space left"),
            ("no space left", 12, "no space ..."),
            ("no space left", 8, "no space ..."),
            ("no space left", 7, "no ..."),
            ("no  space", 5, "no ..."),
            ("äöü", 3, "ä ..."),
            ("", 0, ""),
        ] {
            assert_eq!(shorten_to_words(text, longest), shown, "{text} {longest}");
        }
    }

    #[test]
    fn a_text_is_shortened_between_characters() {
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten("äöü", 2), "äö...");
        assert_eq!(shorten("", 0), "");
    }
}

//! Text that others have written, and errors, as one line.

use std::io;

use anyhow::Error;
use rustix::io::Errno;

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

/// The words of an operating system's error in lower case, without its number.
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

/// The text without line ends and other control characters, which would forge lines or move the cursor.
pub fn one_line(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(clean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(one_line(" a\nb\u{1b}[31mc\r\n"), "a b [31mc");
    }
}

//! What comes of a command line that is not to be carried out: `--help`, `--version`, or a usage error in one line.

use clap::error::ErrorKind;

#[derive(Debug)]
pub enum Unparsed {
    /// `--help` or `--version`: the text for stdout, with its line end.
    Answer(String),
    /// Wrong usage, in one line without a line end.
    Wrong(String),
}

impl From<clap::Error> for Unparsed {
    fn from(error: clap::Error) -> Unparsed {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Unparsed::Answer(error.to_string())
            }
            _ => Unparsed::Wrong(in_one_line(&error.to_string())),
        }
    }
}

/// Joins the lines of clap's usage error, and leaves out the usage that `--help` shows.
fn in_one_line(text: &str) -> String {
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let mut message = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        let (separator, line) = match line.strip_prefix("tip: ") {
            Some(tip) => ("; ", tip),
            None => (" ", line),
        };
        if !message.is_empty() {
            message.push_str(separator);
        }
        message.push_str(line);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_usage_error_become_one() {
        let text = "error: invalid value 'tcsh' for '<SHELL>'\n  [possible values: bash, zsh]\n\n  \
                    tip: a similar value exists: 'zsh'\n\nUsage: dvdcli completions\n\nFor more information, try '--help'.\n";
        assert_eq!(
            in_one_line(text),
            "invalid value 'tcsh' for '<SHELL>' [possible values: bash, zsh]; a similar value exists: 'zsh'"
        );
    }
}

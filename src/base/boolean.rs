//! Truth values as people, configuration files and environments write them.

/// `true`, `t`, `yes`, `on`, `1` and their opposites, in any case and with blanks around; `None` for anything else.
pub fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_ascii_lowercase();
    parse_true_or_false(&text).or(match text.as_str() {
        "t" | "yes" | "on" | "1" => Some(true),
        "f" | "no" | "off" | "0" => Some(false),
        _ => None,
    })
}

/// `true` and `false` alone, in any case; `None` for anything else.
pub fn parse_true_or_false(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_true_and_false() {
        for (text, expected) in [
            ("True", Some(true)),
            ("T", Some(true)),
            (" on\n", Some(true)),
            ("1", Some(true)),
            ("no", Some(false)),
            ("OFF", Some(false)),
            ("f", Some(false)),
            ("maybe", None),
            ("", None),
            ("10", None),
        ] {
            assert_eq!(parse_boolean(text), expected, "{text}");
        }
    }

    #[test]
    fn where_only_two_words_are_allowed() {
        assert_eq!(parse_true_or_false("TRUE"), Some(true));
        assert_eq!(parse_true_or_false("false"), Some(false));
        for text in ["yes", "1", " true"] {
            assert_eq!(parse_true_or_false(text), None, "{text}");
        }
    }
}

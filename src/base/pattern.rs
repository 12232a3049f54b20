//! Patterns in which `*` stands for any text, also for none.

/// Whether the whole of a text fits a pattern.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((begin, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(begin) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

/// Whether a text fits one of the patterns.
pub fn fits_one(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "rexray/ebs:latest", true),
            ("loop", "loop", true),
            ("loop", "loops", false),
            ("loop", "loo", false),
            ("", "", true),
            ("", "x", false),
            ("rexray/*", "rexray/ebs:latest", true),
            ("rexray/*", "rexray", false),
            ("*:latest", "a:latest", true),
            ("*:latest", "a:latest2", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("vers=*", "vers=4.2", true),
            ("vers=*", "version=4", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}

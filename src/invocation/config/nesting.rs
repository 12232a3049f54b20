//! A limit for a YAML text, which is checked before it is read into a tree: that is built, walked and dropped by recursion. How many
//! values aliases may become is limited by the parser.

use std::collections::HashMap;

use anyhow::{Result, bail};
use saphyr_parser::{Event, Parser};

/// How deep lists and maps may be in each other.
const DEEPEST: usize = 100;

/// # Errors
///
/// It is nested too deep, also by what an alias stands for; with the line. What is no YAML is not reported: whoever reads it does
/// that.
pub fn check(text: &str) -> Result<()> {
    // The lists and maps that have begun and not ended: their anchors, and how deep they are inside.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut anchors = HashMap::new();
    for parsed in Parser::new_from_str(text) {
        let Ok((event, span)) = parsed else {
            return Ok(());
        };
        let depth = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 1));
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some((anchor, depth)) = open.pop() else {
                    continue;
                };
                anchors.insert(anchor, depth);
                depth
            }
            Event::Alias(anchor) => anchors.get(&anchor).copied().unwrap_or(0),
            _ => 0,
        };
        if open.len() + depth > DEEPEST {
            let line = span.start.line();
            bail!("line {line}: it is nested more than {DEEPEST} deep");
        }
        if let Some((_, around)) = open.last_mut() {
            *around = (*around).max(depth + 1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEEP: &str = "line 1: it is nested more than 100 deep";

    fn problem(text: &str) -> Option<String> {
        check(text).err().map(|error| error.to_string())
    }

    /// Each is nested so deep.
    fn nested(depth: usize) -> [String; 6] {
        let blocks = (0..depth).map(|at| format!("{}a:\n", " ".repeat(at)));
        [
            "- ".repeat(depth) + "a",
            "? ".repeat(depth) + "a",
            format!("{}a{}", "[".repeat(depth), "]".repeat(depth)),
            format!("{}a{}", "{a: ".repeat(depth), "}".repeat(depth)),
            format!("- {}a{}", "[".repeat(depth - 1), "]".repeat(depth - 1)),
            blocks.collect(),
        ]
    }

    #[test]
    fn nesting_has_a_limit() {
        for text in nested(100) {
            assert_eq!(problem(&text), None, "{text}");
        }
        for text in nested(101) {
            let problem = problem(&text).expect(&text);
            assert!(problem.ends_with("it is nested more than 100 deep"));
        }
        for text in &nested(20_000)[..2] {
            assert_eq!(problem(text).as_deref(), Some(DEEP));
        }
    }

    #[test]
    fn what_an_alias_stands_for_is_nested_as_well() {
        let chain = |length: usize| {
            let links = (1..length).map(|at| format!("a{at}: &a{at} [*a{}]\n", at - 1));
            format!("a0: &a0 [x]\n{}", links.collect::<String>())
        };
        assert_eq!(problem(&chain(99)), None);
        let expected = "line 100: it is nested more than 100 deep";
        assert_eq!(problem(&chain(100)).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_yaml_is_left_to_the_reader() {
        assert_eq!(problem("a: [*b"), None);
        assert_eq!(problem("]"), None);
    }
}

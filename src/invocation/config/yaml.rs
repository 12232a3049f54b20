//! A YAML file as a flat list of dotted names with their values and lines.

use std::slice;

use anyhow::{Result, bail};
use saphyr::{MarkedYaml, YamlData, YamlLoader};
use saphyr_parser::{Parser, ScalarStyle};

use crate::invocation::config::nesting;

/// A leaf of the tree, such as `rexray.volume.mount.preempt`.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// In lower case, because settings are recognized in any case.
    pub name: String,
    /// The name as the file has it.
    pub written: String,
    /// From 1.
    pub line: usize,
    value: Value,
    /// Whether the name has no value: an empty text, or one of YAML's words for nothing.
    pub is_null: bool,
}

/// What a name has.
#[derive(Debug, PartialEq)]
enum Value {
    /// As the file has it, whatever its YAML type.
    Scalar(String),
    /// A list of single values.
    List(Vec<String>),
    /// A list of lists or maps, or a value that YAML marks as something else.
    Other,
}

impl Entry {
    /// Whether this is the name, or one below it in the tree.
    pub fn is_at_or_below(&self, name: &str) -> bool {
        self.name
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }

    /// The value as text, whatever its YAML type.
    pub fn scalar(&self) -> Result<&str> {
        match &self.value {
            Value::Scalar(text) => Ok(text),
            _ => bail!("it has no single value"),
        }
    }

    /// The values of a list. A single value is a list of one.
    pub fn list(&self) -> Result<&[String]> {
        match &self.value {
            Value::Scalar(text) => Ok(slice::from_ref(text)),
            Value::List(texts) => Ok(texts),
            Value::Other => bail!("it is no list of single values"),
        }
    }
}

/// In quotes, a word such as `~` is text (YAML 1.2, 10.3.2).
fn is_null(node: &MarkedYaml) -> bool {
    let YamlData::Representation(text, style, _) = &node.data else {
        return false;
    };
    let is_word = matches!(text.as_ref(), "~" | "null" | "Null" | "NULL");
    text.is_empty() || (is_word && *style == ScalarStyle::Plain)
}

/// All leaves, in the order of the file. A key with dots in it is read as a path.
///
/// # Errors
///
/// The text is no YAML, or nested too deep, with the line; or it is no map.
pub fn entries(text: &str) -> Result<Vec<Entry>> {
    nesting::check(text)?;
    // Scalars are kept as they are written: YAML would read a name such as `on` as a boolean.
    let mut loader = YamlLoader::<MarkedYaml>::default();
    loader.early_parse(false);
    let parsed = Parser::new_from_str(text).load(&mut loader, false);
    if let Some(error) = parsed.as_ref().err().or(loader.error()) {
        bail!("line {}: {}", error.marker().line(), error.info());
    }
    let mut entries = Vec::new();
    match loader.into_documents().first() {
        None => {}
        Some(tree) if matches!(tree.data, YamlData::Mapping(_)) => flatten("", tree, &mut entries),
        Some(tree) if is_null(tree) => {}
        Some(_) => bail!("it is no map of settings"),
    }
    Ok(entries)
}

fn flatten(name: &str, node: &MarkedYaml, entries: &mut Vec<Entry>) {
    if let YamlData::Mapping(children) = &node.data {
        for (key, child) in children {
            let key = scalar(key).unwrap_or_default();
            let path = if name.is_empty() {
                key
            } else {
                format!("{name}.{key}")
            };
            flatten(&path, child, entries);
        }
    } else {
        entries.push(Entry {
            name: name.to_lowercase(),
            written: name.to_owned(),
            line: node.span.start.line(),
            value: value(node),
            is_null: is_null(node),
        });
    }
}

fn value(node: &MarkedYaml) -> Value {
    let list = || match &node.data {
        YamlData::Sequence(values) => values.iter().map(scalar).collect::<Option<_>>(),
        _ => None,
    };
    match scalar(node) {
        Some(text) => Value::Scalar(text),
        None => list().map_or(Value::Other, Value::List),
    }
}

fn scalar(node: &MarkedYaml) -> Option<String> {
    match &node.data {
        YamlData::Representation(text, ..) => Some(text.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_becomes_dotted_names() {
        let text = "\
# REX-Ray
rexray:
  volume: {mount: {Preempt: true}}
libstorage.integration:
    volume: &v
       on: \"a b\"
list: [1, 2]
other: *v
";
        let found: Vec<_> = entries(text)
            .expect("a tree")
            .into_iter()
            .map(|e| (e.name, e.line, e.value))
            .collect();
        let scalar = |text: &str| Value::Scalar(text.to_owned());
        let expected = [
            ("rexray.volume.mount.preempt", 3, scalar("true")),
            ("libstorage.integration.volume.on", 6, scalar("a b")),
            ("list", 7, Value::List(vec!["1".into(), "2".into()])),
            ("other.on", 6, scalar("a b")),
        ];
        assert_eq!(
            found,
            expected.map(|(name, line, value)| (name.to_owned(), line, value))
        );
    }

    #[test]
    fn a_list_holds_single_values_and_a_single_value_is_a_list_of_one() {
        let text = "{a: [x, \"y z\"], b: x, c: [], d: [[x]], e: [{x: y}]}";
        let lists: Vec<_> = entries(text)
            .expect("a map")
            .iter()
            .map(|entry| entry.list().map(<[String]>::to_vec).ok())
            .collect();
        let list = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect());
        let expected = [list(&["x", "y z"]), list(&["x"]), list(&[]), None, None];
        assert_eq!(lists, expected);
    }

    #[test]
    fn files_without_settings() {
        for text in ["", "# nothing\n", "---\n", "~"] {
            assert_eq!(entries(text).expect("an empty file"), [], "{text}");
        }
    }

    #[test]
    fn words_for_nothing_are_none_in_quotes() {
        let text = "{a: , b: ~, c: null, d: Null, e: NULL, f: \"\", g: '~', h: \"null\", i: nil}";
        let found = entries(text).expect("a map");
        let null: Vec<_> = found.iter().filter(|entry| entry.is_null).collect();
        let null: Vec<_> = null.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(null, ["a", "b", "c", "d", "e", "f"]);
    }

    #[test]
    fn what_is_no_yaml_is_named_by_its_line() {
        let error = entries("a: b\nc: [1\n")
            .expect_err("an open list")
            .to_string();
        assert!(error.starts_with("line "), "{error}");
        assert_eq!(
            entries("just text").expect_err("text").to_string(),
            "it is no map of settings"
        );
    }
}

//! A YAML file as a flat list of dotted names with their values and lines.

use std::fmt;

use anyhow::{Result, anyhow, bail};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// A leaf of the tree, such as `rexray.volume.mount.preempt`.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// In lower case: names are understood in any case.
    pub name: String,
    /// As the file has it.
    pub written: String,
    pub line: u64,
    /// `None` for nothing and for a list.
    value: Option<String>,
}

impl Entry {
    /// The value as text, whatever its YAML type.
    pub fn scalar(&self) -> Result<&str> {
        self.value
            .as_deref()
            .ok_or_else(|| anyhow!("line {}: {} has no single value", self.line, self.written))
    }
}

/// All leaves, in the order of the file. A key that itself holds dots counts as a path.
pub fn entries(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(entries);
    }
    let tree: Node = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map_or(0, |location| location.line());
        anyhow!("line {line}: {}", error.without_snippet())
    })?;
    match tree {
        Node::Map(children) => flatten("", children, &mut entries),
        Node::Scalar(None) => {}
        Node::Scalar(Some(_)) => bail!("it is no map of settings"),
    }
    Ok(entries)
}

fn flatten(prefix: &str, children: Vec<(String, Spanned<Node>)>, entries: &mut Vec<Entry>) {
    for (key, node) in children {
        let line = node.referenced.line();
        let written = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}.{key}")
        };
        match node.value {
            Node::Map(children) => flatten(&written, children, entries),
            Node::Scalar(value) => entries.push(Entry {
                name: written.to_lowercase(),
                written,
                line,
                value,
            }),
        }
    }
}

enum Node {
    Map(Vec<(String, Spanned<Node>)>),
    Scalar(Option<String>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

/// Scalars of every type become text.
macro_rules! scalars {
    ($($visit:ident: $type:ty),*) => {
        $(fn $visit<E>(self, value: $type) -> Result<Node, E> {
            Ok(Node::Scalar(Some(value.to_string())))
        })*
    };
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a setting")
    }

    scalars!(visit_bool: bool, visit_i64: i64, visit_u64: u64, visit_i128: i128, visit_u128: u128, visit_f64: f64, visit_str: &str);

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        while sequence.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Node::Scalar(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut children = Vec::new();
        while let Some(child) = map.next_entry()? {
            children.push(child);
        }
        Ok(Node::Map(children))
    }
}

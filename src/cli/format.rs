//! The formats in which things are printed: their names, a table, JSON, or a template for each.

use std::ffi::OsStr;

use anyhow::Result;
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use serde_json::{Map, Value};

use crate::base::text::escape_unprintable;
use crate::cli::keys::Key;
use crate::cli::table::columns;
use crate::cli::template::Template;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    Names,
    Table,
    Json,
    Template(Template),
}

const NAMED: [(&str, Format); 3] = [
    ("names", Format::Names),
    ("table", Format::Table),
    ("json", Format::Json),
];

/// One thing that is printed, in each form that a format may need.
#[derive(Debug)]
pub struct Row<const N: usize> {
    pub name: String,
    pub cells: [String; N],
    pub keys: Map<String, Value>,
}

impl Format {
    /// To be called before anything is asked that takes time. `keys` are those that a thing may have.
    ///
    /// # Errors
    ///
    /// Wrong usage: a template that names another key.
    pub fn check(&self, keys: &[Key]) -> Result<()> {
        match self {
            Format::Template(template) => template.check(keys),
            _ => Ok(()),
        }
    }

    /// The text to print. `head` are the titles of the table's columns.
    ///
    /// # Errors
    ///
    /// Wrong usage: a template that cannot be rendered.
    pub fn show<const N: usize>(&self, head: [&str; N], rows: Vec<Row<N>>) -> Result<String> {
        Ok(match self {
            Format::Names => lines(rows.iter().map(|row| &row.name)),
            Format::Table => {
                let cells: Vec<_> = rows.into_iter().map(|row| row.cells).collect();
                columns(head, &cells)
            }
            Format::Json => {
                let keys = rows.into_iter().map(|row| Value::Object(row.keys));
                format!("{:#}\n", keys.collect::<Value>())
            }
            Format::Template(template) => template.render(rows.iter().map(|row| &row.keys))?,
        })
    }
}

/// Names as [`Format::Names`] has them.
pub fn lines<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = String::new();
    for name in names {
        text.push_str(&escape_unprintable(name));
        text.push('\n');
    }
    text
}

/// Reads a format from the command line; shells offer those that have names.
#[derive(Clone)]
pub struct FormatParser;

impl TypedValueParser for FormatParser {
    type Value = Format;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Format, clap::Error> {
        let text = value.to_string_lossy();
        if let Some((_, format)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(format.clone());
        }
        let read = |text: &str| match text.contains("{{") || text.contains("{%") {
            true => Template::parse(text).map(Format::Template),
            false => Err("it is names, table, json, or a template such as '{{.Name}}'".to_owned()),
        };
        read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(
            NAMED.iter().map(|(name, _)| PossibleValue::new(*name)),
        ))
    }
}

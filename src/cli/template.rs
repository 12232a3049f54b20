//! Templates of one line for each thing that is printed, as Docker's users type them: `{{.Name}} {{json .Labels}}`.
//!
//! A crate renders them. Docker's are Go's, where a key begins with a dot and a function stands before its argument; they are
//! translated here.

use anyhow::{Result, bail};
use minijinja::value::{Serde, ValueKind};
use minijinja::{
    Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter,
    filters,
};
use serde_json::{Map, Value as Json};

use crate::base::failure::Failure;
use crate::base::text::escape_unprintable;
use crate::cli::keys::Key;

/// The name of the whole thing, which is a lone dot in Go.
const WHOLE: &str = "this";

/// Functions of one argument, and the filters that they become.
const FUNCTIONS: [(&str, &str); 4] = [
    ("json", "json"),
    ("upper", "upper"),
    ("lower", "lower"),
    ("len", "length"),
];

/// Words that begin an action in Go that is no expression.
const STATEMENTS: [&str; 5] = ["if", "else", "end", "range", "with"];

/// A template, translated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// `text` has braces somewhere.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.starts_with("table ") {
            return Err("a table has columns of its own; leave the word table out".to_owned());
        }
        let text = text.replace("\\t", "\t").replace("\\n", "\n");
        let template = Template(translate(&text)?);
        let environment = environment();
        let parsed = environment.template_from_str(&template.0);
        parsed.map(drop).map_err(|error| words(&error))?;
        Ok(template)
    }

    /// # Errors
    ///
    /// Wrong usage: it names a key that is none of `known`.
    pub fn check(&self, known: &[Key]) -> Result<()> {
        let environment = environment();
        let parsed = environment.template_from_str(&self.0).map_err(wrong)?;
        let mut named: Vec<_> = parsed.undeclared_variables(false).into_iter().collect();
        named.sort_unstable();
        // Filters are looked up when it is rendered. What else is wrong then depends on the thing.
        if let Err(error) = parsed.render(Value::UNDEFINED)
            && error.kind() == ErrorKind::UnknownFilter
        {
            return Err(wrong(error));
        }
        let known: Vec<&str> = known.iter().map(|(key, _)| *key).collect();
        named.retain(|name| name != WHOLE && !known.contains(&name.as_str()));
        if let Some(name) = named.first() {
            bail!(Failure::usage(format!(
                "--format: there is no key '{name}'; there are {}",
                known.join(", ")
            )));
        }
        Ok(())
    }

    /// A line for each of the things.
    ///
    /// # Errors
    ///
    /// Wrong usage: it cannot be rendered, as where a filter gets what it cannot take.
    pub fn render<'k>(
        &self,
        things: impl Iterator<Item = &'k Map<String, Json>>,
    ) -> Result<String> {
        let environment = environment();
        let template = environment.template_from_str(&self.0).map_err(wrong)?;
        let mut lines = String::new();
        for keys in things {
            let mut keys = keys.clone();
            keys.insert(WHOLE.to_owned(), Json::Object(keys.clone()));
            lines += &template.render(Value::from(Serde(keys))).map_err(wrong)?;
            lines.push('\n');
        }
        Ok(lines)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    // A label that a volume does not have is empty, as in Docker's answers.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_formatter(write);
    environment.add_filter("json", json);
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("length", filters::length);
    environment.add_filter("join", filters::join);
    environment.add_filter("default", filters::default);
    environment
}

/// What is not there is empty; what cannot be printed is escaped, so that a name cannot forge a line; objects are JSON.
fn write(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => Ok(()),
        ValueKind::String => {
            let text = escape_unprintable(value.as_str().unwrap_or_default());
            out.write_str(&text).map_err(Error::from)
        }
        ValueKind::Map | ValueKind::Seq => out.write_str(&json(value.clone())).map_err(Error::from),
        _ => escape_formatter(out, state, value),
    }
}

fn json(value: Value) -> String {
    serde_json::to_string(&value).unwrap_or_default()
}

fn wrong(error: Error) -> anyhow::Error {
    Failure::usage(format!("--format: {}", words(&error))).into()
}

fn words(error: &Error) -> String {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    format!("the template is wrong: {detail}")
}

/// From Go's form of the actions between double braces to the crate's.
fn translate(text: &str) -> Result<String, String> {
    let mut translated = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, after) = after
            .split_once("}}")
            .ok_or_else(|| "the template is wrong: '{{' without '}}'".to_owned())?;
        translated = translated + before + "{{" + &translate_action(action)? + "}}";
        rest = after;
    }
    Ok(translated + rest)
}

/// `json .Labels | upper` becomes `Labels|json | upper`.
fn translate_action(action: &str) -> Result<String, String> {
    let (first, pipe) = match action.find('|') {
        Some(at) => action.split_at(at),
        None => (action, ""),
    };
    let (begin, first) = match first.strip_prefix('-') {
        Some(first) => ("- ", first),
        None => (" ", first),
    };
    let (first, end) = match first.strip_suffix('-') {
        Some(first) => (first, " -"),
        None => (first, " "),
    };
    let words: Vec<&str> = first.split_whitespace().collect();
    let expression = match words.as_slice() {
        [word, ..] if STATEMENTS.contains(word) => {
            return Err(format!(
                "the template is wrong: {{{{{word}}}}} is not known; there are {{% if Name %}} {{% for key in Labels %}} {{% endif %}} {{% endfor %}}"
            ));
        }
        [".Label", key] => format!("Labels[{key}]"),
        ["index", map, key] => format!("{}[{key}]", without_dot(map)),
        [function, argument] => match FUNCTIONS.iter().find(|(name, _)| name == function) {
            Some((_, filter)) => format!("{}|{filter}", without_dot(argument)),
            None => words.join(" "),
        },
        [word] => without_dot(word),
        _ => words.join(" "),
    };
    Ok(format!("{begin}{expression}{end}{pipe}"))
}

/// `.Name` is `Name`, and a lone dot is the whole thing.
fn without_dot(word: &str) -> String {
    match word.strip_prefix('.') {
        Some("") => WHOLE.to_owned(),
        Some(key) => key.to_owned(),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::keys::INSPECTED;
    use serde_json::json;

    fn rendered(text: &str) -> String {
        let Json::Object(keys) = json!({
            "Name": "db", "Mountpoint": null, "Size": 5, "Labels": {"team": "a", "x.y": "z"}, "Holders": ["one", "two"],
        }) else {
            return String::new();
        };
        let template = Template::parse(text).expect(text);
        template.check(INSPECTED).expect(text);
        template.render([&keys].into_iter()).expect(text)
    }

    #[test]
    fn templates_as_users_of_docker_type_them() {
        for (text, line) in [
            ("{{.Name}}", "db"),
            ("{{ .Name }} at {{.Mountpoint}}.", "db at ."),
            (r"{{.Name}}\t{{.Size}}", "db\t5"),
            ("{{upper .Name}} {{.Name | upper}}", "DB DB"),
            ("{{.Labels.team}} {{.Labels.none}}", "a "),
            (r#"{{.Label "x.y"}} {{index .Labels "team"}}"#, "z a"),
            ("{{json .Labels}}", r#"{"team":"a","x.y":"z"}"#),
            ("{{json .Name}}", r#""db""#),
            ("{{.Holders}}", r#"["one","two"]"#),
            ("{{- .Name -}}", "db"),
            ("{% for key in Labels %}{{key}};{% endfor %}", "team;x.y;"),
            ("{{ Name }}", "db"),
        ] {
            assert_eq!(rendered(text), format!("{line}\n"), "{text}");
        }
        let whole = rendered("{{json .}}");
        assert!(
            whole.starts_with('{') && whole.contains(r#""Name":"db""#),
            "{whole}"
        );
    }
}

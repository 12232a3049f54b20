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
use crate::cli::go_template::{WHOLE, translate};
use crate::cli::keys::Key;

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
        let translated = translate(&text).map_err(|why| format!("the template is wrong: {why}"))?;
        let template = Template(translated);
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
    environment.add_filter("len", filters::length);
    environment.add_filter("length", filters::length);
    environment.add_filter("items", items);
    environment.add_filter("values", values);
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

/// The keys and values of an object, or the numbers and members of a list; nothing of anything else.
fn items(value: Value) -> Vec<Value> {
    let keys: Vec<Value> = value.try_iter().map(Iterator::collect).unwrap_or_default();
    match value.kind() {
        ValueKind::Map => {
            let pair = |key: Value| Value::from(vec![key.clone(), of(&value, &key)]);
            keys.into_iter().map(pair).collect()
        }
        _ => {
            let pair = |(at, member)| Value::from(vec![Value::from(at), member]);
            keys.into_iter().enumerate().map(pair).collect()
        }
    }
}

/// The values of an object, or the members of a list.
fn values(value: Value) -> Vec<Value> {
    let second = |pair: Value| of(&pair, &Value::from(1));
    items(value).into_iter().map(second).collect()
}

fn of(value: &Value, key: &Value) -> Value {
    value.get_item(key).unwrap_or_default()
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
            (
                "{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}",
                "team=a x.y=z ",
            ),
            ("{{range $k,$v:=.Holders}}{{$k}}{{.Name}}{{end}}", "0db1db"),
            ("{{range .Labels}}{{.}};{{end}}{{len .Labels}}", "a;z;2"),
            ("{{range .Holders}}{{upper .}}{{else}}-{{end}}", "ONETWO"),
            ("{{range $h := .Mountpoint}}{{$h}}{{else}}-{{end}}", "-"),
            (
                "{{if .Mountpoint}}at{{else if eq .Name \"d b\"}}no{{else}}yes{{end}}",
                "yes",
            ),
            (
                "{{if and .Name .Labels}}{{if not .Mountpoint}}free{{end}}{{end}}",
                "free",
            ),
            ("{{.Labels | len}} {{$.Name}}", "2 db"),
            (r#"{{index .Labels "a | b"}}{{.Name}}"#, "db"),
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

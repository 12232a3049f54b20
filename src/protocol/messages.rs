//! Requests and answers of the volume plugin protocol, in all the forms that plugins send (protocol: The wire).

use std::fmt;
use std::marker::PhantomData;

use anyhow::{Result, anyhow};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::base::text::one_line;
use crate::protocol::client::Response;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest<'a> {
    pub name: &'a str,
    pub opts: Map<String, Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NameRequest<'a> {
    pub name: &'a str,
}

#[derive(Debug, Serialize)]
pub struct MountRequest<'a> {
    #[serde(rename = "Name")]
    pub name: &'a str,
    #[serde(rename = "ID")]
    pub id: &'a str,
}

#[derive(Debug, Serialize)]
pub struct EmptyRequest {}

#[derive(Debug, Deserialize)]
pub struct EmptyAnswer {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub struct ActivateAnswer {
    pub implements: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountpointAnswer {
    #[serde(default)]
    pub mountpoint: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAnswer {
    #[serde(default)]
    pub volume: Option<Object<WireVolume>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAnswer {
    #[serde(default)]
    pub volumes: Option<Vec<Object<WireVolume>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapabilitiesAnswer {
    #[serde(default)]
    pub capabilities: Option<Value>,
}

/// Only the name is certain; `CreatedAt` may be of any form.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
pub struct WireVolume {
    pub name: Option<String>,
    pub mountpoint: Option<String>,
    pub status: Option<Value>,
    pub created_at: Option<Value>,
}

/// A JSON object and nothing else: serde would take an array for a structure, too.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<T>, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// What a plugin says where it does not say yes.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The plugin's own words, in one line.
    pub words: String,
    /// It does not know the method at all.
    pub unimplemented: bool,
}

/// Reads an answer: `Err` is the plugin's refusal, in any of its four forms.
///
/// # Errors
///
/// An answer that is neither the one expected nor a refusal.
pub fn read<A: DeserializeOwned>(response: &Response) -> Result<Result<A, Refusal>> {
    let wrong = |error: serde_json::Error| match describe(response) {
        text if text == NOT_AS_EXPECTED => anyhow!("{text}: {error}"),
        text => anyhow!(text),
    };
    let errors = serde_json::from_slice::<Object<Errors>>(&response.body);
    if let Some(refusal) = refusal(response, errors.as_ref().ok().map(|Object(errors)| errors)) {
        return Ok(Err(refusal));
    }
    errors.map_err(wrong)?;
    let Object(answer) = serde_json::from_slice(&response.body).map_err(wrong)?;
    Ok(Ok(answer))
}

/// The errors of any answer, of whatever type.
#[derive(Debug, Deserialize)]
struct Errors {
    #[serde(rename = "Err", default)]
    err: Option<Value>,
    #[serde(rename = "Error", default)]
    error: Option<Value>,
}

/// Errors come as status 500 with `Err`, as status 200 with a non-empty `Err`, as `Error`, or as plain text.
fn refusal(response: &Response, errors: Option<&Errors>) -> Option<Refusal> {
    let said = errors.and_then(|errors| {
        [&errors.err, &errors.error]
            .into_iter()
            .flatten()
            .find_map(|words| match words {
                Value::String(words) => Some(words.clone()).filter(|words| !words.is_empty()),
                Value::Null | Value::Bool(false) => None,
                other => Some(other.to_string()),
            })
    });
    let in_json = said.is_some();
    let words = match said {
        Some(words) => one_line(&words),
        None if response.status == 200 => return None,
        None => describe(response),
    };
    let lower = words.to_lowercase();
    let no_such_method = [
        "handler not found",
        "not implemented",
        "page not found",
        "method not found",
    ];
    let unimplemented = (!in_json && matches!(response.status, 404 | 405 | 501))
        || no_such_method.iter().any(|text| lower.contains(text));
    Some(Refusal {
        words,
        unimplemented,
    })
}

const NOT_AS_EXPECTED: &str = "the answer is not as the protocol has it";

/// An answer without an error in JSON: its status, and what it holds, in a few words.
fn describe(response: &Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    let text = one_line(&body);
    let status = response.status;
    let looks_like = |start: &str| {
        text.get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start))
    };
    if text.is_empty() {
        format!("HTTP status {status} and an empty answer")
    } else if looks_like("<!doctype html") || looks_like("<html") {
        format!("HTTP status {status} and an HTML page; is this the address of a plugin?")
    } else if status == 200 {
        NOT_AS_EXPECTED.to_owned()
    } else if text.chars().count() > LONGEST_WORDS {
        format!(
            "{}... (HTTP status {status})",
            text.chars().take(LONGEST_WORDS).collect::<String>()
        )
    } else {
        format!("{text} (HTTP status {status})")
    }
}

/// How much of an answer in plain text is shown, in characters.
const LONGEST_WORDS: usize = 300;

/// The meanings that a plugin's words can have for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Absent,
    AlreadyExists,
    AlreadyMounted,
    NotMounted,
    InUse,
}

/// Plugins have no error codes, so their words must do. The phrases that mean absence are whole ones: "executable file not
/// found" while looking at a volume must not lead to its creation.
const PHRASES: &[(Meaning, &[&str])] = &[
    (
        Meaning::Absent,
        &[
            "no such volume",
            "volume not found",
            "volume is not found",
            "volume was not found",
            "volume name not found",
            "volume does not exist",
            "volume doesnt exist",
            "volume not exist",
            "resource not found",
            "could not find volume",
            "couldnt find volume",
            "cannot find volume",
            "cant find volume",
            "unable to find volume",
            "unknown volume",
            "no volume found",
            "no volume named",
            "no volume with name",
        ],
    ),
    (
        Meaning::AlreadyExists,
        &["already exist", "exists already", "volume exists"],
    ),
    (Meaning::AlreadyMounted, &["already mounted"]),
    (
        Meaning::NotMounted,
        &[
            "not mounted",
            "isnt mounted",
            "not currently mounted",
            "not been mounted",
        ],
    ),
    (
        Meaning::InUse,
        &[
            "in use",
            "busy",
            "is mounted",
            "still mounted",
            "currently mounted",
            "has active mounts",
        ],
    ),
];

impl Refusal {
    /// Whether the words, about this volume, mean that. Its name is taken out first: a volume may be called `busy-box`.
    pub fn means(&self, meaning: Meaning, volume: &str) -> bool {
        let words = normal(&without_name(&self.words, volume));
        let phrases = PHRASES
            .iter()
            .filter(|(known, _)| *known == meaning)
            .flat_map(|(_, phrases)| phrases.iter());
        let whole = meaning == Meaning::Absent
            && matches!(
                words.as_str(),
                "not found" | "does not exist" | "doesnt exist"
            );
        !self.unimplemented && (whole || phrases.into_iter().any(|phrase| words.contains(phrase)))
    }
}

/// The text without the name, where it stands for itself and is no part of a longer word.
fn without_name(text: &str, name: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, found) = rest.split_at(at);
        let after = &found[name.len()..];
        let is_word =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
        left.push_str(before);
        let within = is_word(before.chars().next_back()) || is_word(after.chars().next());
        left.push_str(if within { name } else { " " });
        rest = after;
    }
    left + rest
}

/// Lower case, without quotes and punctuation, one blank between words.
fn normal(text: &str) -> String {
    let lower = text.to_lowercase();
    let quotes = ['\'', '"', '`', '\u{2019}'];
    let letters: String = lower.chars().filter(|c| !quotes.contains(c)).collect();
    letters
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            body: body.as_bytes().to_vec(),
        }
    }

    fn words(status: u16, body: &str) -> Option<(String, bool)> {
        let refusal = read::<EmptyAnswer>(&response(status, body)).ok()?.err()?;
        Some((refusal.words, refusal.unimplemented))
    }

    #[test]
    fn refusals_in_all_forms() {
        for (status, body, expected) in [
            (500, r#"{"Err": "boom"}"#, Some(("boom", false))),
            (
                200,
                r#"{"Err": "boom", "Mountpoint": ""}"#,
                Some(("boom", false)),
            ),
            (200, r#"{"Error": "boom"}"#, Some(("boom", false))),
            (500, "boom\n", Some(("boom (HTTP status 500)", false))),
            (
                404,
                "404 page not found\n",
                Some(("404 page not found (HTTP status 404)", true)),
            ),
            (
                404,
                r#"{"Err": "volume not found"}"#,
                Some(("volume not found", false)),
            ),
            (
                500,
                r#"{"Err": "Handler not found: POST /VolumeDriver.Get"}"#,
                Some(("Handler not found: POST /VolumeDriver.Get", true)),
            ),
            (
                204,
                "",
                Some(("HTTP status 204 and an empty answer", false)),
            ),
            (
                302,
                "<html>moved</html>",
                Some((
                    "HTTP status 302 and an HTML page; is this the address of a plugin?",
                    false,
                )),
            ),
            (
                200,
                r#"{"Err": {"code": 7}}"#,
                Some((r#"{"code":7}"#, false)),
            ),
            (200, r#"{"Err": null}"#, None),
            (200, r#"{"Err": ""}"#, None),
            (200, "garbage", None),
        ] {
            assert_eq!(
                words(status, body),
                expected.map(|(text, missing)| (text.to_owned(), missing)),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn absence_is_told_by_whole_phrases() {
        let absent = |words: &str| {
            Refusal {
                words: words.into(),
                unimplemented: false,
            }
            .means(Meaning::Absent, "db")
        };
        for text in [
            "volume not found",
            "resource not found",
            "Could not find volume db.",
            "Volume 'db' not found",
            "no such volume: db",
            "db: not found",
            "volume \"db\" doesn't exist",
        ] {
            assert!(absent(text), "{text}");
        }
        for text in [
            "volume db: exec: rbd: executable file not found in $PATH",
            "host not found",
            "looking up volume db: backend not found",
            "plugin not found",
            "boom",
        ] {
            assert!(!absent(text), "{text}");
        }
    }
}

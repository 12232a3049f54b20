//! What goes to a plugin (messages) and what comes back (answers), in all the forms that plugins send (protocol: The wire).

use std::fmt;

use anyhow::{Result, anyhow};
use serde::de::{DeserializeOwned, Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::base::text::{one_line, shorten_to_words};
use crate::protocol::client::{BEGINNING, Response};
use crate::protocol::json::{Json, text};
use crate::protocol::missing;

/// To `VolumeDriver.Create`. The options are strings, as in Docker.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateMessage<'a> {
    pub name: &'a str,
    pub opts: Map<String, Value>,
}

/// To `VolumeDriver.Remove`, `Path` and `Get`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NameMessage<'a> {
    pub name: &'a str,
}

/// To `VolumeDriver.Mount` and `Unmount`.
#[derive(Debug, Serialize)]
pub struct MountMessage<'a> {
    #[serde(rename = "Name")]
    pub name: &'a str,
    #[serde(rename = "ID")]
    pub id: &'a str,
}

/// To `VolumeDriver.List` and `Capabilities`: `{}`.
#[derive(Debug, Serialize)]
pub struct EmptyMessage {}

/// From the methods that answer with nothing but `Err`: `Create`, `Remove`, `Unmount`.
#[derive(Debug, Deserialize)]
pub struct EmptyAnswer {}

/// From `Plugin.Activate`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ActivateAnswer {
    pub implements: Option<Vec<String>>,
    /// Where the plugin is a `dvdcli serve`.
    pub dvdcli: Option<Server>,
}

/// Which driver a `dvdcli serve` has, and on which host: this host knows its volumes by the driver's name already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Server {
    pub driver: String,
    /// The ID of the host's boot.
    pub boot: String,
}

/// From `VolumeDriver.Mount` and `Path`; the path is empty or missing where the plugin has none to tell.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MountpointAnswer {
    #[serde(default)]
    pub mountpoint: Option<String>,
}

/// From `VolumeDriver.Get`; without a volume it is absent.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetAnswer {
    #[serde(default)]
    pub volume: Option<WireVolume>,
}

/// From `VolumeDriver.List`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAnswer {
    #[serde(default)]
    pub volumes: Option<ListedVolumes>,
}

/// Those of a list's volumes that have a name. They are kept one by one as the answer is read, so that a list of nothing takes no
/// memory.
#[derive(Debug, Default)]
pub struct ListedVolumes(pub Vec<ListedVolume>);

/// A volume in a list. As for Docker, the rest of it does not count: `Get` tells that.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ListedVolume {
    pub name: String,
    pub mountpoint: Option<String>,
}

/// The most volumes that a list may have.
const MOST_VOLUMES: usize = 100_000;

impl<'de> Deserialize<'de> for ListedVolumes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ListedVolumes, D::Error> {
        deserializer.deserialize_seq(ListedVolumes::default())
    }
}

impl<'de> Visitor<'de> for ListedVolumes {
    type Value = ListedVolumes;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<ListedVolumes, A::Error> {
        while let Some(volume) = items.next_element::<ListedVolume>()? {
            if volume.name.is_empty() {
                continue;
            }
            if self.0.len() == MOST_VOLUMES {
                let problem = format!("Volumes: it has more than {MOST_VOLUMES} volumes");
                return Err(A::Error::custom(problem));
            }
            self.0.push(volume);
        }
        Ok(self)
    }
}

/// From `VolumeDriver.Capabilities`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapabilitiesAnswer {
    #[serde(default)]
    pub capabilities: Option<WireCapabilities>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WireCapabilities {
    /// `local` or `global`, in any case.
    pub scope: Option<String>,
}

/// A volume in an answer. Only its name can be relied on; `Status` and `CreatedAt` may be of any JSON type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WireVolume {
    pub name: Option<String>,
    pub mountpoint: Option<String>,
    pub status: Option<Value>,
    pub created_at: Option<Value>,
}

/// A plugin's answer that it has not done what was asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The plugin's own words, in one line.
    pub words: String,
    /// The plugin has no such method.
    pub unimplemented: bool,
}

/// Reads an answer. The inner error is the plugin's refusal, in any of its four forms.
///
/// # Errors
///
/// An answer that is neither the expected one nor a refusal: the plugin may or may not have done what was asked.
pub fn read<A: DeserializeOwned>(response: &Response) -> Result<Result<A, Refusal>> {
    let wrong = |error: serde_json::Error| match describe(response) {
        text if text == NOT_AS_EXPECTED => anyhow!("{text}: {}", quoted(&error.to_string())),
        text => anyhow!(text),
    };
    let text = text::clean(&response.body);
    // An error that cannot be read is no success: then the answer is none.
    let json = Json::parse(&text).and_then(|json| Ok((json.read::<Errors>()?, json)));
    let errors = json.as_ref().ok().map(|(errors, _)| errors);
    if let Some(refusal) = refusal(response, errors) {
        return Ok(Err(refusal));
    }
    let (_, json) = json.map_err(wrong)?;
    json.read().map(Ok).map_err(wrong)
}

/// The keys that hold an error, in any answer. Their values may be of any JSON type.
#[derive(Debug, Deserialize)]
struct Errors {
    #[serde(rename = "Err", default)]
    err: Option<Value>,
    #[serde(rename = "Error", default)]
    error: Option<Value>,
}

/// The refusal in an answer: status 500 with `Err`, status 200 with a non-empty `Err`, `Error`, or plain text.
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
    let (words, unimplemented) = match said {
        Some(words) if quoted(&words).is_empty() => ("an error without words".into(), false),
        Some(words) => (quoted(&words), missing::in_words(beginning(&words))),
        None if response.status == 200 => return None,
        None => (describe(response), missing::in_answer(response)),
    };
    Some(Refusal {
        words,
        unimplemented,
    })
}

const NOT_AS_EXPECTED: &str = "the answer is not as the protocol has it";

/// A few words for an answer that holds no error in JSON: its status, and the text in it.
fn describe(response: &Response) -> String {
    let text = one_line(&response.beginning());
    let status = response.status;
    if text.is_empty() {
        format!("HTTP status {status} and an empty answer")
    } else if missing::is_html(&text) {
        format!("HTTP status {status} and an HTML page; is this the address of a plugin?")
    } else if status == 200 {
        NOT_AS_EXPECTED.to_owned()
    } else {
        format!("{} (HTTP status {status})", quoted(&text))
    }
}

/// The most of a plugin's words that an error shows, in bytes.
const LONGEST_WORDS: usize = 4 << 10;

/// A plugin's words as an error shows them: on one line, and not without end.
pub fn quoted(words: &str) -> String {
    shorten_to_words(&one_line(beginning(words)), LONGEST_WORDS).into_owned()
}

/// As much of a text as is looked at: what it means stands at its beginning.
fn beginning(words: &str) -> &str {
    let words = words.trim_start();
    let ends = (0..=words.len().min(BEGINNING)).rev();
    ends.into_iter()
        .find_map(|end| words.get(..end))
        .unwrap_or_default()
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
                "volume not found\n",
                Some(("volume not found (HTTP status 404)", false)),
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
            (
                200,
                r#"{"Err": " \n"}"#,
                Some(("an error without words", false)),
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
}

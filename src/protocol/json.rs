//! JSON as Docker reads it, with the decoder of Go: plugins and their files are written by what that accepts.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::value::RawValue;
use serde_json::{Error, Value};

/// How deep arrays and objects may be in each other. Who reads them by recursion needs a stack for them.
const DEEPEST: usize = 100;

/// The first JSON value of a text.
#[derive(Debug)]
pub struct Json(Box<RawValue>);

impl Json {
    /// What follows the value is not looked at. In strings, the replacement character stands for each byte that is not UTF-8
    /// and for each half of a surrogate pair, so that one bad name does not spoil a list.
    ///
    /// # Errors
    ///
    /// The text does not begin with a JSON value, or that is nested too deep.
    pub fn parse(text: &[u8]) -> Result<Json, Error> {
        let text = with_whole_surrogates(utf8(text));
        let mut deserializer = serde_json::Deserializer::from_str(&text);
        let value = Box::<RawValue>::deserialize(&mut deserializer)?;
        if deepest(value.get()) > DEEPEST {
            let problem = format!("it is nested more than {DEEPEST} deep");
            return Err(Error::custom(problem));
        }
        Ok(Json(value))
    }

    /// Reads the value. The keys of a structure are found in any case, though the exact one comes first; of keys that stand
    /// more than once, the last counts. `null` is the same as no value.
    ///
    /// # Errors
    ///
    /// A value of another type than it should have, with its key.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(Part {
            text: self.0.get(),
            key: "",
        })
    }
}

/// The text with a replacement character for each byte that is not UTF-8.
fn utf8(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = str::from_utf8(text) {
        return text.into();
    }
    let mut whole = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        whole.push_str(chunk.valid());
        whole.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    whole.into()
}

/// The text with the escape of a replacement character for each escape `\uD800` to `\uDFFF` that has no other half.
fn with_whole_surrogates(text: Cow<'_, str>) -> Cow<'_, str> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return text;
    }
    let mut whole = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, escape)) = rest.find('\\').map(|at| rest.split_at(at)) {
        whole.push_str(before);
        let unit = utf16_unit(escape);
        let next = escape.get(6..).and_then(utf16_unit);
        let is_pair = matches!((unit, next), (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)));
        let (replaced, length) = match unit {
            _ if is_pair => (None, 12),
            Some(0xd800..=0xdfff) => (Some("\\ufffd"), 6),
            // Of another escape, the backslash and what it escapes.
            _ => (
                None,
                1 + escape[1..].chars().next().map_or(0, char::len_utf8),
            ),
        };
        whole.push_str(replaced.unwrap_or(&escape[..length]));
        rest = &escape[length..];
    }
    (whole + rest).into()
}

/// The number in an escape `\uXXXX` at the beginning of the text.
fn utf16_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// How deep the arrays and objects of a JSON value are in each other.
fn deepest(value: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in value.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// A value within a text, with the key that it has, if any.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    key: &'a str,
}

impl Part<'_> {
    fn is_null(self) -> bool {
        self.text == "null"
    }

    /// The error with the key.
    fn named(self, error: Error) -> Error {
        match self.key {
            "" => error,
            key => Error::custom(format!("{key}: {error}")),
        }
    }
}

impl<'de> Deserializer<'de> for Part<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // By way of a value, so that an error has no place: that would count from the beginning of this part.
        let value: Value = serde_json::from_str(self.text).map_err(|error| self.named(error))?;
        value
            .deserialize_any(visitor)
            .map_err(|error| self.named(error))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.is_null() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.is_null() {
            true => visitor.visit_borrowed_str(""),
            false => self.deserialize_any(visitor),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !self.text.starts_with('[') {
            return self.deserialize_any(visitor);
        }
        let items: Vec<&RawValue> = serde_json::from_str(self.text)?;
        let items = items.into_iter().map(|item| Part {
            text: item.get(),
            ..self
        });
        visitor.visit_seq(SeqDeserializer::new(items))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = match self.is_null() {
            true => Vec::new(),
            false => serde_json::Deserializer::from_str(self.text)
                .deserialize_map(Members)
                .map_err(|_| self.named(Error::custom("it is no object")))?,
        };
        let found = fields.iter().filter_map(|key| {
            let text = find(&members, key)?;
            Some((*key, Part { text, key }))
        });
        visitor.visit_map(MapDeserializer::new(found))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct map enum identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Error> for Part<'de> {
    type Deserializer = Part<'de>;

    fn into_deserializer(self) -> Part<'de> {
        self
    }
}

/// What reads an object as its keys and the texts of its values, in their order.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<_, &RawValue>()? {
            members.push((key, value.get()));
        }
        Ok(members)
    }
}

/// The value of the last key that is the exact one, else of the last that differs from it in case only.
fn find<'a>(members: &[(String, &'a str)], key: &str) -> Option<&'a str> {
    let values = || members.iter().rev().filter(|(_, value)| *value != "null");
    let exact = values().find(|(found, _)| found == key);
    let found = exact.or_else(|| values().find(|(found, _)| is_folded(found, key)));
    found.map(|(_, value)| *value)
}

/// Whether a key is that of a field, which is ASCII, but for the case of its letters. Two letters outside of ASCII have the
/// lower case of one in it: the long s, and the sign of the kelvin.
fn is_folded(found: &str, key: &str) -> bool {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    found.chars().map(fold).eq(key.chars().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase", default)]
    struct Task {
        name: String,
        parts: Option<Vec<Task>>,
        any: Option<Value>,
    }

    fn read(text: &[u8]) -> Result<Task, String> {
        let task = Json::parse(text).and_then(|json| json.read());
        task.map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_found_as_go_finds_them() {
        for (text, name) in [
            (r#"{"Name": "a"}"#, "a"),
            (r#"{"name": "a"}"#, "a"),
            (r#"{"NAME": "a", "name": "b"}"#, "b"),
            (r#"{"Name": "a", "name": "b"}"#, "a"),
            (r#"{"Name": "a", "Name": "b"}"#, "b"),
            (r#"{"Name": "a", "Name": null}"#, "a"),
            (r#"{"Name": null, "name": "b"}"#, "b"),
            (r#"{"N\u0061me": "a"}"#, "a"),
            (r#"{"Name ": "a", "Names": "b"}"#, ""),
            (r#" {"Name": "a"} {"Name": "b"}"#, "a"),
            (r#"{"Name": "a"}]"#, "a"),
            ("null", ""),
            ("{}", ""),
        ] {
            let expected = Task {
                name: name.into(),
                ..Task::default()
            };
            assert_eq!(read(text.as_bytes()), Ok(expected), "{text}");
        }
        assert!(is_folded("\u{17f}tatus", "Status") && is_folded("to\u{212a}en", "Token"));
        assert!(!is_folded("\u{e4}", "\u{c4}") && !is_folded("Stat", "Status"));
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        for (text, name) in [
            (&br#"{"Name": "\x41"}"#[..], None),
            (
                b"{\"Name\": \"a\xff\xf0\x9fb\"}",
                Some("a\u{fffd}\u{fffd}\u{fffd}b"),
            ),
            (br#"{"Name": "\ud83d\ude00"}"#, Some("\u{1f600}")),
            (br#"{"Name": "\uD83D"}"#, Some("\u{fffd}")),
            (
                br#"{"Name": "\ud83d\ud83d\ude00\ude00"}"#,
                Some("\u{fffd}\u{1f600}\u{fffd}"),
            ),
            (br#"{"Name": "\ud83d\u0041"}"#, Some("\u{fffd}A")),
            (br#"{"Name": "\\ud83d"}"#, Some("\\ud83d")),
            (br#"{"Name": "\u+83d"}"#, None),
            (
                "{\"Name\": \"\\ud83d\u{e4}\"}".as_bytes(),
                Some("\u{fffd}\u{e4}"),
            ),
            (b"{\"Name\": \"\\ud83d\\", None),
        ] {
            let found = read(text).ok().map(|task| task.name);
            assert_eq!(found.as_deref(), name, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_wrong_type_is_named_by_its_key() {
        for (text, problem) in [
            (
                r#"{"name": 7}"#,
                "Name: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"Parts": [null, {"Name": []}]}"#,
                "Name: invalid type: sequence, expected a string",
            ),
            (r#"{"Parts": [1]}"#, "Parts: it is no object"),
            (
                r#"{"Parts": "x"}"#,
                "Parts: invalid type: string \"x\", expected a sequence",
            ),
            ("[]", "it is no object"),
            ("\"x\"", "it is no object"),
            ("", "EOF while parsing a value at line 1 column 0"),
            (
                "{\"Name\":\n",
                "EOF while parsing a value at line 2 column 0",
            ),
        ] {
            assert_eq!(read(text.as_bytes()), Err(problem.into()), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit_wherever_it_is() {
        for key in ["Parts", "Any", "Other"] {
            let nested = |depth| {
                let (open, close) = ("[{\"a\":".repeat(depth), "}]".repeat(depth));
                format!("{{\"{key}\": {open}\"[[[\\\"[[[\"{close}}}")
            };
            assert_ne!(
                read(nested(49).as_bytes()),
                Err("it is nested more than 100 deep".into())
            );
            for depth in [50, 500_000] {
                assert_eq!(
                    read(nested(depth).as_bytes()),
                    Err("it is nested more than 100 deep".into())
                );
            }
        }
    }
}

//! JSON as Docker reads it, with the decoder of Go: plugins and their files are written by what that accepts.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::value::RawValue;
use serde_json::{Error, Value};

pub mod text;

/// How deep arrays and objects may be in each other. Who reads them by recursion needs a stack for them.
const DEEPEST: usize = 100;

/// The keys of an object and the texts of their values, in their order.
type Members<'a> = Vec<(Cow<'a, str>, &'a str)>;

/// Reads the first JSON value of a text, as [`Json::read`] does.
///
/// # Errors
///
/// The text does not begin with a JSON value, or that is nested too deep, or of another type than it should be.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let text = text::clean(text);
    let json = Json::parse(&text)?;
    if text::deepest(&text) > DEEPEST {
        let problem = format!("it is nested more than {DEEPEST} deep");
        return Err(Error::custom(problem));
    }
    json.read()
}

/// The first JSON value of a text. What follows it is not looked at.
#[derive(Debug)]
pub enum Json<'a> {
    /// It is read more than once, and may be long: only its values are parsed anew.
    Object(Members<'a>),
    Other(&'a str),
}

impl<'a> Json<'a> {
    /// # Errors
    ///
    /// The text does not begin with a JSON value.
    pub fn parse(text: &'a str) -> Result<Json<'a>, Error> {
        if text.trim_ascii_start().starts_with('{') {
            return members(text).map(Json::Object);
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        <&RawValue>::deserialize(&mut deserializer).map(|value| Json::Other(value.get()))
    }

    /// Reads the value as a structure. Its keys are found in any case, though the exact one comes first; of keys that stand more than
    /// once, the last counts. `null` is the same as no value, at any depth.
    ///
    /// # Errors
    ///
    /// A value of another type than it should have, with its key.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let key = "";
        match self {
            Json::Object(members) => T::deserialize(Object(members)),
            Json::Other(text) => T::deserialize(Part { text, key }),
        }
    }
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
        let mut items = serde_json::Deserializer::from_str(self.text);
        let key = self.key;
        items.deserialize_seq(Items { visitor, key })?
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let members = match self.is_null() {
            true => Vec::new(),
            false => {
                members(self.text).map_err(|_| self.named(Error::custom("it is no object")))?
            }
        };
        Object(&members).deserialize_struct(name, fields, visitor)
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

/// Reads the items of an array one by one: it may be long, and is not kept.
struct Items<'a, V> {
    visitor: V,
    key: &'a str,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Items<'de, V> {
    /// An error that went through the decoder of the array would be given a place, which would count from the array's beginning.
    type Value = Result<V::Value, Error>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let parts = Parts {
            items: &mut items,
            key: self.key,
        };
        let read = self.visitor.visit_seq(parts).map_err(Error::custom);
        // The decoder takes what is left over for an error of its own.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(read)
    }
}

struct Parts<'s, 'a, A> {
    items: &'s mut A,
    key: &'a str,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Parts<'_, 'de, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        let Some(item) = self.items.next_element::<&RawValue>()? else {
            return Ok(None);
        };
        let part = Part {
            text: item.get(),
            key: self.key,
        };
        seed.deserialize(part).map(Some).map_err(A::Error::custom)
    }
}

/// The members of an object, as a structure.
struct Object<'m, 'a>(&'m Members<'a>);

impl<'de> Deserializer<'de> for Object<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it is an object"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let found = fields.iter().filter_map(|key| {
            let text = find(self.0, key)?;
            Some((*key, Part { text, key }))
        });
        visitor.visit_map(MapDeserializer::new(found))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Reads a text that begins with an object.
fn members(text: &str) -> Result<Members<'_>, Error> {
    serde_json::Deserializer::from_str(text).deserialize_map(MembersVisitor)
}

struct MembersVisitor;

/// A key, which is only copied where it has escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Key(key), value)) = map.next_entry::<Key, &RawValue>()? {
            members.push((key, value.get()));
        }
        Ok(members)
    }
}

/// The value of the last key that is the exact one, else of the last that differs from it in case only.
fn find<'a>(members: &Members<'a>, key: &str) -> Option<&'a str> {
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
        super::read(text).map_err(|error| error.to_string())
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

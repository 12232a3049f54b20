//! Requests and answers as `--verbose` shows them.

use serde::Deserialize;
use serde_json::Value;

use crate::base::secrets::fields;
use crate::protocol::json::text;

/// A body, with the secrets among its fields masked.
pub fn shown(body: &[u8]) -> String {
    let text = text::clean(body);
    match Value::deserialize(&mut serde_json::Deserializer::from_str(&text)) {
        Ok(mut value) => {
            fields::mask(&mut value);
            value.to_string()
        }
        Err(_) => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secrets::mask::MASK;

    #[test]
    fn secrets_are_masked_in_all_that_a_plugin_may_send() {
        for body in [
            &br#"{"Opts": {"password": "hunter2"}}"#[..],
            br#"{"Opts": {"password": "hunter2"}} {}"#,
            b"{\"Opts\": {\"password\": \"hunter2\xff\"}}",
            br#"[{"password": "hunter2\ud800"}]"#,
        ] {
            let text = shown(body);
            assert!(text.contains(MASK) && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(shown(b"boom"), "boom");
    }
}

//! Masking the secrets among the fields of JSON.

use serde_json::Value;

use crate::base::secrets::mask::MASK;
use crate::base::secrets::names::is_secret;
use crate::base::secrets::values::Secrets;

/// Masks the values of fields that are named like secrets, also in texts that are lists of options, and URLs' users.
pub fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let is_said = matches!(value, Value::Null | Value::Bool(_));
                if is_secret(key) && !is_said {
                    *value = MASK.into();
                } else {
                    mask(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) => *text = Secrets::in_text(text).mask(text),
        _ => {}
    }
}

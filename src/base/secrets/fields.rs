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
        Value::String(text) => *text = secrets_in(text).mask(text),
        _ => {}
    }
}

/// Up to this length, in bytes, a text's own secrets are also masked where they stand alone in it. A longer one may hold so many that
/// looking for each of them would take minutes.
const LONGEST: usize = 1 << 10;

fn secrets_in(text: &str) -> Secrets {
    match text.len() > LONGEST {
        true => Secrets::default(),
        false => Secrets::in_text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_masked_in_one_go() {
        for part in ["password=hunter2.0;", "https://joe:hunter2.0@h,", "://"] {
            let mut value = Value::from(part.repeat(100_000));
            mask(&mut value);
            assert!(!value.to_string().contains("hunter2"), "{part}");
        }
    }
}

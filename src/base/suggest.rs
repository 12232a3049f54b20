//! The known name that is nearest to a mistyped one.

/// `; did you mean NAME?`, or nothing where no known name is near.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known)
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

/// The nearest name, whatever the case of its letters.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter_map(|name| Some((mistakes(typed, name)?, name)))
        .min()
        .map(|(_, name)| name)
}

/// How many letters of a name are mistyped, whatever their case; `None` where they are too many. At most a third of it may be, but
/// one letter always.
pub fn mistakes(typed: &str, name: &str) -> Option<usize> {
    let distance = strsim::damerau_levenshtein(&typed.to_lowercase(), &name.to_lowercase());
    (distance <= name.chars().count().max(3) / 3).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_a_name_may_be_mistyped() {
        let known = ["size", "newFsType", "volumeType", "o"];
        for (typed, expected) in [
            ("siez", Some("size")),
            ("SIZES", Some("size")),
            ("volumetpye", Some("volumeType")),
            ("fsType", Some("newFsType")),
            ("x", Some("o")),
            ("sauce", None),
            ("encrypted", None),
        ] {
            assert_eq!(nearest(typed, known), expected, "{typed}");
        }
    }
}

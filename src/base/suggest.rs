//! The known name that is nearest to a mistyped one.

/// `; did you mean NAME?`, or nothing where no known name is near.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known)
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

/// The nearest name, whatever the case of its letters. At most a third of it may be mistyped, but one letter always.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&typed, &name.to_lowercase());
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| *distance <= name.chars().count().max(3) / 3)
        .min()
        .map(|(_, name)| name)
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

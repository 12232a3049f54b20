//! What holds for any variables.

use std::path::Path;

use proptest::prelude::*;

use crate::callers::task::described::parse;
use crate::callers::task::described::tests::volumes;

/// Names as they occur, and such as nearly do.
fn names() -> impl Strategy<Value = String> {
    let kind = "(NAME|DRIVER|OPTS|CONTAINERPATH|EXPLICITCREATE|DVDCLI|OPT|)";
    (kind, "[0-9]?").prop_map(|(kind, digit)| format!("DVDI_VOLUME_{kind}{digit}"))
}

proptest! {
    #[test]
    fn nothing_panics(set in proptest::collection::vec((names(), ".{0,20}"), 0..20)) {
        let _ = parse(set.iter().map(|(name, value)| (name.into(), value.into())));
    }

    /// Whichever of the ten are set, in whichever order, they come in the order of their digits.
    #[test]
    fn any_of_the_ten_in_any_order(set in proptest::collection::hash_map(0..10_usize, "[a-z]{1,8}", 0..10)) {
        let variable = |digit: &usize| match digit {
            0 => "DVDI_VOLUME_NAME".to_owned(),
            digit => format!("DVDI_VOLUME_NAME{digit}"),
        };
        let given = set.iter().map(|(digit, name)| (variable(digit).into(), name.into()));
        let found = parse(given).expect("good variables").volumes;
        let mut expected: Vec<_> = set.iter().collect();
        expected.sort();
        let expected: Vec<_> = expected.iter().map(|(digit, name)| (variable(digit), (*name).clone())).collect();
        let found: Vec<_> = found.into_iter().map(|it| (it.name.name, it.name.value)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn good_values_are_taken_as_they_are(name in "[a-zA-Z0-9_.,=-]{3,20}", path in "(/[a-z ]{1,5}[a-z]){1,5}") {
        let found = volumes(&[("DVDI_VOLUME_NAME", &name), ("DVDI_VOLUME_CONTAINERPATH", &path)]);
        prop_assert_eq!(&found[0].name.value, &name);
        let found = found[0].container_path.as_ref().map(|(_, path)| path.as_path());
        prop_assert_eq!(found, Some(Path::new(&path)));
    }
}

use proptest::prelude::*;

use super::*;
use crate::base::failure;

fn parsed(environment: &[(&str, &str)]) -> Result<Described> {
    let set = environment.iter();
    parse(set.map(|(name, value)| (name.into(), value.into())))
}

fn volumes(environment: &[(&str, &str)]) -> Vec<TaskVolume> {
    parsed(environment).expect("good variables").volumes
}

#[track_caller]
fn refusal(environment: &[(&str, &str)]) -> String {
    let error = parsed(environment).expect_err("refused");
    assert_eq!(failure::ErrorKind::of(&error), failure::ErrorKind::Usage);
    crate::base::text::chain(&error)
}

#[test]
fn a_volume_with_everything() {
    let found = volumes(&[
        ("PATH", "/bin"),
        ("DVDI_VOLUME_NAME3", "db"),
        ("DVDI_VOLUME_DRIVER3", "loop"),
        ("DVDI_VOLUME_OPTS3", "size=5,iops=150"),
        ("DVDI_VOLUME_CONTAINERPATH3", "/srv//db/"),
        ("DVDI_VOLUME_EXPLICITCREATE3", " True\n"),
        ("DVDI_VOLUME_DVDCLI3", "/opt/dvd cli"),
    ]);
    let expected = TaskVolume {
        name: Variable {
            name: "DVDI_VOLUME_NAME3".into(),
            value: "db".into(),
        },
        driver: "loop".into(),
        options: vec![("size".into(), "5".into()), ("iops".into(), "150".into())],
        options_from: "DVDI_VOLUME_OPTS3".into(),
        container_path: Some(("DVDI_VOLUME_CONTAINERPATH3".into(), "/srv/db".into())),
        create: false,
    };
    assert_eq!(found, [expected]);
    assert_eq!(
        found[0].doing("mounting"),
        "mounting volume db (DVDI_VOLUME_NAME3)"
    );
}

#[test]
fn what_is_left_out_has_the_modules_defaults() {
    for empty in [
        &[("DVDI_VOLUME_NAME", "db")][..],
        &[
            ("DVDI_VOLUME_NAME", "db"),
            ("DVDI_VOLUME_DRIVER", ""),
            ("DVDI_VOLUME_OPTS", ",,"),
            ("DVDI_VOLUME_CONTAINERPATH", ""),
            ("DVDI_VOLUME_EXPLICITCREATE", " "),
        ],
    ] {
        let found = &volumes(empty)[0];
        assert_eq!(found.driver, "rexray");
        assert_eq!(
            (&found.options, &found.container_path, found.create),
            (&vec![], &None, true)
        );
    }
}

#[test]
fn the_order_is_that_of_the_digits_and_gaps_do_not_matter() {
    let found = volumes(&[
        ("DVDI_VOLUME_NAME9", "i"),
        ("DVDI_VOLUME_NAME", "a"),
        ("DVDI_VOLUME_NAME4", "d"),
        ("DVDI_VOLUME_NAME5", ""),
    ]);
    let names: Vec<&str> = found.iter().map(|it| it.name.value.as_str()).collect();
    assert_eq!(names, ["a", "d", "i"]);
}

#[test]
fn no_digit_and_0_are_the_same_volume() {
    let same = [("DVDI_VOLUME_NAME", "a"), ("DVDI_VOLUME_OPTS0", "size=1")];
    assert_eq!(
        volumes(&same)[0].options,
        [("size".to_owned(), "1".to_owned())]
    );
    volumes(&[("DVDI_VOLUME_NAME", "a"), ("DVDI_VOLUME_NAME0", "a")]);
    volumes(&[("DVDI_VOLUME_NAME", ""), ("DVDI_VOLUME_NAME0", "a")]);
    assert_eq!(
        refusal(&[("DVDI_VOLUME_NAME", "a"), ("DVDI_VOLUME_NAME0", "b")]),
        "DVDI_VOLUME_NAME and DVDI_VOLUME_NAME0 are of the same volume, and have different values; unset one of them"
    );
    assert_eq!(
        refusal(&[("DVDI_VOLUME_NAME1", "a"), ("DVDI_VOLUME_NAME1", "b")]),
        "DVDI_VOLUME_NAME1: it is set twice, to different values"
    );
}

#[test]
fn commas_are_the_modules_and_a_comma_before_no_key_belongs_to_the_value() {
    let options = |list| {
        let found = volumes(&[("DVDI_VOLUME_NAME", "a"), ("DVDI_VOLUME_OPTS", list)]);
        let pairs = found[0].options.iter();
        pairs.map(|(key, value)| format!("{key}={value}")).collect()
    };
    let split = |list| -> Vec<String> { options(list) };
    assert_eq!(split(",a=1,,b=2,"), ["a=1", "b=2"]);
    assert_eq!(split("o=addr=10.0.0.1,rw"), ["o=addr=10.0.0.1,rw"]);
    assert_eq!(
        refusal(&[("DVDI_VOLUME_NAME1", "a"), ("DVDI_VOLUME_OPTS1", "size")]),
        "DVDI_VOLUME_OPTS1: option 'size' has no value; write size=VALUE"
    );
    assert_eq!(
        refusal(&[("DVDI_VOLUME_NAME", "a"), ("DVDI_VOLUME_OPTS", "=1")]),
        "DVDI_VOLUME_OPTS: an option without a name; write KEY=VALUE"
    );
}

#[test]
fn every_forbidden_character_is_refused_and_no_other() {
    let others = "%/:;<>|`$'?^& {\"}[]\\\0\u{1}\t\n\u{b}\u{8}\r\u{7f}\u{85}";
    for bad in others.chars() {
        let value = format!("a={bad}b");
        for kind in ["NAME", "DRIVER", "OPTS", "EXPLICITCREATE"] {
            let said = refusal(&[(&format!("DVDI_VOLUME_{kind}7"), &value)]);
            let start = format!("DVDI_VOLUME_{kind}7: it must not hold '");
            assert!(said.starts_with(&start), "{said}");
        }
    }
    let fine = "aZ09-_.,=+*~#@!()äß中";
    assert_eq!(volumes(&[("DVDI_VOLUME_NAME", fine)])[0].name.value, fine);
}

#[test]
fn a_driver_that_cannot_be_named_needs_an_alias() {
    assert_eq!(
        refusal(&[("DVDI_VOLUME_DRIVER1", "rexray/ebs:latest")]),
        "DVDI_VOLUME_DRIVER1: it must not hold '/'; give the plugin an alias in the configuration (dvdcli.aliases)"
    );
}

#[test]
fn variables_that_there_are_not_are_refused() {
    for (variable, words) in [
        (
            "NAME10",
            "after DVDI_VOLUME_NAME comes nothing or one digit",
        ),
        ("NAMEX", "after DVDI_VOLUME_NAME comes nothing or one digit"),
        (
            "OPTS1 ",
            "after DVDI_VOLUME_OPTS comes nothing or one digit",
        ),
        (
            "DVDCLI\u{661}",
            "after DVDI_VOLUME_DVDCLI comes nothing or one digit",
        ),
        (
            "OPT1",
            "there is no such variable; did you mean DVDI_VOLUME_OPTS1?",
        ),
        (
            "CONTAINER_PATH",
            "there is no such variable; did you mean DVDI_VOLUME_CONTAINERPATH?",
        ),
        (
            "name",
            "there is no such variable; did you mean DVDI_VOLUME_NAME?",
        ),
        ("SIZE", "there is no such variable"),
        ("", "there is no such variable"),
    ] {
        let variable = format!("DVDI_VOLUME_{variable}");
        assert_eq!(refusal(&[(&variable, "")]), format!("{variable}: {words}"));
    }
    // Others' are no affair of ours.
    assert_eq!(volumes(&[("DVDI_VOLUME", "x"), ("DVDI_X", "")]), []);
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for (kind, value, words) in [
        (
            "EXPLICITCREATE",
            "perhaps",
            "'perhaps' is neither true nor false",
        ),
        ("EXPLICITCREATE", "1", "'1' is neither true nor false"),
        ("CONTAINERPATH", "srv/db", "'srv/db' is no absolute path"),
        (
            "CONTAINERPATH",
            "/srv/../etc",
            "'/srv/../etc' leads over . or ..",
        ),
        ("CONTAINERPATH", "/srv/.", "'/srv/.' leads over . or .."),
        (
            "CONTAINERPATH",
            "/a\nb",
            "'/a\\nb' has a control character or ends in a blank",
        ),
        (
            "CONTAINERPATH",
            "/a ",
            "'/a ' has a control character or ends in a blank",
        ),
        ("DRIVER", "..", "'..' is no name"),
    ] {
        let variable = format!("DVDI_VOLUME_{kind}2");
        let said = refusal(&[("DVDI_VOLUME_NAME2", "db"), (&variable, value)]);
        assert_eq!(said, format!("{variable}: {words}"));
    }
    assert_eq!(
        refusal(&[("DVDI_VOLUME_NAME2", "..")]),
        "DVDI_VOLUME_NAME2: '..' is no name"
    );
    let long = refusal(&[
        ("DVDI_VOLUME_NAME", "db"),
        ("DVDI_VOLUME_CONTAINERPATH", &"x".repeat(100_000)),
    ]);
    assert!(
        long.ends_with("xxx...' is longer than a path can be"),
        "{long}"
    );
    assert!(long.len() < 300, "{long}");
}

/// Variables, beside those of a good volume, and what is said of them.
const REFUSED: &[(&[(&str, &str)], &str)] = &[
    (
        &[("DVDI_VOLUME_NAME1", "a b")],
        "DVDI_VOLUME_NAME1: it must not hold ' '",
    ),
    (
        &[("DVDI_VOLUME_NAME1", "a\n")],
        "DVDI_VOLUME_NAME1: it must not hold '\\n'",
    ),
    (
        &[("DVDI_VOLUME_NAME1", "$(reboot)")],
        "DVDI_VOLUME_NAME1: it must not hold '$'",
    ),
    (
        &[("DVDI_VOLUME_NAME1", "b"), ("DVDI_VOLUME_DRIVER1", ".")],
        "DVDI_VOLUME_DRIVER1: '.' is no name",
    ),
    (
        &[("DVDI_VOLUME_OPTS1", "size=`id`")],
        "DVDI_VOLUME_OPTS1: it must not hold '`'",
    ),
    (
        &[("DVDI_VOLUME_NAME1", "b"), ("DVDI_VOLUME_OPTS1", "a=1,a=2")],
        "DVDI_VOLUME_OPTS1: option 'a' is given twice with different values",
    ),
    (
        &[("DVDI_VOLUME_OPTIONS", "size=5")],
        "DVDI_VOLUME_OPTIONS: there is no such variable",
    ),
];

#[test]
fn a_refusal_names_the_variable_and_what_is_wrong_with_it() {
    for (set, words) in REFUSED {
        let environment = [&[("DVDI_VOLUME_NAME", "a")], *set].concat();
        assert_eq!(refusal(&environment), *words);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = OsString::from_vec(b"a\xff".to_vec());
    let error = parse([("DVDI_VOLUME_CONTAINERPATH1".into(), bytes)]).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "DVDI_VOLUME_CONTAINERPATH1: it is not UTF-8"
    );
    let name = OsString::from_vec(b"DVDI_VOLUME_NAME\xff".to_vec());
    parse([(name, "db".into())]).expect_err("refused");
}

#[test]
fn two_volumes_at_one_path_are_refused() {
    assert_eq!(
        refusal(&[
            ("DVDI_VOLUME_NAME", "a"),
            ("DVDI_VOLUME_CONTAINERPATH", "/srv/x"),
            ("DVDI_VOLUME_NAME1", "b"),
            ("DVDI_VOLUME_CONTAINERPATH1", "/srv//x/"),
        ]),
        "DVDI_VOLUME_CONTAINERPATH1: it is the same directory as DVDI_VOLUME_CONTAINERPATH"
    );
}

#[test]
fn what_has_no_effect_is_told() {
    let told = parsed(&[
        ("DVDI_VOLUME_DRIVER", "loop"),
        ("DVDI_VOLUME_DRIVER1", "loop"),
        ("DVDI_VOLUME_OPTS2", "a=1"),
        ("DVDI_VOLUME_CONTAINERPATH2", "x"),
        ("DVDI_VOLUME_EXPLICITCREATE0", "perhaps"),
        ("DVDI_VOLUME_NAME2", ""),
    ]);
    assert_eq!(
        told.expect("good variables").warnings,
        [
            "DVDI_VOLUME_EXPLICITCREATE0: no effect without DVDI_VOLUME_NAME",
            "DVDI_VOLUME_OPTS2, DVDI_VOLUME_CONTAINERPATH2: no effect without DVDI_VOLUME_NAME2",
        ]
    );
}

#[test]
fn passwords_of_all_volumes_are_secrets() {
    let described = parsed(&[
        ("DVDI_VOLUME_NAME", "name=a,token=first"),
        ("DVDI_VOLUME_NAME1", "b"),
        ("DVDI_VOLUME_OPTS1", "password=second,size=1"),
    ]);
    let secrets = described.expect("good variables").secrets();
    assert_eq!(secrets.mask("first second 1"), "**** **** 1");
}

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

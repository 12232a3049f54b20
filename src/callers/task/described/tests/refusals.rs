//! What is refused, and in which words.

use std::ffi::OsString;

use crate::callers::task::described::parse;
use crate::callers::task::described::tests::{refusal, volumes};

#[test]
fn every_forbidden_character_is_refused_and_no_other() {
    let others = "%/:;<>|`$'?^& {\"}[]\\\0\u{1}\t\n\u{b}\u{8}\r\u{7f}\u{85}";
    for bad in others.chars() {
        let value = format!("a={bad}b");
        // A comma within double quotes belongs to the value of an option.
        let options = Some("OPTS").filter(|_| bad != '"');
        for kind in ["NAME", "DRIVER", "EXPLICITCREATE"]
            .into_iter()
            .chain(options)
        {
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

/// Variables without their beginning, values, and what is said of them.
const MEANINGLESS: &[(&str, &str, &str)] = &[
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
];

#[test]
fn values_that_mean_nothing_are_refused() {
    for (kind, value, words) in MEANINGLESS {
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
        &[
            ("DVDI_VOLUME_NAME1", "b"),
            ("DVDI_VOLUME_OPTS1", "size=5,rw"),
        ],
        "DVDI_VOLUME_OPTS1: option 'rw' has no value; write rw=VALUE, or put the value of 'size' into double quotes if it belongs there",
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

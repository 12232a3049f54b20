use super::*;
use crate::base::failure;

mod properties;
mod refusals;

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
        split(",o=\"addr=10.0.0.4,,nfsvers=4\",,size=5,"),
        ["o=addr=10.0.0.4,,nfsvers=4", "size=5"]
    );
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
fn what_has_no_effect_is_told() {
    let told = parsed(&[
        ("DVDI_VOLUME_DRIVER", "loop"),
        ("DVDI_VOLUME_DRIVER1", "loop"),
        ("DVDI_VOLUME_OPTS2", "a=1"),
        ("DVDI_VOLUME_CONTAINERPATH2", "x"),
        ("DVDI_VOLUME_EXPLICITCREATE0", "perhaps"),
        ("DVDI_VOLUME_NAME2", ""),
        ("DVDI_VOLUME_NAME3", "db"),
        ("DVDI_VOLUME_OPTS3", "a=1,a=2"),
    ]);
    assert_eq!(
        told.expect("good variables").warnings,
        [
            "DVDI_VOLUME_EXPLICITCREATE0: no effect without DVDI_VOLUME_NAME",
            "DVDI_VOLUME_OPTS2, DVDI_VOLUME_CONTAINERPATH2: no effect without DVDI_VOLUME_NAME2",
            "DVDI_VOLUME_OPTS3: option 'a' is given twice, with different values; the last one counts",
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

//! What callers write, and what is made of it.

use proptest::prelude::*;

use super::*;
use crate::base::failure::ErrorKind;
use crate::base::options::Options;

fn options(list: &str) -> Options {
    let mut gathered = Gathered::default();
    add(&mut gathered, "LIST", list).expect("a list of options");
    assert_eq!(gathered.warnings, [""; 0]);
    gathered.options
}

fn refusal(list: &str) -> String {
    let error = add(&mut Gathered::default(), "LIST", list).expect_err(list);
    assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{list}");
    error.to_string()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn a_comma_starts_an_option_only_where_a_key_follows() {
    assert_eq!(
        options("size=5,iops=150"),
        [pair("size", "5"), pair("iops", "150")]
    );
    assert_eq!(
        options("o=addr=10.0.0.1,rw"),
        [pair("o", "addr=10.0.0.1,rw")]
    );
    assert_eq!(options("a="), [pair("a", "")]);
}

#[test]
fn what_is_understood() {
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: [(&str, Pairs); 12] = [
        ("o=addr=10.0.0.1", &[("o", "addr=10.0.0.1")]),
        ("a=,b=2", &[("a", ""), ("b", "2")]),
        ("o=ro,noexec,x=1", &[("o", "ro,noexec"), ("x", "1")]),
        (
            "servers=10.0.0.1,10.0.0.2",
            &[("servers", "10.0.0.1,10.0.0.2")],
        ),
        ("ports=80,443", &[("ports", "80,443")]),
        ("password=5,x", &[("password", "5,x")]),
        (
            "type=nfs,o=\"addr=10.0.0.4,nfsvers=4\",device=:/x",
            &[
                ("type", "nfs"),
                ("o", "addr=10.0.0.4,nfsvers=4"),
                ("device", ":/x"),
            ],
        ),
        ("size=\"5\"", &[("size", "5")]),
        ("a=\"\",b=\",\"", &[("a", ""), ("b", ",")]),
        ("a=b\"c,d\"", &[("a", "b\"c,d\"")]),
        ("o=x=\"a,b=c\"", &[("o", "x=\"a"), ("b", "c\"")]),
        ("label={\"a\":1}", &[("label", "{\"a\":1}")]),
    ];
    for (list, expected) in cases {
        let expected: Options = expected
            .iter()
            .map(|(key, value)| pair(key, value))
            .collect();
        assert_eq!(options(list), expected, "{list}");
    }
}

#[test]
fn a_word_that_no_value_can_hold_is_refused() {
    for (list, option, word) in [
        ("size=5,rw", "size", "rw"),
        ("Size=much,rw", "Size", "rw"),
        ("newfstype=xfs,ext4", "newfstype", "ext4"),
        ("size=5,10", "size", "10"),
        ("repl=2,shared", "repl", "shared"),
        ("cache=10GiB,on", "cache", "on"),
        ("shared=true,x", "shared", "x"),
        ("ports=80,443,x", "ports", "x"),
        ("a=,b", "a", "b"),
        ("o=\"a=1\",rw", "o", "rw"),
    ] {
        assert_eq!(
            refusal(list),
            format!(
                "LIST: option '{word}' has no value; write {word}=VALUE, or put the value of '{option}' into double quotes if it \
                 belongs there"
            )
        );
    }
}

#[test]
fn what_is_wrong_is_named() {
    let comma = "LIST: nothing follows a comma after option 'size'; leave the comma out, or put the value into double quotes if it \
                 belongs there";
    let nameless = format!("LIST: {NAMELESS}");
    for (list, expected) in [
        ("size=5,", comma),
        ("size=5,,iops=1", comma),
        ("a=1,size=5,", comma),
        ("size=\"5\",", comma),
        ("", &nameless),
        (",", &nameless),
        (",a=1", &nameless),
        ("a=1,=5", &nameless),
        ("=\"x\"", &nameless),
        ("size", "LIST: option 'size' has no value; write size=VALUE"),
        ("o=\"a=1", "LIST: option 'o': the closing quote is missing"),
        (
            "o=\"a=1\"b",
            "LIST: option 'o': its value goes on after the closing quote",
        ),
    ] {
        assert_eq!(refusal(list), expected, "{list}");
    }
}

proptest! {
    #[test]
    fn what_is_joined_is_split_again(pairs in proptest::collection::btree_map("[a-z.]{1,8}", "([^,\"][^,]{0,12})?", 1..5)) {
        let list = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        let expected: Options = pairs.into_iter().collect();
        prop_assert_eq!(options(&list), expected);
    }

    #[test]
    fn quotes_keep_what_is_within(pairs in proptest::collection::btree_map("[a-z.]{1,8}", "[^\"]{0,12}", 1..5)) {
        let list = pairs.iter().map(|(key, value)| format!("{key}=\"{value}\"")).collect::<Vec<_>>().join(",");
        let expected: Options = pairs.into_iter().collect();
        prop_assert_eq!(options(&list), expected);
    }

    #[test]
    fn nothing_panics(list in ".*") {
        let mut gathered = Gathered::default();
        let _ = add(&mut gathered, "LIST", &list);
    }
}

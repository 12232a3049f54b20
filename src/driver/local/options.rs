//! The options of `local` volumes.

use crate::driver::shared::options::{Known, known};
use crate::driver::shared::values::{id, mode, one_copy, text};

/// All of them (man page: DRIVERS). The driver has no sizes, but `size` is known so that its refusal can say what to do.
pub const OPTIONS: &[Known] = &[
    known("type", &[], text),
    known("device", &[], text),
    known("o", &["mountOpts"], text),
    known("uid", &[], id),
    known("gid", &[], id),
    known("mode", &[], mode),
    known("size", &[], text),
    known("repl", &[], one_copy).only_for_making(),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;
    use crate::driver::shared::options::read;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn good_values() {
        for (key, value, name, expected) in [
            ("TYPE", "nfs4", "type", "nfs4"),
            ("device", "host:/x", "device", "host:/x"),
            ("o", "ro,addr=h", "o", "ro,addr=h"),
            ("mountopts", "ro", "o", "ro"),
            ("UID", "1000", "uid", "1000"),
            ("gid", "0", "gid", "0"),
            ("mode", "2750", "mode", "2750"),
            ("repl", "1", "repl", "1"),
        ] {
            let options = read(OPTIONS, &vec![pair(key, value)]).expect(key);
            assert_eq!(options.shown(name).as_deref(), Some(expected), "{key}");
        }
    }

    #[test]
    fn what_is_refused() {
        let known = "(known: type, device, o, uid, gid, mode, size, repl)";
        for (key, value, refusal) in [
            (
                "type",
                "a\0b",
                "option type: a NUL cannot be in it".to_owned(),
            ),
            (
                "device",
                "\0",
                "option device: a NUL cannot be in it".into(),
            ),
            ("o", "a=\0", "option o: a NUL cannot be in it".into()),
            (
                "MountOpts",
                "\0",
                "option MountOpts: a NUL cannot be in it".into(),
            ),
            ("size", "\0", "option size: a NUL cannot be in it".into()),
            (
                "uid",
                "root",
                r#"option uid: "root" is no numeric user or group"#.into(),
            ),
            (
                "gid",
                "-1",
                r#"option gid: "-1" is no numeric user or group"#.into(),
            ),
            (
                "mode",
                "9",
                r#"option mode: "9" is no octal mode such as 0750"#.into(),
            ),
            (
                "repl",
                "3",
                r#"option repl: "3" copies: one host keeps one"#.into(),
            ),
            (
                "devcie",
                "/x",
                format!("unknown option devcie; did you mean device? {known}"),
            ),
            (
                "typ",
                "nfs",
                format!("unknown option typ; did you mean type? {known}"),
            ),
            ("opts", "ro", format!("unknown option opts {known}")),
            ("fs", "xfs", format!("unknown option fs {known}")),
            (
                "encrypted",
                "1",
                format!("unknown option encrypted {known}"),
            ),
        ] {
            let error = read(OPTIONS, &vec![pair(key, value)]).expect_err(key);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{key}");
            assert_eq!(chain(&error), refusal);
        }
    }
}

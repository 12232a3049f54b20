//! The names of the built-in drivers' volumes, which become names of directories, and the options that a name can contain.

use anyhow::Result;

use crate::base::failure::Failure;
use crate::base::options::Options;

/// The longest name, in bytes. The names of temporary directories are longer, and have to be at most 255.
const LONGEST: usize = 200;

/// The canonical name of a volume, and the options in Portworx's inline form of a name: `name=db,size=10,fs=xfs`.
///
/// Locks, records and directories have the canonical name.
///
/// # Errors
///
/// Wrong usage: a name that no volume can have, or an inline form that cannot be read.
pub fn parse(text: &str) -> Result<(String, Options)> {
    let (name, options) = if text.contains('=') {
        inline(text)?
    } else {
        (text.to_owned(), Options::new())
    };
    check(&name)?;
    Ok((name, options))
}

fn inline(text: &str) -> Result<(String, Options)> {
    let mut name = None;
    let mut options = Options::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part.split_once('=') {
            Some((key, value)) if key.eq_ignore_ascii_case("name") => {
                if name.replace(value).is_some_and(|other| other != value) {
                    return Err(
                        Failure::usage(format!("volume name {text}: name= stands twice")).into(),
                    );
                }
            }
            Some((key, value)) if !key.is_empty() => {
                options.push((key.to_owned(), value.to_owned()))
            }
            _ => {
                return Err(
                    Failure::usage(format!("volume name {text}: {part} is not KEY=VALUE")).into(),
                );
            }
        }
    }
    match name {
        Some(name) => Ok((name.to_owned(), options)),
        None => Err(Failure::usage(format!(
            "volume name {text}: options without a name; give name=NAME among them"
        ))
        .into()),
    }
}

fn check(name: &str) -> Result<()> {
    match problem(name) {
        None => Ok(()),
        Some(problem) => Err(Failure::usage(format!("volume name {name:?} {problem}")).into()),
    }
}

/// Why nothing can have this name.
fn problem(name: &str) -> Option<&'static str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() {
        Some("is empty")
    } else if name.len() > LONGEST {
        Some("is longer than 200 bytes")
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        Some("does not begin with a letter or digit")
    } else if !name.chars().all(fine) {
        Some("has characters other than letters, digits, _ . and -")
    } else {
        None
    }
}

/// Refuses a name that no snapshot of the volume can have: wrong usage. Names of their directories are as long as those of volumes.
pub fn check_snapshot(volume: &str, snapshot: &str) -> Result<()> {
    let refused =
        |problem: &str| Err(Failure::usage(format!("snapshot name {snapshot:?} {problem}")).into());
    match problem(snapshot) {
        Some(problem) => refused(problem),
        None if volume.len() + 1 + snapshot.len() > LONGEST => {
            refused("is longer than 199 bytes together with the volume's")
        }
        None => Ok(()),
    }
}

/// Whether a directory of this name can be a snapshot: `VOLUME@SNAPSHOT`.
pub fn is_snapshot(name: &str) -> bool {
    name.split_once('@').is_some_and(|(volume, snapshot)| {
        is_valid(volume) && check_snapshot(volume, snapshot).is_ok()
    })
}

/// Whether a directory of this name can be a volume. Other directories are leftovers, or were made by other programs.
pub fn is_valid(name: &str) -> bool {
    check(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;

    fn refusal(name: &str) -> String {
        let error = parse(name).expect_err(name);
        assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{name}");
        chain(&error)
    }

    #[test]
    fn plain_names() {
        for name in ["db", "0", "a.b-c_d", "DB..", &"x".repeat(200)] {
            assert_eq!(parse(name).expect("a good name"), (name.to_owned(), vec![]));
            assert!(is_valid(name));
        }
        let begin = "does not begin with a letter or digit";
        let other = "has characters other than letters, digits, _ . and -";
        let long = "x".repeat(201);
        for (name, problem) in [
            ("", "is empty"),
            (".", begin),
            ("..", begin),
            ("../db", begin),
            (".db", begin),
            ("-x", begin),
            ("_x", begin),
            ("/x", begin),
            (" x", begin),
            ("ä", begin),
            ("a/b", other),
            ("a b", other),
            ("aä", other),
            ("a\0", other),
            ("a\n", other),
            ("a,b", other),
            (&long, "is longer than 200 bytes"),
        ] {
            assert_eq!(refusal(name), format!("volume name {name:?} {problem}"));
            assert!(!is_valid(name));
        }
    }

    #[test]
    fn names_with_options_inside() {
        let size = ("size".to_owned(), "10".to_owned());
        let fs = ("fs".to_owned(), "xfs".to_owned());
        for (text, options) in [
            ("name=db,size=10,fs=xfs", vec![size.clone(), fs]),
            ("size=10,Name=db,", vec![size.clone()]),
            (" size=10 , name=db ", vec![size]),
            ("name=db,name=db", vec![]),
            ("name=db,empty=", vec![("empty".to_owned(), String::new())]),
        ] {
            let expected = ("db".to_owned(), options);
            assert_eq!(parse(text).expect("a good name"), expected, "{text}");
        }
        for (text, problem) in [
            (
                "size=10",
                "size=10: options without a name; give name=NAME among them",
            ),
            (
                "size=1,fs=xfs",
                "size=1,fs=xfs: options without a name; give name=NAME among them",
            ),
            ("name=", "\"\" is empty"),
            (
                "name=../db",
                "\"../db\" does not begin with a letter or digit",
            ),
            ("name=a,name=b", "name=a,name=b: name= stands twice"),
            ("name=a,b", "name=a,b: b is not KEY=VALUE"),
            ("db,size=10", "db,size=10: db is not KEY=VALUE"),
            ("name=a,=b", "name=a,=b: =b is not KEY=VALUE"),
        ] {
            assert_eq!(refusal(text), format!("volume name {problem}"));
        }
    }
}

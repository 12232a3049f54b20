//! The names of the built-in drivers' volumes, which are names of directories, and options that stand inside a name.

use anyhow::Result;

use crate::base::failure::Failure;
use crate::base::options::Options;

/// The longest name, in bytes: with what we put around it, it is still a file name.
const LONGEST: usize = 200;

/// The plain name of a volume, and the options that stand in Portworx's inline form of it: `name=db,size=10,fs=xfs`.
///
/// Whoever locks a volume or records its holders has to go by the plain name.
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
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let problem = if name.is_empty() {
        "is empty"
    } else if name.len() > LONGEST {
        "is longer than 200 bytes"
    } else if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        "does not begin with a letter or digit"
    } else if !name.chars().all(fine) {
        "has characters other than letters, digits, _ . and -"
    } else {
        return Ok(());
    };
    Err(Failure::usage(format!("volume name {name:?} {problem}")).into())
}

/// Whether a directory of this name can be a volume; others are leftovers or not ours.
pub fn is_valid(name: &str) -> bool {
    check(name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names() {
        for name in ["db", "0", "a.b-c_d", &"x".repeat(200)] {
            assert_eq!(parse(name).expect("a good name"), (name.to_owned(), vec![]));
        }
        for name in [
            "",
            ".",
            "..",
            ".db",
            "-x",
            "_x",
            "a/b",
            "a b",
            "ä",
            "a\0",
            "a,b",
            &"x".repeat(201),
        ] {
            assert_eq!(
                crate::base::failure::ErrorKind::of(&parse(name).expect_err(name)).exit_code(),
                2
            );
        }
    }

    #[test]
    fn names_with_options_inside() {
        let (name, options) = parse("name=db,size=10,fs=xfs").expect("a good name");
        assert_eq!(name, "db");
        assert_eq!(
            options,
            [("size".into(), "10".into()), ("fs".into(), "xfs".into())]
        );
        assert_eq!(parse("size=10,Name=db,").expect("a good name").0, "db");
        for name in [
            "size=10",
            "name=",
            "name=a,name=b",
            "name=a,b",
            "name=../x",
            "db,size=10",
            "name=a,=b",
        ] {
            parse(name).expect_err(name);
        }
    }
}

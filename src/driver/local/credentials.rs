//! Secrets among the options of a mount by mount(8), whose arguments every user of the host can read.

use std::fs::File;

use anyhow::{Context, Result, bail};

use crate::base::secrets::mask::says_something;
use crate::base::secrets::names::is_secret;
use crate::base::secrets::users;
use crate::sys::files::in_memory;

/// How the program of a type reads secrets from a file.
struct Reader {
    fs_type: &'static str,
    /// The option that names the file.
    option: &'static str,
    /// Options that are secret, and what stands before the value in the file.
    secrets: &'static [(&'static str, &'static str)],
}

const CIFS: &[(&str, &str)] = &[
    ("pass", "password="),
    ("password", "password="),
    ("pass2", "password2="),
    ("password2", "password2="),
];

/// mount.cifs(8), mount.smb3(8), mount.ceph(8).
const READERS: &[Reader] = &[
    Reader {
        fs_type: "cifs",
        option: "credentials",
        secrets: CIFS,
    },
    Reader {
        fs_type: "smb3",
        option: "credentials",
        secrets: CIFS,
    },
    Reader {
        fs_type: "ceph",
        option: "secretfile",
        secrets: &[("secret", "")],
    },
];

/// Mount options without the secrets among them, which stand in a file in memory.
#[derive(Debug)]
pub struct Parted {
    pub options: String,
    /// To be the program's standard input.
    pub file: Option<File>,
}

/// Parts the secrets from the options for the program of a type.
///
/// # Errors
///
/// A secret that the program cannot read from a file.
pub fn part(fs_type: &str, device: &str, options: &str) -> Result<Parted> {
    refuse_password_in(device, fs_type)?;
    let reader = READERS.iter().find(|reader| reader.fs_type == fs_type);
    let mut open = Vec::new();
    let mut text = String::new();
    for word in words(options) {
        let Some(secret) = Secret::of(word, fs_type) else {
            open.push(word);
            continue;
        };
        open.extend(secret.left);
        let (name, value) = (secret.name, secret.value);
        let known = reader.and_then(|it| it.secrets.iter().find(|(known, _)| *known == name));
        let Some((_, before)) = known else {
            bail!(
                "option o: every user of this host would see {name} in the arguments of mount; write it where mount.{fs_type} reads it \
                 from a file"
            );
        };
        if value.contains('\n') {
            bail!("option o: a line end cannot be in {name}");
        }
        text.push_str(&format!("{before}{value}\n"));
    }
    let Some(reader) = reader.filter(|_| !text.is_empty()) else {
        return Ok(Parted {
            options: options.to_owned(),
            file: None,
        });
    };
    let file = in_memory::holding(&text).context("making a file in memory")?;
    let named = format!("{}=/proc/self/fd/0", reader.option);
    open.push(&named);
    Ok(Parted {
        options: open.join(","),
        file: Some(file),
    })
}

fn refuse_password_in(device: &str, fs_type: &str) -> Result<()> {
    if has_password(device) {
        bail!(
            "option device: every user of this host would see its password in the arguments of mount; write it where mount.{fs_type} \
             reads it from a file"
        );
    }
    Ok(())
}

/// Whether there is a password before the host of a URL.
fn has_password(device: &str) -> bool {
    let url = device.split_once("://").map(|(_, url)| url);
    let user = url.and_then(users::of_url);
    user.is_some_and(|user| user.contains(':'))
}

/// A secret in a mount option.
struct Secret<'o> {
    name: &'o str,
    /// Without quotes around it.
    value: &'o str,
    /// What is left of the option without it.
    left: Option<&'o str>,
}

impl<'o> Secret<'o> {
    /// An option that names a file, or says yes or no, has none.
    fn of(word: &'o str, fs_type: &str) -> Option<Secret<'o>> {
        const FILES: [&str; 2] = ["credentials", "cred"];
        let (name, value) = word.trim().split_once('=')?;
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        // mount.cifs(8): everything after the first percent sign of a user is a password.
        if matches!(fs_type, "cifs" | "smb3") && matches!(name, "user" | "username") {
            let (user, value) = word.split_once('%')?;
            return Some(Secret {
                name: "password",
                value,
                left: Some(user),
            });
        }
        let names_file = name.ends_with("file") || name.ends_with("path") || FILES.contains(&name);
        let is_one = is_secret(name) && !names_file && says_something(value);
        is_one.then_some(Secret {
            name,
            value,
            left: None,
        })
    }
}

/// The options between commas, but for those within double quotes.
fn words(options: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let at_commas = |c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    };
    options
        .split(at_commas)
        .filter(|it| !it.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn secrets_are_parted_from_options() {
        for (fs_type, options, open, expected) in [
            (
                "cifs",
                "ro,username=joe,password=a=b,vers=3.0",
                "ro,username=joe,vers=3.0,credentials=/proc/self/fd/0",
                "password=a=b\n",
            ),
            (
                "smb3",
                "pass=\"a,b\",password2=c",
                "credentials=/proc/self/fd/0",
                "password=a,b\npassword2=c\n",
            ),
            (
                "cifs",
                "user=joe%a%b,ro",
                "user=joe,ro,credentials=/proc/self/fd/0",
                "password=a%b\n",
            ),
            (
                "ceph",
                "name=x,secret=AQ==",
                "name=x,secretfile=/proc/self/fd/0",
                "AQ==\n",
            ),
        ] {
            let parted = part(fs_type, "x", options).expect("a file");
            let mut text = String::new();
            let mut file = parted.file.expect("secrets");
            file.read_to_string(&mut text).expect("read");
            assert_eq!((parted.options.as_str(), text.as_str()), (open, expected));
        }
    }

    #[test]
    fn what_has_no_secret_stays_as_it_is() {
        for (fs_type, options) in [
            ("cifs", "credentials=/etc/nas,,ro"),
            ("ceph", "secretfile=/etc/key"),
            (
                "odd",
                "passwd_file=/etc/x,auth=none,keepalive,context=\"a,b\"",
            ),
            ("odd", ""),
        ] {
            let parted = part(fs_type, "https://joe@host/x", options).expect("no secret");
            assert!(
                parted.options == options && parted.file.is_none(),
                "{options}"
            );
        }
    }

    #[test]
    fn a_secret_that_no_file_can_hold_is_refused() {
        for (fs_type, options) in [
            ("odd", "password=x"),
            ("fuse.odd", "ro,apiKey=x"),
            ("cifs", "token=x"),
            ("cifs", "password=\"x\ny\""),
        ] {
            part(fs_type, "x", options).expect_err(options);
        }
        part("davfs", "https://joe:x@host/y", "").expect_err("a password");
    }
}

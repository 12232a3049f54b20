//! Reads what mount(8) passes on from its command line or fstab(5): the volume, its options, and mount options.

use std::path::Path;

use anyhow::{Result, bail};

use crate::base::boolean::parse_boolean;
use crate::base::failure::Failure;
use crate::base::options::Gathered;
use crate::base::secrets::names::is_secret;
use crate::sys::mount::mountopts::{self, Class, MountOptions};

/// The driver, if one is named, and the volume. The last slash separates them: a driver's name may contain slashes
/// (`rexray/ebs:latest/db`), a volume's name here may not.
///
/// # Errors
///
/// Wrong usage: the text before or after the slash is empty, or it is a path.
pub fn volume<'a>(spec: &'a str, directory: &Path) -> Result<(Option<&'a str>, &'a str)> {
    // If the name happens to exist below the current directory, mount(8) makes it a path. In the root directory that cannot be
    // told from a path that the user wrote.
    let directory = Some(directory).filter(|directory| directory.parent().is_some());
    let name = directory.and_then(|directory| Path::new(spec).strip_prefix(directory).ok());
    let name = name.and_then(Path::to_str).unwrap_or(spec);
    match name.rsplit_once('/') {
        None if !name.is_empty() => Ok((None, name)),
        Some((driver, volume))
            if !driver.is_empty() && !driver.starts_with('/') && !volume.is_empty() =>
        {
            Ok((Some(driver), volume))
        }
        _ => bail!(Failure::usage(format!(
            "{spec} names no volume; write DRIVER/VOLUME"
        ))),
    }
}

/// The options, separated by one rule: an option with a value is the volume's, a word alone is mount(8)'s.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MountLine {
    /// The volume's own options, and what is to be said about them.
    pub volume: Gathered,
    /// The mount options for a bind mount, as they were written.
    pub view: Vec<String>,
    pub read_only: bool,
    /// Whether an absent volume is an error instead of being created.
    pub explicit_create: bool,
    pub remount: bool,
    /// Whether an absent volume is passed over.
    pub no_fail: bool,
}

impl MountLine {
    /// Reads options that are separated by commas. Within double quotes a comma belongs to the value; around a value, they are
    /// removed.
    ///
    /// # Errors
    ///
    /// Wrong usage: a word that mount(8) does not know, unless `sloppy`; a word that is for a whole file system, not for a bind
    /// mount; a quote that is not closed.
    pub fn parse(list: &str, sloppy: bool) -> Result<MountLine> {
        let mut line = MountLine::default();
        let options = split(list)?;
        let mut before = "";
        for option in &options {
            let added = line.add(option, sloppy);
            if added.is_err() && is_secret(before) && !option.contains('=') {
                // The word may be the rest of that secret: do not repeat it.
                bail!(Failure::usage(format!(
                    "option {before}: what follows its first comma is no mount option; put a value with commas into double quotes"
                )));
            }
            added?;
            before = option.split_once('=').map_or("", |(name, _)| name);
        }
        line.read_only = MountOptions::parse(&line.view.join(",")).read_only();
        Ok(line)
    }

    fn add(&mut self, option: &str, sloppy: bool) -> Result<()> {
        match option {
            "explicitcreate" => self.explicit_create = true,
            "remount" => self.remount = true,
            "nofail" => self.no_fail = true,
            _ if is_of_mount(option) => {}
            _ if let Some((name, value)) = option.split_once('=') => self.add_value(name, value)?,
            _ => match mountopts::class(option) {
                Some(Class::Mount) => self.view.push(option.to_owned()),
                Some(Class::Program) => {}
                Some(Class::FileSystem) => bail!(Failure::usage(format!(
                    "option {option} belongs to the file system, not to the place where it appears; give mountopts={option} if the driver \
                     takes that"
                ))),
                None if sloppy => {}
                None => bail!(Failure::usage(format!(
                    "option {option} is none of mount(8)'s; one of the volume has a value: {option}=VALUE"
                ))),
            },
        }
        Ok(())
    }

    /// An option with a value is the volume's, but for our own, and for words of mount(8) that say what they apply to.
    fn add_value(&mut self, name: &str, value: &str) -> Result<()> {
        let option = format!("{name}={value}");
        let is_word = mountopts::class(name) == Some(Class::Mount);
        match (name, value) {
            ("explicitcreate", _) => {
                self.explicit_create = parse_boolean(value).ok_or_else(|| {
                    Failure::usage(format!("option {option}: neither true nor false"))
                })?;
            }
            (_, "recursive" | "vfs") if is_word => self.view.push(name.to_owned()),
            (_, "fs") if is_word => bail!(Failure::usage(format!(
                "option {option} belongs to the file system, not to the place where it appears"
            ))),
            _ => self.volume.add("-o", &option)?,
        }
        Ok(())
    }
}

/// Whether it is an option with a value that is mount(8)'s own.
fn is_of_mount(option: &str) -> bool {
    let is_helper = option.starts_with("helper=") || option.starts_with("uhelper=");
    is_helper || mountopts::is_comment(option)
}

/// The options, split where mount(8) splits them: not within double quotes, nor at a comma after a backslash.
fn split(list: &str) -> Result<Vec<String>> {
    let mut options = vec![String::new()];
    let mut is_quoted = false;
    let mut before = ' ';
    for character in list.chars() {
        let is_escaped = before == '\\';
        is_quoted ^= character == '"' && !is_escaped;
        before = character;
        match options.last_mut() {
            Some(last) if character != ',' || is_quoted || is_escaped => last.push(character),
            _ => options.push(String::new()),
        }
    }
    if is_quoted {
        // Its value may be a secret.
        let last = options.pop().unwrap_or_default();
        let name = last.split_once('=').map_or(last.as_str(), |(name, _)| name);
        bail!(Failure::usage(format!(
            "option {name}: the closing quote is missing"
        )));
    }
    options.retain(|option| !option.is_empty());
    Ok(options.iter().map(|option| plain(option)).collect())
}

/// An option without the double quotes around its value, and without the backslashes before quotes and commas.
fn plain(option: &str) -> String {
    let Some((name, value)) = option.split_once('=') else {
        return option.to_owned();
    };
    let within = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|within| !within.replace("\\\"", "").contains('"'));
    let value = within.unwrap_or(value);
    format!("{name}={}", value.replace("\\\"", "\"").replace("\\,", ","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    fn message(list: &str) -> String {
        MountLine::parse(list, false).expect_err(list).to_string()
    }

    #[test]
    fn the_last_slash_stands_before_the_volume() {
        let volume = |spec| volume(spec, Path::new("/var/lib/dvdcli")).ok();
        assert_eq!(volume("loop/db"), Some((Some("loop"), "db")));
        assert_eq!(volume("db"), Some((None, "db")));
        assert_eq!(
            volume("rexray/ebs:latest/db"),
            Some((Some("rexray/ebs:latest"), "db"))
        );
        assert_eq!(
            volume("loop/name=db,size=5"),
            Some((Some("loop"), "name=db,size=5"))
        );
        assert_eq!(
            volume("/var/lib/dvdcli/loop/db"),
            Some((Some("loop"), "db"))
        );
        assert_eq!(super::volume("/loop/db", Path::new("/")).ok(), None);
        for path in ["", "/", "/db", "loop/", "/srv/db", "//server/db"] {
            assert_eq!(volume(path), None, "{path}");
        }
    }

    #[test]
    fn a_value_makes_it_the_volumes() {
        let line = MountLine::parse(
            "rw,size=5,newfstype=xfs,ro,nofail,_netdev,noexec,x-systemd.automount,comment=a,helper=x,o=\"addr=10.0.0.1,rw\",,defaults",
            false,
        )
        .expect("a good line");
        assert_eq!(
            line,
            MountLine {
                volume: Gathered {
                    options: vec![
                        pair("size", "5"),
                        pair("newfstype", "xfs"),
                        pair("o", "addr=10.0.0.1,rw")
                    ],
                    warnings: vec![],
                },
                view: ["rw", "ro", "_netdev", "noexec"]
                    .map(str::to_owned)
                    .to_vec(),
                read_only: true,
                no_fail: true,
                ..MountLine::default()
            }
        );
    }

    #[test]
    fn quotes_around_a_value_are_removed_and_others_belong_to_it() {
        for (list, value) in [
            (r#"a="b,c=d""#, "b,c=d"),
            (r#"a="b c""#, "b c"),
            (r#"a="""#, ""),
            (r#"a={"k":"v,w"}"#, r#"{"k":"v,w"}"#),
            (r#"a="{\"k\":\"v,w\"}""#, r#"{"k":"v,w"}"#),
            (r"a=b\,c", "b,c"),
            (r"a=\\host\share", r"\\host\share"),
            (r#"a=context="x:c1,c2""#, r#"context="x:c1,c2""#),
        ] {
            let line = MountLine::parse(&format!("ro,{list},noexec"), false).expect(list);
            assert_eq!(line.volume.options, [pair("a", value)], "{list}");
            assert_eq!(line.view, ["ro", "noexec"], "{list}");
        }
    }

    #[test]
    fn a_word_of_mount_8_may_have_a_value() {
        let line = MountLine::parse(
            "noexec=recursive,nosuid=vfs,sync=1,user=joe,nousers,noowner,nogroup",
            false,
        )
        .expect("a good line");
        assert_eq!(line.view, ["noexec", "nosuid"]);
        assert_eq!(
            line.volume.options,
            [pair("sync", "1"), pair("user", "joe")]
        );
        assert!(message("nodev=fs").contains("option nodev=fs belongs to the file system"));
        let creates = |word| MountLine::parse(word, false).map(|line| !line.explicit_create);
        assert!(creates("explicitcreate=false").expect("a truth value"));
        assert!(!creates("explicitcreate=True").expect("a truth value"));
        creates("explicitcreate=x").expect_err("no truth value");
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(message("rw,newfstype").starts_with("option newfstype is none of mount(8)'s"));
        assert!(message("sync").contains("give mountopts=sync"));
        assert!(message("password=a,geheim").starts_with("option password: what follows"));
        assert!(message("a=\"b,c").contains("option a: the closing quote"));
        assert_eq!(
            MountLine::parse("bogus,ro", true).expect("sloppy").view,
            ["ro"]
        );
    }
}

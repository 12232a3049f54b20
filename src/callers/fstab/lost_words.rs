//! Words that the mount which calls the helper has kept to itself. busybox's passes on none of the flags that it knows (`ro`, `noexec`,
//! `remount`), so they are looked for on its command line and in fstab(5).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nix::unistd::getppid;

use crate::base::failure::Failure;
use crate::cli::mount_helper::MountHelper;
use crate::sys::mount::mountinfo;
use crate::sys::mount::mountopts::{self, Class, MountOptions};

/// Refuses a mount without words that its caller was given: nobody who asks for a read-only volume may get a writable one.
///
/// # Errors
///
/// Wrong usage: the words.
pub fn refuse(arguments: &MountHelper) -> Result<()> {
    let passed = arguments.options.join(",");
    // util-linux's mount passes one of them on, whatever it was given.
    if passed.split(',').any(|word| matches!(word, "ro" | "rw")) {
        return Ok(());
    }
    let caller = fs::read(format!("/proc/{}/cmdline", getppid())).unwrap_or_default();
    let caller = String::from_utf8_lossy(&caller);
    let words: Vec<&str> = caller.split_terminator('\0').collect();
    let Some(call) = MountCall::parse(&words) else {
        return Ok(());
    };
    let table = match call.operands {
        0 | 1 => fs::read(call.table).unwrap_or_default(),
        _ => Vec::new(),
    };
    let mut given = in_table(&table, &arguments.spec, &arguments.dir);
    given.extend(call.options);
    let lost = lost(&given.join(","), &passed).join(",");
    if !lost.is_empty() {
        bail!(Failure::usage(format!(
            "mount has not passed {lost} on, as that of busybox does not; use util-linux's, or call mount.dvdcli by its name"
        )));
    }
    Ok(())
}

/// The command line of a mount.
#[derive(Debug, PartialEq, Eq)]
struct MountCall {
    /// Lists of words, with commas between.
    options: Vec<String>,
    /// With two, source and directory, it does not look into fstab(5).
    operands: usize,
    table: PathBuf,
}

impl MountCall {
    /// `None` where the program has another name.
    fn parse(words: &[&str]) -> Option<MountCall> {
        let name = |word: &&str| word.rsplit('/').next() == Some("mount");
        let mut words = match words {
            [first, rest @ ..] if name(first) => rest,
            [_, second, rest @ ..] if name(second) => rest,
            _ => return None,
        }
        .iter();
        let mut call = MountCall {
            options: Vec::new(),
            operands: 0,
            table: "/etc/fstab".into(),
        };
        while let Some(word) = words.next() {
            match (word.strip_prefix("--"), word.strip_prefix('-')) {
                (Some(word), _) => call.options.push(word.to_owned()),
                (None, Some(flags)) => call.add(flags, || words.next().copied()),
                (None, None) => call.operands += 1,
            }
        }
        Some(call)
    }

    /// Adds flags of one letter each. The value of one is what follows it, or the `next` word.
    fn add<'a>(&mut self, flags: &'a str, mut next: impl FnMut() -> Option<&'a str>) {
        for (at, flag) in flags.char_indices() {
            let value = &flags[at + flag.len_utf8()..];
            let mut value = || match value {
                "" => next().unwrap_or_default(),
                value => value,
            };
            match flag {
                'r' => self.options.push("ro".to_owned()),
                'w' => self.options.push("rw".to_owned()),
                'o' => return self.options.push(value().to_owned()),
                'T' => return self.table = value().into(),
                't' | 'O' => {
                    value();
                    return;
                }
                _ => {}
            }
        }
    }
}

/// The words for this source at this directory in the text of fstab(5).
fn in_table(table: &[u8], spec: &str, dir: &Path) -> Vec<String> {
    let lines = table.split(|byte| *byte == b'\n');
    let words = lines.filter_map(|line| {
        let mut fields = line
            .split(u8::is_ascii_whitespace)
            .filter(|field| !field.is_empty());
        let (source, place) = (fields.next()?, fields.next()?);
        let is_it = mountinfo::path(source) == Path::new(spec) && mountinfo::path(place) == dir;
        let words = fields.nth(1).filter(|_| is_it)?;
        Some(String::from_utf8_lossy(words).into_owned())
    });
    words.collect()
}

/// The words that have an effect and are not among those that were passed on.
fn lost<'a>(given: &'a str, passed: &str) -> Vec<&'a str> {
    let all = MountOptions::parse(given);
    let has_effect = |word: &str| {
        let own = MountOptions::parse(word);
        let is_in_force = !own.flags.is_empty() && all.flags.contains(own.flags);
        let is_flag = matches!(
            mountopts::class(word),
            Some(Class::Mount | Class::FileSystem)
        );
        word == "remount" || is_flag && (is_in_force || !own.propagation.is_empty())
    };
    let words = given.split(',').filter(|word| has_effect(word));
    words
        .filter(|word| passed.split(',').all(|it| it != *word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: &str) -> Option<MountCall> {
        MountCall::parse(&words.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn a_call_of_mount_is_read_as_busybox_reads_it() {
        for (words, options, operands) in [
            ("mount -t dvdcli -o ro,noexec a /b", &["ro,noexec"][..], 2),
            ("/bin/mount -rvt dvdcli a /b -onoexec", &["ro", "noexec"], 2),
            ("busybox mount -a -o rw", &["rw"], 0),
            ("/bin/busybox mount /b --remount -w", &["remount", "rw"], 1),
        ] {
            let found = call(words).expect(words);
            assert_eq!(
                (&found.options[..], found.operands),
                (
                    &options
                        .iter()
                        .map(|it| (*it).to_owned())
                        .collect::<Vec<_>>()[..],
                    operands
                ),
                "{words}"
            );
            assert_eq!(found.table, Path::new("/etc/fstab"));
        }
        assert_eq!(
            call("mount -aT /other").expect("a mount").table,
            Path::new("/other")
        );
        for other in ["sh -c mount", "umount /b", "", "mount.dvdcli a /b"] {
            assert_eq!(call(other), None, "{other}");
        }
    }

    #[test]
    fn words_are_found_in_the_line_of_the_volume() {
        let table = b"# a comment\nl/a /srv/a\\040b dvdcli ro,noexec 0 0\n l/b\t/srv/b  dvdcli defaults\nshort /srv\n";
        let found = |spec, dir| in_table(table, spec, Path::new(dir));
        assert_eq!(found("l/a", "/srv/a b"), ["ro,noexec"]);
        assert_eq!(found("l/b", "/srv/b"), ["defaults"]);
        assert_eq!(found("l/b", "/srv/a b"), [""; 0]);
    }

    #[test]
    fn only_words_with_an_effect_are_lost() {
        for (given, passed, expected) in [
            ("ro,noexec,size=5", "size=5", &["ro", "noexec"][..]),
            ("ro,rw,defaults,nofail,_netdev,exec,silent", "", &[]),
            ("noexec,ro", "noexec", &["ro"]),
            ("remount,rw", "", &["remount"]),
            ("sync,rslave", "", &["sync", "rslave"]),
            ("", "", &[]),
        ] {
            assert_eq!(lost(given, passed), expected, "{given}");
        }
    }
}

//! Reading the configuration: the file with its lines, then the environment.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::suggest;
use crate::base::text::chain;
use crate::invocation::config::Config;
use crate::invocation::config::settings::{self, Given, SETTINGS, Setting};
use crate::invocation::config::yaml::{Entry, entries};
use crate::invocation::log::Log;
use crate::invocation::trust;
use crate::sys::files::small::{self, SmallText};

/// What the names of aliases begin with.
const ALIASES: &str = "dvdcli.aliases.";

/// What the host's owner allows to those who are not root.
const POLICY: &str = "dvdcli.allow";

/// Names below which settings stand.
const SECTIONS: [&str; 5] = [
    "dvdcli",
    "dvdcli.aliases",
    POLICY,
    "dvdcli.allow.local",
    "dvdcli.allow.loop",
];

impl Config {
    /// Reads the file that was asked for, else the first of `candidates` that exists, and then the environment.
    ///
    /// # Errors
    ///
    /// Wrong usage: a file that others could have written; one that is not there though it was asked for, or is not YAML; a value of the wrong kind, with file
    /// and line, or with its variable. Any other failure to read a file is an error of no kind.
    pub fn load(
        log: &Log,
        asked: Option<&Path>,
        candidates: &[PathBuf],
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Config> {
        let mut config = Config::default();
        if let Some((path, found)) = first_file(asked, candidates)? {
            let reading = format!("reading {}", path.display());
            trust::check(log, "reading", path).map_err(|error| Failure::usage(chain(&error)))?;
            config
                .read_file(&found, &reading)
                .with_context(|| Failure::usage(&reading))?;
        }
        config.read_environment(environment)?;
        Ok(config)
    }

    /// `reading` is the context of the file's errors.
    fn read_file(&mut self, file: &SmallText, reading: &str) -> Result<()> {
        let entries = entries(&file.text)?;
        refuse_foreign_policy(&entries, file)?;
        for setting in SETTINGS {
            let at = |name: &&str| {
                // As for REX-Ray, a setting without a value is not set.
                let set = entries.iter().rev().filter(|entry| !entry.is_null);
                set.into_iter().find(|entry| entry.is_at_or_below(name))
            };
            if let Some(entry) = setting.names.iter().find_map(at) {
                // A map where a value belongs.
                let is_deeper = !setting.names.contains(&entry.name.as_str());
                let given = match is_deeper {
                    true => Given::Map,
                    false => Given::Entry(entry),
                };
                let origin = || format!("{reading}: {}", place(entry));
                self.set(setting, &given, origin)
                    .with_context(|| place(entry))?;
            }
        }
        for entry in entries
            .iter()
            .filter(|entry| entry.is_at_or_below("dvdcli"))
        {
            self.read_own(entry)?;
        }
        Ok(())
    }

    /// Sets what the setting is for. A value that is wrong for built-in drivers is kept for when one is used.
    fn set(&mut self, setting: &Setting, given: &Given, origin: impl Fn() -> String) -> Result<()> {
        let done = setting.apply(self, given, &origin);
        if !setting.is_for_built_ins {
            return done;
        }
        let name = setting.names[0];
        match done {
            Ok(()) => self.wrong_for_built_ins.remove(name),
            Err(error) => {
                let wrong = format!("{}: {}", origin(), chain(&error));
                self.wrong_for_built_ins.insert(name, wrong)
            }
        };
        Ok(())
    }

    /// Reads an alias. Any other name below `dvdcli:` that is no setting is an error, because no other program reads it.
    fn read_own(&mut self, entry: &Entry) -> Result<()> {
        let is_section = SECTIONS.contains(&entry.name.as_str());
        if entry.is_null && (is_section || entry.name.starts_with(ALIASES)) {
            // A section without settings, or an alias for nothing.
        } else if is_section {
            bail!("{}: it has to be a map", place(entry));
        } else if entry.name.starts_with(ALIASES) {
            let alias = entry.written[ALIASES.len()..].to_owned();
            let driver = entry.scalar().and_then(settings::text);
            let driver = driver.with_context(|| place(entry))?;
            self.aliases.insert(alias, driver);
        } else if !settings::is_known(&entry.name) {
            let nearest = suggest::did_you_mean(&entry.name, settings::names());
            bail!(
                "line {}: unknown setting {}{nearest}",
                entry.line,
                entry.written
            );
        }
        Ok(())
    }

    /// Reads REX-Ray's variables, each named after its setting: `REXRAY_VOLUME_MOUNT_PREEMPT`. Settings below `dvdcli` have
    /// none: the command line has variables for them, and `DVDCLI_ROOT` means something else than `dvdcli.root`.
    fn read_environment(
        &mut self,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<()> {
        const PREFIXES: [&[u8]; 4] = [b"LIBSTORAGE_", b"REXRAY_", b"DOCKER_", b"LINUX_"];
        let is_ours = |name: &OsString| {
            PREFIXES
                .iter()
                .any(|prefix| name.as_encoded_bytes().starts_with(prefix))
        };
        let variables: Vec<_> = environment.filter(|(name, _)| is_ours(name)).collect();
        if variables.is_empty() {
            return Ok(());
        }
        for setting in SETTINGS {
            // The newest name last, so that its value is the one that stays.
            for name in setting.names.iter().rev() {
                let variable = name.replace('.', "_").to_ascii_uppercase();
                let named = |(name, value): &&(OsString, OsString)| {
                    name.to_str() == Some(&variable) && !value.is_empty()
                };
                if let Some((_, value)) = variables.iter().find(named) {
                    let origin = || format!("reading environment variable {variable}");
                    let given = Given::Text(value.to_string_lossy().into_owned());
                    self.set(setting, &given, origin)
                        .with_context(|| Failure::usage(origin()))?;
                }
            }
        }
        Ok(())
    }
}

/// Refuses what a file allows that somebody else than root can write.
fn refuse_foreign_policy(entries: &[Entry], file: &SmallText) -> Result<()> {
    let mut policy = entries.iter().filter(|entry| entry.is_at_or_below(POLICY));
    match policy.next() {
        Some(entry) if !file.is_roots_alone => bail!(
            "{}: this counts only in a file that is root's and that nobody else can write",
            place(entry)
        ),
        _ => Ok(()),
    }
}

/// The first file that exists, with its text. One that was asked for has to exist; candidates are not looked at then. `/dev/null`
/// stands for no configuration, as everywhere.
pub fn first_file<'a>(
    asked: Option<&'a Path>,
    candidates: &'a [PathBuf],
) -> Result<Option<(&'a Path, SmallText)>> {
    let candidates = candidates.iter().map(PathBuf::as_path);
    for path in asked.into_iter().chain(candidates) {
        let reading = || format!("reading {}", path.display());
        if path == Path::new("/dev/null") {
            return Ok(None);
        }
        match small::read_text(path) {
            Ok(found) => return Ok(Some((path, found))),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(reading);
            }
            Err(error) if asked.is_some() => {
                return Err(Error::from(error).context(Failure::usage(reading())));
            }
            Err(_) => {}
        }
    }
    Ok(None)
}

/// Where an entry stands in its file, as the context of an error.
fn place(entry: &Entry) -> String {
    format!("line {}: {}", entry.line, entry.written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::config::allow::{Overcommit, Reserve};

    fn file(text: &str, is_roots_alone: bool) -> SmallText {
        SmallText {
            text: text.to_owned(),
            is_roots_alone,
        }
    }

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
        let mut config = Config::default();
        config.read_file(&file(text, true), "reading FILE")?;
        let variables = variables.iter();
        config.read_environment(variables.map(|(name, value)| (name.into(), value.into())))?;
        Ok(config)
    }

    #[test]
    fn the_newest_name_counts_and_variables_override_the_file() {
        let text = "rexray.volume.unmount.ignoreUsedCount: no\n\
                    libstorage.integration.volume.operations.unmount.ignoreUsedCount: yes\n";
        let config = read(text, &[]).expect("good settings");
        assert!(config.ignore_used_count);
        let variable = ("REXRAY_VOLUME_UNMOUNT_IGNOREUSEDCOUNT", "0");
        let config = read(text, &[variable]).expect("good settings");
        assert!(!config.ignore_used_count);
    }

    #[test]
    fn a_default_of_an_option_keeps_where_it_stands_and_is_not_checked() {
        let config = read(
            "docker:\n  fsType: zfs\n  size: 1\n",
            &[("DOCKER_SIZE", "2")],
        );
        let defaults = config.expect("drivers check them").create_defaults;
        let found: Vec<_> = defaults
            .iter()
            .map(|(option, it)| (*option, it.value.as_str(), it.origin.as_str()))
            .collect();
        let expected = [
            ("fstype", "zfs", "reading FILE: line 2: docker.fsType"),
            ("size", "2", "reading environment variable DOCKER_SIZE"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_has_no_value_is_not_set() {
        let text = "dvdcli: {driver: ~, root: \"\"}\nlinux.volume.rootPath: \"\"\ndocker.size:\n\
                    rexray.volume.mount.preempt: true\n\
                    libstorage.integration.volume.operations.mount.preempt:\n";
        let variables = [("DOCKER_FSTYPE", ""), ("REXRAY_VOLUME_REMOVE_DISABLE", "")];
        let config = read(text, &variables).expect("nothing is wrong");
        assert_eq!((config.driver, config.root), (None, None));
        assert_eq!(config.root_path, "/data");
        assert!(config.create_defaults.is_empty());
        assert!(config.preempt && !config.remove_disable);
    }

    #[test]
    fn what_is_allowed_is_a_list_and_never_said_by_a_variable() {
        let allowed = |text: &str| {
            let variables = [("DVDCLI_ALLOW_CONTAINERPATHS", "/"), ("LINUX_ALLOW", "/")];
            let config = read(text, &variables).expect("good settings");
            config.allow.container_paths
        };
        for (text, expected) in [
            ("", &["/tmp"][..]),
            ("dvdcli: {allow: }", &["/tmp"]),
            ("dvdcli: {allow: {containerPaths: }}", &["/tmp"]),
            ("dvdcli: {allow: {containerpaths: []}}", &[]),
            ("dvdcli: {allow: {containerpaths: /srv//x/}}", &["/srv/x"]),
            (
                "dvdcli:\n  allow:\n    containerpaths:\n    - /tmp\n    - /srv",
                &["/tmp", "/srv"],
            ),
        ] {
            let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
            assert_eq!(allowed(text), expected, "{text}");
        }
    }

    #[test]
    fn every_rule_has_a_setting() {
        let text = "dvdcli:\n  allow:\n    drivers: [loop, 'rexray/*']\n    local: {types: nfs4, devices: ['nas:/'], helpers: yes, mountopts: ['vers=*']}\n    \
                    loop: {maxsize: 5G, reserve: 1GiB, copies: true, mountopts: []}\n";
        let allow = read(text, &[]).expect("good settings").allow;
        assert_eq!(allow.drivers, ["loop", "rexray/*"]);
        let local = allow.local;
        assert_eq!(
            (local.types, local.devices),
            (vec!["nfs4".into()], vec!["nas:/".into()])
        );
        assert!(local.helpers && local.mount_options == ["vers=*"]);
        let (own, none) = (allow.loop_, Vec::<String>::new());
        assert_eq!(
            (own.max_size, own.reserve),
            (Some(5 << 30), Reserve::Bytes(1 << 30))
        );
        assert_eq!((own.copies, own.mount_options), (true, none));
        for (text, reserve) in [
            ("10%", 100),
            ("100%", 1000),
            ("0", 0),
            ("0%", 0),
            ("1T", 1000),
        ] {
            let text = format!("dvdcli: {{allow: {{loop: {{reserve: {text}, maxsize: 0}}}}}}");
            let allow = read(&text, &[]).expect(&text).allow;
            assert_eq!(
                (allow.loop_.max_size, allow.loop_.reserve.of(1000)),
                (None, reserve)
            );
        }
    }

    #[test]
    fn what_views_forbid_is_a_list_of_words() {
        for (text, expected) in [
            ("", "nosuid,nodev"),
            ("views:", "nosuid,nodev"),
            ("views: ''", "nosuid,nodev"),
            ("views: nodev, noexec", "nodev,noexec"),
            (
                "views: [nosuid, 'nodev,nosymfollow']",
                "nosuid,nodev,nosymfollow",
            ),
            ("views: []", ""),
        ] {
            let text = format!("dvdcli:\n  allow:\n    {text}\n");
            let allow = read(&text, &[]).expect(&text).allow;
            assert_eq!(allow.views, expected, "{text}");
        }
    }

    #[test]
    fn whether_more_may_be_promised_than_there_is() {
        for (text, expected) in [
            ("", Overcommit::Said),
            ("overcommit: WARN", Overcommit::Said),
            ("overcommit: true", Overcommit::Allowed),
            ("overcommit: no", Overcommit::Refused),
        ] {
            let text = format!("dvdcli: {{allow: {{loop: {{{text}}}}}}}");
            let allow = read(&text, &[]).expect(&text).allow;
            assert_eq!(allow.loop_.overcommit, expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_rule_is_refused() {
        for (rule, why) in [
            (
                "loop: {overcommit: maybe}",
                "'maybe' is neither true, false nor warn",
            ),
            (
                "loop: {reserve: 101%}",
                "'101%' is no part of a hundred, such as 10%, and no size",
            ),
            (
                "loop: {maxsize: much}",
                "\"much\" is no size; write it like 16 (GiB), 500MiB or 1.5T",
            ),
            ("loop: [1]", "it has to be a map"),
            (
                "local: {devices: [/srv/../etc]}",
                "'/srv/../etc' leads over ..",
            ),
            ("local: {types: ['']}", "it is empty"),
            (
                "views: [nosuid, suid]",
                "'suid' is none of nosuid, nodev, noexec and nosymfollow",
            ),
            (
                "local: {helper: true}",
                "unknown setting dvdcli.allow.local.helper; did you mean dvdcli.allow.local.helpers?",
            ),
        ] {
            let error = read(&format!("dvdcli: {{allow: {{{rule}}}}}"), &[]).expect_err(rule);
            let text = chain(&error);
            assert!(text.ends_with(why), "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_said_by_root_alone_and_in_paths() {
        let text = "dvdcli: {allow: {containerpaths: [/srv]}}";
        let mut config = Config::default();
        let error = config.read_file(&file(text, false), "reading FILE");
        assert_eq!(
            error.expect_err("another's file").to_string(),
            "line 1: dvdcli.allow.containerpaths: this counts only in a file that is root's and that nobody else can write"
        );
        let other = config.read_file(&file("dvdcli: {driver: x}", false), "reading FILE");
        other.expect("it allows nothing");
        for (value, why) in [
            ("[srv]", "'srv' is no absolute path"),
            ("[/srv/../etc]", "'/srv/../etc' leads over .."),
            ("[[/srv]]", "it is no list of single values"),
            ("{a: /srv}", "it is no list of single values"),
        ] {
            let text = format!("dvdcli: {{allow: {{containerpaths: {value}}}}}");
            let error = chain(&read(&text, &[]).expect_err(value));
            assert!(error.ends_with(why), "{error}");
        }
        read("dvdcli: {allow: [x]}", &[]).expect_err("no map");
    }

    #[test]
    fn dev_null_is_no_configuration() {
        let null = Path::new("/dev/null");
        Config::load(&Log::default(), Some(null), &[], std::iter::empty())
            .expect("nothing to read");
    }

    #[test]
    fn only_names_of_dvdcli_have_to_be_known() {
        read("rexray.volume.mount.premt: true\nother: 1\n", &[]).expect("others read them");
        let error = read("a: 1\ndvdcli.rot: /x\n", &[]).expect_err("no setting");
        assert_eq!(
            error.to_string(),
            "line 2: unknown setting dvdcli.rot; did you mean dvdcli.root?"
        );
    }
}

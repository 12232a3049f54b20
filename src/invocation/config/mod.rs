//! The configuration: dvdcli's own settings, and those of REX-Ray in all its generations of names.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::duration::parse_duration;
use crate::base::failure::Failure;
use crate::base::suggest;
use crate::driver::shared as builtin;
use crate::invocation::config::yaml::{Entry, entries};
use crate::sys::files::small as files;

mod yaml;

/// What the configuration file and the environment say (man page: CONFIGURATION).
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The driver where `--volumedriver` is left out.
    pub driver: Option<String>,
    /// Where built-in drivers keep their volumes.
    pub root: Option<PathBuf>,
    pub timeout: Option<Duration>,
    pub wait: Option<Duration>,
    /// Plain names for drivers whose own name a caller cannot pass.
    pub aliases: BTreeMap<String, String>,
    /// Take a volume from another host.
    pub preempt: bool,
    /// `unmount` releases every holder.
    pub ignore_used_count: bool,
    pub remove_disable: bool,
    pub create_disable: bool,
    /// Whether `mount` creates what is absent.
    pub create_implicit: bool,
    /// Where built-in volumes are mounted, `PATH/NAME`.
    pub mount_path: Option<PathBuf>,
    /// The directory of a volume that is handed out, below its mount point.
    pub root_path: String,
    /// Options that `create` takes where the caller gives none, by lower-case name.
    pub create_defaults: BTreeMap<&'static str, String>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            driver: None,
            root: None,
            timeout: None,
            wait: None,
            aliases: BTreeMap::new(),
            preempt: false,
            ignore_used_count: false,
            remove_disable: false,
            create_disable: false,
            create_implicit: true,
            mount_path: None,
            root_path: "/data".into(),
            create_defaults: BTreeMap::new(),
        }
    }
}

/// One setting: its names, newest generation first, in lower case, and where its value goes.
struct Setting {
    names: &'static [&'static str],
    set: fn(&mut Config, &str) -> Result<()>,
}

const SETTINGS: &[Setting] = &[
    Setting {
        names: &["dvdcli.driver"],
        set: |c, v| text(v).map(|v| c.driver = Some(v)),
    },
    Setting {
        names: &["dvdcli.root"],
        set: |c, v| absolute(v).map(|v| c.root = Some(v)),
    },
    Setting {
        names: &["dvdcli.timeout"],
        set: |c, v| parse_duration(v).map(|v| c.timeout = Some(v)),
    },
    Setting {
        names: &["dvdcli.wait"],
        set: |c, v| parse_duration(v).map(|v| c.wait = Some(v)),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.mount.preempt",
            "rexray.volume.mount.preempt",
        ],
        set: |c, v| boolean(v).map(|v| c.preempt = v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.unmount.ignoreusedcount",
            "rexray.volume.unmount.ignoreusedcount",
        ],
        set: |c, v| boolean(v).map(|v| c.ignore_used_count = v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.remove.disable",
            "rexray.volume.remove.disable",
        ],
        set: |c, v| boolean(v).map(|v| c.remove_disable = v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.disable",
            "rexray.volume.create.disable",
        ],
        set: |c, v| boolean(v).map(|v| c.create_disable = v),
    },
    Setting {
        names: &["libstorage.integration.volume.operations.create.implicit"],
        set: |c, v| boolean(v).map(|v| c.create_implicit = v),
    },
    Setting {
        names: &["libstorage.integration.volume.operations.mount.path"],
        set: |c, v| absolute(v).map(|v| c.mount_path = Some(v)),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.mount.rootpath",
            "linux.volume.rootpath",
        ],
        set: |c, v| text(v).map(|v| c.root_path = v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.default.size",
            "docker.size",
        ],
        set: |c, v| create_default(c, "size", v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.default.iops",
            "docker.iops",
        ],
        set: |c, v| create_default(c, "iops", v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.default.type",
            "docker.volumetype",
        ],
        set: |c, v| create_default(c, "volumetype", v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.default.fstype",
            "docker.fstype",
        ],
        set: |c, v| create_default(c, "fstype", v),
    },
    Setting {
        names: &[
            "libstorage.integration.volume.operations.create.default.availabilityzone",
            "docker.availabilityzone",
        ],
        set: |c, v| create_default(c, "availabilityzone", v),
    },
];

const ALIASES: &str = "dvdcli.aliases.";

impl Config {
    /// Reads the file that was asked for, else the first of `candidates` that is there, and then the environment.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, is not YAML or has a value of the wrong kind, with file and line; wrong usage all.
    pub fn load(
        asked: Option<&Path>,
        candidates: &[PathBuf],
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Config> {
        let mut config = Config::default();
        for path in asked
            .into_iter()
            .chain(candidates.iter().map(PathBuf::as_path))
        {
            match files::read_text(path) {
                Ok(text) => {
                    config
                        .read_file(&text)
                        .with_context(|| Failure::usage(format!("reading {}", path.display())))?;
                    break;
                }
                Err(error) if error.kind() == ErrorKind::NotFound && asked.is_none() => {}
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("reading {}", path.display()));
                }
                Err(error) => {
                    return Err(error)
                        .with_context(|| Failure::usage(format!("reading {}", path.display())));
                }
            }
        }
        config.read_environment(environment)?;
        Ok(config)
    }

    fn read_file(&mut self, text: &str) -> Result<()> {
        let entries = entries(text)?;
        for setting in SETTINGS {
            let at = |name: &&str| {
                entries
                    .iter()
                    .rev()
                    .find(|entry| entry.is_at_or_below(name))
            };
            if let Some(entry) = setting.names.iter().find_map(at) {
                let whole = setting.names.contains(&entry.name.as_str());
                let value = if whole {
                    entry.scalar()
                } else {
                    Err(anyhow!("it has no single value"))
                };
                value
                    .and_then(|value| (setting.set)(self, value))
                    .with_context(|| format!("line {}: {}", entry.line, entry.written))?;
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

    /// Aliases; and every other name below `dvdcli:` that is no setting is a mistake.
    fn read_own(&mut self, entry: &Entry) -> Result<()> {
        let is_section = matches!(entry.name.as_str(), "dvdcli" | "dvdcli.aliases");
        if is_section && entry.is_empty() {
            // A section without settings.
        } else if is_section {
            bail!("line {}: {}: it has to be a map", entry.line, entry.written);
        } else if entry.name.starts_with(ALIASES) {
            let alias = entry.written[ALIASES.len()..].to_owned();
            let driver = entry
                .scalar()
                .and_then(text)
                .with_context(|| format!("line {}: {}", entry.line, entry.written))?;
            self.aliases.insert(alias, driver);
        } else if !SETTINGS
            .iter()
            .any(|setting| setting.names.contains(&entry.name.as_str()))
        {
            let known = SETTINGS
                .iter()
                .flat_map(|setting| setting.names.iter().copied());
            let nearest = suggest::did_you_mean(&entry.name, known);
            bail!(
                "line {}: unknown setting {}{nearest}",
                entry.line,
                entry.written
            );
        }
        Ok(())
    }

    /// A variable is named after the property: `REXRAY_VOLUME_MOUNT_PREEMPT`. Not so for `dvdcli.*`: its variables are
    /// those of the command line, and `DVDCLI_ROOT` is another thing than `dvdcli.root`.
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
            for name in setting.names.iter().rev() {
                let variable = name.replace('.', "_").to_ascii_uppercase();
                if let Some((_, value)) = variables
                    .iter()
                    .find(|(name, _)| name.to_str() == Some(&variable))
                {
                    (setting.set)(self, &value.to_string_lossy()).with_context(|| {
                        Failure::usage(format!("reading environment variable {variable}"))
                    })?;
                }
            }
        }
        Ok(())
    }
}

fn boolean(value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "on" => Ok(true),
        "false" | "f" | "0" | "no" | "off" => Ok(false),
        _ => bail!("'{value}' is neither true nor false"),
    }
}

fn text(value: &str) -> Result<String> {
    if value.is_empty() {
        bail!("it is empty");
    }
    Ok(value.to_owned())
}

fn absolute(value: &str) -> Result<PathBuf> {
    if !value.starts_with('/') {
        bail!("'{value}' is no absolute path");
    }
    Ok(PathBuf::from(value))
}

fn create_default(config: &mut Config, option: &'static str, value: &str) -> Result<()> {
    builtin::check_option(option, value)?;
    config.create_defaults.insert(option, value.to_owned());
    Ok(())
}

//! The table of settings: every name of each, and what its value does to the configuration.

use std::path::{Component, PathBuf};
use std::slice;

use anyhow::{Result, anyhow, bail};

use crate::base::boolean::parse_boolean;
use crate::base::duration::{parse_duration, parse_time_limit};
use crate::base::size;
use crate::invocation::config::allow::{Overcommit, Reserve};
use crate::invocation::config::yaml::Entry;
use crate::invocation::config::{Config, CreateDefault};

/// One setting.
pub struct Setting {
    /// In lower case, newest generation first; where several are set, the first of these counts.
    pub names: &'static [&'static str],
    effect: Effect,
    /// Whether it matters to built-in drivers alone.
    pub is_for_built_ins: bool,
}

enum Effect {
    /// Checks the value and puts it into the configuration.
    Set(fn(&mut Config, &str) -> Result<()>),
    /// The same for a list of values, and for a single value as well.
    SetList(fn(&mut Config, &[String]) -> Result<()>),
    /// The value is that of an option, by its lower-case name, where `create` is given none.
    CreateDefault(&'static str),
}

const fn set(
    names: &'static [&'static str],
    effect: fn(&mut Config, &str) -> Result<()>,
) -> Setting {
    Setting {
        names,
        effect: Effect::Set(effect),
        is_for_built_ins: false,
    }
}

/// As [`set`], of a setting that matters to built-in drivers alone.
const fn set_for_built_ins(
    names: &'static [&'static str],
    effect: fn(&mut Config, &str) -> Result<()>,
) -> Setting {
    Setting {
        is_for_built_ins: true,
        ..set(names, effect)
    }
}

/// As [`set`], of a setting that is a list.
const fn set_list(
    names: &'static [&'static str],
    effect: fn(&mut Config, &[String]) -> Result<()>,
) -> Setting {
    Setting {
        names,
        effect: Effect::SetList(effect),
        is_for_built_ins: false,
    }
}

const fn create_default(option: &'static str, names: &'static [&'static str]) -> Setting {
    Setting {
        names,
        effect: Effect::CreateDefault(option),
        is_for_built_ins: true,
    }
}

/// All settings (man page: CONFIGURATION).
pub const SETTINGS: &[Setting] = &[
    set(&["dvdcli.driver"], |c, v| {
        text(v).map(|v| c.driver = Some(v))
    }),
    set_for_built_ins(&["dvdcli.root"], |c, v| {
        absolute(v).map(|v| c.root = Some(v))
    }),
    set(&["dvdcli.timeout"], |c, v| {
        parse_time_limit(v).map(|v| c.timeout = Some(v))
    }),
    set(&["dvdcli.wait"], |c, v| {
        parse_duration(v).map(|v| c.wait = Some(v))
    }),
    set_list(&["dvdcli.allow.drivers"], |c, v| {
        each(v, text).map(|v| c.allow.drivers = v)
    }),
    set_list(&["dvdcli.allow.local.types"], |c, v| {
        each(v, text).map(|v| c.allow.local.types = v)
    }),
    set_list(&["dvdcli.allow.local.devices"], |c, v| {
        each(v, device).map(|v| c.allow.local.devices = v)
    }),
    set(&["dvdcli.allow.local.helpers"], |c, v| {
        boolean(v).map(|v| c.allow.local.helpers = v)
    }),
    set_list(&["dvdcli.allow.local.mountopts"], |c, v| {
        each(v, text).map(|v| c.allow.local.mount_options = v)
    }),
    set(&["dvdcli.allow.loop.maxsize"], |c, v| {
        max_size(v).map(|v| c.allow.loop_.max_size = v)
    }),
    set(&["dvdcli.allow.loop.reserve"], |c, v| {
        reserve(v).map(|v| c.allow.loop_.reserve = v)
    }),
    set(&["dvdcli.allow.loop.overcommit"], |c, v| {
        overcommit(v).map(|v| c.allow.loop_.overcommit = v)
    }),
    set(&["dvdcli.allow.loop.copies"], |c, v| {
        boolean(v).map(|v| c.allow.loop_.copies = v)
    }),
    set_list(&["dvdcli.allow.loop.mountopts"], |c, v| {
        each(v, text).map(|v| c.allow.loop_.mount_options = v)
    }),
    set_list(&["dvdcli.allow.containerpaths"], |c, v| {
        each(v, prefix).map(|v| c.allow.container_paths = v)
    }),
    set_list(&["dvdcli.allow.views"], |c, v| {
        views(v).map(|v| c.allow.views = v)
    }),
    set_for_built_ins(
        &[
            "libstorage.integration.volume.operations.mount.preempt",
            "rexray.volume.mount.preempt",
        ],
        |c, v| boolean(v).map(|v| c.preempt = v),
    ),
    set(
        &[
            "libstorage.integration.volume.operations.unmount.ignoreusedcount",
            "rexray.volume.unmount.ignoreusedcount",
        ],
        |c, v| boolean(v).map(|v| c.ignore_used_count = v),
    ),
    set_for_built_ins(
        &[
            "libstorage.integration.volume.operations.remove.disable",
            "rexray.volume.remove.disable",
        ],
        |c, v| boolean(v).map(|v| c.remove_disable = v),
    ),
    set_for_built_ins(
        &[
            "libstorage.integration.volume.operations.create.disable",
            "rexray.volume.create.disable",
        ],
        |c, v| boolean(v).map(|v| c.create_disable = v),
    ),
    set(
        &["libstorage.integration.volume.operations.create.implicit"],
        |c, v| boolean(v).map(|v| c.create_implicit = v),
    ),
    set_for_built_ins(
        &["libstorage.integration.volume.operations.mount.path"],
        |c, v| absolute(v).map(|v| c.mount_path = Some(v)),
    ),
    set_for_built_ins(
        &[
            "libstorage.integration.volume.operations.mount.rootpath",
            "linux.volume.rootpath",
        ],
        |c, v| text(v).map(|v| c.root_path = v),
    ),
    create_default(
        "size",
        &[
            "libstorage.integration.volume.operations.create.default.size",
            "docker.size",
        ],
    ),
    create_default(
        "iops",
        &[
            "libstorage.integration.volume.operations.create.default.iops",
            "docker.iops",
        ],
    ),
    create_default(
        "volumetype",
        &[
            "libstorage.integration.volume.operations.create.default.type",
            "docker.volumetype",
        ],
    ),
    create_default(
        "fstype",
        &[
            "libstorage.integration.volume.operations.create.default.fstype",
            "docker.fstype",
        ],
    ),
    create_default(
        "availabilityzone",
        &[
            "libstorage.integration.volume.operations.create.default.availabilityzone",
            "docker.availabilityzone",
        ],
    ),
];

impl Setting {
    /// Takes over a value. `origin` says where it stands, in the form of an error's context.
    ///
    /// # Errors
    ///
    /// A value of the wrong kind, without its origin. The default of an option is not checked: only drivers know options.
    pub fn apply(
        &self,
        config: &mut Config,
        value: &Given,
        origin: impl Fn() -> String,
    ) -> Result<()> {
        match self.effect {
            Effect::Set(set) => set(config, value.scalar()?)?,
            Effect::SetList(set) => set(config, value.list()?)?,
            Effect::CreateDefault(option) => {
                let default = CreateDefault {
                    value: value.scalar()?.to_owned(),
                    origin: origin(),
                };
                config.create_defaults.insert(option, default);
            }
        }
        Ok(())
    }
}

/// What a setting is given.
pub enum Given<'g> {
    Entry(&'g Entry),
    /// A map where a value belongs.
    Map,
    /// By a variable.
    Text(String),
}

impl Given<'_> {
    fn scalar(&self) -> Result<&str> {
        match self {
            Given::Entry(entry) => entry.scalar(),
            Given::Map => bail!("it has no single value"),
            Given::Text(text) => Ok(text),
        }
    }

    fn list(&self) -> Result<&[String]> {
        match self {
            Given::Entry(entry) => entry.list(),
            Given::Map => bail!("it is no list of single values"),
            Given::Text(text) => Ok(slice::from_ref(text)),
        }
    }
}

/// Whether a setting has this name, which is in lower case.
pub fn is_known(name: &str) -> bool {
    names().any(|known| known == name)
}

/// Every name of every setting.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .flat_map(|setting| setting.names.iter().copied())
}

fn boolean(value: &str) -> Result<bool> {
    parse_boolean(value).ok_or_else(|| anyhow!("'{value}' is neither true nor false"))
}

/// Any text but none.
pub fn text(value: &str) -> Result<String> {
    if value.is_empty() {
        bail!("it is empty");
    }
    Ok(value.to_owned())
}

fn each<T>(values: &[String], read: fn(&str) -> Result<T>) -> Result<Vec<T>> {
    values.iter().map(|value| read(value)).collect()
}

/// A directory below which something is allowed, without what would make it another one when it is followed.
fn prefix(value: &str) -> Result<PathBuf> {
    let path = absolute(value)?;
    if path.components().any(|part| part == Component::ParentDir) {
        bail!("'{value}' leads over ..");
    }
    Ok(path.components().collect())
}

/// What the device of a volume may begin with: a path, or what stands for a part of a server.
fn device(value: &str) -> Result<String> {
    if value.split('/').any(|part| part == "..") {
        bail!("'{value}' leads over ..");
    }
    text(value)
}

/// A size; `0` for none.
fn max_size(value: &str) -> Result<Option<u64>> {
    match value.trim() {
        "0" => Ok(None),
        value => size::parse(value).map(Some),
    }
}

/// `10%`, or a size.
fn reserve(value: &str) -> Result<Reserve> {
    let Some(percent) = value.trim().strip_suffix('%') else {
        return Ok(Reserve::Bytes(max_size(value)?.unwrap_or(0)));
    };
    match percent.trim().parse() {
        Ok(percent) if percent <= 100 => Ok(Reserve::Percent(percent)),
        _ => bail!("'{value}' is no part of a hundred, such as 10%, and no size"),
    }
}

/// Words of mount(8) that forbid something, each a value of its own or with commas between.
fn views(values: &[String]) -> Result<String> {
    const KNOWN: [&str; 4] = ["nosuid", "nodev", "noexec", "nosymfollow"];
    let words = values.iter().flat_map(|value| value.split(','));
    let words: Vec<&str> = words.map(str::trim).collect();
    match words.iter().find(|word| !KNOWN.contains(word)) {
        None => Ok(words.join(",")),
        Some(word) => bail!("'{word}' is none of nosuid, nodev, noexec and nosymfollow"),
    }
}

/// A truth value, or `warn`.
fn overcommit(value: &str) -> Result<Overcommit> {
    if value.trim().eq_ignore_ascii_case("warn") {
        return Ok(Overcommit::Said);
    }
    match parse_boolean(value) {
        Some(true) => Ok(Overcommit::Allowed),
        Some(false) => Ok(Overcommit::Refused),
        None => bail!("'{value}' is neither true, false nor warn"),
    }
}

fn absolute(value: &str) -> Result<PathBuf> {
    if !value.starts_with('/') {
        bail!("'{value}' is no absolute path");
    }
    Ok(PathBuf::from(value))
}

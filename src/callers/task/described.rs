//! Reads which volumes a task's environment describes, in the variables of mesos-module-dvdi.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::base::boolean::parse_true_or_false;
use crate::base::failure::Failure;
use crate::base::option_list;
use crate::base::options::{Gathered, Options};
use crate::base::secrets::values::Secrets;
use crate::callers::task::variables::{self, Field, Slot, Variable, shown};

const DEFAULT_DRIVER: &str = "rexray";

/// The longest container path, in bytes (PATH_MAX, without the NUL).
const LONGEST: usize = 4095;

/// A volume as the environment describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskVolume {
    pub name: Variable,
    pub driver: String,
    pub options: Options,
    /// The name of the variable that holds the options, whether it is set or not.
    pub options_from: String,
    /// The variable's name, and the path: absolute, without `.` and `..`, and on one line when printed.
    pub container_path: Option<(String, PathBuf)>,
    /// Whether to create the volume if it is absent.
    pub create: bool,
}

impl TaskVolume {
    /// The container path, after the name of its variable.
    pub fn container_path(&self) -> Option<(&str, &Path)> {
        let (variable, path) = self.container_path.as_ref()?;
        Some((variable, path))
    }

    /// `VERB volume NAME (VARIABLE)`, for errors.
    pub fn doing(&self, verb: &str) -> String {
        format!("{verb} volume {} ({})", self.name.value, self.name.name)
    }
}

/// What an environment describes.
#[derive(Debug, Default)]
pub struct Described {
    /// In the order of their digits.
    pub volumes: Vec<TaskVolume>,
    /// Which variables and options have no effect.
    pub warnings: Vec<String>,
}

impl Described {
    pub fn secrets(&self) -> Secrets {
        let secrets = self
            .volumes
            .iter()
            .map(|it| Secrets::of(&it.options, &it.name.value));
        secrets.fold(Secrets::default(), Secrets::and)
    }
}

/// Reads an environment, and looks at nothing else.
///
/// # Errors
///
/// Wrong usage, with the name of the variable: it is not one of ours, or has a value that it must not have.
pub fn parse(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Described> {
    let mut described = Described::default();
    for mut slot in variables::read(environment)? {
        match slot.take(Field::Name) {
            Some(name) => {
                let volume = volume(name, slot, &mut described.warnings)?;
                described.volumes.push(volume);
            }
            None => described.warnings.extend(without_name(&slot)),
        }
    }
    let paths = described
        .volumes
        .iter()
        .filter_map(TaskVolume::container_path);
    refuse_equal_paths(paths)?;
    Ok(described)
}

/// `warnings` gets those about its options.
fn volume(name: Variable, mut slot: Slot, warnings: &mut Vec<String>) -> Result<TaskVolume> {
    let driver = slot.take(Field::Driver);
    // A plugin would take these for directories.
    for variable in [Some(&name), driver.as_ref()].into_iter().flatten() {
        if matches!(variable.value.as_str(), "." | "..") {
            let (variable, value) = (&variable.name, &variable.value);
            bail!(Failure::usage(format!("{variable}: '{value}' is no name")));
        }
    }
    let options_from = slot.variable_name(Field::Opts);
    let list = slot.take(Field::Opts).map_or(String::new(), |it| it.value);
    let list = without_empty_parts(&list);
    let mut options = Gathered::default();
    if !list.is_empty() {
        option_list::add(&mut options, &options_from, &list)?;
    }
    warnings.extend(options.warnings);
    Ok(TaskVolume {
        name,
        driver: driver.map_or(DEFAULT_DRIVER.to_owned(), |it| it.value),
        options: options.options,
        options_from,
        container_path: slot
            .take(Field::ContainerPath)
            .map(container_path)
            .transpose()?,
        create: !slot
            .take(Field::ExplicitCreate)
            .map_or(Ok(false), is_true)?,
    })
}

/// mesos-module-dvdi ignores empty parts between commas. A comma within double quotes is no such comma.
fn without_empty_parts(list: &str) -> String {
    let mut is_quoted = false;
    let is_between = |c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    };
    let parts: Vec<&str> = list.split(is_between).filter(|it| !it.is_empty()).collect();
    parts.join(",")
}

/// Only the two words that mesos-module-dvdi documents: a wrong guess at another one would create a volume, or not.
fn is_true(variable: Variable) -> Result<bool> {
    parse_true_or_false(&variable.value).ok_or_else(|| {
        let (variable, value) = (&variable.name, shown(&variable.value));
        Failure::usage(format!("{variable}: '{value}' is neither true nor false")).into()
    })
}

/// The variable's name, and the path if it keeps the rules. No directory is looked at.
fn container_path(variable: Variable) -> Result<(String, PathBuf)> {
    let text = variable.value;
    // The path is printed on a line of its own, and callers trim that line.
    let why = if text.contains(char::is_control) || text.trim_end() != text {
        "has a control character or ends in a blank"
    } else if text.len() > LONGEST {
        "is longer than a path can be"
    } else if !text.starts_with('/') {
        "is no absolute path"
    } else if text.split('/').any(|part| matches!(part, "." | "..")) {
        "leads over . or .."
    } else {
        return Ok((variable.name, Path::new(&text).components().collect()));
    };
    let text = shown(&text);
    bail!(Failure::usage(format!("{}: '{text}' {why}", variable.name)))
}

/// Refuses two container paths that are the same directory. Each comes with the name of its variable.
pub fn refuse_equal_paths<'p>(paths: impl Iterator<Item = (&'p str, &'p Path)>) -> Result<()> {
    let mut seen: Vec<(&str, &Path)> = Vec::new();
    for (second, path) in paths {
        if let Some((first, _)) = seen.iter().find(|(_, other)| *other == path) {
            bail!(Failure::usage(format!(
                "{second}: it is the same directory as {first}"
            )));
        }
        seen.push((second, path));
    }
    Ok(())
}

/// A warning for options and the like without a volume's name. A driver without a name is fine: it may be set for the whole
/// host.
fn without_name(slot: &Slot) -> Option<String> {
    let set: Vec<&str> = [Field::Opts, Field::ContainerPath, Field::ExplicitCreate]
        .into_iter()
        .filter_map(|field| Some(slot.get(field)?.name.as_str()))
        .collect();
    let name = slot.variable_name(Field::Name);
    (!set.is_empty()).then(|| format!("{}: no effect without {name}", set.join(", ")))
}

#[cfg(test)]
mod tests;

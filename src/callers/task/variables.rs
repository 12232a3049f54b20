//! The variables `DVDI_VOLUME_*`: which there are, which of them belong together, and which characters they may contain.

use std::array;
use std::ffi::OsString;

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::base::suggest;
use crate::base::text::shorten;

/// What their names begin with.
pub const PREFIX: &str = "DVDI_VOLUME_";

/// Which fact about the volume a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Name,
    Driver,
    Opts,
    ContainerPath,
    ExplicitCreate,
    /// The path of this program. It says nothing about the volume.
    Dvdcli,
}

/// The part of a name that follows the prefix. After it comes nothing, or one digit.
const FIELDS: [(&str, Field); 6] = [
    ("NAME", Field::Name),
    ("DRIVER", Field::Driver),
    ("OPTS", Field::Opts),
    ("CONTAINERPATH", Field::ContainerPath),
    ("EXPLICITCREATE", Field::ExplicitCreate),
    ("DVDCLI", Field::Dvdcli),
];

/// Characters that no value but a container path may contain, nor control characters: mesos-module-dvdi passed values to a
/// shell, and refused these. Options may hold double quotes all the same: they keep a comma within a value.
const FORBIDDEN: &str = "%/:;<>|`$'?^& {\"}[]\\";

/// A variable that is set and not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// As it stands in the environment.
    pub name: String,
    pub value: String,
}

/// The variables of one volume, which end in the same digit. No digit means 0.
#[derive(Debug)]
pub struct Slot {
    digit: usize,
    variables: [Option<Variable>; FIELDS.len()],
}

impl Slot {
    pub fn get(&self, field: Field) -> Option<&Variable> {
        self.variables[field as usize].as_ref()
    }

    pub fn take(&mut self, field: Field) -> Option<Variable> {
        self.variables[field as usize].take()
    }

    /// The name of a variable, whether it is set or not.
    pub fn variable_name(&self, field: Field) -> String {
        let digit = match self.digit {
            0 => String::new(),
            digit => digit.to_string(),
        };
        let named = self.get(field).map(|variable| variable.name.clone());
        named.unwrap_or_else(|| format!("{PREFIX}{}{digit}", FIELDS[field as usize].0))
    }

    /// A variable can be there twice: without a digit and with 0, or because an environment may contain a name twice.
    fn set(&mut self, field: Field, variable: Variable) -> Result<()> {
        match self.get(field) {
            Some(first) if first.value != variable.value => {
                let (first, second) = (&first.name, &variable.name);
                bail!(Failure::usage(if first == second {
                    format!("{first}: it is set twice, to different values")
                } else {
                    format!(
                        "{first} and {second} are of the same volume, and have different values; unset one of them"
                    )
                }))
            }
            Some(_) => {}
            None => self.variables[field as usize] = Some(variable),
        }
        Ok(())
    }
}

/// The variables of an environment, in the order of their digits.
///
/// # Errors
///
/// Wrong usage, with the name of the variable: it is not one of ours, or contains what it must not.
pub fn read(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Result<[Slot; 10]> {
    // Sorted by name, so that where two are wrong the same one is always reported.
    let mut variables: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes()))
        .collect();
    variables.sort();
    let mut slots = array::from_fn(|digit| Slot {
        digit,
        variables: Default::default(),
    });
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        let (field, digit) = meaning(&name)?;
        if field == Field::Dvdcli {
            continue;
        }
        let Ok(mut value) = value.into_string() else {
            bail!(Failure::usage(format!("{name}: it is not UTF-8")));
        };
        if field == Field::ExplicitCreate {
            value = value.trim().to_owned();
        }
        if field != Field::ContainerPath {
            check_characters(&name, field, &value)?;
        }
        if !value.is_empty() {
            slots[digit].set(field, Variable { name, value })?;
        }
    }
    Ok(slots)
}

fn meaning(variable: &str) -> Result<(Field, usize)> {
    let rest = variable.strip_prefix(PREFIX).unwrap_or(variable);
    let known = FIELDS
        .iter()
        .find_map(|(name, field)| Some((name, *field, rest.strip_prefix(name)?)));
    let Some((name, field, digit)) = known else {
        let typed = rest.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &rest[typed.len()..];
        let near = suggest::nearest(typed, FIELDS.map(|(name, _)| name));
        let meant = near.map_or(String::new(), |near| {
            format!("; did you mean {PREFIX}{near}{digits}?")
        });
        bail!(Failure::usage(format!(
            "{}: there is no such variable{meant}",
            shown(variable)
        )));
    };
    match digit.as_bytes() {
        [] => Ok((field, 0)),
        [digit @ b'0'..=b'9'] => Ok((field, usize::from(digit - b'0'))),
        _ => bail!(Failure::usage(format!(
            "{}: after {PREFIX}{name} comes nothing or one digit",
            shown(variable)
        ))),
    }
}

fn check_characters(name: &str, field: Field, value: &str) -> Result<()> {
    let is_quote = |c: char| field == Field::Opts && c == '"';
    let is_bad = |c: &char| (FORBIDDEN.contains(*c) && !is_quote(*c)) || c.is_control();
    let Some(bad) = value.chars().find(is_bad) else {
        return Ok(());
    };
    let repair = match (field, bad) {
        (Field::Driver, '/' | ':') => {
            "; give the plugin an alias in the configuration (dvdcli.aliases)"
        }
        _ => "",
    };
    let bad = match bad.is_control() {
        true => bad.escape_debug().to_string(),
        false => bad.to_string(),
    };
    bail!(Failure::usage(format!(
        "{name}: it must not hold '{bad}'{repair}"
    )))
}

/// How much of a value an error repeats, in characters.
const SHOWN: usize = 200;

/// A value as an error shows it: on one line, and shortened.
pub fn shown(text: &str) -> String {
    let escaped: String = text.chars().flat_map(char::escape_debug).collect();
    shorten(&escaped, SHOWN)
}

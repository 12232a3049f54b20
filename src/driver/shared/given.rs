//! What a caller says about a volume of a built-in driver: its name, and the options in the name and beside it.

use std::time::SystemTime;

use anyhow::Result;

use crate::base::failure::Failure;
use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::base::text::chain;
use crate::driver::interface::Created;
use crate::driver::shared::names;
use crate::driver::shared::options::{self, Known, NormalOptions};
use crate::driver::shared::store::VolumeFile;

/// A volume's name and options, parsed once.
#[derive(Debug)]
pub struct Given {
    /// The volume's canonical name.
    pub name: String,
    /// The name as it was written, with options in it.
    pub called: String,
    /// Whether options are given beside the name.
    pub has_options: bool,
    pub labels: Labels,
    /// The options as they were written, those in the name first.
    written: Options,
    /// The options in normal form, or why they are wrong. Only verbs that can create a volume ask for them: `unmount` and
    /// `remove` have to succeed in spite of wrong options.
    normal: Result<NormalOptions, String>,
}

impl Given {
    /// # Errors
    ///
    /// Wrong usage: a name that no volume can have.
    pub fn parse(known: &[Known], name: &str, options: &Options) -> Result<Given> {
        let called = name.to_owned();
        let (name, mut written) = names::parse(name)?;
        written.extend(options.iter().cloned());
        Ok(Given {
            called,
            name,
            has_options: !options.is_empty(),
            labels: Labels::new(),
            normal: options::read(known, &written).map_err(|error| chain(&error)),
            written,
        })
    }

    /// # Errors
    ///
    /// Wrong usage: an option that the driver does not know, or a value that it cannot have.
    pub fn options(&self) -> Result<&NormalOptions> {
        let usage = |words: &String| Failure::usage(words.clone()).into();
        self.normal.as_ref().map_err(usage)
    }

    /// Compares a volume that exists with what is wanted of it.
    pub fn compare(&self, known: &[Known], file: &VolumeFile, wanted: &NormalOptions) -> Created {
        let mut differing = options::differing(known, &file.options, wanted);
        let labels = self.labels.iter();
        let other = labels.filter(|(key, value)| file.labels.get(*key) != Some(*value));
        differing.extend(other.map(|(key, _)| format!("label {key}")));
        match differing.is_empty() {
            true => Created::Same,
            false => Created::Otherwise(differing),
        }
    }

    /// The record of a volume that is created now, with the options that were decided on.
    pub fn new_file(&self, options: NormalOptions) -> VolumeFile {
        VolumeFile {
            created_at: now(),
            given: self.written.clone(),
            options,
            labels: self.labels.clone(),
        }
    }
}

/// The time, as records have it.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

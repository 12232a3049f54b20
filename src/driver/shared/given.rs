//! What a caller says of a built-in driver's volume: its name, the options in and beside it, read once.

use std::time::SystemTime;

use anyhow::Result;

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::text::chain;
use crate::driver::shared::names;
use crate::driver::shared::options::{self, Known, NormalOptions};
use crate::driver::shared::store::VolumeFile;

#[derive(Debug)]
pub struct Given {
    /// The volume's own name.
    pub name: String,
    /// The options as they were written, those inside the name first.
    written: Options,
    /// Whether there are options beside the name.
    pub has_options: bool,
    /// The options in normal form, or why they are wrong. Only verbs that can create a volume care: clean-ups must succeed.
    normal: Result<NormalOptions, String>,
}

impl Given {
    /// # Errors
    ///
    /// Wrong usage: a name that no volume can have.
    pub fn parse(known: &[Known], name: &str, options: &Options) -> Result<Given> {
        let (name, mut written) = names::parse(name)?;
        written.extend(options.iter().cloned());
        Ok(Given {
            name,
            has_options: !options.is_empty(),
            normal: options::read(known, &written).map_err(|error| chain(&error)),
            written,
        })
    }

    /// # Errors
    ///
    /// Wrong usage: an option that the driver does not have, or a value that it cannot have.
    pub fn options(&self) -> Result<&NormalOptions> {
        let usage = |words: &String| Failure::usage(words.clone()).into();
        self.normal.as_ref().map_err(usage)
    }

    /// What is written about a volume that is created now.
    pub fn new_record(&self, options: NormalOptions) -> VolumeFile {
        VolumeFile {
            created_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            given: self.written.clone(),
            options,
        }
    }
}

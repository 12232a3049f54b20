//! `local`: a directory, or anything that mount(2) or mount(8) can mount, as Docker's driver of this name.

mod allowed;
mod credentials;
mod examine;
mod forbidden;
mod inside;
mod keepers;
mod on_disk;
mod options;
mod server;
mod source;
mod volume;

use anyhow::Result;

use crate::base::finding::{Care, Finding};
use crate::driver::interface::{Chooser, Next};
use crate::driver::local::on_disk::{DATA, OnDisk};
use crate::driver::local::options::OPTIONS;
use crate::driver::local::source::Source;
use crate::driver::local::volume::LocalVolume;
use crate::driver::shared::data_directory;
use crate::driver::shared::existing::Existing;
use crate::driver::shared::given::Given;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::options::{Known, NormalOptions};
use crate::driver::shared::store::{self, VolumeFile};
use crate::invocation::config::allow::Allow;

/// The mode of a plain directory for which the options give none.
const DATA_MODE: u32 = 0o755;

/// The kind of built-in driver that `local` is.
pub struct Local;

impl BuiltInKind for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn options(&self) -> &'static [Known] {
        OPTIONS
    }

    fn check(&self, options: &NormalOptions) -> Result<()> {
        match Source::of(options)? {
            Some(source) => {
                forbidden::refuse(&source)?;
                source.refuse_ownership(options)
            }
            None => Ok(()),
        }
    }

    fn refuse_not_allowed(&self, options: &NormalOptions, allow: &Allow) -> Result<()> {
        match Source::of(options)? {
            Some(source) => {
                let words = options.text("o").unwrap_or_default();
                allowed::refuse(&source, words, &allow.local)
            }
            None => Ok(()),
        }
    }

    /// Always `None`. The options of a volume that exists do not matter.
    fn copy_source(&self, place: Place, options: &NormalOptions) -> Result<Option<String>> {
        if place.file()?.is_none() {
            self.check(options)?;
        }
        Ok(None)
    }

    fn create(&self, place: Place, given: &Given, _chooser: Chooser, _next: Next) -> Result<bool> {
        let options = given.options()?;
        let source = Source::of(options)?;
        if let Some(source) = &source {
            source.check_exists()?;
        }
        let mut ownership = data_directory::ownership(options);
        ownership.mode = ownership.mode.or(Some(DATA_MODE));
        let file = given.new_file(options.clone());
        place.home.store.create(place.name, &file, |directory| {
            let data = directory.join(DATA);
            store::make_directory(&data)?;
            match source {
                None => data_directory::set_ownership(&data, ownership),
                // Users see the owner and the mode of what is mounted over it.
                Some(_) => Ok(()),
            }
        })
    }

    /// What a volume needs depends on its type.
    fn examine(&self, _: &Home, _: &[NormalOptions], _: Care) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    fn existing<'h>(
        &self,
        place: Place<'h>,
        file: &'h VolumeFile,
    ) -> Result<Box<dyn Existing + 'h>> {
        let source = Source::of(&file.options)?;
        let on_disk = OnDisk { place, source };
        Ok(Box::new(LocalVolume { on_disk, file }))
    }
}

//! A kind of built-in driver: what differs between `local` and `loop` where a volume need not exist.

use anyhow::Result;

use crate::base::finding::{Care, Finding};
use crate::driver::image::{ImageVolume, SnapshotInfo};
use crate::driver::interface::{Chooser, Next};
use crate::driver::shared::existing::Existing;
use crate::driver::shared::given::Given;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::options::{Known, NormalOptions};
use crate::driver::shared::store::VolumeFile;
use crate::invocation::config::Config;
use crate::invocation::config::allow::Allow;

/// What a kind of built-in driver has of its own.
pub trait BuiltInKind: Sync {
    /// The driver's name.
    fn name(&self) -> &'static str;

    /// The options that its volumes can have.
    fn options(&self) -> &'static [Known];

    /// Refuses a configuration that the driver cannot work with: wrong usage, with file and line.
    fn check_configuration(&self, _config: &Config) -> Result<()> {
        Ok(())
    }

    /// Refuses options that do not go together: wrong usage.
    fn check(&self, options: &NormalOptions) -> Result<()>;

    /// Refuses options that the host's owner does not allow to those who only mount: wrong usage.
    fn refuse_not_allowed(&self, options: &NormalOptions, allow: &Allow) -> Result<()>;

    /// The canonical name of the volume that `create` would copy.
    fn copy_source(&self, place: Place, options: &NormalOptions) -> Result<Option<String>>;

    /// Creates a volume that does not exist. Its options have been checked. False where another host has created it meanwhile.
    fn create(&self, place: Place, given: &Given, chooser: Chooser, next: Next) -> Result<bool>;

    /// What is wrong with what its volumes need on this host. `options` are those of its volumes.
    fn examine(&self, home: &Home, options: &[NormalOptions], care: Care) -> Result<Vec<Finding>>;

    /// A volume that exists, with its record.
    fn existing<'h>(
        &self,
        place: Place<'h>,
        file: &'h VolumeFile,
    ) -> Result<Box<dyn Existing + 'h>>;

    /// What its volume can do where it has an image of its own; `None` where this kind has none.
    fn image<'h>(&self, _place: Place<'h>) -> Option<Box<dyn ImageVolume + 'h>> {
        None
    }

    /// All snapshots, or those of one volume; `None` where this kind has none.
    fn snapshots(&self, _home: &Home, _volume: Option<&str>) -> Option<Result<Vec<SnapshotInfo>>> {
        None
    }
}

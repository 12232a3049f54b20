//! `resize` and `trim`: verbs for volumes with an image of their own.

use anyhow::{Context, Result};

use crate::base::options::Options;
use crate::base::size;
use crate::cli::arguments::{Common, ResizeArgs};
use crate::cli::stdout::print;
use crate::commands::opening::{begin, catch_signals, open_volume, shown_name};
use crate::driver::image::ImageVolume;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::volume::Locked;
use crate::volume::holders::record::Holder;

pub fn resize(args: &ResizeArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    with_image(&invocation, &args.common, "growing", |image| {
        image.resize(args.size)
    })?;
    Ok(0)
}

pub fn trim(common: &Common, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let invocation = begin(common, &Options::new(), TIMEOUT, log)?;
    let given_back = with_image(&invocation, common, "trimming", |image| image.trim())?;
    print(&format!("{}\n", size::show(given_back)), &invocation.budget)?;
    Ok(0)
}

/// Does something with a volume's image, under the volume's lock.
fn with_image<T>(
    invocation: &Invocation,
    common: &Common,
    doing: &str,
    act: impl FnOnce(&dyn ImageVolume) -> Result<T>,
) -> Result<T> {
    let volume = open_volume(invocation, common, &Options::new())?;
    let act = || {
        let image = volume.image()?;
        let _locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
        act(image.as_ref())
    };
    act().with_context(|| format!("{doing} volume {}", shown_name(common)))
}

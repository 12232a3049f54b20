//! `create` and `remove`.

use anyhow::{Context, Result, bail};

use crate::base::failure::ErrorKind;
use crate::base::labels;
use crate::base::options::Options;
use crate::cli::arguments::{CreateArgs, RemoveArgs};
use crate::commands::opening::{begin, catch_signals, open_volume, options, shown_name};
use crate::invocation::TIMEOUT;
use crate::invocation::log::Log;
use crate::volume::Locked;
use crate::volume::holders::record::Holder;

pub fn create(args: &CreateArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let options = options(&args.options, &args.common, log)?;
    let invocation = begin(&args.common, &options, TIMEOUT, log)?;
    let mut volume = open_volume(&invocation, &args.common, &options)?;
    volume.set_labels(labels::parse(&args.labels.label)?)?;
    let doing = || format!("creating volume {}", shown_name(&args.common));
    let created = Locked::lock(&invocation, volume.as_ref(), Holder::default())
        .and_then(|locked| locked.create());
    match created.with_context(doing)? {
        None => {}
        Some(difference) if args.strict => bail!("{}: {difference}", doing()),
        Some(difference) => log.warn(&format!("{}: {difference}", doing())),
    }
    Ok(0)
}

pub fn remove(args: &RemoveArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let volume = open_volume(&invocation, &args.common, &Options::new())?;
    let removed = Locked::lock(&invocation, volume.as_ref(), Holder::default())
        .and_then(|mut locked| locked.remove());
    match removed {
        Err(error) if args.force && ErrorKind::of(&error) == ErrorKind::Absent => {}
        other => other.with_context(|| format!("removing volume {}", shown_name(&args.common)))?,
    }
    Ok(0)
}

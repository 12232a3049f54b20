//! `create`: makes the volume where it is absent, lets it grow where it is too small, and mounts it. Nomad calls it again for each of its
//! volumes when its agent starts.

use anyhow::{Context, Error, Result};

use crate::base::failure::{ErrorKind, Failure, with_undo_error};
use crate::base::options::Options;
use crate::base::secrets::values::Secrets;
use crate::callers::nomad::answer::{self, Made};
use crate::callers::nomad::capacity::Sizes;
use crate::callers::nomad::described;
use crate::callers::nomad::start::{TIMEOUT, holder, start};
use crate::cli::stdout;
use crate::driver;
use crate::driver::allowed;
use crate::driver::interface::{Chooser, Created, Lookup, Next, Volume};
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::sys::process::interruption;
use crate::volume::Locked;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::mount;
use crate::volume::request::{MountRequest, Release};

pub fn create(driver: &str, log: &mut Log) -> Result<()> {
    interruption::catch().context("taking over the signals")?;
    let id = described::id()?;
    let doing = || format!("creating volume {id}");
    let parameters = described::parameters().with_context(doing)?;
    log.secrets = Secrets::of(&parameters, "");
    let invocation = start(TIMEOUT, log)?;
    stdout::check().with_context(doing)?;
    create_volume(&invocation, driver, &id, &parameters).with_context(doing)
}

fn create_volume(
    invocation: &Invocation,
    driver: &str,
    id: &str,
    parameters: &Options,
) -> Result<()> {
    let volume = open(invocation, driver, id, parameters)?;
    allowed::refuse(invocation, volume.driver())?;
    let sizes = sizes(invocation, volume.as_ref(), parameters)?;
    let found = volume.get()?;
    let volume = match &sizes {
        Some(sizes) => {
            let new = sizes.new.filter(|_| matches!(found, Lookup::Absent));
            open(invocation, driver, id, &with_size(parameters, new))?
        }
        None => volume,
    };
    if let (Lookup::Found(_), Some(sizes)) = (&found, &sizes) {
        grow(invocation, volume.as_ref(), sizes.least)?;
    }
    invocation.budget.reserve_undo_time();
    let is_new = matches!(found, Lookup::Absent) && make(invocation, volume.as_ref())?;
    mount_volume(invocation, volume.as_ref(), id, is_new)
}

fn open<'i>(
    invocation: &'i Invocation,
    driver: &str,
    id: &str,
    options: &Options,
) -> Result<Box<dyn Volume + 'i>> {
    let mut volume = driver::open(invocation, driver)?.volume(id, options)?;
    if volume.driver().keeps_labels() {
        volume.set_labels(described::labels()?)?;
    }
    Ok(volume)
}

/// The sizes that a volume with an image is to have; `None` for others, which have none.
fn sizes(
    invocation: &Invocation,
    volume: &dyn Volume,
    parameters: &Options,
) -> Result<Option<Sizes>> {
    let capacity = described::capacity()?;
    if volume.image().is_err() {
        if capacity.least != 0 {
            let label = volume.driver().label();
            let words = "capacity_min has no effect, since its volumes have no size of their own";
            invocation.log.warn(&format!("{label}: {words}"));
        }
        return Ok(None);
    }
    let size = parameters.iter().rfind(|(key, _)| is_size(key));
    let sizes = capacity.sizes(size.map(|(_, value)| value.as_str()))?;
    Ok(Some(sizes))
}

fn is_size(key: &str) -> bool {
    key.eq_ignore_ascii_case("size")
}

/// The parameters with this size, if any: one that has grown has not got the size that it was made with.
fn with_size(parameters: &Options, size: Option<u64>) -> Options {
    let others = parameters.iter().filter(|(key, _)| !is_size(key)).cloned();
    let size = size.map(|bytes| ("size".to_owned(), format!("{bytes}b")));
    others.chain(size).collect()
}

/// Lets a volume that is smaller grow, as far as those may who only mount.
fn grow(invocation: &Invocation, volume: &dyn Volume, least: u64) -> Result<()> {
    let size = volume.driver().usage(volume.name())?.size;
    if size.is_none_or(|size| size >= least) {
        return Ok(());
    }
    let _locked = Locked::lock(invocation, volume, Holder::default())?;
    let image = volume.image()?;
    image
        .refuse_growth(least)
        .and_then(|()| image.resize(least))
        .context("growing it")
}

/// Makes it. Returns whether it is known to be new: a plugin may say that a volume is absent which it has, and cannot reach now.
fn make(invocation: &Invocation, volume: &dyn Volume) -> Result<bool> {
    if volume.driver().is_shared() {
        return Ok(false);
    }
    volume.copy_source(Chooser::Caller)?;
    let _locked = Locked::lock(invocation, volume, Holder::default())?;
    let created = volume.create(Chooser::Caller, Next::WritableMount)?;
    Ok(created == Created::New)
}

/// Mounts it and answers. What cannot be told to Nomad is undone, and a new volume goes with it: Nomad forgets its ID.
fn mount_volume(
    invocation: &Invocation,
    volume: &dyn Volume,
    id: &str,
    is_new: bool,
) -> Result<()> {
    let request = MountRequest {
        create: Some(Chooser::Caller),
        holder: holder(id),
        view: View::of(false),
    };
    let undone = |error: Error, is_new_holder| {
        let undo = || undo(invocation, volume, id, (is_new_holder, is_new));
        let undone = interruption::undoing(undo);
        with_undo_error(error, undone)
    };
    let mounted = mount::mount(invocation, volume, request);
    invocation.budget.use_undo_time();
    let mounted = mounted.map_err(|error| undone(error, false))?;
    let told = tell(invocation, volume, &mounted);
    told.map_err(|error| undone(error, mounted.is_new_holder))
}

fn tell(invocation: &Invocation, volume: &dyn Volume, mounted: &mount::Outcome) -> Result<()> {
    let path = mounted.path.to_str();
    let path = path.ok_or_else(|| Failure::usage("its path is not UTF-8"))?;
    let answer = Made {
        path: path.to_owned(),
        bytes: volume.driver().usage(volume.name())?.size.unwrap_or(0),
    };
    stdout::deliver(&answer::line(&answer), &invocation.budget)
}

fn undo(
    invocation: &Invocation,
    volume: &dyn Volume,
    id: &str,
    (is_new_holder, is_new): (bool, bool),
) -> Result<()> {
    let mut locked = Locked::lock(invocation, volume, holder(id))?;
    if is_new_holder {
        locked.release(Release::ONE)?;
    }
    if !is_new || locked.is_held() {
        return Ok(());
    }
    match locked.remove() {
        Err(error) if ErrorKind::of(&error) != ErrorKind::Absent => {
            Err(error).context("removing it again")
        }
        _ => Ok(()),
    }
}

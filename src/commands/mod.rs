//! The verbs.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::base::failure::{Failure, Kind};
use crate::base::secrets::Secrets;
use crate::base::text::escape_controls;
use crate::callers::task::described as from_env;
use crate::callers::task::described::Described;
use crate::cli::arguments::Common;
use crate::cli::stdout::{print, print_json};
use crate::cli::verbs::Verb;
use crate::cli::{completions, man};
use crate::commands::about::version;
use crate::commands::inspect::inspect;
use crate::driver::{self, Driver, Lookup, Options};
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits};
use crate::volume::{create as volumes, mountpoint};

use crate::commands::mount::Wanted;

mod about;
mod inspect;
mod list;
mod mount;
mod run;

/// Under the limits at which Mesos kills, 120 s and 10 minutes, so that our words reach its log.
pub const TIMEOUT: Duration = Duration::from_secs(110);
pub const UNMOUNT_TIMEOUT: Duration = Duration::from_secs(590);
/// What a verb that asks every driver gives each of them; none is waited for.
const OVERVIEW_TIMEOUT: Duration = Duration::from_secs(5);

/// Carries out a verb and returns its exit code. `log` learns which secrets to mask.
pub fn run(verb: &Verb, log: &mut Log) -> Result<u8> {
    let options = match verb.volume_options() {
        Some(typed) => typed.parse()?,
        None => Options::new(),
    };
    let common = verb.common();
    let described = match verb.is_from_env() {
        true => from_env::parse(std::env::vars_os())?,
        false => Described::default(),
    };
    let name = common.volumename.as_deref().unwrap_or_default();
    log.secrets = Secrets::of(&options, name).and(described.secrets());
    described
        .warnings
        .iter()
        .for_each(|warning| log.warn(warning));
    if verb.is_from_env() && described.volumes.is_empty() {
        return Ok(0);
    }
    let timeout = if matches!(verb, Verb::Unmount(_)) {
        UNMOUNT_TIMEOUT
    } else {
        TIMEOUT
    };
    let config = common.config.as_deref();
    let limits = common.limits(timeout);
    let invocation = || Invocation::new(config, limits, log.clone());
    let overview = || {
        let limits = Limits {
            timeout: common.timeout.or(Some(OVERVIEW_TIMEOUT)),
            wait: Some(Duration::ZERO),
            ..limits
        };
        Invocation::new(config, limits, log.clone())
    };
    match verb {
        Verb::Mount(args) if args.from_env => {
            return mount::mount_all(invocation, &described, &args.holder);
        }
        Verb::Unmount(args) if args.from_env => {
            let (holder, force, lazy) = (&args.holder, args.force, args.lazy);
            return mount::unmount_all(&invocation()?, &described, holder, force, lazy);
        }
        Verb::Create(args) => create(&invocation()?, common, &options, args.strict)?,
        Verb::Mount(args) => {
            let wanted = Wanted {
                common,
                options: &options,
                create: !args.creation.explicitcreate,
                id: args.holder.id.as_deref(),
                target: args.holder.target.as_deref(),
                read_only: args.read_only,
            };
            mount::mount(&invocation()?, wanted)?;
        }
        Verb::Run(args) => {
            let wanted = Wanted {
                common,
                options: &options,
                create: !args.creation.explicitcreate,
                id: args.id.as_deref(),
                target: args.target.as_deref(),
                read_only: args.read_only,
            };
            return mount::run(invocation, wanted, &args.command);
        }
        Verb::Unmount(args) => {
            mount::unmount(&invocation()?, common, &args.holder, args.force, args.lazy)?
        }
        Verb::Remove(args) => remove(&invocation()?, common, args.force)?,
        Verb::Path(_) => path(&invocation()?, common)?,
        Verb::Get(_) => get(&invocation()?, common)?,
        Verb::List(args) if common.volumedriver.is_some() => {
            list::list(&invocation()?, common, args.format)?
        }
        Verb::List(args) => return list::list_all(&overview()?, args.format),
        Verb::Inspect(_) => inspect_volume(&invocation()?, common)?,
        Verb::Exists(_) => return exists(&invocation()?, common),
        Verb::Drivers(args) => list::drivers(&overview()?, args.format)?,
        Verb::Version(_) => print(&version()?)?,
        Verb::Completions(args) => print(&String::from_utf8(completions::script(args.shell))?)?,
        Verb::Man(_) => print(&String::from_utf8(man::page()?)?)?,
    }
    Ok(0)
}

/// The volume that a verb needs, and its driver. Nothing is asked of it yet.
fn asked<'a, 'c>(
    invocation: &'a Invocation,
    common: &'c Common,
) -> Result<(&'c str, Box<dyn Driver + 'a>)> {
    let volume = volume_name(common)?;
    let driver = open(invocation, common)?;
    driver.plain_name(volume)?;
    Ok((volume, driver))
}

fn volume_name(common: &Common) -> Result<&str> {
    common
        .volumename
        .as_deref()
        .ok_or_else(|| Failure::usage("--volumename is missing; it names the volume").into())
}

fn open<'a>(invocation: &'a Invocation, common: &Common) -> Result<Box<dyn Driver + 'a>> {
    driver::open_or_default(invocation, common.volumedriver.as_deref())
}

fn create(invocation: &Invocation, common: &Common, options: &Options, strict: bool) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    let doing = || format!("creating volume {volume}");
    let Some(difference) =
        volumes::create(invocation, driver.as_ref(), volume, options).with_context(doing)?
    else {
        return Ok(());
    };
    if strict {
        bail!("creating volume {volume}: {difference}");
    }
    invocation
        .log
        .warn(&format!("creating volume {volume}: {difference}"));
    Ok(())
}

fn remove(invocation: &Invocation, common: &Common, force: bool) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    match volumes::remove(invocation, driver.as_ref(), volume) {
        Err(error) if force && Kind::of(&error) == Kind::Absent => Ok(()),
        other => other.with_context(|| format!("removing volume {volume}")),
    }
}

fn path(invocation: &Invocation, common: &Common) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    let doing = || format!("asking for the path of volume {volume}");
    if let Some(path) = volumes::path(invocation, driver.as_ref(), volume).with_context(doing)? {
        mountpoint::check(invocation, &path)
            .context(driver.label())
            .with_context(doing)?;
        print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn get(invocation: &Invocation, common: &Common) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    let found = volumes::find(driver.as_ref(), volume)
        .with_context(|| format!("looking up volume {volume}"))?;
    print(&format!("{}\n", escape_controls(&found.name)))
}

fn inspect_volume(invocation: &Invocation, common: &Common) -> Result<()> {
    let (volume, driver) = asked(invocation, common)?;
    let found = inspect(invocation, driver.as_ref(), volume)
        .with_context(|| format!("inspecting volume {volume}"))?;
    print_json(&json!([found]))
}

fn exists(invocation: &Invocation, common: &Common) -> Result<u8> {
    let (volume, driver) = asked(invocation, common)?;
    match driver
        .get(volume)
        .with_context(|| format!("looking up volume {volume}"))?
    {
        Lookup::Found(_) => Ok(0),
        Lookup::Absent => Ok(Kind::Absent.exit_code()),
        Lookup::CannotSay => bail!(
            "looking up volume {volume}: {}: {}",
            driver.label(),
            volumes::CANNOT_SAY
        ),
    }
}

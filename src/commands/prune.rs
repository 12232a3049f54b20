//! `prune`.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Error, Result, bail};
use serde_json::Map;

use crate::base::failure::{Failure, exit_code};
use crate::base::labels::Labels;
use crate::base::options::Options;
use crate::base::size;
use crate::base::text::chain;
use crate::cli::arguments::PruneArgs;
use crate::cli::filter::{Filter, Subject};
use crate::cli::format::{Format, Row};
use crate::cli::stdout::print;
use crate::commands::opening::{begin, catch_signals};
use crate::driver;
use crate::driver::interface::{Driver, Lookup, VolumeInfo};
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::Locked;
use crate::volume::holders::held::Held;
use crate::volume::holders::lock;
use crate::volume::holders::record::Holder;

/// The label, with its value, of a volume that may be removed when nobody holds it.
const LABEL: (&str, &str) = ("dvdcli.prune", "true");

/// A volume that is to be removed.
struct Candidate {
    driver: String,
    name: String,
    /// The space that it takes on the disk, in bytes.
    allocated: u64,
}

/// Removes what it may, and goes on where one volume cannot be removed: that is the exit code then.
pub fn prune(args: &PruneArgs, log: &mut Log) -> Result<u8> {
    let filter = Filter::parse(&args.filter.filter)?;
    if args.common.volumename.is_some() {
        bail!(Failure::usage(
            "prune takes no --volumename; --filter name=PART chooses by name"
        ));
    }
    let must_ask = !args.yes && !args.dry_run;
    if must_ask && !stdin().is_terminal() {
        bail!(Failure::usage(
            "prune asks before it removes, and stdin is no terminal; give --yes, or --dry-run to see what would go"
        ));
    }
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let mut found = Vec::new();
    for driver in drivers(args, &invocation)? {
        found.extend(candidates(&invocation, driver.as_ref(), &filter).context("listing volumes")?);
    }
    if args.dry_run {
        print(&table("WOULD FREE", &found)?, &invocation.budget)?;
        return Ok(0);
    }
    if must_ask && !is_agreed(&found, &invocation)? {
        return Ok(0);
    }
    // Not before, so that a signal ends it while it asks.
    catch_signals()?;
    let (removed, failed) = remove_all(&invocation, found, &filter, log);
    if let Err(error) = lock::sweep(&invocation) {
        log.warn(&format!("locks of killed calls stay: {}", chain(&error)));
    }
    print(&table("FREED", &removed)?, &invocation.budget)?;
    Ok(failed)
}

/// The one that is named, else all that keep labels.
fn drivers<'i>(args: &PruneArgs, invocation: &'i Invocation) -> Result<Vec<Box<dyn Driver + 'i>>> {
    let Some(name) = args.common.volumedriver.as_deref() else {
        return driver::built_ins()
            .map(|name| driver::open_exactly(invocation, name))
            .collect();
    };
    let driver = driver::open(invocation, name)?;
    if !driver.keeps_labels() {
        bail!(Failure::usage(format!(
            "{} keeps no labels, so none of its volumes may be pruned",
            driver.label()
        )));
    }
    Ok(vec![driver])
}

fn candidates(
    invocation: &Invocation,
    driver: &dyn Driver,
    filter: &Filter,
) -> Result<Vec<Candidate>> {
    let table = MountTable::read()?;
    let held = Held::read(invocation, &table)?;
    let mut volumes = driver.list()?;
    volumes.retain(|volume| {
        let is_held = held.has(driver.name(), &volume.name);
        !is_held
            && may_go(driver.name(), volume, filter, &table)
            && !driver.is_on_another_host(&volume.name)
    });
    volumes.sort_by(|one, other| one.name.cmp(&other.name));
    let candidate = |volume: VolumeInfo| Candidate {
        driver: driver.name().to_owned(),
        allocated: allocated(driver, &volume.name),
        name: volume.name,
    };
    Ok(volumes.into_iter().map(candidate).collect())
}

/// Whether the labels allow it to be removed, if nobody holds it.
fn may_go(driver: &str, volume: &VolumeInfo, filter: &Filter, table: &MountTable) -> bool {
    let subject = Subject {
        name: &volume.name,
        driver,
        labels: &volume.labels,
        is_held: false,
        is_mounted: volume.is_mounted(table),
    };
    (filter.names_a_label() || is_marked(&volume.labels)) && filter.fits(&subject)
}

fn is_marked(labels: &Labels) -> bool {
    let (key, value) = LABEL;
    labels.get(key).is_some_and(|found| found == value)
}

fn allocated(driver: &dyn Driver, name: &str) -> u64 {
    let usage = driver.usage(name).unwrap_or_default();
    usage.allocated.unwrap_or_default()
}

/// Asks on the terminal.
fn is_agreed(found: &[Candidate], invocation: &Invocation) -> Result<bool> {
    if found.is_empty() {
        return Ok(true);
    }
    invocation
        .log
        .ask(&table("WOULD FREE", found)?, "remove them? [y/N] ");
    let mut answer = String::new();
    stdin()
        .read_line(&mut answer)
        .context("reading the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Returns what was removed, and the exit code of the first error.
fn remove_all(
    invocation: &Invocation,
    found: Vec<Candidate>,
    filter: &Filter,
    log: &Log,
) -> (Vec<Candidate>, u8) {
    let mut code = 0;
    let mut removed = Vec::new();
    for candidate in found {
        let doing = || format!("removing volume {} of {}", candidate.name, candidate.driver);
        match remove(invocation, &candidate, filter) {
            Ok(true) => removed.push(candidate),
            Ok(false) => {}
            Err(error) => {
                let error: Error = error.context(doing());
                log.error(&error);
                code = if code == 0 { exit_code(&error) } else { code };
            }
        }
    }
    (removed, code)
}

/// Looks once more under the volume's lock: another one may have this name by now. False where it has gone or may stay.
fn remove(invocation: &Invocation, candidate: &Candidate, filter: &Filter) -> Result<bool> {
    let driver = driver::open_exactly(invocation, &candidate.driver)?;
    let volume = driver.volume(&candidate.name, &Options::new())?;
    let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
    let Lookup::Found(found) = volume.get()? else {
        return Ok(false);
    };
    if !may_go(&candidate.driver, &found, filter, &MountTable::read()?) {
        return Ok(false);
    }
    locked.remove_if_unheld()?;
    Ok(true)
}

fn table(freed: &str, volumes: &[Candidate]) -> Result<String> {
    let row = |driver: &str, name: &str, bytes: u64| Row {
        name: name.to_owned(),
        cells: [driver.to_owned(), name.to_owned(), size::show(bytes)],
        keys: Map::new(),
    };
    let sum = volumes
        .iter()
        .map(|it| it.allocated)
        .fold(0, u64::saturating_add);
    let rows = volumes
        .iter()
        .map(|it| row(&it.driver, &it.name, it.allocated));
    let rows = rows.chain([row("TOTAL", "", sum)]).collect();
    Format::Table.show(["DRIVER", "VOLUME NAME", freed], rows)
}

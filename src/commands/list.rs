//! `list`.

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value, json};

use crate::base::failure::ErrorKind;
use crate::base::options::Options;
use crate::base::size;
use crate::base::text::chain;
use crate::cli::arguments::ListArgs;
use crate::cli::filter::{Filter, Subject};
use crate::cli::format::{Format, Row, lines};
use crate::cli::keys::LISTED;
use crate::cli::stdout::print;
use crate::commands::list_names;
use crate::commands::opening::{begin, begin_overview, reading};
use crate::driver::interface::{Driver, Usage, VolumeInfo};
use crate::driver::{self, overview};
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::held::Held;
use crate::volume::usage::usage;

/// A volume in the list.
struct Listed {
    driver: String,
    volume: VolumeInfo,
    /// Where sizes are asked for.
    usage: Usage,
}

pub fn list(args: &ListArgs, log: &mut Log) -> Result<u8> {
    let filter = Filter::parse(&args.filter.filter)?;
    if let Some(format) = &args.format {
        format.check(LISTED)?;
    }
    match args.common.volumedriver.as_deref() {
        Some(driver) => list_one(args, &filter, driver, log),
        None => list_all(args, &filter, log),
    }
}

fn list_one(args: &ListArgs, filter: &Filter, driver: &str, log: &mut Log) -> Result<u8> {
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let driver = driver::open(&invocation, driver)?;
    let format = match args.size {
        true => &Format::Table,
        false => &Format::Names,
    };
    let format = args.format.as_ref().unwrap_or(format);
    let doing = "listing volumes";
    let text = if list_names::are_enough(format, filter) {
        let names = list_names::names(&invocation, filter, driver.as_ref());
        lines(&names.context(doing)?)
    } else {
        let volumes = volumes(&invocation, args, filter, driver.as_ref());
        shown(args, volumes.context(doing)?, format, &invocation)?
    };
    print(&text, &invocation.budget)?;
    Ok(0)
}

fn list_all(args: &ListArgs, filter: &Filter, log: &mut Log) -> Result<u8> {
    let invocation = begin_overview(&args.common, log)?;
    let format = args.format.as_ref().unwrap_or(&Format::Table);
    let (text, code) = if list_names::are_enough(format, filter) {
        let ask = |driver: &dyn Driver| list_names::names(&invocation, filter, driver);
        let (names, code) = ask_all(&invocation, ask, log)?;
        (lines(&names), code)
    } else {
        let ask = |driver: &dyn Driver| volumes(&invocation, args, filter, driver);
        let (volumes, code) = ask_all(&invocation, ask, log)?;
        (shown(args, volumes, format, &invocation)?, code)
    };
    print(&text, &reading(&args.common))?;
    Ok(code)
}

/// What all drivers answer, and the exit code, which tells whether one has failed; the others are listed all the same.
fn ask_all<T: Send>(
    invocation: &Invocation,
    ask: impl Fn(&dyn Driver) -> Result<Vec<T>> + Sync,
    log: &Log,
) -> Result<(Vec<T>, u8)> {
    let mut found = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for (_, answer) in overview::ask_all(invocation, ask)? {
        match answer {
            Ok(listed) => found.extend(listed),
            Err(error) => errors.push(chain(&error)),
        }
    }
    // A wrong setting is one of both built-in drivers.
    errors.dedup();
    for error in &errors {
        log.error(&anyhow!("listing volumes: {error}"));
    }
    let code = match errors.is_empty() {
        true => 0,
        false => ErrorKind::Other.exit_code(),
    };
    Ok((found, code))
}

/// The volumes of a driver that the filter asks for, in the order of their names. What has no name is left out. Who holds them is
/// looked up only where the filter asks for that.
fn volumes(
    invocation: &Invocation,
    args: &ListArgs,
    filter: &Filter,
    driver: &dyn Driver,
) -> Result<Vec<Listed>> {
    let mut volumes = driver.list()?;
    let table = MountTable::read()?;
    let held = filter
        .asks_for_holders()
        .then(|| Held::read(invocation, &table));
    let held = held.transpose()?;
    volumes.retain(|volume| {
        let fits = filter.fits(&Subject {
            name: &volume.name,
            driver: driver.name(),
            labels: &volume.labels,
            is_held: held.as_ref().is_some_and(|it| {
                it.has(driver.name(), &volume.name) || driver.is_on_another_host(&volume.name)
            }),
            is_mounted: volume.is_mounted(&table),
        });
        fits && !volume.name.is_empty()
    });
    volumes.sort_by(|one, other| one.name.cmp(&other.name));
    let listed = |volume: VolumeInfo| Listed {
        driver: driver.name().to_owned(),
        usage: match args.size && !volume.is_half_removed {
            true => usage(invocation, driver, &volume, &table),
            false => Usage::default(),
        },
        volume,
    };
    Ok(volumes.into_iter().map(listed).collect())
}

fn shown(
    args: &ListArgs,
    mut volumes: Vec<Listed>,
    format: &Format,
    invocation: &Invocation,
) -> Result<String> {
    const HEAD: [&str; 6] = ["DRIVER", "VOLUME NAME", "SIZE", "ALLOCATED", "USED", "FREE"];
    if *format == Format::Names {
        // A program that reads them takes each for that of a volume.
        volumes.retain(|listed| !listed.volume.is_half_removed);
    }
    if !args.size {
        return format.show([HEAD[0], HEAD[1]], volumes.into_iter().map(row).collect());
    }
    let total = (*format == Format::Table).then(|| total(&volumes, invocation));
    let rows = volumes.into_iter().map(row_with_sizes).chain(total);
    format.show(HEAD, rows.collect())
}

fn row(listed: Listed) -> Row<2> {
    let Listed { driver, volume, .. } = listed;
    let problem = volume.is_half_removed.then_some("half removed");
    let state = problem.map_or_else(String::new, |problem| format!(" ({problem})"));
    let mut keys = Map::new();
    keys.insert("Driver".into(), json!(driver));
    keys.insert("Name".into(), json!(volume.name));
    keys.insert("Mountpoint".into(), json!(volume.mountpoint));
    keys.insert("Labels".into(), json!(volume.labels));
    if let Some(problem) = problem {
        keys.insert("Problem".into(), Value::from(problem));
    }
    Row {
        cells: [driver, format!("{}{state}", volume.name)],
        name: volume.name,
        keys,
    }
}

fn row_with_sizes(listed: Listed) -> Row<6> {
    let usage = listed.usage;
    let Row {
        name,
        cells: [driver, volume],
        mut keys,
    } = row(listed);
    keys.extend(sizes(&usage).map(|(key, value)| (key.to_owned(), value)));
    let [size, allocated, used, free] = in_order(&usage).map(cell);
    Row {
        name,
        cells: [driver, volume, size, allocated, used, free],
        keys,
    }
}

/// The last line of the table: the sums, and what is left on the disk of the built-in drivers' volumes.
fn total(volumes: &[Listed], invocation: &Invocation) -> Row<6> {
    let sum = |of: fn(&Usage) -> Option<u64>| {
        let known = volumes.iter().filter_map(|listed| of(&listed.usage));
        cell(Some(known.fold(0, u64::saturating_add)))
    };
    let left = overview::left_for_built_ins(invocation);
    Row {
        name: String::new(),
        cells: [
            "TOTAL".to_owned(),
            String::new(),
            sum(|usage| usage.size),
            sum(|usage| usage.allocated),
            sum(|usage| usage.used),
            format!("{} left on the disk", cell(left)),
        ],
        keys: Map::new(),
    }
}

fn cell(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "-".to_owned(), size::show)
}

fn in_order(usage: &Usage) -> [Option<u64>; 4] {
    [usage.size, usage.allocated, usage.used, usage.free]
}

/// The keys of sizes, in bytes.
pub fn sizes(usage: &Usage) -> [(&'static str, Value); 4] {
    let [size, allocated, used, free] = in_order(usage).map(|bytes| json!(bytes));
    [
        ("Size", size),
        ("Allocated", allocated),
        ("Used", used),
        ("Free", free),
    ]
}

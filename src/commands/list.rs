//! `list` and `drivers`.

use std::time::Duration;

use anyhow::{Context, Error, Result};
use serde_json::{Value, json};

use crate::base::failure::ErrorKind;
use crate::base::options::Options;
use crate::base::secrets::values::Secrets;
use crate::base::text::{chain, escape_unprintable, one_line};
use crate::cli::arguments::{Common, DriversArgs, DriversFormat, ListArgs, ListFormat};
use crate::cli::stdout::{print, print_json};
use crate::cli::table::columns;
use crate::commands::opening::begin;
use crate::driver::interface::VolumeInfo;
use crate::driver::overview::{self, DriverInfo};
use crate::driver::{self};
use crate::invocation::budget::Budget;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits, TIMEOUT};

/// The time limit of each driver for verbs that ask all drivers; absent plugins are not waited for.
const OVERVIEW_TIMEOUT: Duration = Duration::from_secs(5);

pub fn list(args: &ListArgs, log: &mut Log) -> Result<u8> {
    match args.common.volumedriver.as_deref() {
        Some(driver) => list_one(args, driver, log),
        None => list_all(args, log),
    }
}

fn list_one(args: &ListArgs, driver: &str, log: &mut Log) -> Result<u8> {
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let driver = driver::open(&invocation, driver)?;
    let volumes = driver.list().context("listing volumes")?;
    let rows: Vec<_> = volumes.iter().map(|it| (driver.name(), it)).collect();
    let format = args.format.unwrap_or(ListFormat::Names);
    print_list(rows, format, &invocation.budget)?;
    Ok(0)
}

fn list_all(args: &ListArgs, log: &mut Log) -> Result<u8> {
    let invocation = begin_overview(&args.common, log)?;
    let answers = overview::ask_all(&invocation, |driver| driver.list())?;
    let mut rows = Vec::new();
    let mut errors: Vec<String> = Vec::new();
    for (driver, answer) in &answers {
        match answer {
            Ok(volumes) => rows.extend(volumes.iter().map(|it| (driver.as_str(), it))),
            Err(error) => errors.push(chain(error)),
        }
    }
    // A wrong setting is one of both built-in drivers.
    errors.dedup();
    for error in &errors {
        log.error(&anyhow::anyhow!("listing volumes: {error}"));
    }
    let code = match errors.is_empty() {
        true => 0,
        false => ErrorKind::Other.exit_code(),
    };
    let format = args.format.unwrap_or(ListFormat::Table);
    print_list(rows, format, &reading(&args.common))?;
    Ok(code)
}

/// For a verb that asks every driver: `--timeout` counts, but not the configuration's times.
fn begin_overview(common: &Common, log: &Log) -> Result<Invocation> {
    let limits = Limits {
        timeout: common.timeout.or(Some(OVERVIEW_TIMEOUT)),
        default_timeout: OVERVIEW_TIMEOUT,
        wait: Some(Duration::ZERO),
    };
    Invocation::new(common.config.as_deref(), limits, log.clone())
}

/// The time of a person who reads an overview, which is not that of the drivers.
fn reading(common: &Common) -> Budget {
    Budget::new(common.timeout.unwrap_or(TIMEOUT))
}

/// Prints volumes with their drivers: those of each driver in the order of their names. What has no name is left out.
fn print_list(
    mut volumes: Vec<(&str, &VolumeInfo)>,
    format: ListFormat,
    budget: &Budget,
) -> Result<()> {
    volumes.retain(|(_, volume)| !volume.name.is_empty());
    for volumes in volumes.chunk_by_mut(|(one, _), (other, _)| one == other) {
        volumes.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    }
    match format {
        ListFormat::Names => {
            // A program that reads it takes each name for that of a volume.
            volumes.retain(|(_, volume)| !volume.is_half_removed);
            let line = |(_, volume): &(&str, &VolumeInfo)| escape_unprintable(&volume.name) + "\n";
            print(&volumes.iter().map(line).collect::<String>(), budget)
        }
        ListFormat::Table => {
            let row = |(driver, volume): &(&str, &VolumeInfo)| {
                let state = match volume.is_half_removed {
                    true => " (half removed)",
                    false => "",
                };
                [(*driver).to_owned(), format!("{}{state}", volume.name)]
            };
            let rows: Vec<_> = volumes.iter().map(row).collect();
            print(&columns(["DRIVER", "VOLUME NAME"], &rows), budget)
        }
        ListFormat::Json => {
            let row = |(driver, volume): &(&str, &VolumeInfo)| {
                let mut row =
                    json!({"Driver": driver, "Name": volume.name, "Mountpoint": volume.mountpoint});
                if volume.is_half_removed {
                    row["Problem"] = "half removed".into();
                }
                row
            };
            print_json(&volumes.iter().map(row).collect(), budget)
        }
    }
}

pub fn drivers(args: &DriversArgs, log: &mut Log) -> Result<u8> {
    const HEAD: [&str; 5] = ["DRIVER", "TYPE", "SCOPE", "ADDRESS", "STATUS"];
    let invocation = begin_overview(&args.common, log)?;
    let drivers = overview::drivers(&invocation)?;
    let budget = reading(&args.common);
    match args.format {
        DriversFormat::Table => {
            let rows: Vec<_> = drivers.iter().map(cells).collect();
            print(&columns(HEAD, &rows), &budget)?;
        }
        DriversFormat::Json => print_json(&drivers.iter().map(keys).collect(), &budget)?,
    }
    Ok(0)
}

/// An error, which may repeat secrets that nobody here knows.
fn shown(error: &Error) -> String {
    Secrets::default().mask(&chain(error))
}

fn cells(driver: &DriverInfo) -> [String; 5] {
    let (scope, status) = match &driver.answer {
        Ok(scope) => (scope.as_str(), "answers".to_owned()),
        Err(_) if !driver.is_allowed => ("-", "not allowed".to_owned()),
        Err(error) => ("-", one_line(&shown(error))),
    };
    [
        driver.name.clone(),
        driver.kind.into(),
        scope.into(),
        driver.address.clone(),
        status,
    ]
}

fn keys(driver: &DriverInfo) -> Value {
    let scope = driver.answer.as_ref().ok();
    json!({
        "Name": driver.name,
        "Type": driver.kind,
        "Scope": scope.map(|scope| scope.as_str()),
        "Address": driver.address,
        "Allowed": driver.is_allowed,
        "Answers": driver.answer.is_ok(),
        "Error": driver.answer.as_ref().err().map(shown),
    })
}

//! `drivers`.

use anyhow::{Error, Result};
use serde_json::{Map, Value};

use crate::base::secrets::values::Secrets;
use crate::base::text::{chain, one_line};
use crate::cli::arguments::DriversArgs;
use crate::cli::format::Row;
use crate::cli::keys::DRIVERS;
use crate::cli::stdout::print;
use crate::commands::opening::{begin_overview, reading};
use crate::driver::overview::{self, DriverInfo};
use crate::invocation::log::Log;

pub fn drivers(args: &DriversArgs, log: &mut Log) -> Result<u8> {
    const HEAD: [&str; 5] = ["DRIVER", "TYPE", "SCOPE", "ADDRESS", "STATUS"];
    args.format.check(DRIVERS)?;
    let invocation = begin_overview(&args.common, log)?;
    let rows = overview::drivers(&invocation)?.iter().map(row).collect();
    print(&args.format.show(HEAD, rows)?, &reading(&args.common))?;
    Ok(0)
}

fn row(driver: &DriverInfo) -> Row<5> {
    Row {
        name: driver.name.clone(),
        cells: cells(driver),
        keys: keys(driver),
    }
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

fn keys(driver: &DriverInfo) -> Map<String, Value> {
    let scope = driver.answer.as_ref().ok().map(|scope| scope.as_str());
    let error = driver.answer.as_ref().err().map(shown);
    let values: [Value; 8] = [
        driver.name.as_str().into(),
        driver.kind.into(),
        scope.into(),
        driver.address.as_str().into(),
        driver.is_allowed.into(),
        driver.policy.clone().into(),
        driver.answer.is_ok().into(),
        error.into(),
    ];
    let keys = DRIVERS.iter().map(|(key, _)| (*key).to_owned());
    keys.zip(values).collect()
}

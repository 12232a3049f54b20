//! The verbs that list: the volumes of one driver or of all, and the drivers.

use anyhow::{Context, Result};
use serde_json::json;

use crate::base::failure::Kind;
use crate::base::text::escape_controls;
use crate::cli::arguments::{Common, DriversFormat, ListFormat};
use crate::cli::stdout::{print, print_json};
use crate::cli::table::columns;
use crate::commands::open;
use crate::driver::{self, overview};
use crate::invocation::Invocation;

pub fn list(invocation: &Invocation, common: &Common, format: Option<ListFormat>) -> Result<()> {
    let driver = open(invocation, common)?;
    let volumes = driver.list().context("listing volumes")?;
    let volumes: Vec<_> = volumes
        .iter()
        .map(|volume| (driver.name(), volume))
        .collect();
    print_list(&volumes, format.unwrap_or(ListFormat::Names))
}

pub fn list_all(invocation: &Invocation, format: Option<ListFormat>) -> Result<u8> {
    let answers = overview::ask_all(invocation, |driver| driver.list())?;
    let mut volumes = Vec::new();
    let mut code = 0;
    for (driver, answer) in &answers {
        match answer {
            Ok(listed) => volumes.extend(listed.iter().map(|volume| (driver.as_str(), volume))),
            Err(error) => {
                code = Kind::Other.exit_code();
                invocation.log.error(&anyhow::anyhow!(
                    "listing volumes: {}",
                    crate::base::text::chain(error)
                ));
            }
        }
    }
    print_list(&volumes, format.unwrap_or(ListFormat::Table))?;
    Ok(code)
}

fn print_list(volumes: &[(&str, &driver::Volume)], format: ListFormat) -> Result<()> {
    match format {
        ListFormat::Names => print(
            &volumes
                .iter()
                .map(|(_, volume)| escape_controls(&volume.name) + "\n")
                .collect::<String>(),
        ),
        ListFormat::Table => {
            let rows: Vec<_> = volumes
                .iter()
                .map(|(driver, volume)| [(*driver).to_owned(), volume.name.clone()])
                .collect();
            print(&columns(["DRIVER", "VOLUME NAME"], &rows))
        }
        ListFormat::Json => {
            let row = |(driver, volume): &(&str, &driver::Volume)| json!({"Driver": driver, "Name": volume.name, "Mountpoint": volume.mountpoint});
            print_json(&volumes.iter().map(row).collect())
        }
    }
}

pub fn drivers(invocation: &Invocation, format: DriversFormat) -> Result<()> {
    let drivers = overview::drivers(invocation)?;
    match format {
        DriversFormat::Table => print(&columns(
            overview::HEAD,
            &drivers.iter().map(overview::Row::cells).collect::<Vec<_>>(),
        )),
        DriversFormat::Json => print_json(&drivers.iter().map(overview::Row::json).collect()),
    }
}

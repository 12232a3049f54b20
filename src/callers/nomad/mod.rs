//! Called by a link that is named after a driver, as Nomad calls a plugin for dynamic host volumes: `LINK fingerprint|create|delete`, with
//! what is asked for in variables `DHV_*`.

mod answer;
mod capacity;
mod create;
mod delete;
mod described;
mod start;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::base::failure::{Failure, exit_code};
use crate::callers::nomad::answer::{Failed, Fingerprint};
use crate::callers::nomad::described::text;
use crate::callers::nomad::start::{SHORT_TIMEOUT, start};
use crate::cli::stdout;
use crate::driver;
use crate::driver::allowed;
use crate::invocation::budget::Budget;
use crate::invocation::log::Log;
use crate::sys::process::environment;

const OPERATION: &str = "DHV_OPERATION";

/// How long the reader of an error is waited for.
const TELLING: Duration = Duration::from_secs(1);

/// Runs as the plugin if Nomad has called, else returns `None`.
pub fn run(log: &mut Log) -> Option<ExitCode> {
    let (driver, operation) = called()?;
    // Nomad sets no others.
    environment::keep(|name| name.as_encoded_bytes().starts_with(b"DHV_"));
    let Err(error) = carry_out(&driver, &operation, log) else {
        return Some(ExitCode::SUCCESS);
    };
    log.error(&error);
    let failed = Failed {
        error: log.shown(&error),
    };
    // Who has gone is told nothing.
    let _ = stdout::print(&answer::line(&failed), &Budget::new(TELLING));
    Some(ExitCode::from(exit_code(&error)))
}

/// The name of the link, and the operation, which Nomad names twice.
fn called() -> Option<(String, String)> {
    let mut words = env::args_os();
    let (link, operation) = (words.next()?, words.next()?);
    let driver = Path::new(&link).file_name()?.to_str()?;
    let is_nomad = words.next().is_none() && env::var_os(OPERATION)? == operation;
    (is_nomad && driver != "dvdcli").then(|| {
        let operation = operation.to_string_lossy().into_owned();
        (driver.to_owned(), operation)
    })
}

fn carry_out(driver: &str, operation: &str, log: &mut Log) -> Result<()> {
    match operation {
        "fingerprint" => fingerprint(driver, log),
        "create" => create::create(driver, log),
        "delete" => delete::delete(driver, log),
        other => bail!(Failure::usage(format!(
            "{OPERATION}: {}: there is no such operation",
            text(other)
        ))),
    }
}

/// The version, where the link's name is that of a driver which may be used. A plugin need not be there yet: Nomad asks only when it
/// starts.
fn fingerprint(driver: &str, log: &Log) -> Result<()> {
    let invocation = start(SHORT_TIMEOUT, log)?;
    allowed::refuse(&invocation, driver::open(&invocation, driver)?.as_ref())?;
    let answer = answer::line(&Fingerprint {
        version: env!("CARGO_PKG_VERSION"),
    });
    stdout::print(&answer, &invocation.budget)
}

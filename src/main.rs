//! dvdcli: volumes for hosts without Docker. Parses the command line, runs the verb, reports a failure, and exits.

mod base;
mod callers;
mod cli;
mod commands;
mod driver;
mod invocation;
mod protocol;
mod sys;
mod volume;

use std::process::ExitCode;

use base::failure::{Failure, exit_code};
use cli::usage::Unparsed;
use cli::{Cli, stdout};
use invocation::TIMEOUT;
use invocation::budget::Budget;
use invocation::log::Log;
use sys::process::arena::Arena;
use sys::process::inherited;

#[global_allocator]
static ALLOCATOR: Arena = Arena::new();

fn main() -> ExitCode {
    inherited::take_over();
    let budget = Budget::new(TIMEOUT);
    let mut log = Log::default();
    log.set_end(budget.ends());
    if let Some(code) = callers::fstab::run(&mut log) {
        return code;
    }
    let done = match Cli::parse_from_args(std::env::args_os().collect()) {
        Ok((cli, warnings)) => {
            warnings.iter().for_each(|warning| log.warn(warning));
            log.verbose = cli.verb.common().verbose;
            commands::run(&cli.verb, &mut log)
        }
        Err(Unparsed::Answer(text)) => stdout::print(&text, &budget).map(|()| 0),
        Err(Unparsed::Wrong(words)) => Err(Failure::usage(words).into()),
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        log.error(&error);
        exit_code(&error)
    }))
}

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

use base::failure::{ErrorKind, Failure};
use cli::usage::Unparsed;
use cli::{Cli, stdout};
use invocation::log::Log;
use sys::process::arena::Arena;

#[global_allocator]
static ALLOCATOR: Arena = Arena::new();

fn main() -> ExitCode {
    if let Some(code) = callers::fstab::run() {
        return code;
    }
    let cli = match Cli::parse_from_args(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(Unparsed::Answer(text)) => {
            return stdout::print(&text).map_or_else(
                |error| report(&Log::default(), &error),
                |()| ExitCode::SUCCESS,
            );
        }
        Err(Unparsed::Wrong(words)) => {
            return report(&Log::default(), &Failure::usage(words).into());
        }
    };
    let mut log = Log {
        verbose: cli.verb.common().verbose,
        ..Log::default()
    };
    match commands::run(&cli.verb, &mut log) {
        Ok(code) => ExitCode::from(code),
        Err(error) => report(&log, &error),
    }
}

fn report(log: &Log, error: &anyhow::Error) -> ExitCode {
    log.error(error);
    ExitCode::from(ErrorKind::of(error).exit_code())
}

//! dvdcli: volumes for hosts without Docker. Parse the command line, run the verb, report, exit.

mod budget;
mod cli;
mod commands;
mod config;
mod container_path;
mod driver;
mod failure;
mod files;
mod from_env;
mod fstab;
mod helper;
mod holders;
mod host;
mod inspect;
mod invocation;
mod log;
mod mounted;
mod mounting;
mod mountpoint;
mod options;
mod overview;
mod paths;
mod process;
mod record;
mod releasing;
mod running;
mod secrets;
mod several;
mod side_by_side;
mod suggest;
mod sys;
mod table;
mod targets;
mod task_plan;
mod version;
mod view;
mod volumes;

use std::process::ExitCode;

use cli::{Cli, Unparsed};
use failure::{Failure, Kind};
use log::Log;
use sys::arena::Arena;

#[global_allocator]
static ALLOCATOR: Arena = Arena::new();

fn main() -> ExitCode {
    if let Some(code) = helper::run() {
        return code;
    }
    let cli = match Cli::parse_from_args(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(Unparsed::Answer(text)) => {
            return commands::print(&text).map_or_else(
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
    ExitCode::from(Kind::of(error).exit_code())
}

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

use anyhow::anyhow;

use base::failure::{Failure, exit_code};
use base::secrets::values::Secrets;
use callers::task::environment;
use cli::usage::Unparsed;
use cli::{Cli, stdout};
use invocation::TIMEOUT;
use invocation::budget::Budget;
use invocation::log::Log;
use sys::process::arena::Arena;
use sys::process::inherited;

/// Whoever may call the program would mount as root.
const SET_USER_ID: &str = "its file gives it rights that its caller does not have, so it does nothing; take the bits away (chmod u-s,g-s) and \
    the capabilities (setcap -r), and let root call it";

#[global_allocator]
static ALLOCATOR: Arena = Arena::new();

fn main() -> ExitCode {
    inherited::take_over();
    inherited::hide_memory();
    let budget = Budget::new(TIMEOUT);
    let mut log = Log::default();
    if inherited::is_privileged_by_file() {
        log.error(&anyhow!(SET_USER_ID));
        return ExitCode::from(2);
    }
    log.set_end(budget.ends());
    if let Some(code) = callers::fstab::run(&mut log) {
        return code;
    }
    if let Some(code) = callers::nomad::run(&mut log) {
        return code;
    }
    let words: Vec<_> = std::env::args_os().collect();
    let ignored = environment::keep_volumes_only(&words);
    let done = match Cli::parse_from_args(words.clone()) {
        Ok((cli, warnings)) => {
            warnings.iter().for_each(|warning| log.warn(warning));
            log.verbose = cli.verb.common().verbose;
            commands::run(&cli.verb, &ignored, &mut log)
        }
        Err(Unparsed::Answer(text)) => stdout::print(&text, &budget).map(|()| 0),
        Err(Unparsed::Wrong(why)) => {
            log.secrets = Secrets::of_words(words);
            Err(Failure::usage(why).into())
        }
    };
    ExitCode::from(done.unwrap_or_else(|error| {
        log.error(&error);
        exit_code(&error)
    }))
}

//! The verbs, a file for each group of one kind.

mod about;
mod create;
mod from_env;
mod inspect;
mod list;
mod mount;
mod run;

use std::time::Duration;

use anyhow::Result;

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::secrets::Secrets;
use crate::cli::arguments::Common;
use crate::cli::verbs::Verb;
use crate::driver;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::invocation::log::Log;

/// Carries out a verb and returns its exit code. `log` learns which secrets to mask.
pub fn run(verb: &Verb, log: &mut Log) -> Result<u8> {
    match verb {
        Verb::Create(args) => create::create(args, log),
        Verb::Mount(args) if args.from_env => from_env::mount(args, log),
        Verb::Mount(args) => mount::mount(args, log),
        Verb::Unmount(args) if args.from_env => from_env::unmount(args, log),
        Verb::Unmount(args) => mount::unmount(args, log),
        Verb::Run(args) => run::run(args, log),
        Verb::Remove(args) => create::remove(args, log),
        Verb::Path(common) => inspect::path(common, log),
        Verb::Get(common) => inspect::get(common, log),
        Verb::List(args) => list::list(args, log),
        Verb::Inspect(args) => inspect::inspect(args, log),
        Verb::Exists(common) => inspect::exists(common, log),
        Verb::Drivers(args) => list::drivers(args, log),
        Verb::Version(_) => about::version(),
        Verb::Completions(args) => about::completions(args),
        Verb::Man(_) => about::man(),
    }
}

/// What a verb has to work with, where the command line says `common` and names a volume with `options`.
fn begin(
    common: &Common,
    options: &Options,
    default_timeout: Duration,
    log: &mut Log,
) -> Result<Invocation> {
    log.secrets = Secrets::of(options, shown_name(common));
    start(common, default_timeout, log)
}

/// As [`begin`], where `log` knows the secrets.
fn start(common: &Common, default_timeout: Duration, log: &Log) -> Result<Invocation> {
    let config = common.config.as_deref();
    Invocation::new(config, common.limits(default_timeout), log.clone())
}

/// The volume that a verb needs. Nothing is asked yet.
fn open_volume<'a>(
    invocation: &'a Invocation,
    common: &Common,
    options: &Options,
) -> Result<Box<dyn Volume + 'a>> {
    let name = common.volumename.as_deref();
    let name =
        name.ok_or_else(|| Failure::usage("--volumename is missing; it names the volume"))?;
    driver::open_volume(invocation, common.volumedriver.as_deref(), name, options)
}

/// The volume's name as the caller wrote it, for messages.
fn shown_name(common: &Common) -> &str {
    common.volumename.as_deref().unwrap_or_default()
}

/// The exit code for a signal, as shells have it.
fn code_of_signal(signal: i32) -> u8 {
    128 + signal as u8
}

//! The verbs, a file for each group of one kind.

mod about;
mod complete;
mod create;
mod doctor;
mod drivers;
mod from_env;
mod held;
mod image;
mod inspect;
mod list;
mod list_names;
mod mount;
mod opening;
mod prune;
mod run;
mod serve;
mod snapshot;
mod transfer;

use anyhow::Result;

use crate::cli::verbs::Verb;
use crate::invocation::log::Log;

/// Carries out a verb and returns its exit code. `ignored` are the variables that do not count with `--from-env`; `log` learns which
/// secrets to mask.
pub fn run(verb: &Verb, ignored: &[String], log: &mut Log) -> Result<u8> {
    match verb {
        Verb::Create(args) => create::create(args, log),
        Verb::Mount(args) if args.from_env => from_env::mount(args, ignored, log),
        Verb::Mount(args) => mount::mount(args, log),
        Verb::Unmount(args) if args.from_env => from_env::unmount(args, ignored, log),
        Verb::Unmount(args) => mount::unmount(args, log),
        Verb::Run(args) => run::run(args, log),
        Verb::Remove(args) => create::remove(args, log),
        Verb::Resize(args) => image::resize(args, log),
        Verb::Snapshot(args) => snapshot::snapshot(args, log),
        Verb::Trim(common) => image::trim(common, log),
        Verb::Prune(args) => prune::prune(args, log),
        Verb::Export(args) => transfer::export(args, log),
        Verb::Import(args) => transfer::import(args, log),
        Verb::Path(common) => inspect::path(common, log),
        Verb::Get(common) => inspect::get(common, log),
        Verb::List(args) => list::list(args, log),
        Verb::Inspect(args) => inspect::inspect(args, log),
        Verb::Exists(common) => inspect::exists(common, log),
        Verb::Drivers(args) => drivers::drivers(args, log),
        Verb::Doctor(args) => doctor::doctor(args, log),
        Verb::Serve(args) => serve::serve(args, log),
        Verb::Version(_) => about::version(),
        Verb::Completions(args) => about::completions(args),
        Verb::Complete(args) => complete::complete(args),
        Verb::Man(_) => about::man(),
    }
}

//! `export` and `import`: the content of a volume as a tar stream.

use std::fs::File;
use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::{ErrorKind, Failure, with_more};
use crate::cli::arguments::{ExportArgs, ImportArgs};
use crate::cli::stdout as answer;
use crate::commands::held::{Access, with_volume};
use crate::commands::opening::{catch_signals, shown_name};
use crate::invocation::log::Log;
use crate::sys::archive::leftover;
use crate::sys::archive::place::Place;
use crate::sys::archive::read::Source;
use crate::sys::archive::staging::{self, Staging};
use crate::sys::archive::target::Target;
use crate::sys::archive::write;
use crate::sys::files::{directory, tree};
use crate::sys::process::interruption;
use crate::sys::process::progress::{Progress, is_shown};
use crate::volume::holders::lock::ImportLock;

pub fn export(args: &ExportArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let doing = || format!("exporting volume {}", shown_name(&args.common));
    let mut target = target(args).with_context(doing)?;
    let written = with_volume(&args.common, Access::Read, log, |invocation, _, path| {
        let top = directory::open(path)?;
        let total = is_shown().then(|| tree::space(path));
        let progress = Progress::begin("exported", total);
        let warn = |what: &str| invocation.log.warn(what);
        let own = target.id();
        write::write(&top, &mut target, own, &progress, &warn)
    });
    target.finish(written).with_context(doing)?;
    Ok(0)
}

fn target(args: &ExportArgs) -> Result<Target> {
    if let Some(file) = not_standard(&args.output) {
        return Target::open(file);
    }
    if stdout().is_terminal() {
        bail!(Failure::usage(
            "it would write an archive to the terminal; give it a file with -O, or redirect it"
        ));
    }
    answer::check()?;
    Ok(Target::Stdout)
}

pub fn import(args: &ImportArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let doing = || format!("importing into volume {}", shown_name(&args.common));
    let file = source(args).with_context(doing)?;
    let mut is_in_place = false;
    let imported = with_volume(
        &args.common,
        Access::Write,
        log,
        |invocation, volume, path| {
            let _lock = ImportLock::acquire(invocation, volume.driver().key(), volume.name())?;
            let warn = |what: &str| invocation.log.warn(what);
            unpack(file, path, &warn).inspect(|()| is_in_place = true)
        },
    );
    let imported = match is_in_place {
        true => imported.context("all is in its place, but what comes after was not done"),
        false => imported.map_err(with_advice),
    };
    imported.with_context(doing)?;
    Ok(0)
}

fn source(args: &ImportArgs) -> Result<File> {
    match not_standard(&args.file) {
        Some(file) => File::open(file).with_context(|| format!("opening {}", file.display())),
        None if stdin().is_terminal() => bail!(Failure::usage(
            "it would read an archive from the terminal; name its file, or redirect it"
        )),
        None => Ok(stdin().as_fd().try_clone_to_owned()?.into()),
    }
}

/// `-` is stdin or stdout, as without a file.
fn not_standard(file: &Option<PathBuf>) -> Option<&Path> {
    file.as_deref().filter(|file| *file != Path::new("-"))
}

fn unpack(file: File, path: &Path, warn: &dyn Fn(&str)) -> Result<()> {
    let total = file.metadata().ok().filter(|found| found.is_file());
    let progress = Progress::begin("imported", total.map(|found| found.len()));
    let top = directory::open(path).and_then(directory::readable)?;
    let has_completed = leftover::recover(&top)?;
    if let Some(name) = staging::occupant(&top)? {
        let earlier = match has_completed {
            true => "an import that was cut off before is complete now, and ",
            false => "",
        };
        bail!(
            "{earlier}it is not empty, {} is in it; import into a new volume, or empty it first",
            name.display()
        );
    }
    let staging = Staging::begin(top)?;
    let mut place = Place::new(staging.files(), warn);
    let mut source = Source::new(file, &progress);
    let made = make_all(&mut source, &mut place).and_then(|()| place.finish());
    match made {
        Ok(attributes) => staging.commit(attributes),
        Err(error) => Err(interruption::undoing(|| staging.abandon(error))),
    }
}

fn make_all(source: &mut Source, place: &mut Place) -> Result<()> {
    while let Some(member) = source.next()? {
        place.make(&member, source)?;
    }
    Ok(())
}

fn with_advice(error: Error) -> Error {
    match ErrorKind::of(&error) {
        ErrorKind::Absent => with_more(error, "dvdcli create makes it"),
        _ => error,
    }
}

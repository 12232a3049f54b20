//! `mount.dvdcli` and `umount.dvdcli`: how mount(8), umount(8) and so fstab(5) and systemd call us.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use clap::error::ErrorKind;

use crate::cli;
use crate::cli::helper::{MountHelper, UmountHelper};
use crate::commands::{self, TIMEOUT, UNMOUNT_TIMEOUT};
use crate::driver::{self, Driver};
use crate::failure::{Failure, Kind};
use crate::fstab::{self, MountLine};
use crate::holders::{self, Ledger};
use crate::invocation::Invocation;
use crate::log::{Log, chain};
use crate::mounting::{self, Request, View};
use crate::record::{Holder, Record};
use crate::releasing::{self, Release};
use crate::secrets::Secrets;
use crate::sys::mount;
use crate::sys::mountinfo::MountTable;
use crate::sys::mountopts::MountOptions;
use crate::sys::utab;
use crate::targets::{self, Seen};

/// mount(8), EXIT STATUS: incorrect invocation or permissions.
const USAGE: u8 = 1;
/// What else is wrong with a volume, an option or a directory that the user named, as everywhere in dvdcli.
const BAD_INPUT: u8 = 2;
/// mount(8), EXIT STATUS: mount failure.
const FAILURE: u8 = 32;

/// `None` where the program is called by another name.
pub fn run() -> Option<ExitCode> {
    let name = env::args_os().next()?;
    match name.to_str()?.rsplit('/').next()? {
        "mount.dvdcli" => Some(called(|arguments: &MountHelper, log| {
            log.verbose = arguments.verbose;
            mount(arguments, log)
        })),
        "umount.dvdcli" => Some(called(|arguments: &UmountHelper, log| {
            log.verbose = arguments.verbose;
            umount(arguments, log)
        })),
        _ => None,
    }
}

fn called<A: Parser>(act: impl FnOnce(&A, &mut Log) -> Result<()>) -> ExitCode {
    let mut log = Log::default();
    let arguments = match A::try_parse() {
        Ok(arguments) => arguments,
        Err(answer)
            if matches!(
                answer.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            let printed = commands::print(&answer.to_string());
            return ExitCode::from(if printed.is_ok() { 0 } else { FAILURE });
        }
        Err(error) => {
            log.error(&anyhow!(cli::one_line(&error)));
            return ExitCode::from(USAGE);
        }
    };
    if !rustix::process::geteuid().is_root() {
        log.error(&anyhow!("only root can mount and unmount volumes"));
        return ExitCode::from(USAGE);
    }
    match act(&arguments, &mut log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error(&error);
            ExitCode::from(match Kind::of(&error) {
                Kind::Usage => BAD_INPUT,
                _ => FAILURE,
            })
        }
    }
}

fn mount(arguments: &MountHelper, log: &mut Log) -> Result<()> {
    let (spec, directory) = (&arguments.spec, arguments.dir.display());
    let doing = || format!("mounting {spec} at {directory}");
    let line = MountLine::parse(&arguments.options.join(","), arguments.sloppy);
    let line = line.with_context(doing)?;
    log.secrets = Secrets::of(&line.volume, spec);
    match mount_line(arguments, &line, log) {
        Err(error) if line.no_fail && Kind::of(&error) == Kind::Absent => {
            log.warn(&format!("{}: {}", doing(), chain(&error)));
            Ok(())
        }
        done => done.with_context(doing),
    }
}

fn mount_line(arguments: &MountHelper, line: &MountLine, log: &Log) -> Result<()> {
    let directory = env::current_dir().unwrap_or_default();
    let (driver, volume) = fstab::volume(&arguments.spec, &directory)?;
    let invocation = Invocation::new(None, None, TIMEOUT, None, log.clone())?;
    let driver = driver::open_or_default(&invocation, driver)?;
    if line.remount {
        return remount(&invocation, driver.as_ref(), volume, arguments, line);
    }
    if arguments.fake {
        targets::resolve(&invocation, &arguments.dir)?;
        return driver.plain_name(volume).map(drop);
    }
    let options = line.view.join(",");
    let request = Request {
        volume,
        options: &line.volume,
        create: !line.explicit_create && invocation.config.create_implicit,
        holder: Holder {
            id: None,
            target: Some(&arguments.dir),
        },
        read_only: line.read_only,
        view: if arguments.no_mtab {
            View::Plain(&options)
        } else {
            View::Listed(&options)
        },
    };
    mounting::mount(&invocation, driver.as_ref(), request).map(drop)
}

/// Gives the mount at the directory other options; the volume and its other mounts stay as they are.
fn remount(
    invocation: &Invocation,
    driver: &dyn Driver,
    volume: &str,
    arguments: &MountHelper,
    line: &MountLine,
) -> Result<()> {
    let target = targets::resolve(invocation, &arguments.dir)?;
    let ledger = Ledger::lock(invocation, driver.name(), &driver.plain_name(volume)?)?;
    let table = MountTable::read()?;
    let mounted = ledger.record().and_then(|record| record.live(&table));
    match mounted.filter(|mounted| targets::look(&target, Some(mounted), &table) == Seen::Volume) {
        None => bail!("it is not mounted there"),
        Some(mounted) if !line.read_only && (mounted.read_only || mounted.is_read_only) => {
            bail!(Failure::in_use(format!(
                "it is mounted read-only at {}",
                mounted.path.display()
            )))
        }
        Some(_) if arguments.fake => Ok(()),
        Some(mounted) => {
            let options = mounting::view_options(&mounted.path, &line.view.join(","))?;
            mount::remount_view(&target, &MountOptions::parse(&options)).context("remounting it")
        }
    }
}

fn umount(arguments: &UmountHelper, log: &mut Log) -> Result<()> {
    let invocation = Invocation::new(None, None, UNMOUNT_TIMEOUT, None, log.clone())?;
    let target = targets::name(&invocation, &arguments.dir);
    release(&invocation, &target, arguments.lazy)
        .with_context(|| format!("unmounting {}", arguments.dir.display()))
}

/// Releases the volume that appears at the target. What is mounted there otherwise, or is remembered by nobody, is only unmounted.
fn release(invocation: &Invocation, target: &Path, lazy: bool) -> Result<()> {
    let table = MountTable::read()?;
    let records = holders::all(invocation)?;
    let mut holding = records
        .iter()
        .filter(|record| record.holder_at(target).is_some());
    let is_seen =
        |record: &&Record| targets::look(target, record.mounted.as_ref(), &table) == Seen::Volume;
    let record = holding.clone().find(is_seen).or_else(|| holding.next());
    match record {
        Some(record) => {
            let driver = driver::open_exactly(invocation, &record.driver)?;
            let request = Release {
                volume: &record.volume,
                holder: Holder {
                    id: record.holder_at(target),
                    target: Some(target),
                },
                all: false,
                lazy,
            };
            releasing::unmount(invocation, driver.as_ref(), request)
        }
        None if table.at(target).is_none() => bail!("not mounted"),
        None if utab::lists(target) => utab::unmount(target, lazy, invocation.budget.ends()),
        None => Ok(mount::unmount_at(target, lazy)?),
    }
}

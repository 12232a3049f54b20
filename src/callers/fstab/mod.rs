//! `mount.dvdcli` and `umount.dvdcli`: how mount(8), umount(8) and so fstab(5) and systemd call us.

mod line;

use std::env;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::failure::{Failure, Kind};
use crate::base::secrets::Secrets;
use crate::base::text::chain;
use crate::callers::fstab::line as fstab;
use crate::callers::fstab::line::MountLine;
use crate::cli::Unparsed;
use crate::cli::helper::{HelperCommon, MountHelper, UmountHelper, parse};
use crate::commands::{self, TIMEOUT, UNMOUNT_TIMEOUT};
use crate::driver::{self, Driver, Options};
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::mountopts::MountOptions;
use crate::sys::mount::{calls, utab};
use crate::volume::bind::targets::{self, Seen};
use crate::volume::bind::view::{self, View};
use crate::volume::holders::ledger as holders;
use crate::volume::holders::ledger::Ledger;
use crate::volume::holders::mounted::Mounted;
use crate::volume::holders::record::{Holder, Record};
use crate::volume::mount::Request;
use crate::volume::release::Release;
use crate::volume::{mount as mounting, release as releasing};

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
        "mount.dvdcli" => Some(called(parse(), |it: &MountHelper| &it.common, mount)),
        "umount.dvdcli" => Some(called(parse(), |it: &UmountHelper| &it.common, umount)),
        _ => None,
    }
}

fn called<A>(
    parsed: Result<A, Unparsed>,
    common: impl FnOnce(&A) -> &HelperCommon,
    act: impl FnOnce(&A, &mut Log) -> Result<()>,
) -> ExitCode {
    let mut log = Log::default();
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(Unparsed::Answer(text)) => {
            let printed = commands::print(&text);
            return ExitCode::from(if printed.is_ok() { 0 } else { FAILURE });
        }
        Err(Unparsed::Wrong(words)) => {
            log.error(&anyhow!(words));
            return ExitCode::from(USAGE);
        }
    };
    if !rustix::process::geteuid().is_root() {
        log.error(&anyhow!("only root can mount and unmount volumes"));
        return ExitCode::from(USAGE);
    }
    let common = common(&arguments);
    if common.namespace.is_some() {
        log.error(&anyhow!(
            "-N: mounting in another mount namespace is not possible; run mount in it, by nsenter"
        ));
        return ExitCode::from(USAGE);
    }
    log.verbose = common.verbose;
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

fn invocation(common: &HelperCommon, timeout: Duration, log: &Log) -> Result<Invocation> {
    let config = common.config.as_deref();
    Invocation::new(config, common.timeout, timeout, common.wait, log.clone())
}

fn mount(arguments: &MountHelper, log: &mut Log) -> Result<()> {
    let (spec, directory) = (&arguments.spec, arguments.dir.display());
    log.secrets = Secrets::of(&Options::new(), spec);
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
    let subtype = arguments.common.fs_type.as_deref();
    let subtype = subtype.and_then(|fs_type| fs_type.strip_prefix("dvdcli."));
    let invocation = invocation(&arguments.common, TIMEOUT, log)?;
    let driver = driver::open_or_default(&invocation, driver.or(subtype))?;
    if line.remount {
        return remount(&invocation, driver.as_ref(), volume, arguments, line);
    }
    if arguments.fake {
        targets::resolve(&invocation, &arguments.dir)?;
        driver.plain_name(volume)?;
        return driver.original(volume, &line.volume).map(drop);
    }
    let words = line.view.join(",");
    let request = Request {
        volume,
        options: &line.volume,
        create: !line.explicit_create && invocation.config.create_implicit,
        holder: Holder {
            id: None,
            target: Some(&arguments.dir),
            process: None,
        },
        read_only: line.read_only,
        view: if arguments.no_mtab {
            View::Plain(&words)
        } else {
            View::Listed(&words)
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
            let options = view::options(mounted, &line.view.join(","), &table);
            calls::remount_view(&target, &MountOptions::parse(&options)).context("remounting it")
        }
    }
}

fn umount(arguments: &UmountHelper, log: &mut Log) -> Result<()> {
    let doing = || format!("releasing {}", arguments.dir.display());
    let invocation = invocation(&arguments.common, UNMOUNT_TIMEOUT, log).with_context(doing)?;
    let target = targets::name(&invocation, &arguments.dir);
    let record = recorded_at(&invocation, &target).with_context(doing)?;
    let Some(record) = record else {
        return unmount_foreign(&invocation, &target, arguments.lazy).with_context(doing);
    };
    log.secrets = Secrets::of(&Options::new(), &record.volume);
    let invocation = Invocation {
        log: log.clone(),
        ..invocation
    };
    release(&invocation, &record, &target, arguments.lazy).with_context(doing)
}

/// The record of the volume that appears at the target, else of one that is held there and has gone from it.
fn recorded_at(invocation: &Invocation, target: &Path) -> Result<Option<Record>> {
    let table = MountTable::read()?;
    let mut held = holders::all(invocation)?;
    held.retain(|record| record.holder_at(target).is_some());
    let is_seen =
        |record: &Record| targets::look(target, record.mounted.as_ref(), &table) == Seen::Volume;
    let at = held.iter().position(is_seen).unwrap_or(0);
    Ok(held.into_iter().nth(at))
}

fn release(invocation: &Invocation, record: &Record, target: &Path, lazy: bool) -> Result<()> {
    let mounted = record.mounted.as_ref();
    if mounted.is_some_and(Mounted::is_used_elsewhere) {
        // The view that is seen here is a copy of the one that its holder has.
        invocation.log.warn(&format!(
            "volume {} is held in another mount namespace, and stays mounted there",
            record.volume
        ));
        return unmount_foreign(invocation, target, lazy);
    }
    let driver = driver::open_exactly(invocation, &record.driver)?;
    let request = Release {
        volume: &record.volume,
        holder: Holder {
            id: None,
            target: Some(target),
            process: None,
        },
        all: false,
        lazy,
    };
    let released = releasing::unmount(invocation, driver.as_ref(), request);
    if released.is_err() && MountTable::read()?.at(target).is_none() {
        // umount(8) calls nobody for what is not mounted.
        let (driver, volume, target) = (&record.driver, &record.volume, target.display());
        let repair = format!("dvdcli unmount -d {driver} -n {volume} --target {target}");
        return released.with_context(|| format!("it is gone from there, {repair} does the rest"));
    }
    released
}

/// Unmounts what is no volume that is held there; nobody is released by that.
fn unmount_foreign(invocation: &Invocation, target: &Path, lazy: bool) -> Result<()> {
    if MountTable::read()?.at(target).is_none() {
        bail!("not mounted");
    }
    if utab::lists(target) {
        invocation.log.warn(&format!(
            "nobody is known to hold a volume at {}; it is only unmounted",
            target.display()
        ));
        return utab::unmount(target, lazy, invocation.budget.ends());
    }
    Ok(calls::unmount(target, lazy)?)
}

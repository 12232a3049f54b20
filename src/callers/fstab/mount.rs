//! mount(8) mounts a volume at a directory.

use std::env;

use anyhow::{Context, Result};

use crate::base::failure::ErrorKind;
use crate::base::secrets::values::Secrets;
use crate::base::text::chain;
use crate::callers::fstab::line::{self, MountLine};
use crate::callers::fstab::lost_words;
use crate::callers::fstab::remount::remount;
use crate::callers::fstab::unit::start;
use crate::cli::mount_helper::MountHelper;
use crate::driver;
use crate::driver::interface::Chooser;
use crate::invocation::TIMEOUT;
use crate::invocation::log::Log;
use crate::volume;
use crate::volume::bind::targets;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::request::MountRequest;

pub fn mount(arguments: &MountHelper, log: &mut Log) -> Result<()> {
    let (spec, directory) = (&arguments.spec, arguments.dir.display());
    let options = arguments.options.join(",");
    // An error may repeat an option that is no volume's.
    log.secrets = Secrets::in_text(spec).and(Secrets::in_text(&options));
    let doing = || format!("mounting {spec} at {directory}");
    let line = MountLine::parse(&options, arguments.sloppy);
    let line = line.with_context(doing)?;
    lost_words::refuse(arguments).with_context(doing)?;
    log.secrets = Secrets::of(&line.volume.options, spec);
    line.volume.warnings.iter().for_each(|it| log.warn(it));
    match mount_line(arguments, &line, log) {
        Err(error) if line.no_fail && ErrorKind::of(&error) == ErrorKind::Absent => {
            log.warn(&format!("{}: {}", doing(), chain(&error)));
            Ok(())
        }
        done => done.with_context(doing),
    }
}

fn mount_line(arguments: &MountHelper, line: &MountLine, log: &Log) -> Result<()> {
    let directory = env::current_dir().unwrap_or_default();
    let (driver, volume) = line::volume(&arguments.spec, &directory)?;
    let subtype = arguments.common.fs_type.as_deref();
    let subtype = subtype.and_then(|fs_type| fs_type.strip_prefix("dvdcli."));
    let invocation = start(&arguments.common, TIMEOUT, log)?;
    let options = &line.volume.options;
    let volume = driver::open_volume(&invocation, driver.or(subtype), volume, options)?;
    if line.remount {
        return remount(&invocation, volume.as_ref(), arguments, line);
    }
    if arguments.fake {
        targets::resolve(&invocation, &arguments.dir)?;
        return volume.copy_source(Chooser::Owner).map(drop);
    }
    let words = line.view.join(",");
    let creates = invocation.config.creates(line.explicit_create);
    let request = MountRequest {
        create: creates.then_some(Chooser::Owner),
        holder: Holder {
            id: None,
            target: Some(arguments.dir.clone()),
            ..Holder::default()
        },
        view: if arguments.no_mtab {
            View::Plain(&words)
        } else {
            View::Listed(&words)
        },
    };
    volume::mount::mount(&invocation, volume.as_ref(), request).map(drop)
}

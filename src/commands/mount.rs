//! `mount` and `unmount`.

use std::path::absolute;

use anyhow::{Context, Result, bail};

use crate::base::failure::{Failure, with_undo_error};
use crate::base::labels;
use crate::base::options::Options;
use crate::cli::arguments::{HolderArgs, MountArgs, UnmountArgs};
use crate::cli::stdout::{self, deliver};
use crate::commands::opening::{begin, catch_signals, open_volume, options, shown_name};
use crate::driver::interface::Chooser;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT, UNMOUNT_TIMEOUT};
use crate::sys::process::{inherited, interruption};
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::release;
use crate::volume::request::{MountRequest, Release};
use crate::volume::{self};

pub fn mount(args: &MountArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    if args.chown {
        bail!(Failure::usage("--chown needs --from-env"));
    }
    let options = options(&args.options, &args.common, log)?;
    let invocation = begin(&args.common, &options, TIMEOUT, log)?;
    let doing = || format!("mounting volume {}", shown_name(&args.common));
    stdout::check().with_context(doing)?;
    let mut volume = open_volume(&invocation, &args.common, &options)?;
    volume.set_labels(labels::parse(&args.labels.label)?)?;
    let creates = invocation.config.creates(args.creation.explicitcreate);
    let request = MountRequest {
        create: creates.then_some(Chooser::Caller),
        holder: holder(&args.holder),
        view: View::of(args.read_only),
    };
    let mounted =
        volume::mount::mount(&invocation, volume.as_ref(), request).with_context(doing)?;
    let answer = format!("{}\n", mounted.path.display());
    if let Err(error) = deliver(&answer, &invocation.budget) {
        // The caller never got the path: undo its hold.
        let undone = match mounted.is_new_holder {
            true => {
                let holder = holder(&args.holder);
                let undo = || release::unmount(&invocation, volume.as_ref(), holder, Release::ONE);
                interruption::undoing(undo)
            }
            false => Ok(()),
        };
        return Err(with_undo_error(error, undone)).with_context(doing);
    }
    Ok(0)
}

pub fn unmount(args: &UnmountArgs, log: &mut Log) -> Result<u8> {
    catch_signals()?;
    let invocation = begin(&args.common, &Options::new(), UNMOUNT_TIMEOUT, log)?;
    let volume = open_volume(&invocation, &args.common, &Options::new())?;
    let how = how_to_release(args, &invocation);
    let mut holder = holder(&args.holder);
    holder.target = holder
        .target
        .map(|target| absolute(&target).unwrap_or(target));
    inherited::leave_directory();
    release::unmount(&invocation, volume.as_ref(), holder, how)
        .with_context(|| format!("unmounting volume {}", shown_name(&args.common)))?;
    Ok(0)
}

pub fn how_to_release(args: &UnmountArgs, invocation: &Invocation) -> Release {
    Release {
        all: args.force || invocation.config.ignore_used_count,
        lazy: args.lazy,
    }
}

fn holder(args: &HolderArgs) -> Holder {
    Holder {
        id: args.id.clone(),
        target: args.target.clone(),
        ..Holder::default()
    }
}

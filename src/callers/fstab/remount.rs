//! mount(8) gives what is mounted at a directory other mount options (`-o remount`).

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::callers::fstab::line::MountLine;
use crate::cli::mount_helper::MountHelper;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::sys::mount::calls;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::mountopts::MountOptions;
use crate::volume::Locked;
use crate::volume::bind::targets::{self, Seen};
use crate::volume::bind::view::{self, View, ViewRequest};
use crate::volume::holders::record::Holder;

/// The volume and its other mounts stay as they are.
pub fn remount(
    invocation: &Invocation,
    volume: &dyn Volume,
    arguments: &MountHelper,
    line: &MountLine,
) -> Result<()> {
    let target = targets::resolve(invocation, &arguments.dir)?;
    let locked = Locked::lock(invocation, volume, Holder::default())?;
    let table = MountTable::read()?;
    let mount = locked.live(&table);
    match mount.filter(|mount| targets::look(&target, Some(mount), &table) == Seen::Volume) {
        None => bail!("it is not mounted there"),
        Some(mount) if !line.read_only && (mount.read_only || mount.is_read_only) => {
            bail!(Failure::in_use(format!(
                "it is mounted read-only at {}",
                mount.path.display()
            )))
        }
        Some(_) if arguments.fake => Ok(()),
        Some(mount) => {
            let words = line.view.join(",");
            let request = ViewRequest {
                target: &target,
                view: View::Listed(&words),
                is_built_in: !volume.driver().is_shared(),
                guard: &invocation.config.allow.views,
            };
            let options = view::options(mount, request, &table);
            calls::remount_view(&target, &MountOptions::parse(&options)).context("remounting it")
        }
    }
}

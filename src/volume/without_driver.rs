//! Unmounting without the driver what it mounted for us, and does not know any more.

use std::fmt;
use std::time::Instant;

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;

use crate::base::failure::Failure;
use crate::base::text::chain;
use crate::sys::mount::mountinfo::MountTable;
use crate::sys::mount::{busy, calls, health};
use crate::sys::process::interruption;
use crate::volume::holders::mount_record::MountRecord;
use crate::volume::request::Release;
use crate::volume::{Locked, mount_point};

/// It is unmounted, so that nothing is left to hold, but data is lost.
#[derive(Debug)]
struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}

/// Whether nothing is left to hold.
pub(super) fn is_over(concluded: &Result<()>) -> bool {
    let failed = concluded.as_ref().err();
    failed.is_none_or(Error::is::<Lost>)
}

impl Locked<'_> {
    /// Unmounts our own mount without its driver, which does not know it any more: it has been restarted, or is not there. Where
    /// nobody serves the mount any more, it is detached.
    pub(super) fn take_away(&self, mount: &MountRecord, why: &str, release: Release) -> Result<()> {
        let place = mount.mount_point();
        let shown = place.display();
        let is_abandoned = self.is_abandoned(mount);
        let lost = match is_abandoned {
            true => None,
            false => self.write_out(mount, release.lazy)?,
        };
        calls::unmount(place, is_abandoned || release.lazy)
            .map_err(
                |error| match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                    Errno::EBUSY => Failure::busy(shown.to_string(), &busy::used_by(place)).into(),
                    _ => Error::from(error).context(format!("unmounting {shown}")),
                },
            )
            .with_context(|| why.to_owned())?;
        let name = self.volume.name();
        let state = match is_abandoned {
            true => format!("nobody served {shown} any more, and it is unmounted"),
            false => format!("{shown} was still mounted, and is unmounted without its driver"),
        };
        if let Some(lost) = lost {
            bail!(Lost(format!(
                "{why}; {state}, but what was written last is lost: {lost}"
            )));
        }
        self.warn(&format!("unmounting volume {name}: {why}; {state}"));
        Ok(())
    }

    /// Why what was written to it has not reached the disk.
    fn write_out(&self, mount: &MountRecord, lazy: bool) -> Result<Option<String>> {
        let table = MountTable::read()?;
        let left = self.invocation.budget.left();
        let ends = Instant::now() + if lazy { left / 2 } else { left };
        let written = table
            .at(mount.mount_point())
            .map(|mount| health::write_out(mount, ends));
        match written {
            // It hangs, and so would the unmount.
            Some(Err(error)) if interruption::is_over(ends) && !lazy => Err(error),
            Some(Err(error)) => Ok(Some(chain(&error))),
            _ => Ok(None),
        }
    }

    /// Whether the process that served the mount has ended: it never answers again, and no plugin that was started anew knows it.
    fn is_abandoned(&self, mount: &MountRecord) -> bool {
        let answer = mount_point::answers(self.invocation, &mount.path);
        answer.is_err_and(|error| error.raw_os_error() == Some(Errno::ENOTCONN as i32))
    }
}

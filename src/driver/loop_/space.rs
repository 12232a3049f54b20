//! The disk space that a volume takes while it is made: asked for before, so that the other volumes on the same disk keep theirs.
//!
//! Images are sparse. Where the disk is full, the file systems in them cannot write, and give up.

use std::fs::File;
use std::io;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::{Statvfs, fstatvfs};

use crate::base::size;
use crate::invocation::config::allow::Reserve;

/// Less than this is nothing, in bytes.
pub const LITTLE: u64 = 1 << 20;

/// What is free of a file system, in bytes. On a full one a kernel may tell a number below zero, which looks like a very large one.
pub fn free(space: &Statvfs) -> u64 {
    let blocks = space.blocks_available();
    match blocks <= space.blocks() {
        true => blocks.saturating_mul(space.fragment_size()),
        false => 0,
    }
}

/// What a file system has, in bytes.
pub struct Space {
    pub free: u64,
    /// What is kept of it.
    pub kept: u64,
}

impl Space {
    /// `None` where it does not know, as some network file systems.
    pub fn of(file: &File, reserve: Reserve) -> Result<Option<Space>> {
        let space = fstatvfs(file).context("asking for free space")?;
        let bytes = |blocks: u64| blocks.saturating_mul(space.fragment_size());
        Ok((space.blocks() != 0).then(|| Space {
            free: free(&space),
            kept: reserve.of(bytes(space.blocks())),
        }))
    }

    pub fn has(&self, wanted: u64) -> bool {
        self.free >= wanted.saturating_add(self.kept)
    }

    /// Why it has not got `wanted`, a text.
    pub fn refusal(&self, wanted: &str) -> String {
        format!(
            "{wanted} is more than the {} that are free, less {} that stay free (setting dvdcli.allow.loop.reserve)",
            size::show(self.free),
            size::show(self.kept)
        )
    }
}

/// Refuses to take `wanted` bytes on the disk of `file`, where they are not free or less than `reserve` would stay free. `advice` is
/// appended to the error.
pub fn ask(file: &File, wanted: u64, reserve: Reserve, advice: &str) -> Result<()> {
    match Space::of(file, reserve)? {
        Some(space) if !space.has(wanted) => {
            bail!("{}{advice}", space.refusal(&size::show(wanted)))
        }
        _ => Ok(()),
    }
}

/// Allocates a part of a file, so that writing it later cannot fail for want of space. False where the file system below cannot.
pub fn allocate(file: &File, from: u64, length: u64) -> Result<bool> {
    let (from, length) = (i64::try_from(from), i64::try_from(length));
    let (from, length) = from
        .and_then(|from| Ok((from, length?)))
        .context("a length that no file has")?;
    match fallocate(file, FallocateFlags::empty(), from, length) {
        Ok(()) => Ok(true),
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(false),
        Err(error) => Err(io::Error::from(error)).context("allocating space"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;

    #[test]
    fn what_is_not_free_is_refused() {
        let file = tempfile::tempfile().expect("a file");
        let reserve = Reserve::Percent(0);
        let error = ask(&file, u64::MAX, reserve, "; advice").expect_err("refused");
        let text = chain(&error);
        assert!(
            text.ends_with("that stay free (setting dvdcli.allow.loop.reserve); advice"),
            "{text}"
        );
        ask(&file, 0, reserve, "").expect("nothing");
        ask(&file, 0, Reserve::Percent(100), "").expect_err("all stays free");
        assert!(allocate(&file, 0, 1 << 16).expect("allocated"));
        assert_eq!(file.metadata().expect("metadata").len(), 1 << 16);
    }
}

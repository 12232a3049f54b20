//! The disk space that a volume takes while it is made: asked for before, so that the other volumes on the same disk keep theirs.
//!
//! Images are sparse. Where the disk is full, the file systems in them cannot write, and give up.

use std::fs::File;
use std::io;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::fstatvfs;

use crate::driver::shared::size;

/// What stays free for the volumes that are there: this part of the disk, and no more than that many bytes.
const RESERVED_PART: u64 = 20;
const MOST_RESERVED: u64 = 1 << 30;

/// Refuses to take `wanted` bytes on the disk of `file`, where they are not free or too little would stay free. `advice` is
/// appended to the error.
pub fn ask(file: &File, wanted: u64, advice: &str) -> Result<()> {
    let space = fstatvfs(file).context("asking for free space")?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.fragment_size());
    // Some network file systems do not know.
    if space.blocks() == 0 {
        return Ok(());
    }
    let (free, reserved) = (
        bytes(space.blocks_available()),
        reserve(bytes(space.blocks())),
    );
    if free < wanted.saturating_add(reserved) {
        bail!(
            "{} is more than the {} that are free, less {} that are kept for the other volumes{advice}",
            size::show(wanted),
            size::show(free),
            size::show(reserved)
        );
    }
    Ok(())
}

fn reserve(total: u64) -> u64 {
    (total / RESERVED_PART).min(MOST_RESERVED)
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
    fn a_part_is_reserved_up_to_a_limit() {
        assert_eq!(reserve(200 << 20), 10 << 20);
        assert_eq!(reserve(1 << 40), 1 << 30);
    }

    #[test]
    fn what_is_not_free_is_refused() {
        let file = tempfile::tempfile().expect("a file");
        let error = ask(&file, u64::MAX, "; advice").expect_err("refused");
        let text = chain(&error);
        assert!(
            text.ends_with("that are kept for the other volumes; advice"),
            "{text}"
        );
        assert!(allocate(&file, 0, 1 << 16).expect("allocated"));
        assert_eq!(file.metadata().expect("metadata").len(), 1 << 16);
    }
}

//! How full a file system is: a mounted one by the kernel, one in an image by its own superblock.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::sys::block::signature;

/// Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fill {
    /// All of it, with what it needs for itself.
    pub length: u64,
    pub used: u64,
    pub free: u64,
}

/// The mounted file system that a directory lies in; `None` where it does not know, as some network file systems.
pub fn mounted(directory: &Path) -> io::Result<Option<Fill>> {
    let space = statvfs(directory)?;
    // On a full one a kernel may tell a number below zero, which looks like a very large one.
    let available = space.blocks_available();
    let available = if available <= space.blocks() {
        available
    } else {
        0
    };
    // What is reserved for root is neither used nor free for others.
    let used = space.blocks().saturating_sub(space.blocks_free());
    let bytes = |blocks: u64| blocks.saturating_mul(space.fragment_size());
    Ok((space.blocks() != 0).then(|| Fill {
        length: bytes(space.blocks()),
        used: bytes(used),
        free: bytes(available),
    }))
}

/// `None` where the file system is none of ext4, xfs and btrfs. Of one that was not unmounted the numbers may be old.
pub fn of(file: &File) -> io::Result<Option<Fill>> {
    match signature::of(file)? {
        Some("ext2" | "ext3" | "ext4") => ext(file),
        Some("xfs") => xfs(file),
        Some("btrfs") => btrfs(file),
        _ => Ok(None),
    }
}

/// Offsets by `struct ext4_super_block` of the kernel's `fs/ext4/ext4.h`; little-endian.
fn ext(file: &File) -> io::Result<Option<Fill>> {
    const HAS_64_BITS: u32 = 0x80;
    let Some(superblock) = signature::ext_superblock(file)? else {
        return Ok(None);
    };
    let word = |at: usize| u32::from_le_bytes(bytes(&superblock, at));
    let is_large = word(0x60) & HAS_64_BITS != 0;
    let wide = |low: usize, high: usize| {
        let high = if is_large { word(high) } else { 0 };
        u64::from(high) << 32 | u64::from(word(low))
    };
    let block = 1024u64.checked_shl(word(0x18)).unwrap_or(0);
    // As statfs counts: without the file system's own blocks, and without what only root may use.
    let (own, reserved) = (u64::from(word(0x248)), wide(0x8, 0x154));
    let (blocks, free) = (wide(0x4, 0x150), wide(0xc, 0x158));
    Ok(
        fill(blocks.saturating_sub(own), free, block).map(|fill| Fill {
            length: blocks.saturating_mul(block),
            free: fill.free.saturating_sub(reserved.saturating_mul(block)),
            ..fill
        }),
    )
}

/// Offsets by `struct xfs_dsb` of the kernel's `fs/xfs/libxfs/xfs_format.h`; big-endian.
fn xfs(file: &File) -> io::Result<Option<Fill>> {
    let mut superblock = [0; 256];
    file.read_exact_at(&mut superblock, 0)?;
    let block = u32::from_be_bytes(bytes(&superblock, 4));
    let long = |at: usize| u64::from_be_bytes(bytes(&superblock, at));
    Ok(fill(long(8), long(144), block.into()))
}

/// Offsets by `struct btrfs_super_block` of `<linux/btrfs_tree.h>`; little-endian, in bytes.
fn btrfs(file: &File) -> io::Result<Option<Fill>> {
    let mut superblock = [0; 256];
    file.read_exact_at(&mut superblock, 64 << 10)?;
    let long = |at: usize| u64::from_le_bytes(bytes(&superblock, at));
    let (total, used) = (long(112), long(120));
    Ok(fill(total, total.saturating_sub(used), 1))
}

fn fill(blocks: u64, free: u64, block: u64) -> Option<Fill> {
    let free = free.checked_mul(block)?;
    let length = blocks.checked_mul(block)?;
    let used = length.checked_sub(free)?;
    Some(Fill { length, used, free })
}

fn bytes<const N: usize>(superblock: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&superblock[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_each_file_system() {
        let file = || {
            let file = tempfile::tempfile().expect("a file");
            file.set_len(1 << 20).expect("its length");
            file
        };
        let (ext, xfs, btrfs) = (file(), file(), file());
        for (file, at, bytes) in [
            (&ext, 1024 + 0x38, &[0x53, 0xef][..]),
            (&ext, 1024 + 0x60, &[0x80]),
            (&ext, 1024 + 0x4, &[100]),
            (&ext, 1024 + 0xc, &[60]),
            (&ext, 1024 + 0x150, &[1]),
            (&ext, 1024 + 0x158, &[1]),
            (&ext, 1024 + 0x18, &[2]),
            (&ext, 1024 + 0x248, &[30]),
            (&ext, 1024 + 0x8, &[5]),
            (&xfs, 0, b"XFSB\0\0\x10\0\0\0\0\0\0\0\0\x64"),
            (&xfs, 144, &[0, 0, 0, 0, 0, 0, 0, 60]),
            (&btrfs, 0x10040, b"_BHRfS_M"),
            (&btrfs, 0x10000 + 112, &[100]),
            (&btrfs, 0x10000 + 120, &[40]),
        ] {
            file.write_all_at(bytes, at).expect("written");
        }
        let large = (1u64 << 32) + 60;
        let found = of(&ext).expect("read").expect("known");
        assert_eq!((found.used, found.free), (10 << 12, (large - 5) << 12));
        assert_eq!(found.length, ((1 << 32) + 100) << 12);
        let found = of(&xfs).expect("read").expect("known");
        assert_eq!((found.used, found.free), (40 << 12, 60 << 12));
        let found = of(&btrfs).expect("read").expect("known");
        assert_eq!((found.used, found.free, found.length), (40, 60, 100));
        assert_eq!(of(&file()).expect("read"), None);
    }
}

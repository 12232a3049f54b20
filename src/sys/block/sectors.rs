//! The smallest block that a file system reads and writes, by its superblock.

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::sys::block::signature;

/// What every device can do.
const LEAST: u32 = 512;

/// What all file systems below images can do by direct I/O: their own blocks, or those of a disk with large sectors.
const WANTED: u32 = 4096;

/// Where the superblocks have it: the power of two above 1024 of ext4's blocks, xfs's and btrfs's sectors in bytes.
const EXT_BLOCK: usize = 24;
const XFS_SECTOR: u64 = 102;
const BTRFS_SECTOR: u64 = 0x10090;

/// The block size of a device on which the file system of an image can be mounted: 4096 bytes where all that it reads and writes is
/// at least as large, else 512.
pub fn of(image: &File) -> u32 {
    match smallest_block(image) {
        Some(size) if size >= WANTED => WANTED,
        _ => LEAST,
    }
}

/// `None` where it is not known.
fn smallest_block(image: &File) -> Option<u32> {
    match signature::of(image).ok()?? {
        "ext2" | "ext3" | "ext4" => {
            let superblock = signature::ext_superblock(image).ok()??;
            1024_u32.checked_shl(superblock[EXT_BLOCK].into())
        }
        "xfs" => Some(u16::from_be_bytes(bytes(image, XFS_SECTOR)?).into()),
        "btrfs" => Some(u32::from_le_bytes(bytes(image, BTRFS_SECTOR)?)),
        _ => None,
    }
}

fn bytes<const N: usize>(image: &File, offset: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    image.read_exact_at(&mut bytes, offset).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes, and where they are.
    type Part = (u64, &'static [u8]);

    fn image(parts: &[Part]) -> File {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(1 << 20).expect("a length");
        for (offset, bytes) in parts {
            file.write_all_at(bytes, *offset).expect("written");
        }
        file
    }

    #[test]
    fn the_size_is_that_of_the_superblock() {
        const EXT: Part = (1024 + 56, &[0x53, 0xef]);
        const XFS: Part = (0, b"XFSB");
        const BTRFS: Part = (0x10040, b"_BHRfS_M");
        let cases: [(&[Part], u32); 7] = [
            (&[], 512),
            (&[EXT, (1024 + 24, &[0])], 512),
            (&[EXT, (1024 + 24, &[2])], 4096),
            (&[XFS, (102, &[2, 0])], 512),
            (&[XFS, (102, &[16, 0])], 4096),
            (&[BTRFS, (0x10090, &[0, 16, 0, 0])], 4096),
            (&[BTRFS, (0x10090, &[0, 64, 1, 0])], 4096),
        ];
        for (parts, size) in cases {
            assert_eq!(of(&image(parts)), size, "{parts:?}");
        }
    }
}

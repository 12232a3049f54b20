//! The superblocks of btrfs, as far as a copy of a file system needs other ones.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, bail};

/// Where the superblock and its mirrors are, in bytes. Small file systems have fewer mirrors.
const PLACES: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];
const LENGTH: usize = 4096;

/// The fields of a superblock (`struct btrfs_super_block` of `<linux/btrfs_tree.h>`), by their offsets in bytes.
const CHECKSUMMED: usize = 32;
const FSID: usize = 32;
const PLACE: usize = 48;
const MAGIC: usize = 64;
const LOG: usize = 96;
const INCOMPATIBLE: usize = 188;
const CHECKSUM_TYPE: usize = 196;
const METADATA_UUID: usize = 571;

const MAGIC_NUMBER: &[u8] = b"_BHRfS_M";

/// The feature bit for a UUID that differs from the one in the blocks of the file system, which is in `METADATA_UUID` then.
const HAS_METADATA_UUID: u64 = 1 << 10;

/// Whether there is a log, of what was synced last (fsync), that the kernel replays when it mounts the file system. False where it is
/// no btrfs.
pub fn has_log(file: &File) -> io::Result<bool> {
    let mut superblock = [0; LENGTH];
    match file.read_exact_at(&mut superblock, PLACES[0]) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        read => read?,
    }
    Ok(superblock[MAGIC..MAGIC + 8] == *MAGIC_NUMBER && number(&superblock, LOG) != 0)
}

/// Gives the file system a UUID, as `btrfstune -M` does.
///
/// Only the superblocks are written. `btrfstune` also commits a transaction, after which the log of what was synced last (fsync)
/// does not fit the file system any more, and the kernel refuses to mount it.
///
/// # Errors
///
/// There is no good superblock, or one whose checksum is of another kind than that of mkfs.btrfs.
pub fn set_uuid(file: &File, uuid: [u8; 16]) -> Result<()> {
    let length = file.metadata().context("reading its length")?.len();
    for (index, place) in PLACES.into_iter().enumerate() {
        if place + LENGTH as u64 > length {
            break;
        }
        let doing = || format!("changing the superblock at {place}");
        let mut superblock = [0; LENGTH];
        file.read_exact_at(&mut superblock, place)
            .with_context(doing)?;
        match change(&mut superblock, place, uuid) {
            Ok(()) => file.write_all_at(&superblock, place).with_context(doing)?,
            // The kernel mounts by the first one.
            Err(error) if index == 0 => return Err(error).with_context(doing),
            Err(_) => {}
        }
    }
    Ok(())
}

fn change(superblock: &mut [u8; LENGTH], place: u64, uuid: [u8; 16]) -> Result<()> {
    if superblock[MAGIC..MAGIC + 8] != *MAGIC_NUMBER || number(superblock, PLACE) != place {
        bail!("there is none");
    }
    if superblock[CHECKSUM_TYPE..CHECKSUM_TYPE + 2] != [0, 0] {
        bail!("its checksum is not crc32c, which mkfs.btrfs makes");
    }
    if superblock[..4] != crc32c(&superblock[CHECKSUMMED..]).to_le_bytes() {
        bail!("it is damaged: its checksum is wrong");
    }
    let features = number(superblock, INCOMPATIBLE);
    if features & HAS_METADATA_UUID == 0 {
        superblock.copy_within(FSID..FSID + 16, METADATA_UUID);
        let features = features | HAS_METADATA_UUID;
        superblock[INCOMPATIBLE..INCOMPATIBLE + 8].copy_from_slice(&features.to_le_bytes());
    }
    superblock[FSID..FSID + 16].copy_from_slice(&uuid);
    let checksum = crc32c(&superblock[CHECKSUMMED..]);
    superblock[..4].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

fn number(superblock: &[u8; LENGTH], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&superblock[at..at + 8]);
    u64::from_le_bytes(bytes)
}

/// The checksum of Castagnoli (RFC 3720).
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg())
        })
    })
}

/// A new UUID, of random numbers (RFC 9562).
pub fn random_uuid() -> io::Result<[u8; 16]> {
    let mut uuid = [0; 16];
    let random = File::open("/dev/urandom")?;
    random.read_exact_at(&mut uuid, 0)?;
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }

    fn superblock(place: u64) -> [u8; LENGTH] {
        let mut superblock = [0; LENGTH];
        superblock[FSID..FSID + 16].fill(7);
        superblock[PLACE..PLACE + 8].copy_from_slice(&place.to_le_bytes());
        superblock[MAGIC..MAGIC + 8].copy_from_slice(MAGIC_NUMBER);
        let checksum = crc32c(&superblock[CHECKSUMMED..]);
        superblock[..4].copy_from_slice(&checksum.to_le_bytes());
        superblock
    }

    #[test]
    fn a_log_is_known_by_the_superblock() {
        let file = tempfile::tempfile().expect("a file");
        assert!(!has_log(&file).expect("read"), "too short");
        file.set_len(1 << 20).expect("its length");
        file.write_all_at(&[1], PLACES[0] + LOG as u64)
            .expect("written");
        assert!(!has_log(&file).expect("read"), "no btrfs");
        let mut with = superblock(PLACES[0]);
        for has in [false, true] {
            with[LOG + 1] = u8::from(has);
            file.write_all_at(&with, PLACES[0]).expect("written");
            assert_eq!(has_log(&file).expect("read"), has);
        }
    }

    #[test]
    fn the_first_uuid_stays_that_of_the_blocks() {
        let mut changed = superblock(PLACES[0]);
        for uuid in [[8; 16], [9; 16]] {
            change(&mut changed, PLACES[0], uuid).expect("changed");
            assert_eq!(changed[FSID..FSID + 16], uuid);
            assert_eq!(changed[METADATA_UUID..METADATA_UUID + 16], [7; 16]);
            assert_eq!(number(&changed, INCOMPATIBLE), HAS_METADATA_UUID);
        }
    }

    #[test]
    fn what_is_no_good_superblock_is_not_changed() {
        let good = superblock(PLACES[0]);
        let with = |at: usize| {
            let mut bad = good;
            bad[at] ^= 1;
            bad
        };
        for mut bad in [with(MAGIC), with(PLACE), with(CHECKSUM_TYPE), with(2000)] {
            change(&mut bad, PLACES[0], [8; 16]).expect_err("refused");
        }
    }
}

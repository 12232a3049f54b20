//! Recognising what a file or device holds, by the magic numbers of file systems and other formats.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Formats: name, offset of the magic number in bytes, magic number.
const MAGIC: &[(&str, u64, &[u8])] = &[
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x10040, b"_BHRfS_M"),
    ("squashfs", 0, b"hsqs"),
    ("erofs", 0x400, b"\xe2\xe1\xf5\xe0"),
    ("f2fs", 0x400, b"\x10\x20\xf5\xf2"),
    ("iso9660", 0x8001, b"CD001"),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("vfat", 82, b"FAT32   "),
    ("vfat", 54, b"FAT1"),
    ("swap", 4086, b"SWAPSPACE2"),
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("LVM2_member", 0x218, b"LVM2 001"),
    ("gfs2", 0x10000, b"\x01\x16\x19\x70"),
    ("ocfs2", 0x2000, b"OCFSV2"),
];

/// The offset of the superblock of ext2, ext3 and ext4. The other offsets are counted from there.
const EXT_SUPERBLOCK: u64 = 1024;
const EXT_MAGIC: (usize, [u8; 2]) = (56, [0x53, 0xef]);
const EXT_UUID: u64 = 0x68;
const EXT_COMPATIBLE: usize = 92;
const EXT_INCOMPATIBLE: usize = 96;
const EXT_HAS_JOURNAL: u8 = 0x04;
/// The feature bit for extents, which only ext4 has.
const EXT_EXTENTS: u8 = 0x40;

const XFS_UUID: u64 = 32;

/// The name of the format, as mount(8) and blkid(8) write it; `None` where the content is none that is known here.
pub fn of(file: &File) -> io::Result<Option<&'static str>> {
    if let Some(ext) = ext(file)? {
        return Ok(Some(ext));
    }
    for (name, offset, magic) in MAGIC {
        let mut bytes = [0; 16];
        let bytes = &mut bytes[..magic.len()];
        if read(file, *offset, bytes)? && bytes == *magic {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The superblock of ext2, ext3 or ext4.
pub fn ext_superblock(file: &File) -> io::Result<Option<[u8; 1024]>> {
    let mut superblock = [0; 1024];
    let (at, magic) = EXT_MAGIC;
    let is_ext =
        read(file, EXT_SUPERBLOCK, &mut superblock)? && superblock[at..at + magic.len()] == magic;
    Ok(is_ext.then_some(superblock))
}

/// The UUID of ext2, ext3, ext4 or xfs; `None` where the file holds none of them.
pub fn uuid(file: &File) -> io::Result<Option<[u8; 16]>> {
    let offset = match of(file)? {
        Some("xfs") => XFS_UUID,
        Some(found) if found.starts_with("ext") => EXT_SUPERBLOCK + EXT_UUID,
        _ => return Ok(None),
    };
    let mut uuid = [0; 16];
    Ok(read(file, offset, &mut uuid)?.then_some(uuid))
}

fn ext(file: &File) -> io::Result<Option<&'static str>> {
    let Some(superblock) = ext_superblock(file)? else {
        return Ok(None);
    };
    let journal = superblock[EXT_COMPATIBLE] & EXT_HAS_JOURNAL != 0;
    let extents = superblock[EXT_INCOMPATIBLE] & EXT_EXTENTS != 0;
    Ok(Some(match (extents, journal) {
        (true, _) => "ext4",
        (false, true) => "ext3",
        (false, false) => "ext2",
    }))
}

/// Reads all of `bytes`. False where the file is too short.
fn read(file: &File, offset: u64, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(bytes, offset) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(parts: &[(u64, &[u8])]) -> Option<&'static str> {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(1 << 20).expect("its length");
        for (offset, bytes) in parts {
            file.write_all_at(bytes, *offset).expect("its content");
        }
        of(&file).expect("read")
    }

    #[test]
    fn formats_are_known_by_their_magic_number() {
        assert_eq!(holding(&[]), None);
        for (name, offset, magic) in MAGIC {
            assert_eq!(holding(&[(*offset, *magic)]), Some(*name));
        }
    }

    #[test]
    fn the_generations_of_ext_differ_in_features() {
        let magic: (u64, &[u8]) = (1024 + 56, &[0x53, 0xef]);
        assert_eq!(holding(&[magic]), Some("ext2"));
        assert_eq!(holding(&[magic, (1024 + 92, &[0x04])]), Some("ext3"));
        assert_eq!(
            holding(&[magic, (1024 + 92, &[0x3c]), (1024 + 96, &[0xc2])]),
            Some("ext4")
        );
    }

    #[test]
    fn a_file_that_is_too_short_holds_nothing() {
        assert_eq!(
            of(&tempfile::tempfile().expect("a temporary file")).expect("read"),
            None
        );
    }
}

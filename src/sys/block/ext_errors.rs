//! The errors that ext4 has noted in its superblock, where they stay until e2fsck(8) has mended it.

use std::fs::File;
use std::io;

use crate::sys::block::signature;

/// Fields of the superblock, by their offsets in bytes.
const STATE: usize = 0x3a;
const BEHAVIOUR: usize = 0x3c;
const COUNT: usize = 0x194;

/// The behaviour at an error that stops the whole host.
const PANIC: u8 = 3;

/// The bit of the state for errors.
const HAS_ERRORS: u8 = 2;

/// How many errors are noted, at least one; `None` where there are none, or it holds no ext4.
pub fn noted(file: &File) -> io::Result<Option<u32>> {
    let Some(superblock) = signature::ext_superblock(file)? else {
        return Ok(None);
    };
    let mut count = [0; 4];
    count.copy_from_slice(&superblock[COUNT..COUNT + 4]);
    let count = u32::from_le_bytes(count);
    Ok((superblock[STATE] & HAS_ERRORS != 0).then_some(count.max(1)))
}

/// Whether an error of the file system is to stop the whole host, unless a mount option says otherwise.
pub fn stop_the_host(file: &File) -> io::Result<bool> {
    let superblock = signature::ext_superblock(file)?;
    Ok(superblock.is_some_and(|superblock| superblock[BEHAVIOUR] == PANIC))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn errors_are_counted_where_the_state_says_so() {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(1 << 16).expect("its length");
        let write = |at: u64, bytes: &[u8]| file.write_all_at(bytes, 1024 + at).expect("written");
        assert_eq!(noted(&file).expect("read"), None);
        write(0x38, &[0x53, 0xef, 1]);
        assert_eq!(noted(&file).expect("read"), None);
        write(0x3a, &[3]);
        assert_eq!(noted(&file).expect("read"), Some(1));
        assert!(!stop_the_host(&file).expect("read"));
        write(0x3c, &[3]);
        assert!(stop_the_host(&file).expect("read"));
        write(0x194, &[7]);
        assert_eq!(noted(&file).expect("read"), Some(7));
    }
}

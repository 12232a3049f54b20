//! Copies of sparse files: by sharing blocks where the file system can, else of what is not a hole.

use std::fs::File;
use std::io;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustix::fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek};
use rustix::io::Errno;

/// How much is copied between two looks at the clock, in bytes.
const STEP: u64 = 64 << 20;

/// Lets `copy` share all blocks of `source`, in one atomic step. False where the file system cannot do that.
pub fn reflink(source: &File, copy: &File) -> io::Result<bool> {
    match ioctl_ficlone(copy, source) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOTTY | Errno::XDEV | Errno::INVAL | Errno::NOSYS) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Copies all data of `source` to an empty `copy`, which is as long afterwards and has the same holes.
pub fn sparse(source: &File, copy: &File, ends: Instant) -> Result<()> {
    let length = source.metadata()?.len();
    copy.set_len(length)?;
    let mut at = 0;
    while at < length {
        let from = match seek(source, SeekFrom::Data(at)) {
            Ok(from) => from,
            // Nothing but a hole is left.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error).context("looking for data"),
        };
        let to = seek(source, SeekFrom::Hole(from)).context("looking for a hole")?;
        range(source, copy, from, to, ends)?;
        at = to;
    }
    Ok(())
}

fn range(source: &File, copy: &File, from: u64, to: u64, ends: Instant) -> Result<()> {
    let (mut read, mut written) = (from, from);
    while read < to {
        if Instant::now() >= ends {
            bail!("not done when the time was over; give it more with --timeout");
        }
        let step = usize::try_from(STEP.min(to - read)).unwrap_or(usize::MAX);
        let copied = copy_file_range(source, Some(&mut read), copy, Some(&mut written), step);
        if copied.context("copying data")? == 0 {
            bail!("the original became shorter while it was copied");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::time::Duration;

    #[test]
    fn data_and_holes_are_kept() {
        let source = tempfile::tempfile().expect("a file");
        let copy = tempfile::tempfile().expect("a file");
        source.set_len(64 << 20).expect("its length");
        source.write_all_at(b"begin", 0).expect("data");
        source.write_all_at(b"middle", 20 << 20).expect("data");
        sparse(&source, &copy, Instant::now() + Duration::from_secs(60)).expect("copied");
        let data = copy.metadata().expect("metadata");
        let mut middle = [0; 6];
        copy.read_exact_at(&mut middle, 20 << 20).expect("read");
        assert_eq!((data.len(), &middle), (64 << 20, b"middle"));
        assert!(data.blocks() * 512 < 1 << 20, "{} blocks", data.blocks());
    }
}

//! Copying sparse files: by sharing their blocks where the file system can, else by copying their data and not their holes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::copy_file_range;
use nix::unistd::{Whence, lseek};
use rustix::fs::ioctl_ficlone;
use rustix::io::Errno as RustixErrno;

use crate::sys::process::interruption;
use crate::sys::process::progress::Progress;

/// How many bytes are copied before the time that is left is checked again.
const STEP: i64 = 64 << 20;

/// Lets `copy` share all blocks of `source`, in one atomic step (ioctl_ficlone(2)). False where the file system cannot.
pub fn reflink(source: &File, copy: &File) -> io::Result<bool> {
    match ioctl_ficlone(copy, source) {
        Ok(()) => Ok(true),
        Err(
            RustixErrno::OPNOTSUPP
            | RustixErrno::NOTTY
            | RustixErrno::XDEV
            | RustixErrno::INVAL
            | RustixErrno::NOSYS,
        ) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The parts of a file that hold data, each from one offset to another; between them are holes.
pub fn data(source: &File) -> Result<Vec<Range<i64>>> {
    let length = source.metadata()?.len().cast_signed();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < length {
        let from = match lseek(source, at, Whence::SeekData) {
            // Only a hole is left.
            Err(Errno::ENXIO) => break,
            from => from.map_err(io::Error::from).context("looking for data")?,
        };
        at = lseek(source, from, Whence::SeekHole)
            .map_err(io::Error::from)
            .context("looking for a hole")?;
        parts.push(from..at);
    }
    Ok(parts)
}

/// Copies these parts of `source` to the same places in `copy`. Where `may_share`, the file system may let both have the same
/// blocks.
pub fn parts(
    source: &File,
    copy: &File,
    parts: &[Range<i64>],
    may_share: bool,
    ends: Instant,
) -> Result<()> {
    let total = parts.iter().map(|part| part.end - part.start).sum::<i64>();
    let progress = Progress::begin("copied", Some(total.cast_unsigned()));
    let mut parts = parts.iter();
    parts.try_for_each(|part| match may_share {
        true => range(source, copy, part, &progress, ends),
        false => bytes(source, copy, part, &progress, ends),
    })
}

fn refuse_late(ends: Instant) -> Result<()> {
    if interruption::is_over(ends) {
        let otherwise = "not done when the time was over; give it more with --timeout";
        bail!(interruption::reason_or(otherwise));
    }
    Ok(())
}

fn bytes(
    source: &File,
    copy: &File,
    part: &Range<i64>,
    progress: &Progress,
    ends: Instant,
) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    let mut at = part.start.cast_unsigned();
    let end = part.end.cast_unsigned();
    while at < end {
        refuse_late(ends)?;
        let step = buffer
            .len()
            .min(usize::try_from(end - at).unwrap_or(usize::MAX));
        let step = &mut buffer[..step];
        source.read_exact_at(step, at).context("copying data")?;
        copy.write_all_at(step, at).context("copying data")?;
        at += step.len() as u64;
        progress.add(step.len() as u64);
    }
    Ok(())
}

fn range(
    source: &File,
    copy: &File,
    part: &Range<i64>,
    progress: &Progress,
    ends: Instant,
) -> Result<()> {
    let (mut read, mut written) = (part.start, part.start);
    while read < part.end {
        refuse_late(ends)?;
        let step = usize::try_from(STEP.min(part.end - read)).unwrap_or(usize::MAX);
        let copied = copy_file_range(source, Some(&mut read), copy, Some(&mut written), step);
        let copied = copied.map_err(io::Error::from).context("copying data")?;
        if copied == 0 {
            bail!("the original became shorter while it was copied");
        }
        progress.add(copied as u64);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    #[test]
    fn data_and_holes_are_kept() {
        let source = tempfile::tempfile().expect("a file");
        source.set_len(64 << 20).expect("its length");
        source.write_all_at(b"begin", 0).expect("data");
        source.write_all_at(b"middle", 20 << 20).expect("data");
        let found = data(&source).expect("data");
        for may_share in [true, false] {
            let copy = tempfile::tempfile().expect("a file");
            copy.set_len(64 << 20).expect("its length");
            let ends = Instant::now() + Duration::from_secs(60);
            parts(&source, &copy, &found, may_share, ends).expect("copied");
            let data = copy.metadata().expect("metadata");
            let mut middle = [0; 6];
            copy.read_exact_at(&mut middle, 20 << 20).expect("read");
            assert_eq!((data.len(), &middle), (64 << 20, b"middle"));
            assert!(data.blocks() * 512 < 1 << 20, "{} blocks", data.blocks());
        }
    }
}

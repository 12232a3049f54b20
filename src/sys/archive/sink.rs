//! What is written to an archive, collected to large writes.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

use crate::sys::archive::{BLOCK, padding, refuse_interrupted, shown};
use crate::sys::process::progress::Progress;

/// Of the buffer: large enough to make system calls cheap, and small enough for the processor's cache.
const CAPACITY: usize = 256 << 10;

/// Less room than this is not read into.
const LEAST: usize = 32 << 10;

const ZEROS: [u8; BLOCK as usize] = [0; BLOCK as usize];

pub struct Sink<'a> {
    out: &'a mut dyn Write,
    progress: &'a Progress,
    buffer: Vec<u8>,
    filled: usize,
}

impl<'a> Sink<'a> {
    pub fn new(out: &'a mut dyn Write, progress: &'a Progress) -> Sink<'a> {
        Sink {
            out,
            progress,
            buffer: vec![0; CAPACITY],
            filled: 0,
        }
    }

    pub fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.filled == CAPACITY {
                self.flush()?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CAPACITY - self.filled));
            self.buffer[self.filled..][..now.len()].copy_from_slice(now);
            self.filled += now.len();
            bytes = later;
        }
        Ok(())
    }

    /// Zeros up to the next block, behind so many bytes.
    pub fn pad(&mut self, length: u64) -> Result<()> {
        let missing = usize::try_from(padding(length)).unwrap_or_default();
        self.put(&ZEROS[..missing])
    }

    /// A part of a file. What the file has no more is written as zeros, and counted.
    pub fn put_file(&mut self, file: &File, part: Range<u64>, path: &[u8]) -> Result<u64> {
        let (mut from, to) = (part.start, part.end);
        while from < to {
            if CAPACITY - self.filled < LEAST {
                self.flush()?;
            }
            let room = &mut self.buffer[self.filled..];
            let wanted = usize::try_from(to - from).unwrap_or(usize::MAX);
            let wanted = room.len().min(wanted);
            match file.read_at(&mut room[..wanted], from) {
                Ok(0) => return self.put_zeros(to - from),
                Ok(read) => {
                    self.filled += read;
                    from += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("reading {}", shown(path)));
                }
            }
        }
        Ok(0)
    }

    fn put_zeros(&mut self, length: u64) -> Result<u64> {
        let mut left = length;
        while left > 0 {
            let now = left.min(BLOCK);
            self.put(&ZEROS[..usize::try_from(now).unwrap_or_default()])?;
            left -= now;
        }
        Ok(length)
    }

    /// The two empty blocks at the end of an archive.
    pub fn finish(mut self) -> Result<()> {
        self.put(&[0; 2 * BLOCK as usize])?;
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        refuse_interrupted()?;
        self.out
            .write_all(&self.buffer[..self.filled])
            .context("writing the archive")?;
        self.progress.add(self.filled as u64);
        self.filled = 0;
        Ok(())
    }
}

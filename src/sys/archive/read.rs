//! The members of a tar stream, one after the other.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use anyhow::{Context, Error, Result, anyhow, bail};
use nix::poll::PollFlags;
use tar_core::parse::{Limits, ParseEvent, Parser};

use crate::sys::archive::member::Member;
use crate::sys::archive::{never, padding, parse};
use crate::sys::process::interruption;
use crate::sys::process::progress::Progress;

const CAPACITY: usize = 256 << 10;

/// What hostile archives cannot exceed. A path is as long as the kernel takes one at most.
const LIMITS: Limits = Limits {
    max_metadata_size: 16 << 20,
    max_path_len: Some(4096),
    max_pending_entries: 16,
    max_sparse_entries: 1 << 20,
};

/// With the list of a million parts of a sparse file, in bytes.
const LONGEST_HEADER: usize = 64 << 20;

/// How the files of programs begin that make archives smaller, and what makes archives of them again.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "gzip -dc"),
    (b"\x28\xb5\x2f\xfd", "zstd -dc"),
    (b"\xfd7zXZ\0", "xz -dc"),
    (b"BZh", "bzip2 -dc"),
];

pub struct Source<'a> {
    file: File,
    progress: &'a Progress,
    parser: Parser,
    buffer: Vec<u8>,
    /// Of the buffer, what is not used yet.
    from: usize,
    to: usize,
    /// A member was found.
    has_begun: bool,
    is_at_end: bool,
    /// What is left of the content of the last member, and of the padding behind.
    left: u64,
    behind: u64,
}

impl<'a> Source<'a> {
    pub fn new(file: File, progress: &'a Progress) -> Source<'a> {
        let mut parser = Parser::new(LIMITS);
        // It knows no times before 1970. What is wrong is found by `parse`.
        parser.set_ignore_pax_errors(true);
        Source {
            file,
            progress,
            parser,
            buffer: vec![0; CAPACITY],
            from: 0,
            to: 0,
            has_begun: false,
            is_at_end: false,
            left: 0,
            behind: 0,
        }
    }

    /// The next member; `None` behind the last, where the archive has its proper end.
    pub fn next(&mut self) -> Result<Option<Member>> {
        self.skip()?;
        loop {
            let parsed = match self.parser.parse(&self.buffer[self.from..self.to]) {
                Err(error) => {
                    let what = format!("it is no tar archive, or damaged: {error}");
                    return Err(self.damage(what));
                }
                Ok(parsed) => parsed,
            };
            match interpret(parsed)? {
                // As where a list of parts has no line end: it would ask for the same for ever.
                Found::Nothing { needed } if needed <= self.to - self.from => {
                    let what = "it is no tar archive, or damaged: a header has no end";
                    return Err(self.damage(what.to_owned()));
                }
                Found::Nothing { needed } if needed > LONGEST_HEADER => {
                    bail!("the header of a member is longer than 64 MiB");
                }
                Found::Nothing { needed } => {
                    self.need(needed)?;
                    self.read_ahead(needed)?;
                }
                Found::End { used } => {
                    self.from += used;
                    self.refuse_more()?;
                    return Ok(None);
                }
                Found::Other { used, stored } => self.begin(used, stored),
                Found::Member {
                    used,
                    stored,
                    member,
                } => {
                    self.begin(used, stored);
                    return Ok(Some(member));
                }
            }
            self.skip()?;
        }
    }

    /// The header is read; so much content follows.
    fn begin(&mut self, used: usize, stored: u64) {
        self.from += used;
        self.left = stored;
        self.behind = padding(stored);
        self.has_begun = true;
    }

    /// The next piece of the content, of so many bytes at most.
    pub fn piece(&mut self, most: u64) -> Result<&[u8]> {
        if self.from == self.to {
            self.need(1)?;
        }
        let there = (self.to - self.from) as u64;
        let length = usize::try_from(there.min(most).min(self.left)).unwrap_or_default();
        let start = self.from;
        self.from += length;
        self.left -= length as u64;
        Ok(&self.buffer[start..self.from])
    }

    /// Passes what is left of the last member.
    fn skip(&mut self) -> Result<()> {
        self.left = (self.left.checked_add(self.behind)).context("a member is too long")?;
        self.behind = 0;
        while self.left > 0 {
            self.piece(u64::MAX)?;
        }
        Ok(())
    }

    /// Reads until so many bytes are there.
    fn need(&mut self, length: usize) -> Result<()> {
        while self.to - self.from < length {
            self.fill(length)?;
            if self.is_at_end && self.to - self.from < length {
                return Err(self.cut_off());
            }
        }
        Ok(())
    }

    /// A long header is parsed from its beginning each time, so twice as much of it is read then, as far as there is so much.
    fn read_ahead(&mut self, length: usize) -> Result<()> {
        while length > CAPACITY && !self.is_at_end && self.to - self.from < length * 2 {
            self.fill(length * 2)?;
        }
        Ok(())
    }

    fn cut_off(&self) -> Error {
        match self.has_begun || self.to > 0 {
            true => self.damage("the archive is cut off: its end is missing".to_owned()),
            false => anyhow!("there is no archive: nothing is to be read"),
        }
    }

    /// What is wrong with the archive, unless it only has to be unpacked.
    fn damage(&self, what: String) -> Error {
        let start = &self.buffer[self.from..self.to];
        let begins = |(magic, _): &&(&[u8], &str)| start.starts_with(magic);
        match COMPRESSED.iter().find(begins) {
            Some((_, program)) if !self.has_begun => {
                anyhow!("it is compressed; read it through {program}")
            }
            _ => anyhow!(what),
        }
    }

    fn fill(&mut self, length: usize) -> Result<()> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        if length > self.buffer.len() - self.from {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        if length > self.buffer.len() {
            // Much more at once: it is parsed from its beginning each time.
            self.buffer.resize(length.next_power_of_two() * 2, 0);
        }
        let read = self.read()?;
        self.to += read;
        self.is_at_end = read == 0;
        self.progress.add(read as u64);
        Ok(())
    }

    fn read(&mut self) -> Result<usize> {
        loop {
            // A signal ends the wait, which it could not do with a read.
            if !interruption::wait(self.file.as_fd(), PollFlags::POLLIN, never())? {
                bail!(interruption::reason_or("there is nothing to read"));
            }
            match self.file.read(&mut self.buffer[self.to..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.context("reading the archive"),
            }
        }
    }

    /// Reads on, so that whoever writes is not cut off: after the end there is nothing but zeros.
    fn refuse_more(&mut self) -> Result<()> {
        loop {
            let rest = &self.buffer[self.from..self.to];
            if rest.iter().any(|byte| *byte != 0) {
                bail!("there is more behind the end of the archive");
            }
            self.from = self.to;
            self.fill(1)?;
            if self.is_at_end {
                return Ok(());
            }
        }
    }
}

/// What the next blocks are, and how many bytes of them were used.
enum Found {
    Nothing {
        needed: usize,
    },
    Member {
        used: usize,
        stored: u64,
        member: Member,
    },
    /// What makes no file.
    Other {
        used: usize,
        stored: u64,
    },
    End {
        used: usize,
    },
}

fn interpret(parsed: ParseEvent) -> Result<Found> {
    let (used, entry, sparse) = match parsed {
        ParseEvent::NeedData { min_bytes } => return Ok(Found::Nothing { needed: min_bytes }),
        ParseEvent::End { consumed } => return Ok(Found::End { used: consumed }),
        ParseEvent::GlobalExtensions { consumed, pax_data } => {
            parse::check_global(pax_data)?;
            return Ok(Found::Other {
                used: consumed,
                stored: 0,
            });
        }
        ParseEvent::Entry { consumed, entry } => (consumed, entry, None),
        ParseEvent::SparseEntry {
            consumed,
            entry,
            sparse_map,
            real_size,
        } => (consumed, entry, Some((sparse_map, real_size))),
    };
    let stored = parse::stored(&entry);
    Ok(match parse::member(&entry, sparse)? {
        Some(member) => Found::Member {
            used,
            stored,
            member,
        },
        None => Found::Other { used, stored },
    })
}

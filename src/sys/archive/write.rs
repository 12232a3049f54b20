//! A directory with all below it as a tar stream. Everything is reached by the handle of its directory, and no link is followed.

use std::collections::HashMap;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::iter;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use anyhow::{Context, Result};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use tar_core::SparseEntry;

use crate::sys::archive::attributes::Attributes;
use crate::sys::archive::extended::Extended;
use crate::sys::archive::member::{Content, Kind, Member};
use crate::sys::archive::sink::Sink;
use crate::sys::archive::{BLOCK, leftover, refuse_interrupted, shown};
use crate::sys::errno::errno_of;
use crate::sys::files::directory::{enter_on_same_mount, readable};
use crate::sys::files::{copy, id::FileId};
use crate::sys::process::progress::Progress;

/// A file with more parts than this is written whole, so that the list of them stays small.
const MOST_PARTS: usize = 1 << 18;

/// Writes the directory `top` and all below it, but for what is mounted there, and for `own`, which is the archive itself. `warn` is
/// told what is not as it should be.
pub fn write(
    top: &OwnedFd,
    out: &mut dyn Write,
    own: Option<FileId>,
    progress: &Progress,
    warn: &dyn Fn(&str),
) -> Result<()> {
    let mut writer = Writer {
        top,
        own,
        warn,
        sink: Sink::new(out, progress),
        linked: HashMap::new(),
        waiting: vec![Vec::new()],
    };
    while let Some(path) = writer.waiting.pop() {
        writer.directory(&path)?;
    }
    writer.sink.finish()
}

struct Writer<'a> {
    top: &'a OwnedFd,
    own: Option<FileId>,
    warn: &'a dyn Fn(&str),
    sink: Sink<'a>,
    /// Files with several names, and the name that each has in the archive.
    linked: HashMap<FileId, Vec<u8>>,
    /// The paths of directories that are to be written.
    waiting: Vec<Vec<u8>>,
}

impl Writer<'_> {
    fn directory(&mut self, path: &[u8]) -> Result<()> {
        let opened = match path {
            b"" => readable(self.top),
            path => enter_on_same_mount(self.top, &CString::new(path)?),
        };
        let directory = match opened {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                return self.mount_point(path);
            }
            Err(error) if has_gone(&error) => return Ok(()),
            opened => opened.with_context(reading(path))?,
        };
        let status = fstat(&directory).map_err(io::Error::from)?;
        let extended = Extended::of(&directory).with_context(reading(path))?;
        self.put_header(path.to_vec(), Kind::Directory, &status, extended)?;
        let names = readable(&directory)
            .and_then(|opened| Ok(Dir::from_fd(opened)?))
            .with_context(reading(path))?;
        for entry in names {
            let entry = entry.map_err(io::Error::from).with_context(reading(path))?;
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let is_hidden = || leftover::is_hidden(self.top, OsStr::from_bytes(bytes));
            if path.is_empty() && is_hidden().with_context(reading(bytes))? {
                continue;
            }
            let below = match path {
                b"" => bytes.to_vec(),
                path => [path, b"/", bytes].concat(),
            };
            let is_file = entry.file_type() == Some(nix::dir::Type::File);
            self.entry(&directory, name, below, is_file)?;
        }
        Ok(())
    }

    /// A directory that something is mounted at, which is not the volume's: without what is in it.
    fn mount_point(&mut self, path: &[u8]) -> Result<()> {
        let status = fstatat(self.top, path, AtFlags::AT_SYMLINK_NOFOLLOW);
        let status = status
            .map_err(io::Error::from)
            .with_context(reading(path))?;
        (self.warn)(&format!("left out: what is mounted at {}", shown(path)));
        self.put_header(path.to_vec(), Kind::Directory, &status, Extended::default())
    }

    fn entry(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: Vec<u8>,
        is_file: bool,
    ) -> Result<()> {
        refuse_interrupted()?;
        if is_file && let Some(file) = open(directory, name).with_context(reading(&path))? {
            return self.file(file, path);
        }
        let status = match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => return Ok(()),
            status => status
                .map_err(io::Error::from)
                .with_context(reading(&path))?,
        };
        match status.st_mode & libc::S_IFMT {
            libc::S_IFDIR => self.waiting.push(path),
            libc::S_IFREG => {
                if let Some(file) = open(directory, name).with_context(reading(&path))? {
                    self.file(file, path)?;
                }
            }
            libc::S_IFSOCK => (self.warn)(&format!("left out: {} is a socket", shown(&path))),
            _ => self.special(directory, name, path, &status)?,
        }
        Ok(())
    }

    /// A link, a device or a FIFO, none of which is opened.
    fn special(
        &mut self,
        directory: &OwnedFd,
        name: &CStr,
        path: Vec<u8>,
        status: &FileStat,
    ) -> Result<()> {
        let kind = match status.st_mode & libc::S_IFMT {
            libc::S_IFLNK => match readlinkat(directory, name) {
                Err(Errno::ENOENT | Errno::EINVAL) => return Ok(()),
                target => Kind::SymbolicLink({
                    let target = target
                        .map_err(io::Error::from)
                        .with_context(reading(&path))?;
                    target.into_vec()
                }),
            },
            libc::S_IFIFO => Kind::Fifo,
            kind => Kind::Device {
                is_block: kind == libc::S_IFBLK,
                major: libc::major(status.st_rdev),
                minor: libc::minor(status.st_rdev),
            },
        };
        if let Some(first) = self.first_name(status, &path) {
            return self.put_header(path, Kind::HardLink(first), status, Extended::default());
        }
        let extended = match Extended::of_name(directory, OsStr::from_bytes(name.to_bytes())) {
            Err(error) if has_gone(&error) => return Ok(()),
            extended => extended.with_context(reading(&path))?,
        };
        self.put_header(path, kind, status, extended)
    }

    /// The name under which it is in the archive already.
    fn first_name(&mut self, status: &FileStat, path: &[u8]) -> Option<Vec<u8>> {
        if status.st_nlink < 2 {
            return None;
        }
        let id = FileId::new(status.st_dev, status.st_ino);
        if let Some(first) = self.linked.get(&id) {
            return Some(first.clone());
        }
        self.linked.insert(id, path.to_vec());
        None
    }

    fn file(&mut self, file: File, path: Vec<u8>) -> Result<()> {
        let status = fstat(&file)
            .map_err(io::Error::from)
            .with_context(reading(&path))?;
        let id = FileId::new(status.st_dev, status.st_ino);
        if status.st_mode & libc::S_IFMT != libc::S_IFREG || self.own == Some(id) {
            return Ok(());
        }
        if let Some(first) = self.first_name(&status, &path) {
            return self.put_header(path, Kind::HardLink(first), &status, Extended::default());
        }
        let file = OwnedFd::from(file);
        let extended = Extended::of(&file).with_context(reading(&path))?;
        let file = File::from(file);
        let length = status.st_size.cast_unsigned();
        let parts = parts(&file, &status).with_context(reading(&path))?;
        let content = match &parts {
            None => Content {
                stored: length,
                sparse: None,
            },
            Some(parts) => sparse(parts, length),
        };
        let stored = content.stored;
        self.put_header(path.clone(), Kind::File(content), &status, extended)?;
        let mut missing = 0;
        let whole = || iter::once(0..length).collect();
        for part in parts.unwrap_or_else(whole) {
            missing += self.sink.put_file(&file, part, &path)?;
        }
        if missing > 0 {
            let path = shown(&path);
            (self.warn)(&format!(
                "{path} became shorter while it was read: its last {missing} bytes are zeros in the archive"
            ));
        }
        self.sink.pad(stored)
    }

    fn put_header(
        &mut self,
        path: Vec<u8>,
        kind: Kind,
        status: &FileStat,
        extended: Extended,
    ) -> Result<()> {
        let member = Member {
            path,
            kind,
            attributes: Attributes {
                extended,
                ..Attributes::of(status)
            },
        };
        self.sink.put(&member.header()?)
    }
}

fn reading(path: &[u8]) -> impl Fn() -> String {
    move || format!("reading {}", shown(path))
}

/// Whether it has been removed, or something else is in its place, since its name was read.
fn has_gone(error: &io::Error) -> bool {
    matches!(
        errno_of(error),
        Some(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR | Errno::ENXIO | Errno::ESTALE)
    )
}

/// Opens a file, without changing when it was read last. `None` where it has gone.
fn open(directory: impl AsFd, name: &CStr) -> io::Result<Option<File>> {
    let flags = OFlag::O_RDONLY
        | OFlag::O_NOFOLLOW
        | OFlag::O_NONBLOCK
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let opened = match openat(&directory, name, flags | OFlag::O_NOATIME, Mode::empty()) {
        // Only the owner of a file may ask for that, or root, who is nobody on some network file systems.
        Err(Errno::EPERM) => openat(&directory, name, flags, Mode::empty()),
        opened => opened,
    };
    match opened.map_err(io::Error::from) {
        Err(error) if has_gone(&error) => Ok(None),
        opened => Ok(Some(opened?.into())),
    }
}

/// The parts of a file that hold data, if it has holes that are worth a list.
fn parts(file: &File, status: &FileStat) -> Result<Option<Vec<Range<u64>>>> {
    let length = status.st_size.cast_unsigned();
    if status.st_blocks.cast_unsigned() * 512 >= length {
        return Ok(None);
    }
    let mut parts = Vec::new();
    for part in copy::data(file)? {
        let part = part.start.cast_unsigned()..part.end.cast_unsigned().min(length);
        // Readers expect each but the last to fill its blocks.
        let is_whole = part.end.is_multiple_of(BLOCK) || part.end == length;
        if !part.start.is_multiple_of(BLOCK) || !is_whole || parts.len() > MOST_PARTS {
            return Ok(None);
        }
        if !part.is_empty() {
            parts.push(part);
        }
    }
    let has_holes = parts.len() != 1 || parts[0] != (0..length);
    Ok(has_holes.then_some(parts))
}

/// An empty part at the end tells GNU tar how long the file is.
fn sparse(parts: &[Range<u64>], length: u64) -> Content {
    let entry = |part: &Range<u64>| SparseEntry {
        offset: part.start,
        length: part.end - part.start,
    };
    let mut map: Vec<_> = parts.iter().map(entry).collect();
    let stored = map.iter().map(|entry| entry.length).sum();
    if parts.last().is_none_or(|part| part.end < length) {
        map.push(SparseEntry {
            offset: length,
            length: 0,
        });
    }
    Content {
        stored,
        sparse: Some((map, length)),
    }
}

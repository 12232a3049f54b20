//! Makes the members of an archive in a directory. Each is reached by handles from that directory on, never through a link, so that
//! none can lead out of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::libc::makedev;
use nix::sys::stat::{Mode, SFlag, mkdirat, mknodat};
use nix::unistd::{UnlinkatFlags, linkat, symlinkat, unlinkat};

use crate::sys::archive::attributes::Attributes;
use crate::sys::archive::member::{Content, Kind, Member};
use crate::sys::archive::read::Source;
use crate::sys::archive::{refuse_interrupted, shown};
use crate::sys::files::directory::{IfMissing, Stopped, descend_from, enter, readable};

/// Of what is being made: nobody else has anything of it before it has its owner and mode.
const PRIVATE: Mode = Mode::S_IRWXU;

/// Of directories that no member describes.
const USUAL: u32 = 0o755;

pub struct Place<'a> {
    top: &'a OwnedFd,
    warn: &'a dyn Fn(&str),
    /// The directory in which the last member was made.
    last: Option<(Vec<u8>, OwnedFd)>,
    /// The directories that were made, and what they get when all is in them.
    directories: BTreeMap<Vec<u8>, Option<Attributes>>,
    /// Extended attributes that were warned of.
    left_out: BTreeSet<String>,
}

impl<'a> Place<'a> {
    pub fn new(top: &'a OwnedFd, warn: &'a dyn Fn(&str)) -> Place<'a> {
        Place {
            top,
            warn,
            last: None,
            directories: BTreeMap::new(),
            left_out: BTreeSet::new(),
        }
    }

    /// Makes a member, with its content from the source.
    pub fn make(&mut self, member: &Member, source: &mut Source) -> Result<()> {
        refuse_interrupted()?;
        let doing = || format!("making {}", shown(&member.path));
        self.make_it(member, source).with_context(doing)
    }

    fn make_it(&mut self, member: &Member, source: &mut Source) -> Result<()> {
        let attributes = &member.attributes;
        if member.path.is_empty() {
            self.directories
                .insert(Vec::new(), Some(attributes.clone()));
            return Ok(());
        }
        let (above, name) = split(&member.path);
        let parent = self.enter(above)?;
        let name = OsStr::from_bytes(name);
        let mut left_out = Vec::new();
        match &member.kind {
            Kind::Directory => {
                make_directory(&parent, name)?;
                let attributes = Some(attributes.clone());
                self.directories.insert(member.path.clone(), attributes);
            }
            Kind::File(content) => {
                let file = fill(make_file(&parent, name)?, content, source)?;
                left_out = attributes.give(&file)?;
            }
            Kind::HardLink(target) => self.link(&parent, name, target)?,
            Kind::SymbolicLink(target) => {
                let target = OsStr::from_bytes(target);
                anew(&parent, name, || symlinkat(target, &parent, name))?;
                left_out = attributes.give_to_name(&parent, name, true)?;
            }
            Kind::Device { .. } | Kind::Fifo => {
                make_node(&parent, name, &member.kind)?;
                left_out = attributes.give_to_name(&parent, name, false)?;
            }
        }
        self.last = Some((above.to_vec(), parent));
        self.say(left_out);
        Ok(())
    }

    fn link(&mut self, parent: &OwnedFd, name: &OsStr, target: &[u8]) -> Result<()> {
        let (above, old) = split(target);
        let from = self.enter(above).context("its link")?;
        let old = OsStr::from_bytes(old);
        let link = || linkat(&from, old, parent, name, AtFlags::empty());
        anew(parent, name, link).with_context(|| format!("linking it to {}", shown(target)))
    }

    /// Gives the directories what they are to have, the innermost first, and returns what the top itself is to get.
    pub fn finish(mut self) -> Result<Option<Attributes>> {
        let directories = std::mem::take(&mut self.directories);
        for (path, attributes) in directories.iter().rev() {
            if path.is_empty() {
                continue;
            }
            refuse_interrupted()?;
            let doing = || format!("making {}", shown(path));
            let opened = self.open(path).with_context(doing)?;
            let left_out = match attributes {
                Some(attributes) => attributes.give(&opened).with_context(doing)?,
                None => {
                    let mode = Mode::from_bits_truncate(USUAL);
                    let given = nix::sys::stat::fchmod(&opened, mode).map_err(io::Error::from);
                    given.with_context(doing)?;
                    Vec::new()
                }
            };
            self.say(left_out);
        }
        Ok(directories
            .into_iter()
            .next()
            .and_then(|(path, found)| found.filter(|_| path.is_empty())))
    }

    fn say(&mut self, left_out: Vec<String>) {
        for name in left_out {
            if self.left_out.insert(name.clone()) {
                (self.warn)(&format!(
                    "left out: the attribute {name}, which the file system does not know"
                ));
            }
        }
    }

    /// The directory of that path, made where it is missing.
    fn enter(&mut self, path: &[u8]) -> Result<OwnedFd> {
        if let Some((_, last)) = self.last.take_if(|(known, _)| known == path) {
            return Ok(last);
        }
        let mut made = Vec::new();
        let top = self.top.try_clone()?;
        let path = Path::new(OsStr::from_bytes(path));
        let if_missing = IfMissing::Make(&mut made);
        let arrived = descend_from(top, Path::new(""), path, if_missing);
        for path in made {
            let path = PathBuf::into_os_string(path);
            self.directories
                .entry(path.as_bytes().to_vec())
                .or_default();
        }
        arrived.map(|arrival| arrival.directory).map_err(leads_out)
    }

    fn open(&self, path: &[u8]) -> Result<OwnedFd> {
        let path = Path::new(OsStr::from_bytes(path));
        let found = match enter(self.top, path.as_os_str()) {
            Ok(found) => found,
            // Where the kernel cannot go there at once.
            Err(_) => {
                let top = self.top.try_clone()?;
                let arrived = descend_from(top, Path::new(""), path, IfMissing::Stop);
                arrived.map_err(leads_out)?.directory
            }
        };
        Ok(readable(&found)?)
    }
}

fn leads_out(stopped: Stopped) -> anyhow::Error {
    io::Error::from(stopped).into()
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (b"", path),
    }
}

/// Makes something. What an earlier member has made by that name goes: the last one counts.
fn anew<T>(parent: &OwnedFd, name: &OsStr, make: impl Fn() -> nix::Result<T>) -> Result<T> {
    match make() {
        Err(Errno::EEXIST) => {
            match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
                Err(Errno::EISDIR | Errno::EPERM) => {
                    bail!("a member before has made a directory of that name")
                }
                removed => removed.map_err(io::Error::from)?,
            }
            Ok(make().map_err(io::Error::from)?)
        }
        made => Ok(made.map_err(io::Error::from)?),
    }
}

fn make_directory(parent: &OwnedFd, name: &OsStr) -> Result<()> {
    match mkdirat(parent, name, PRIVATE) {
        Err(Errno::EEXIST) => match enter(parent, name) {
            Ok(_) => Ok(()),
            Err(_) => bail!("a member before has that name, and is no directory"),
        },
        made => Ok(made.map_err(io::Error::from)?),
    }
}

fn make_file(parent: &OwnedFd, name: &OsStr) -> Result<File> {
    let flags = OFlag::O_WRONLY
        | OFlag::O_CREAT
        | OFlag::O_EXCL
        | OFlag::O_NOFOLLOW
        | OFlag::O_NOCTTY
        | OFlag::O_CLOEXEC;
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    Ok(anew(parent, name, || openat(parent, name, flags, mode))?.into())
}

fn make_node(parent: &OwnedFd, name: &OsStr, kind: &Kind) -> Result<()> {
    let (kind, number) = match kind {
        Kind::Device {
            is_block,
            major,
            minor,
        } => match is_block {
            true => (SFlag::S_IFBLK, makedev(*major, *minor)),
            false => (SFlag::S_IFCHR, makedev(*major, *minor)),
        },
        _ => (SFlag::S_IFIFO, 0),
    };
    anew(parent, name, || {
        mknodat(parent, name, kind, Mode::S_IRUSR, number)
    })
}

/// Writes the content of a file, and leaves its holes.
fn fill(file: File, content: &Content, source: &mut Source) -> Result<OwnedFd> {
    match &content.sparse {
        None => copy(&file, 0, content.stored, source)?,
        Some((map, length)) => {
            for part in map {
                copy(&file, part.offset, part.length, source)?;
            }
            file.set_len(*length).context("setting its length")?;
        }
    }
    Ok(file.into())
}

fn copy(file: &File, mut at: u64, mut length: u64, source: &mut Source) -> Result<()> {
    while length > 0 {
        refuse_interrupted()?;
        let piece = source.piece(length)?;
        file.write_all_at(piece, at).context("writing it")?;
        at += piece.len() as u64;
        length -= piece.len() as u64;
    }
    Ok(())
}

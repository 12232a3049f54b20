//! What the header of a member says, as GNU tar, bsdtar and others write it.

use std::ffi::CString;

use anyhow::{Context, Result, anyhow, bail};
use tar_core::parse::ParsedEntry;
use tar_core::{EntryType, PaxExtensions, SparseEntry};

use crate::sys::archive::acl;
use crate::sys::archive::attributes::{Attributes, Time};
use crate::sys::archive::extended::{Extended, travels};
use crate::sys::archive::member::{Content, EXTENDED, Kind, Member, unescape};
use crate::sys::archive::{BLOCK, shown};

/// Records that would change what a member is, if they stood before all of them.
const OF_MEMBERS: [&str; 12] = [
    "path",
    "linkpath",
    "size",
    "uid",
    "gid",
    "uname",
    "gname",
    "mtime",
    "atime",
    "GNU.",
    "SCHILY.",
    "LIBARCHIVE.",
];

/// The member that an entry is. `None` for one that stands for no file, such as the name of the archive.
///
/// # Errors
///
/// It would lead out of the top directory, or cannot be what it says.
pub fn member(
    entry: &ParsedEntry,
    sparse: Option<(Vec<SparseEntry>, u64)>,
) -> Result<Option<Member>> {
    let name = shown(&entry.path);
    let path = below_top(&entry.path).with_context(|| format!("member {name}"))?;
    let kind = kind(entry, sparse).with_context(|| format!("member {name}"))?;
    let Some(kind) = kind else {
        return Ok(None);
    };
    if path.is_empty() && kind != Kind::Directory {
        bail!("member {name}: it has the name of the top directory, and is none");
    }
    let attributes = attributes(entry).with_context(|| format!("member {name}"))?;
    Ok(Some(Member {
        path,
        kind,
        attributes,
    }))
}

/// How many bytes of content follow the header.
pub fn stored(entry: &ParsedEntry) -> u64 {
    // A link has none, whatever some programs write there.
    match entry.entry_type {
        EntryType::Link | EntryType::Symlink => 0,
        _ => entry.size,
    }
}

/// The path without `.` and needless slashes.
fn below_top(path: &[u8]) -> Result<Vec<u8>> {
    if path.starts_with(b"/") {
        bail!("it leads out of the volume: its name begins with /");
    }
    let mut below = Vec::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => bail!("it leads out of the volume: its name has .. in it"),
            _ if part.contains(&0) => bail!("its name has a NUL in it"),
            _ => {}
        }
        if !below.is_empty() {
            below.push(b'/');
        }
        below.extend(part);
    }
    Ok(below)
}

fn kind(entry: &ParsedEntry, sparse: Option<(Vec<SparseEntry>, u64)>) -> Result<Option<Kind>> {
    let target = || {
        let target = entry.link_target.as_deref().unwrap_or_default();
        match target.is_empty() || target.contains(&0) {
            true => Err(anyhow!("it is a link without a target")),
            false => Ok(target.to_vec()),
        }
    };
    let device = |is_block| Kind::Device {
        is_block,
        major: entry.dev_major.unwrap_or_default(),
        minor: entry.dev_minor.unwrap_or_default(),
    };
    Ok(Some(match entry.entry_type {
        // As archives from before 1988 have them.
        EntryType::Regular if entry.path.ends_with(b"/") => Kind::Directory,
        EntryType::Regular | EntryType::Continuous | EntryType::GnuSparse => {
            Kind::File(content(entry.size, sparse)?)
        }
        // GNU tar's, of an incremental archive, with a list of names as content.
        EntryType::Directory | EntryType::Other(b'D') => Kind::Directory,
        EntryType::Symlink => Kind::SymbolicLink(target()?),
        EntryType::Link => Kind::HardLink(below_top(&target()?).context("its link")?),
        EntryType::Char => device(false),
        EntryType::Block => device(true),
        EntryType::Fifo => Kind::Fifo,
        EntryType::Other(b'V') => return Ok(None),
        EntryType::Other(b'M') => bail!("it goes on from another volume of the archive"),
        other => bail!(
            "it is of a kind that is not known ({:?})",
            other.to_byte() as char
        ),
    }))
}

fn content(stored: u64, sparse: Option<(Vec<SparseEntry>, u64)>) -> Result<Content> {
    if let Some((map, length)) = &sparse {
        let mut end = 0;
        let mut sum = 0_u64;
        let last = map.iter().rposition(|part| part.length != 0);
        for (number, part) in map.iter().enumerate() {
            let behind = part.offset.checked_add(part.length);
            let Some(behind) = behind.filter(|behind| behind <= length && part.offset >= end)
            else {
                bail!("its list of parts is wrong");
            };
            if last > Some(number) && part.length % BLOCK != 0 {
                bail!("its list of parts is wrong");
            }
            end = behind;
            sum += part.length;
        }
        if sum != stored {
            bail!("its list of parts is of another length than its content");
        }
    }
    Ok(Content { stored, sparse })
}

fn attributes(entry: &ParsedEntry) -> Result<Attributes> {
    let id = |id: u64, what| match u32::try_from(id) {
        Ok(id) if id != u32::MAX => Ok(id),
        _ => Err(anyhow!("its {what} cannot be one: {id}")),
    };
    let mut attributes = Attributes {
        mode: entry.mode & 0o7777,
        uid: id(entry.uid, "owner")?,
        gid: id(entry.gid, "group")?,
        modified: Time {
            // Before 1970 the number is negative, and was read without its sign.
            seconds: entry.mtime.cast_signed(),
            nanoseconds: 0,
        },
        accessed: None,
        extended: Extended::default(),
    };
    records(entry.pax.unwrap_or_default(), &mut attributes)?;
    Ok(attributes)
}

/// Reads what the parser leaves to its caller: times with their fractions, extended attributes, lists.
fn records(pax: &[u8], attributes: &mut Attributes) -> Result<()> {
    let mut read = 0;
    let mut lists = Vec::new();
    for record in PaxExtensions::new(pax) {
        let record = record.map_err(|error| anyhow!("{error}"))?;
        let (key, value) = (record.key()?, record.value_bytes());
        read += length_of_record(key.len() + value.len());
        let text = || record.value().map_err(|_| anyhow!("its {key} is no text"));
        match key {
            "mtime" => attributes.modified = time(key, text()?)?,
            "atime" => attributes.accessed = Some(time(key, text()?)?),
            "size" | "uid" | "gid" if text()?.parse::<u64>().is_err() => {
                bail!("its {key} is no number: {}", text()?)
            }
            _ => {}
        }
        if let Some((name, _)) = acl::KEYS.iter().find(|(_, known)| *known == key) {
            let list = acl::from_text(text()?).map_err(|wrong| anyhow!("its {key}: {wrong}"))?;
            lists.extend(list.map(|list| (*name, list)));
        }
        let name = key.strip_prefix(EXTENDED).and_then(unescape);
        if let Some(name) = name.filter(|name| travels(name.to_bytes())) {
            attributes.extended.0.push((name, value.to_vec()));
        }
    }
    if read != pax.len() {
        bail!("its extended header is damaged");
    }
    add_lists(lists, attributes);
    Ok(())
}

/// Those that are in the archive as the kernel has them, with the numbers of users, come before texts with their names.
fn add_lists(lists: Vec<(&str, Vec<u8>)>, attributes: &mut Attributes) {
    let all = &mut attributes.extended.0;
    for (name, list) in lists {
        let is_there = all
            .iter()
            .any(|(known, _)| known.as_bytes() == name.as_bytes());
        let is_default = name == acl::KEYS[1].0;
        if is_there || acl::is_plain(&list) && !is_default {
            continue;
        }
        all.extend(CString::new(name).map(|name| (name, list)));
    }
}

fn time(key: &str, text: &str) -> Result<Time> {
    Time::parse(text).with_context(|| format!("its {key} is no time: {text}"))
}

/// `LENGTH KEY=VALUE\n`, of which the length is a part itself.
fn length_of_record(key_and_value: usize) -> usize {
    let rest = key_and_value + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length = length.to_string().len() + rest;
    }
    length
}

/// Refuses a header for all members that would change what they are.
pub fn check_global(pax: &[u8]) -> Result<()> {
    for record in PaxExtensions::new(pax) {
        let record = record.map_err(|error| anyhow!("{error}"))?;
        let key = record.key()?;
        if OF_MEMBERS.iter().any(|known| key.starts_with(known)) {
            bail!("it has {key} for all its members at once, which is not understood");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_below_the_top() {
        for (path, below) in [
            ("./", ""),
            (".", ""),
            ("./a/b", "a/b"),
            ("a//b/./c/", "a/b/c"),
            ("..a/b..", "..a/b.."),
        ] {
            let found = below_top(path.as_bytes()).expect(path);
            assert_eq!(found, below.as_bytes(), "{path}");
        }
        for path in ["/a", "/", "..", "a/../b", "./../a", "a/..", "//a", "a\0b"] {
            below_top(path.as_bytes()).expect_err(path);
        }
    }

    #[test]
    fn a_record_knows_its_own_length() {
        for (content, length) in [(1, 5), (5, 9), (6, 11), (94, 99), (95, 101), (96, 102)] {
            assert_eq!(length_of_record(content), length, "{content}");
        }
    }

    #[test]
    fn lists_of_parts_are_believed_only_if_they_fit() {
        let part = |offset, length| SparseEntry { offset, length };
        let content = |stored, map, length| content(stored, Some((map, length))).map(drop);
        for (stored, map, length) in [
            (0, vec![], 7),
            (512, vec![part(512, 512), part(4096, 0)], 4096),
            (513, vec![part(0, 512), part(1024, 1)], 1025),
        ] {
            content(stored, map, length).expect("a list");
        }
        for (stored, map, length) in [
            (512, vec![part(0, 512)], 511),
            (512, vec![part(0, 512)], 511),
            (1024, vec![part(512, 512), part(0, 512)], 4096),
            (1024, vec![part(0, 512), part(256, 512)], 4096),
            (513, vec![part(0, 1), part(512, 512)], 4096),
            (1, vec![part(u64::MAX, 1)], u64::MAX),
            (5, vec![part(0, 512)], 512),
        ] {
            content(stored, map, length).expect_err("no list");
        }
    }

    /// The archive says how many there are.
    #[test]
    fn a_list_of_a_million_empty_parts_is_read_at_once() {
        let empty = SparseEntry {
            offset: 0,
            length: 0,
        };
        content(0, Some((vec![empty; 1 << 20], 1))).expect("a list");
    }
}

//! One member of an archive, and the blocks that begin it. The format is pax as GNU tar writes it (`--format=posix`).

use std::borrow::Cow;
use std::ffi::CString;

use anyhow::{Result, anyhow};
use tar_core::builder::EntryBuilder;
use tar_core::{EntryType, HeaderError, SparseEntry};

use crate::sys::archive::acl;
use crate::sys::archive::attributes::Attributes;

/// Before the name of an extended attribute.
pub const EXTENDED: &str = "SCHILY.xattr.";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Below the top directory, which is empty itself: without `./` and slashes at the end.
    pub path: Vec<u8>,
    pub kind: Kind,
    pub attributes: Attributes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    File(Content),
    Directory,
    SymbolicLink(Vec<u8>),
    /// To the member of that path, which comes before.
    HardLink(Vec<u8>),
    Device {
        is_block: bool,
        major: u32,
        minor: u32,
    },
    Fifo,
}

/// What a file has in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Bytes that follow the header.
    pub stored: u64,
    /// Where they belong, and how long the file is, if it has holes.
    pub sparse: Option<(Vec<SparseEntry>, u64)>,
}

impl Member {
    /// The blocks before its content.
    pub fn header(&self) -> Result<Vec<u8>> {
        let mut entry = EntryBuilder::new_ustar();
        self.fill(&mut entry)
            .map_err(|error| anyhow!("making its header: {error}"))?;
        Ok(entry.finish_bytes())
    }

    fn fill(&self, entry: &mut EntryBuilder) -> Result<(), HeaderError> {
        let attributes = &self.attributes;
        entry.path(self.path_in_archive());
        entry.mode(attributes.mode)?;
        entry.uid(attributes.uid.into())?;
        entry.gid(attributes.gid.into())?;
        entry.mtime(attributes.modified.seconds.try_into().unwrap_or(0))?;
        entry.entry_type(match &self.kind {
            Kind::File(_) => EntryType::Regular,
            Kind::Directory => EntryType::Directory,
            Kind::SymbolicLink(_) => EntryType::Symlink,
            Kind::HardLink(_) => EntryType::Link,
            Kind::Device { is_block: true, .. } => EntryType::Block,
            Kind::Device { .. } => EntryType::Char,
            Kind::Fifo => EntryType::Fifo,
        });
        entry.size(0)?;
        match &self.kind {
            Kind::File(content) => {
                entry.size(content.stored)?;
                if let Some((map, length)) = &content.sparse {
                    entry.sparse(map, *length);
                }
            }
            Kind::SymbolicLink(target) => drop(entry.link_name(target)),
            Kind::HardLink(target) => drop(entry.link_name(in_archive(target))),
            Kind::Device { major, minor, .. } => drop(entry.device(*major, *minor)?),
            Kind::Directory | Kind::Fifo => {}
        }
        self.fill_pax(entry);
        Ok(())
    }

    /// What the header itself has no room for. A hard link has it all from the file that it names.
    fn fill_pax(&self, entry: &mut EntryBuilder) {
        let attributes = &self.attributes;
        entry.add_pax("mtime", attributes.modified.to_text());
        if let Some(accessed) = attributes.accessed {
            entry.add_pax("atime", accessed.to_text());
        }
        if matches!(self.kind, Kind::HardLink(_)) {
            return;
        }
        for (name, value) in &attributes.extended.0 {
            let name = name.to_string_lossy();
            let list = acl::KEYS.iter().find(|(key, _)| *key == name);
            match list.and_then(|(_, key)| Some((key, acl::to_text(value)?))) {
                Some((key, text)) => entry.add_pax(key, text),
                None => entry.add_pax(&format!("{EXTENDED}{}", escape(&name)), value),
            };
        }
    }

    fn path_in_archive(&self) -> Vec<u8> {
        let mut path = in_archive(&self.path);
        if self.kind == Kind::Directory && !self.path.is_empty() {
            path.push(b'/');
        }
        path
    }
}

/// As `tar -C DIRECTORY .` writes it.
fn in_archive(path: &[u8]) -> Vec<u8> {
    [b"./", path].concat()
}

/// A key ends at the first `=`, so GNU tar escapes that in the name of an attribute.
fn escape(name: &str) -> Cow<'_, str> {
    match name.contains(['%', '=']) {
        true => name.replace('%', "%25").replace('=', "%3D").into(),
        false => name.into(),
    }
}

/// The name of an attribute in a key; `None` where it cannot be one.
pub fn unescape(name: &str) -> Option<CString> {
    CString::new(name.replace("%3D", "=").replace("%25", "%")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_attributes_come_back() {
        for name in ["user.a", "user.a=b", "user.100%", "user.%3D=%25"] {
            let back = unescape(&escape(name)).expect("a name");
            assert_eq!(back.to_str(), Ok(name));
            assert!(!escape(name).contains('='));
        }
    }
}

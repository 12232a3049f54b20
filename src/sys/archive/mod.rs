//! A directory as a tar stream, and back: what `export` writes and `import` reads, each as GNU tar does.

pub mod acl;
pub mod attributes;
pub mod extended;
pub mod leftover;
pub mod mark;
pub mod member;
pub mod parse;
pub mod place;
pub mod read;
mod settle;
pub mod sink;
pub mod staging;
pub mod target;
pub mod write;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::sys::process::interruption;

/// The size of a header; content is padded to a multiple of it.
const BLOCK: u64 = 512;

/// How names in the top directory begin that an import in progress has there.
const STAGED: &str = ".dvdcli-import-";

/// The same where it was complete, and was being moved to its place.
const COMPLETE: &str = ".dvdcli-imported-";

/// In the hidden directory: where the files are made, and an empty directory with the owner, mode and times that the top is to get.
const FILES: &str = "files";
const TOP: &str = "top";

/// What the file system itself has in its top directory.
const OWN: &[u8] = b"lost+found";

/// How far it is to the next multiple of the block size.
fn padding(length: u64) -> u64 {
    length.wrapping_neg() % BLOCK
}

/// A time that never comes: long work is ended by signals only.
fn never() -> Instant {
    Instant::now() + Duration::from_secs(10 * 365 * 24 * 3600)
}

fn refuse_interrupted() -> Result<()> {
    match interruption::reason() {
        Some(reason) => bail!(reason),
        None => Ok(()),
    }
}

/// Whether a name in the top directory may be that of an import in progress, or of one that was cut off.
fn is_of_import(name: &[u8]) -> bool {
    name.starts_with(STAGED.as_bytes()) || name.starts_with(COMPLETE.as_bytes())
}

/// A name for messages.
fn shown(path: &[u8]) -> String {
    match path {
        b"" => "the top directory".to_owned(),
        path => String::from_utf8_lossy(path).into_owned(),
    }
}

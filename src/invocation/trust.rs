//! Whether to act on what other users could have written or replaced.

use std::path::Path;

use anyhow::{Result, bail};

use crate::invocation::log::Log;
use crate::sys::files::trusted;

/// Refuses, as root, to act on a file or directory that other users could have written or replaced; warns any other user of it.
/// Who uses what cannot be looked at will say so. `doing` is what is done with it, such as `reading`.
pub fn check(log: &Log, doing: &str, path: &Path) -> Result<()> {
    check_owned_by(log, doing, path, None)
}

/// As [`check`], where the user `also` counts as root.
pub fn check_owned_by(log: &Log, doing: &str, path: &Path, also: Option<u32>) -> Result<()> {
    if let Ok(Some(flaw)) = trusted::flaw_at(path, also) {
        let words = format!("{doing} {}: {flaw}", path.display());
        if trusted::acts_as_root() {
            bail!(words);
        }
        log.warn_once(&words);
    }
    Ok(())
}

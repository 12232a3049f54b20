//! What a call was told of a volume that others hold: not all that was written has reached the disk. The kernel tells that once, so it
//! is kept for whoever unmounts the volume.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::libc::O_NOFOLLOW;

use crate::base::text::chain;
use crate::driver::shared::home::Place;
use crate::sys::process::interruption;

/// Between two attempts to lock the file.
const PAUSE: Duration = Duration::from_millis(5);

/// What the file says while it is not known what the kernel will tell.
const UNKNOWN: &[u8] = b"?";

/// Why data is lost, or may be.
#[derive(Debug)]
pub enum Loss {
    /// The kernel has said so.
    Told(String),
    /// It may not have said so.
    Likely(String),
}

/// The file in which it is kept. It is locked as long as a call has the volume written out.
pub fn path(place: Place) -> PathBuf {
    let Place { home, name } = place;
    let directory = &home.invocation.paths.holders;
    directory.join(format!("{}.{name}.told", home.driver))
}

/// Has a volume written out by `sync`, and keeps what it is told.
pub fn keeping(path: &Path, ends: Instant, sync: impl FnOnce() -> Result<()>) -> Result<()> {
    let Ok(Some(mut file)) = locked(path, true, ends) else {
        // Where nothing can be kept, the copy is still told.
        return sync();
    };
    let is_first = read(&mut file)?.is_empty();
    if is_first {
        write(&mut file, UNKNOWN)?;
    }
    let synced = sync();
    if is_first {
        let why = synced.as_ref().err().map(chain).unwrap_or_default();
        write(&mut file, why.as_bytes())?;
    }
    synced
}

/// What calls were told since the volume was mounted. One that has it written out is waited for.
pub fn found(place: Place) -> Option<Loss> {
    let found = locked(&path(place), false, place.home.ends());
    let text = found.and_then(|file| file.map_or(Ok(Vec::new()), |mut file| read(&mut file)));
    match text {
        Ok(text) if text.is_empty() => None,
        Ok(text) if text != UNKNOWN => {
            let why = String::from_utf8_lossy(&text);
            Some(Loss::Told(format!("{why}, as another call was told")))
        }
        _ => Some(Loss::Likely(
            "another call was cut off while it was told what has reached the disk".into(),
        )),
    }
}

/// Called when it is unmounted, and when it is mounted.
pub fn forget(place: Place) {
    let _ = fs::remove_file(path(place));
}

/// Opens the file and locks it; `None` where it is missing.
fn locked(path: &Path, makes: bool, ends: Instant) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(makes).mode(0o600);
    let file = match options.custom_flags(O_NOFOLLOW).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    while file.try_lock().is_err() {
        if interruption::is_over(ends) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        thread::sleep(PAUSE);
    }
    Ok(Some(file))
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(text)
}

fn write(file: &mut File, text: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)
}

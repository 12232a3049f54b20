//! Where an archive is written to.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::libc;
use nix::unistd::geteuid;

use crate::sys::archive::never;
use crate::sys::files::id::FileId;
use crate::sys::process::output::STDOUT;

/// What an archive has behind its name for as long as it is not complete.
const PARTIAL: &str = ".partial";

pub enum Target {
    Stdout,
    /// A device or a pipe.
    Plain(File),
    /// A file that gets its name when it is complete.
    Aside {
        file: File,
        partial: PathBuf,
        path: PathBuf,
    },
}

impl Target {
    pub fn open(path: &Path) -> Result<Target> {
        let doing = || format!("opening {}", path.display());
        let is_plain = match fs::metadata(path) {
            Ok(found) if found.is_dir() => bail!("{}: it is a directory", doing()),
            Ok(found) => !found.is_file(),
            Err(_) => false,
        };
        if is_plain {
            let file = File::options().write(true).open(path).with_context(doing)?;
            return Ok(Target::Plain(file));
        }
        // The file itself, where a link leads to it. The working directory is another one by the time that it gets its name.
        let path = fs::canonicalize(path)
            .or_else(|_| path::absolute(path))
            .with_context(doing)?;
        let mut partial = path.clone().into_os_string();
        partial.push(PARTIAL);
        let partial = PathBuf::from(partial);
        let file = open_partial(&partial)?;
        Ok(Target::Aside {
            file,
            partial,
            path,
        })
    }

    /// The file, which may lie in the volume itself.
    pub fn id(&self) -> Option<FileId> {
        match self {
            Target::Stdout => FileId::at(Path::new("/proc/self/fd/1")).ok(),
            Target::Plain(file) | Target::Aside { file, .. } => FileId::of(file).ok(),
        }
    }

    /// Gives the file its name where the archive is complete, and deletes it where it is not.
    pub fn finish(self, written: Result<()>) -> Result<()> {
        let Target::Aside {
            file,
            partial,
            path,
        } = self
        else {
            return written;
        };
        let finished = written.and_then(|()| {
            file.sync_all()
                .and_then(|()| fs::rename(&partial, &path))
                .with_context(|| format!("completing {}", path.display()))
        });
        if finished.is_err() {
            let _ = fs::remove_file(&partial);
        }
        finished
    }
}

/// Opens the unfinished file, and locks it.
fn open_partial(path: &Path) -> Result<File> {
    let doing = || format!("making {}", path.display());
    loop {
        let (file, is_new) = make_or_open(path).with_context(doing)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{}: another export is writing it", doing()),
            Err(TryLockError::Error(error)) => {
                if is_new {
                    let _ = fs::remove_file(path);
                }
                return Err(error).with_context(doing);
            }
        }
        let id = FileId::of(&file).with_context(doing)?;
        // Another export may have finished it, and given it the archive's name, before it was locked.
        if FileId::at_itself(path).ok() != Some(id) {
            continue;
        }
        if is_new {
            return Ok(file);
        }
        if !is_left(&file).with_context(doing)? {
            bail!("{}: something else has that name; remove it first", doing());
        }
        file.set_len(0).with_context(doing)?;
        return Ok(file);
    }
}

/// True with a file that is new.
fn make_or_open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = File::options();
    // It holds what is not for everybody to read.
    let options = options.write(true).mode(0o600);
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((options.create(true).truncate(false).open(path)?, false))
        }
        made => Ok((made?, true)),
    }
}

/// Whether an export that was killed can have left it. What is another user's, or has another name as well, would let others read
/// what is written, or be overwritten.
fn is_left(file: &File) -> io::Result<bool> {
    let found = file.metadata()?;
    Ok(found.is_file() && found.uid() == geteuid().as_raw() && found.nlink() == 1)
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Stdout => STDOUT.write_all(bytes, never()).map(|()| bytes.len()),
            Target::Plain(file) | Target::Aside { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Where an archive is written to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::libc;

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
        let doing = || format!("making {}", partial.display());
        let mut options = File::options();
        // It holds what is not for everybody to read.
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options
            .custom_flags(libc::O_NOFOLLOW)
            .open(&partial)
            .with_context(doing)?;
        if file.try_lock().is_err() {
            bail!("{}: another export is writing it", doing());
        }
        file.set_len(0).with_context(doing)?;
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

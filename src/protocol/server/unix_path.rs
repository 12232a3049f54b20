//! The path of a unix socket on which a service listens.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};
use nix::unistd::geteuid;

use crate::base::failure::Failure;

/// For root and its group: whoever can connect is root.
const MODE: u32 = 0o660;

/// Removed when the service ends, unless another socket is there by then.
#[derive(Debug)]
pub struct UnixPath {
    path: PathBuf,
    /// Device and number of the socket's file.
    file: (u64, u64),
}

impl UnixPath {
    /// Listens there. The socket appears with its owner and mode, in place of one on which nobody listens any more.
    ///
    /// # Errors
    ///
    /// In use: somebody listens there. There is something else than a socket.
    pub fn bind(path: &Path) -> Result<(UnixListener, UnixPath)> {
        let directory = path.parent().unwrap_or(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let doing = || format!("making {}", directory.display());
        fs::create_dir_all(directory).with_context(doing)?;
        // Until it is closed, no other dvdcli looks at what is there.
        let turn = File::open(directory).with_context(doing)?;
        turn.lock().with_context(doing)?;
        refuse_taken(path)?;
        let aside = directory.join(format!(".{name}.{}", process::id()));
        let _ = fs::remove_file(&aside);
        let listener = UnixListener::bind(&aside)?;
        let listened = protect(&aside).and_then(|()| {
            fs::rename(&aside, path)?;
            let metadata = fs::symlink_metadata(path)?;
            Ok((metadata.dev(), metadata.ino()))
        });
        if listened.is_err() {
            let _ = fs::remove_file(&aside);
        }
        let path = path.to_owned();
        listened.map(|file| (listener, UnixPath { path, file }))
    }
}

fn protect(path: &Path) -> Result<()> {
    if geteuid().is_root() {
        chown(path, Some(0), Some(0))?;
    }
    Ok(fs::set_permissions(path, Permissions::from_mode(MODE))?)
}

fn refuse_taken(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(found) if !found.file_type().is_socket() => {
            bail!("there is something else than a socket; remove it")
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        _ => bail!(Failure::in_use(
            "another process listens there; stop it, or name another address with --listen"
        )),
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| (found.dev(), found.ino()) == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

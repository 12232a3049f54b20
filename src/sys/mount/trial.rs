//! Mounting a file system where nobody sees it.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Result, anyhow};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

use crate::sys::mount::kernel_words;
use crate::sys::mount::mountopts::MountOptions;

/// Mounts the file system on `device` at no path, for as long as what is returned is open. `None` without fsopen(2), Linux 5.2.
///
/// # Errors
///
/// What the kernel has against the options.
pub fn mount(device: &Path, fs_type: &str, options: &MountOptions) -> Result<Option<OwnedFd>> {
    let Ok(context) = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC) else {
        return Ok(None);
    };
    let set = || {
        fsconfig_set_string(&context, "source", device)?;
        if options.read_only() {
            fsconfig_set_flag(&context, "ro")?;
        }
        for option in options.data.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some((key, value)) => fsconfig_set_string(&context, key, value)?,
                None => fsconfig_set_flag(&context, option)?,
            }
        }
        fsconfig_create(&context)?;
        let (flags, attributes) = (FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty());
        fsmount(&context, flags, attributes)
    };
    set()
        .map(Some)
        .map_err(|error| match kernel_words::said(context.into()) {
            Some(words) => anyhow!(words),
            None => std::io::Error::from(error).into(),
        })
}

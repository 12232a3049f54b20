//! Mounting by mount(8), for file systems that need a program of their own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::sys::mount::calls::doing;
use crate::sys::process::child;

/// The program by which mount(8) mounts file systems of this type; `None` where the system call does.
///
/// mount(8) looks for `mount.fuse.sshfs` and then for `mount.fuse`, if the type is `fuse.sshfs`.
pub fn program_for(fs_type: &str) -> Option<PathBuf> {
    let family = fs_type.split_once('.').map(|(family, _)| family);
    let program = |name: &str| Path::new("/sbin").join(format!("mount.{name}"));
    [Some(fs_type), family]
        .into_iter()
        .flatten()
        .map(program)
        .find(|program| program.is_file())
}

/// Mounts by mount(8). `options` are passed on as the user wrote them.
pub fn mount(
    source: &str,
    target: &Path,
    fs_type: &str,
    options: &str,
    ends: Instant,
) -> Result<()> {
    let program = child::find("mount", "mount")?;
    let target_text = target.to_str().context("a mount point that is not UTF-8")?;
    let mut arguments = vec!["-t", fs_type];
    if !options.is_empty() {
        arguments.extend(["-o", options]);
    }
    arguments.extend(["--", source, target_text]);
    child::run(&program, &arguments, None, ends)
        .with_context(|| doing(source, target, fs_type, options))
}
